//! What Nova's words mean for an order.

use super::*;

#[test]
fn an_order_is_as_far_as_its_slowest_part_and_as_good_as_its_worst() {
    let complete = |outcome| Some(Standing::Complete(outcome));
    let ok = ("done", Some("ok"));
    assert_eq!(standing(&[ok, ok]), complete(Outcome::Pass));
    assert_eq!(
        standing(&[ok, ("done", Some("look"))]),
        complete(Outcome::Review)
    );
    assert_eq!(
        standing(&[ok, ("run", None), ("hold", None)]),
        Some(Standing::InProgress)
    );
    assert_eq!(
        standing(&[ok, ("void", Some("ok"))]),
        complete(Outcome::Review)
    );
    assert_eq!(standing(&[("void", None)]), Some(Standing::Canceled));
    assert_eq!(standing(&[ok, ("gremlins", Some("ok"))]), None);
    assert_eq!(
        standing(&[ok, ("done", Some("gremlins"))]),
        complete(Outcome::Review)
    );
    assert_eq!(
        standing(&[ok, ("done", None)]),
        Some(Standing::InProgress),
        "one part lacks its result"
    );
    assert_eq!(standing(&[]), None);
    let overall = |word: &str, parts: Value| {
        fetched(&json!({"id": "1", "overall": word, "parts": parts})).standing
    };
    let one = |result: Value| json!([{"state": "done", "result": result}]);
    assert_eq!(overall("ok", one(json!("ok"))), complete(Outcome::Pass));
    assert_eq!(overall("look", one(json!("ok"))), complete(Outcome::Review));
    assert_eq!(overall("odd", one(json!("ok"))), complete(Outcome::Review));
    assert_eq!(
        overall("ok", one(json!(null))),
        Some(Standing::InProgress),
        "the first of the words is not there"
    );
    let lacking =
        json!({"id": "1", "parts": [{"state": "done", "result": "ok"}, {"result": "ok"}]});
    assert_eq!(fetched(&lacking).standing, None);
    let lacking =
        json!({"id": "1", "parts": [{"state": "done", "result": "ok"}, {"state": "done"}]});
    assert_eq!(fetched(&lacking).standing, Some(Standing::InProgress));
}

#[test]
fn a_doubt_makes_a_complete_order_worse_and_no_other() {
    let read = |state: &str, result: &str, more: (&str, Value)| {
        let (name, value) = more;
        let progress = fetched(
            &json!({"id": "1", "parts": [{"state": state, "result": result}], name: value}),
        );
        (progress.standing, progress.detail)
    };
    let complete = |outcome| Some(Standing::Complete(outcome));
    let partial = Some("partial".to_owned());
    for odd in [json!(true), json!("no"), json!({}), json!(1)] {
        assert_eq!(
            read("done", "ok", ("partial", odd)),
            (complete(Outcome::Review), partial.clone())
        );
    }
    let none = (complete(Outcome::Pass), None);
    assert_eq!(read("done", "ok", ("partial", json!(false))), none);
    assert_eq!(read("done", "ok", ("partial", json!(null))), none);
    assert_eq!(
        read("done", "bad", ("partial", json!(true))).0,
        complete(Outcome::Review),
        "the account's own words say review for bad"
    );
    assert_eq!(
        read("done", "ok", ("held", json!(true))),
        (Some(Standing::OnHold), None)
    );
    assert_eq!(
        read("run", "ok", ("partial", json!(true))).0,
        Some(Standing::InProgress)
    );
}

#[test]
fn an_answer_without_a_word_says_that_the_order_was_taken() {
    let op = place(&[]).0;
    let decoded = seen(|cx| {
        nova()
            .place
            .decode(&op, &Memo::default(), cx, &answer(&json!({"id": "7"})))
    });
    let Ok(Turn::Done(progress)) = decoded else {
        panic!("{decoded:?}");
    };
    assert_eq!(progress.standing, Some(Standing::Invited));
    assert_eq!(progress.detail.as_deref(), Some("taken"));
}

#[test]
fn a_connections_own_words_come_first_and_pass_nobody_by_an_odd_one() {
    let complete = |outcome| Some(Standing::Complete(outcome));
    assert_eq!(standing(&[("done", Some("FINE"))]), complete(Outcome::Pass));
    assert_eq!(
        standing(&[("done", Some("bad"))]),
        complete(Outcome::Review)
    );
    assert_eq!(
        standing(&[("done", Some("partial"))]),
        complete(Outcome::Review)
    );
    assert_eq!(
        standing(&[("done", Some("odd"))]),
        complete(Outcome::Review)
    );
}

#[test]
fn a_date_in_the_answer_is_compared_with_the_vendors_own_clock() {
    let ends = |at: Value| fetched(&json!({"id": "1", "parts": [{"state": "new"}], "ends": at}));
    for passed in [
        json!(1_767_225_600_000_i64),
        json!("2026-01-01T23:59:59Z"),
        json!(1_767_225_600),
    ] {
        assert_eq!(
            ends(passed.clone()).standing,
            Some(Standing::Expired),
            "{passed}"
        );
    }
    for not_yet in [json!("2026-01-02T00:00:00Z"), json!("soon"), json!(null)] {
        assert_eq!(
            ends(not_yet.clone()).standing,
            Some(Standing::Invited),
            "{not_yet}"
        );
    }
}

#[test]
fn what_would_pass_somebody_by_changing_a_word_is_refused() {
    let spoiled = |from: &str, to: &str| {
        assert!(NOVA.contains(from), "{from}");
        let mistakes = load("nova.toml", &NOVA.replacen(from, to, 1)).expect_err(to);
        mistakes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    for laundered in [
        "result = \".result or 'ok'\"",
        "result = \".result | map 'bad' 'ok'\"",
        "result = \".result | after 'not '\"",
        "result = \".result | slice 0 2\"",
        "result = \".result | strip 'not'\"",
        "result = \"settings.dedupe\"",
        "result = \"status\"",
    ] {
        let told = spoiled("result = [\".parts[*].result\", \".overall\"]", laundered);
        assert!(
            told.contains("not the vendor's own word"),
            "{laundered}: {told}"
        );
    }
    let told = spoiled("is = \"invited\"", "is = \"pass\"");
    assert!(told.contains("ends without a word"), "{told}");
    let told = spoiled("is = \"invited\"", "is = \"invited\"\nstatus = \".a\"");
    assert!(told.contains("has words and says `is`"), "{told}");
    let told = spoiled("is = \"review\", detail", "is = \"pass\", detail");
    assert!(told.contains("a doubt makes nothing worse"), "{told}");
    let told = spoiled("look_up\"\n", "look_up\"\nlook_frist = \"1s\"\n");
    assert_eq!(told.matches("absent_after").count(), 1, "{told}");
    let told = spoiled(
        "ambiguity = \"look_up\"",
        "ambiguity = { wait_for_callback = \"1h\" }",
    );
    assert!(told.contains("that the vendor never saw"), "{told}");
    let told = spoiled("by = \"applicant.email\"", "by = \"ours\"");
    assert!(told.contains("sends no `{ours}`"), "{told}");
    let told = spoiled("more = \"header.link | rel 'next'\"", "most = 2");
    assert!(told.contains("in 0 ways"), "{told}");
    let told = spoiled(
        "own_results = \"settings.words\"",
        "own_results = \"words\"",
    );
    assert!(told.contains("it names a setting"), "{told}");
}
