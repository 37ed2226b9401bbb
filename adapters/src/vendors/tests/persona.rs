//! Persona, which does not ship: a proof that the language can say it, with its traps (Persona,
//! section 10).

use std::collections::BTreeMap;

use serde_json::json;

use super::pair::{context, order};
use crate::callback::{Forged, Incoming, Says, Verified, verify};
use crate::conformance::{Fixtures, check};
use crate::contract::{Ambiguity, Fault, FetchOrder, Found, Memo, PlaceOrder, Reply, Turn, Vendor};
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
    let cx = context(&settings, "");
    let body = json!({"data": {"id": "inq_1", "attributes": {"status": status}}});
    let fetch = persona().fetch.unwrap();
    let op = FetchOrder::Theirs(TheirRef("inq_1".into()));
    match fetch.decode(&op, &Memo::default(), &cx, &reply(200, &body.to_string())) {
        Ok(Turn::Done(Found::One(progress))) => progress.standing,
        other => panic!("{other:?}"),
    }
}

/// An order of the template in the fixtures.
fn placing() -> PlaceOrder {
    PlaceOrder {
        order: order("itmpl_EXAMPLE").into(),
        ours: OurRef("gw-42-a1".into()),
        callback_url: String::new(),
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
fn trap_the_case_of_keys_depends_on_a_header_so_it_is_always_asked_for() {
    let settings = BTreeMap::from([("version".to_owned(), json!("2023-01-05"))]);
    let cx = context(&settings, "key-1");
    let request = persona()
        .place
        .encode(&placing(), &Memo::default(), &cx)
        .unwrap();
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

/// What an answer to a placing is taken for, which is no success.
fn fault(status: u16, body: &str) -> Fault {
    let settings = BTreeMap::new();
    let cx = context(&settings, "key-1");
    let decoded = persona()
        .place
        .decode(&placing(), &Memo::default(), &cx, &reply(status, body));
    decoded.expect_err("it is no success")
}

#[test]
fn trap_a_403_may_be_a_quota() {
    let quota = r#"{"errors":[{"title":"Forbidden","details":"Quota exceeded"}]}"#;
    assert_eq!(fault(403, quota), Fault::Busy(None));
    let forbidden = r#"{"errors":[{"title":"Forbidden"}]}"#;
    assert_eq!(fault(403, forbidden), Fault::Denied);
}

#[test]
fn trap_an_error_is_played_back_for_its_key_so_a_500_says_nothing() {
    assert!(matches!(fault(500, "{}"), Fault::Unclear(_)));
    assert_eq!(persona().policy.ambiguity, Ambiguity::LookUp);
    assert!(persona().finds_ours, "a new key only after a look");
}

#[test]
fn trap_events_come_out_of_order_so_each_only_makes_us_look() {
    let settings = BTreeMap::new();
    let cx = context(&settings, "");
    let callbacks = persona().callbacks.expect("it calls back");
    for (name, status) in [("approved", "approved"), ("started", "pending")] {
        let body = json!({"data": {"type": "event", "id": "evt_1", "attributes": {
            "name": format!("inquiry.{name}"),
            "payload": {"data": {"id": "inq_1", "attributes": {"status": status}}},
        }}});
        let body = body.to_string();
        let notes = callbacks.reader.read(Verified::kept(body.as_bytes()), &cx);
        let said: Vec<_> = notes.unwrap().into_iter().map(|note| note.says).collect();
        assert_eq!(said, [Says::Look], "{name}");
    }
}

#[test]
fn trap_completed_is_not_approved_unless_a_setting_says_so_and_may_be_declined_later() {
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
