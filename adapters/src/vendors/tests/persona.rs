//! Persona, which does not ship: a proof that the language can say it, with its traps (Persona,
//! section 10).

use std::collections::BTreeMap;

use serde_json::json;

use super::pair::order;
use crate::callback::{Forged, Incoming, verify};
use crate::conformance::{Fixtures, check};
use crate::contract::{Context, Fault, FetchOrder, Found, Memo, PlaceOrder, Reply, Turn, Vendor};
use crate::sheet;
use crate::vocabulary::{Millis, OurRef, Outcome, Private, Standing, TheirRef};

const SHEET: &str = include_str!("../../../fixtures/persona/sheet.toml");

macro_rules! fixtures {
    ($($file:literal),*) => {
        &[$(($file, include_str!(concat!("../../../fixtures/persona/", $file)))),*]
    };
}

const FIXTURES: &[(&str, &str)] = fixtures![
    "vendor.toml",
    "place.toml",
    "fetch.toml",
    "cancel.toml",
    "callbacks.toml"
];

/// The moment of the signature vector (Persona, section 6).
const SIGNED_AT: Millis = 1_767_225_600_000;

fn persona() -> Vendor {
    sheet::load("persona.toml", SHEET).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

/// An answer about an inquiry, read where `word` is final.
fn standing(word: &str, status: &str) -> Option<Standing> {
    let settings = BTreeMap::from([
        ("final".to_owned(), json!(word)),
        ("version".to_owned(), json!("2025-12-08")),
        (
            "dashboard_url".to_owned(),
            json!("https://app.withpersona.com"),
        ),
    ]);
    let cx = Context {
        settings: &settings,
        key: "",
        base_url: "",
    };
    let body = json!({"data": {"id": "inq_1", "attributes": {"status": status}}});
    let fetch = persona().fetch.unwrap();
    let op = FetchOrder::Theirs(TheirRef("inq_1".into()));
    match fetch.decode(&op, &Memo::default(), &cx, &reply(200, &body.to_string())) {
        Ok(Turn::Done(Found::One(progress))) => progress.standing,
        other => panic!("{other:?}"),
    }
}

fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    }
}

#[test]
fn persona_obeys_every_law_and_does_not_ship() {
    let fixtures = Fixtures::parse(FIXTURES).unwrap();
    let violations = check(&persona(), &fixtures);
    let lines: Vec<_> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    assert!(
        crate::shipped()
            .iter()
            .all(|vendor| vendor.name != "persona")
    );
}

#[test]
fn the_letter_case_of_keys_is_always_asked_for() {
    let settings = BTreeMap::from([("version".to_owned(), json!("2023-01-05"))]);
    let cx = Context {
        settings: &settings,
        key: "key-1",
        base_url: "",
    };
    let op = PlaceOrder {
        order: order("itmpl_EXAMPLE").into(),
        ours: OurRef("gw-42-a1".into()),
        callback_url: String::new(),
    };
    let request = persona().place.encode(&op, &Memo::default(), &cx).unwrap();
    let names: Vec<_> = request
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names,
        ["persona-version", "key-inflection", "idempotency-key"]
    );
}

#[test]
fn a_403_may_be_a_quota_and_a_stored_500_says_nothing() {
    let settings = BTreeMap::new();
    let cx = Context {
        settings: &settings,
        key: "key-1",
        base_url: "",
    };
    let op = PlaceOrder {
        order: order("itmpl_EXAMPLE").into(),
        ours: OurRef("gw-42-a1".into()),
        callback_url: String::new(),
    };
    let vendor = persona();
    let fault = |status, body| {
        let decoded = vendor
            .place
            .decode(&op, &Memo::default(), &cx, &reply(status, body));
        decoded.expect_err("it is no success")
    };
    let quota = r#"{"errors":[{"title":"Forbidden","details":"Quota exceeded"}]}"#;
    assert_eq!(fault(403, quota), Fault::Busy(None));
    assert_eq!(
        fault(403, r#"{"errors":[{"title":"Forbidden"}]}"#),
        Fault::Denied
    );
    assert!(matches!(fault(500, "{}"), Fault::Unclear(_)));
}

#[test]
fn completed_is_final_only_where_a_setting_says_so_and_reopening_is_looked_for() {
    use Outcome::{Fail, Pass};
    use Standing::{Complete, InProgress};
    assert_eq!(standing("approved", "completed"), Some(InProgress));
    assert_eq!(standing("completed", "completed"), Some(Complete(Pass)));
    for word in ["approved", "completed"] {
        assert_eq!(standing(word, "approved"), Some(Complete(Pass)));
        assert_eq!(standing(word, "declined"), Some(Complete(Fail)));
    }
    assert!(persona().policy.reopens_for.is_some());
}

#[test]
fn the_published_signature_verifies_alone_and_as_one_of_two() {
    let body = br#"{"data":{"type":"event","id":"evt_example","attributes":{"name":"inquiry.completed"}}}"#;
    let vector = "t=1767225600,v1=914bfcb614e718077e49cb003259734ca1e11392491535f198b44389b11121e0";
    let callbacks = persona().callbacks.unwrap();
    let believed = |signature: &str, now: Millis| {
        let headers = [("persona-signature".to_owned(), signature.to_owned())];
        let incoming = Incoming {
            method: "POST",
            headers: &headers,
            query: &[],
            body,
        };
        let secrets = |_: &str| {
            vec![
                Private::from("wbhsec_older"),
                Private::from("wbhsec_example"),
            ]
        };
        verify(&callbacks.proof, &incoming, &secrets, now).map(drop)
    };
    assert_eq!(believed(vector, SIGNED_AT), Ok(()));
    let rotated = format!("t=1767225600,v1={} {vector}", "0".repeat(64));
    assert_eq!(believed(&rotated, SIGNED_AT), Ok(()));
    let none = format!("t=1767225600,v1={}", "0".repeat(64));
    assert_eq!(believed(&none, SIGNED_AT), Err(Forged::Mismatch));
    assert_eq!(believed(vector, SIGNED_AT + 301_000), Err(Forged::Stale));
}
