//! What a sheet need not say, because what it says elsewhere says it.

use std::collections::BTreeMap;

use crate::contract::{
    Context, Fault, FetchOrder, Found, ListPackages, Memo, PlaceOrder, Reply, SettingForm, Turn,
    Vendor, VerifyCredentials,
};
use crate::sheet::load;
use crate::vocabulary::{OurRef, Outcome, Standing, TheirRef};

const BRIEF: &str = r##"
name = "brief"
title = "Brief"
auth = "none"
headers = { Accept = "application/json", X-Plan = "{settings.plan}" }
dropped = ["applicant", "hiring_manager", "job.id"]
unsupported = ["order.add_ons"]

[settings]
plan = { meaning = "The plan of the account.", example = "gold" }

[policy]
reference = { alphabet = "a-z", length = 12 }
ambiguity = "look_up"
absent_after = "10m"
look_at_most = "2h"

[errors]
text = ".wrong"
fields = { first_name = "applicant.first_name", phone = "applicant.phone" }
rules = [{ status = 400, is = "refused", message = "No: {said}" }]

[read.order]
theirs = ".id"
status = ".state"
result = ".verdict"
results = { pass = ["clean", "fine"], fail = ["dirty"], odd = "review" }
without_result = "review"

[read.order.statuses]
in_progress = ["queued", "running"]
stuck = { is = "on_hold", detail = "stuck" }
complete = ["done"]

[[list]]
step = "plans"
request = "GET /plans"
packages = { in = ".plans", id = ".id", name = ".name" }

[[place]]
step = "order"
request = "POST /orders"
effect = "once"
read = "order"
headers = { Accept = "text/json" }
json = { reference = "{ours}", package = "{order.package}" }

[[fetch]]
step = "order"
request = "GET /orders/{theirs}"
read = "order"

[[look_up]]
step = "orders"
request = "GET /orders"
query = { reference = "{ours}" }
find = { in = ".orders", where = { ".reference" = "{ours}" } }
read = "order"
"##;

fn brief() -> Vendor {
    load("brief.toml", BRIEF).unwrap_or_else(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"));
    })
}

fn settings() -> BTreeMap<String, serde_json::Value> {
    BTreeMap::from([("plan".to_owned(), "gold".into())])
}

fn answer(status: u16, body: &str) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    }
}

fn seen<T>(look: impl FnOnce(&Context<'_>) -> T) -> T {
    let settings = settings();
    look(&Context {
        settings: &settings,
        key: "key",
        base_url: "",
    })
}

fn fetched(status: u16, body: &str) -> Result<Option<Standing>, Fault> {
    let op = FetchOrder::Theirs(TheirRef("7".into()));
    let fetch = brief().fetch.expect("it fetches");
    let found = seen(|cx| fetch.decode(&op, &Memo::default(), cx, &answer(status, body)))?;
    match found {
        Turn::Done(Found::One(progress)) => Ok(progress.standing),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_meaning_may_stand_before_the_list_of_its_words() {
    let complete = |outcome| Ok(Some(Standing::Complete(outcome)));
    for (state, verdict, expected) in [
        ("queued", "", Ok(Some(Standing::InProgress))),
        ("running", "", Ok(Some(Standing::InProgress))),
        ("stuck", "", Ok(Some(Standing::OnHold))),
        ("in_progress", "", Ok(None)),
        ("done", "clean", complete(Outcome::Pass)),
        ("done", "Fine", complete(Outcome::Pass)),
        ("done", "pass", complete(Outcome::Review)),
        ("done", "dirty", complete(Outcome::Fail)),
        ("done", "odd", complete(Outcome::Review)),
    ] {
        let body = format!(r#"{{"id": "7", "state": "{state}", "verdict": "{verdict}"}}"#);
        assert_eq!(fetched(200, &body), expected, "{state} {verdict}");
    }
}

#[test]
fn words_in_lists_are_judged_like_words_that_stand_alone() {
    for (right, wrong, told) in [
        (
            "\"fine\"]",
            "\"partial\"]",
            "the word `partial` would pass somebody",
        ),
        ("\"dirty\"]", "\"clean\"]", "the word `clean` stands twice"),
        ("fail = [", "bad = [", "`bad` is nothing an order can be"),
        (
            "fail = [",
            "complete = [",
            "`complete` is nothing an order can be",
        ),
        ("\"dirty\"]", "1]", "among the words for `fail` is"),
    ] {
        assert!(BRIEF.contains(right), "{right}");
        let mistakes = load("brief.toml", &BRIEF.replacen(right, wrong, 1)).err();
        let mistakes = mistakes.unwrap_or_else(|| panic!("{wrong}: it loads"));
        let said = mistakes.iter().any(|one| one.wrong.contains(told));
        assert!(said, "{told}: {mistakes:?}");
    }
}

#[test]
fn what_a_step_reads_is_its_sign_of_success() {
    assert!(matches!(
        fetched(200, r#"{"state": "queued"}"#),
        Err(Fault::Unclear(_))
    ));
    let with_an_error = r#"{"id": "7", "state": "queued", "wrong": "no"}"#;
    assert!(matches!(
        fetched(200, with_an_error),
        Err(Fault::Unclear(_))
    ));
    let body = r#"{"id": "7", "state": "queued"}"#;
    assert!(matches!(fetched(500, body), Err(Fault::Unclear(_))));
    let ours = FetchOrder::Ours {
        order: super::order("gold").into(),
        ours: OurRef("abc".into()),
        first_sent_at: 0,
    };
    let fetch = brief().fetch.expect("it fetches");
    let looked =
        |body: &str| seen(|cx| fetch.decode(&ours, &Memo::default(), cx, &answer(200, body)));
    let absent = Ok(Turn::Done(Found::NotSeen { blind: false }));
    assert_eq!(looked(r#"{"orders": []}"#), absent);
    assert!(matches!(looked("{}"), Err(Fault::Unclear(_))));
}

#[test]
fn the_list_of_packages_shows_whether_credentials_are_right() {
    let verify = brief().verify.expect("the list verifies");
    let list = brief().list.expect("it lists");
    let (memo, op) = (Memo::default(), VerifyCredentials);
    seen(|cx| {
        let asked = verify
            .encode(&op, &memo, cx)
            .map(|request| request.path.clone());
        assert_eq!(
            asked,
            list.encode(&ListPackages, &memo, cx)
                .map(|it| it.path.clone())
        );
        let right = answer(200, r#"{"plans": []}"#);
        assert_eq!(verify.decode(&op, &memo, cx, &right), Ok(Turn::Done(())));
        let wrong = verify.decode(&op, &memo, cx, &answer(200, "{}"));
        assert!(matches!(wrong, Err(Fault::Unclear(_))));
    });
}

#[test]
fn every_request_has_the_sheets_headers_but_for_those_it_has_itself() {
    let vendor = brief();
    let headers = |request: crate::contract::Request| {
        let mut headers: Vec<String> = request
            .headers
            .iter()
            .map(|(name, pieces)| format!("{name}: {pieces:?}"))
            .collect();
        headers.sort();
        headers
    };
    let op = PlaceOrder {
        order: super::order("gold").into(),
        ours: OurRef("abc".into()),
        callback_url: String::new(),
    };
    let (listed, placed) = seen(|cx| {
        let list = vendor.list.as_ref().expect("it lists");
        let listed = list.encode(&ListPackages, &Memo::default(), cx);
        let placed = vendor.place.encode(&op, &Memo::default(), cx);
        (headers(listed.unwrap()), headers(placed.unwrap()))
    });
    assert_eq!((listed.len(), placed.len()), (2, 2));
    assert_eq!(listed[1], placed[1], "x-plan");
    assert_ne!(listed[0], placed[0], "the step's own accept");
}

#[test]
fn a_field_at_fault_is_found_in_the_vendors_text() {
    for (text, field) in [
        ("First Name is too short", Some("applicant.first_name")),
        ("firstName is too short", Some("applicant.first_name")),
        ("the phone is odd", Some("applicant.phone")),
        ("something is odd", None),
    ] {
        let Err(Fault::Refused { field: found, .. }) =
            fetched(400, &format!(r#"{{"wrong": "{text}"}}"#))
        else {
            panic!("{text}: it is refused");
        };
        assert_eq!(found.as_deref(), field, "{text}");
    }
}

#[test]
fn a_setting_is_a_text_and_a_first_look_comes_after_ten_minutes() {
    let vendor = brief();
    assert_eq!(vendor.settings[0].form, SettingForm::Text);
    assert_eq!(vendor.policy.look_first.as_secs(), 600);
    let dropped = |field: &str| vendor.dropped.iter().any(|name| name == field);
    assert!(dropped("hiring_manager.email") && dropped("applicant.zip"));
    assert!(dropped("order.placed_at"), "when it was placed is our own");
}
