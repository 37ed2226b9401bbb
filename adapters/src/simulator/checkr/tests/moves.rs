//! What moves an order, and what is announced of it.

use super::*;

#[test]
fn an_ordinary_run_announces_its_events_in_order() {
    let mut vendor = Checkr::new(Account {
        webhooks: Webhooks {
            switched_off: BTreeSet::new(),
            ..Webhooks::default()
        },
        ..Account::default()
    });
    vendor.set_callback_url(HOOK);
    placed(&mut vendor);
    let mut at = |millis| {
        let said = acknowledged(&mut vendor, START + millis);
        said.iter()
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(at(499), ["candidate.created", "invitation.created"]);
    assert_eq!(at(500), ["invitation.completed", "report.created"]);
    assert_eq!(at(1_500), ["report.completed"]);
    assert_eq!(at(DAY), [""; 0]);
    let held = vendor.orders().remove(0);
    assert_eq!(
        (held.status.as_str(), held.result.as_deref()),
        ("complete", Some("clear"))
    );
    let report = report(&mut vendor);
    assert_eq!(
        (&held.id, &held.reference),
        (
            &report["id"].as_str().unwrap().to_owned(),
            &"ord_01HX2".to_owned()
        )
    );
}

#[test]
fn an_order_that_somebody_took_in_hand_no_longer_moves_by_itself() {
    let usual = |take_in_hand: &dyn Fn(&mut Checkr, &str)| {
        let mut vendor = Checkr::default();
        let uri = placed(&mut vendor)["uri"].as_str().unwrap().to_owned();
        take_in_hand(&mut vendor, &uri);
        vendor.due(START + DAY);
        vendor.orders().remove(0).status
    };
    let advanced = usual(&|vendor, _| {
        assert!(vendor.advance("ord_01HX2", "suspended", None, START));
    });
    let deleted = usual(&|vendor, uri| {
        let delete = signed_in(ask("DELETE", uri, &Value::Null));
        assert_eq!(answer(vendor, &delete).0, 200);
    });
    let completed_now = usual(&|vendor, _| {
        vendor.due(START + 500);
        let uri = report(vendor)["uri"].as_str().unwrap().to_owned();
        let now = post(&format!("{uri}/complete"), &Value::Null);
        assert_eq!(answer(vendor, &now).0, 200);
    });
    assert_eq!(
        [advanced, deleted, completed_now],
        ["suspended", "deleted", "canceled"]
    );
}

#[test]
fn by_default_updates_and_new_candidates_are_not_announced() {
    let mut vendor = with(|_| {});
    placed(&mut vendor);
    assert_eq!(events(&mut vendor), ["invitation.created"]);
    moved(&mut vendor, "complete", Some("clear"));
    let later = moved(&mut vendor, "complete", Some("clear+assessment=review"));
    assert_eq!(later, [""; 0], "the assessment comes silently");
    assert_eq!(report(&mut vendor)["assessment"], "review");
}

#[test]
fn an_invitation_may_expire() {
    let mut vendor = manual();
    placed(&mut vendor);
    assert_eq!(moved(&mut vendor, "expired", None), ["invitation.expired"]);
    assert_eq!(vendor.orders()[0].status, "expired");
    assert_eq!(count(&mut vendor, "/v1/invitations?status=expired"), 1);
}

#[test]
fn every_status_of_a_report_has_its_event() {
    for (from, to, event) in [
        ("pending", "suspended", "report.suspended"),
        ("suspended", "pending", "report.resumed"),
        ("suspended", "canceled", "report.canceled"),
        ("pending", "paused", "report.paused"),
        ("paused", "pending", "report.resumed"),
        ("complete", "dispute", "report.disputed"),
        ("dispute", "complete", "report.completed"),
        ("complete", "complete", "report.completed"),
        ("complete", "pending", "report.upgraded"),
        ("pending", "pending", "report.updated"),
        ("pending", "clear", "report.completed"),
        ("pending", "consider", "report.completed"),
        ("pending", "gremlins", "report.gremlins"),
    ] {
        let mut vendor = manual();
        placed(&mut vendor);
        moved(&mut vendor, from, None);
        assert_eq!(moved(&mut vendor, to, None), [event], "{from} to {to}");
        assert_eq!(report(&mut vendor)["status"], to);
    }
}

#[test]
fn a_result_word_may_carry_what_else_the_report_says() {
    let mut vendor = manual();
    placed(&mut vendor);
    moved(&mut vendor, "complete", Some("clear+includes_canceled"));
    let partial = report(&mut vendor);
    assert_eq!(
        (&partial["result"], &partial["includes_canceled"]),
        (&json!("clear"), &json!(true))
    );
    assert_eq!(partial["turnaround_time"], 0);
    let decided = moved(
        &mut vendor,
        "complete",
        Some("clear+includes_canceled+adjudication=post_adverse_action"),
    );
    assert_eq!(decided, ["report.post_adverse_action"]);
    moved(&mut vendor, "complete", Some("null+assessment=escalated"));
    let null = report(&mut vendor);
    assert_eq!(
        (&null["result"], &null["includes_canceled"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(
        null["adjudication"], "post_adverse_action",
        "it stays until it is taken away"
    );
    moved(&mut vendor, "complete", Some("odd+adjudication=null"));
    let odd = report(&mut vendor);
    assert_eq!(
        (&odd["result"], &odd["adjudication"]),
        (&json!("odd"), &Value::Null)
    );
}

#[test]
fn words_that_cannot_be_read_and_orders_that_are_not_there_change_nothing() {
    let mut vendor = manual();
    placed(&mut vendor);
    assert!(!vendor.advance("ord_01HX2", "complete", Some("clear+fast"), START));
    assert!(!vendor.advance("other", "complete", Some("clear"), START));
    assert_eq!(vendor.orders()[0].status, "pending");
}

#[test]
fn an_order_is_known_by_its_tag_its_custom_id_and_both_ids() {
    let mut vendor = manual();
    let invitation = placed(&mut vendor);
    assert!(vendor.advance("cand-1009", "completed", None, START));
    let report_id = vendor.orders()[0].id.clone();
    for key in ["ord_01HX2", invitation["id"].as_str().unwrap(), &report_id] {
        assert!(vendor.advance(key, "pending", None, START), "{key}");
    }
    let by_id = answer(&mut vendor, &get(invitation["uri"].as_str().unwrap()));
    assert_eq!(by_id.1["report_id"], report_id);
    let person = format!(
        "/v1/candidates/{}?include=reports",
        invitation["candidate_id"].as_str().unwrap()
    );
    let (_, shown) = answer(&mut vendor, &get(&person));
    assert_eq!(shown["report_ids"], json!([report_id]));
    assert_eq!(shown["reports"][0]["tags"], json!(["ord_01HX2"]));
}

#[test]
fn completing_a_report_now_cancels_what_has_not_finished() {
    for (progress, status, result, canceled, said) in [
        (
            None,
            "canceled",
            json!(null),
            false,
            vec!["report.canceled"],
        ),
        (
            Some("null+partly_done"),
            "complete",
            json!("clear"),
            true,
            vec!["report.updated", "report.completed"],
        ),
    ] {
        let mut vendor = manual();
        placed(&mut vendor);
        moved(&mut vendor, "pending", progress);
        let uri = report(&mut vendor)["uri"].as_str().unwrap().to_owned();
        let now = post(&format!("{uri}/complete"), &Value::Null);
        let (code, shown) = answer(&mut vendor, &now);
        assert_eq!((code, &shown["status"]), (200, &json!(status)));
        assert_eq!(shown["result"], result);
        assert_eq!(shown["includes_canceled"], canceled);
        assert_eq!(events(&mut vendor), said);
        assert_eq!(answer(&mut vendor, &now).0, 400, "it has ended");
    }
}
