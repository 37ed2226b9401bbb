//! What Yardstik promises, and what it does to a client that trusts it too much. This file has what
//! the tests share.

mod calls;
mod events;

use super::super::testing::{
    START, ask, assert_faults_strike, attempts, believed, fault, get as bare_get,
};
use super::super::{FaultKind, Pace};
use super::*;
use crate::callback::{Forged, Proof, Signature, hmac_sha256_hex};

const HOOK: &str = "https://gateway.example/callbacks/yardstik/token";
const PACKAGE: &str = "6a1f0c11-5023-412b-95df-aa57300a4d71";
const DAY: Millis = 24 * 3_600_000;

/// A vendor whose orders stay where they are, with a webhook for every type.
fn manual() -> Yardstik {
    with(|_| {})
}

fn with(choose: impl FnOnce(&mut Account)) -> Yardstik {
    let mut account = Account {
        pace: Pace::manual(),
        ..Account::default()
    };
    choose(&mut account);
    let mut vendor = Yardstik::new(account);
    vendor.set_callback_url(HOOK);
    vendor
}

fn signed_in(request: Arrived) -> Arrived {
    request
        .with("authorization", "Account yardstik-test-key")
        .with("accept", "application/json")
}

fn answer(vendor: &mut Yardstik, method: &str, path: &str, body: &Value) -> (u16, Value) {
    vendor
        .handle(&signed_in(ask(method, path, body)), START)
        .read()
}

fn get(vendor: &mut Yardstik, path: &str) -> (u16, Value) {
    answer(vendor, "GET", path, &Value::Null)
}

fn post(vendor: &mut Yardstik, path: &str, body: &Value) -> (u16, Value) {
    answer(vendor, "POST", path, body)
}

fn person() -> Value {
    json!({
        "first_name": "Dana", "last_name": "Reyes", "email": "dana.reyes@mailbox.dev",
        "external_id": "ord_01HX2",
    })
}

fn wanted(candidate: &Value) -> Value {
    json!({"account_package_id": PACKAGE, "candidate_id": candidate["id"]})
}

/// Places an order; its invitation.
fn placed(vendor: &mut Yardstik) -> Value {
    let (status, candidate) = post(vendor, "/candidates", &person());
    assert_eq!(status, 201, "{candidate}");
    let (status, invitation) = post(vendor, "/invitations", &wanted(&candidate));
    assert_eq!(status, 201, "{invitation}");
    invitation
}

fn report(vendor: &mut Yardstik) -> Value {
    let id = vendor.orders()[0].id.clone();
    get(vendor, &format!("/reports/{id}")).1
}

/// The events due by `now`, each acknowledged, as `TYPE VERB STATUS`.
fn events(vendor: &mut Yardstik, now: Millis) -> Vec<String> {
    let events = super::super::testing::acknowledged(vendor, now);
    let word = |event: &Value, name: &str| event[name].as_str().unwrap_or("-").to_owned();
    let words = events.iter().map(|event| {
        let (of, verb) = (word(event, "resource_type"), word(event, "event"));
        format!("{of} {verb} {}", word(event, "status"))
    });
    words.collect()
}
