//! What Accurate promises, and what it does to a client that trusts it too much. This file has what
//! the tests share.

mod calls;
mod life;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::super::testing::{
    START, acknowledged, ask, assert_faults_strike, fault, get as bare_get,
};
use super::super::{FaultKind, Pace};
use super::*;

const HOOK: &str = "https://gateway.example/callbacks/accurate";
const DAY: Millis = 24 * 3_600_000;

fn signed_in(request: Arrived) -> Arrived {
    let pair = BASE64.encode("accurate-test-id:accurate-test-secret");
    request.with("authorization", &format!("Basic {pair}"))
}

fn get(target: &str) -> Arrived {
    signed_in(bare_get(&format!("/v3{target}")))
}

fn post(target: &str, body: &Value) -> Arrived {
    signed_in(ask("POST", &format!("/v3{target}"), body))
}

/// A vendor whose orders stay where they are.
fn manual() -> Accurate {
    with(|_| {})
}

fn with(choose: impl FnOnce(&mut Account)) -> Accurate {
    let mut account = Account {
        pace: Pace::manual(),
        ..Account::default()
    };
    choose(&mut account);
    let mut vendor = Accurate::new(account);
    vendor.set_callback_url(HOOK);
    vendor
}

fn person() -> Value {
    json!({"firstName": "Ada", "lastName": "Ng", "email": "ada.ng@example.test"})
}

fn wanted(candidate: &str) -> Value {
    json!({
        "candidateId": candidate, "packageType": "PKG_BASIC", "workflow": "INTERACTIVE",
        "jobLocation": {"country": "US", "region": "WA", "region2": "King", "city": "Seattle"},
        "copyOfReport": false, "referenceCodes": ["ord-9d2e"],
        "additionalProductTypes": [{"productType": "SON"}],
    })
}

fn answer(vendor: &mut Accurate, request: &Arrived) -> (u16, Value) {
    vendor.handle(request, START).read()
}

/// Creates a candidate; its id.
fn created(vendor: &mut Accurate) -> String {
    let (status, shown) = answer(vendor, &post("/candidate", &person()));
    assert_eq!(status, 200, "{shown}");
    shown["id"].as_str().unwrap().to_owned()
}

/// Places an order; what is answered.
fn placed(vendor: &mut Accurate) -> Value {
    let candidate = created(vendor);
    let (status, shown) = answer(vendor, &post("/order", &wanted(&candidate)));
    assert_eq!(status, 200, "{shown}");
    shown
}

/// The order as it is read now.
fn read(vendor: &mut Accurate) -> Value {
    let id = vendor.orders()[0].id.clone();
    answer(vendor, &get(&format!("/order/{id}"))).1
}

/// The events sent since the last time.
fn events(vendor: &mut Accurate) -> Vec<Value> {
    acknowledged(vendor, START + 300 * DAY)
}
