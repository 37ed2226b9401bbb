//! What Certn promises, and what it does to a client that trusts it too much. This file has what
//! the tests share.

mod calls;
mod events;

use super::super::testing::{
    START, ask, assert_faults_strike, attempts, believed, fault, get as bare_get,
};
use super::super::{FaultKind, Pace};
use super::*;
use crate::callback::{Forged, Proof, Signature, hmac_sha256_hex};

const HOOK: &str = "https://gateway.example/callbacks/certn/token";
const EMAIL: &str = "dana.reyes@mailbox.dev";
const DAY: Millis = 24 * 3_600_000;

/// A vendor whose orders stay where they are.
fn manual() -> Certn {
    with(|_| {})
}

/// The same with another account. Its address has echoed the challenge.
fn with(choose: impl FnOnce(&mut Account)) -> Certn {
    let mut account = Account {
        pace: Pace::manual(),
        ..Account::default()
    };
    choose(&mut account);
    let mut vendor = Certn::new(account);
    vendor.set_callback_url(HOOK);
    let challenge = vendor.due(START).remove(0);
    let (_, value) = challenge.url.split_once('=').unwrap();
    vendor.answered(challenge.id, Some(200), value.as_bytes(), START);
    vendor
}

fn signed_in(request: Arrived) -> Arrived {
    request.with("authorization", "Api-Key sk_test_certn")
}

fn answer(vendor: &mut Certn, method: &str, path: &str, body: &Value) -> (u16, Value) {
    answer_at(vendor, method, path, body, START)
}

fn answer_at(
    vendor: &mut Certn,
    method: &str,
    path: &str,
    body: &Value,
    now: Millis,
) -> (u16, Value) {
    let request = signed_in(ask(method, &format!("/api/public/cases/{path}"), body));
    vendor.handle(&request, now).read()
}

fn get(vendor: &mut Certn, path: &str) -> (u16, Value) {
    answer(vendor, "GET", path, &Value::Null)
}

fn post(vendor: &mut Certn, path: &str, body: &Value) -> (u16, Value) {
    answer(vendor, "POST", path, body)
}

fn wanted() -> Value {
    json!({
        "email_address": EMAIL, "send_invite_email": true, "return_invite_link": true,
        "check_types_with_arguments": {"IDENTITY_VERIFICATION_1": {}},
    })
}

/// Places an order by invitation; its id.
fn placed(vendor: &mut Certn) -> String {
    let (status, case) = post(vendor, "order/", &wanted());
    assert_eq!(status, 201, "{case}");
    case["id"].as_str().unwrap().to_owned()
}

/// The bodies of the events due by `now`, each acknowledged.
fn events(vendor: &mut Certn, now: Millis) -> Vec<Value> {
    super::super::testing::acknowledged(vendor, now)
}
