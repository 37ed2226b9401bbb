//! What Checkr promises, and what it does to a client that trusts it too much. This file has what
//! the tests share.

mod calls;
mod events;
mod faults;
mod moves;

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::testing::{
    START, acknowledged, ask, assert_faults_strike, attempts, believed, fault, get as bare_get,
};
use super::super::{FaultKind, Manner, Outgoing, Pace};
use super::*;
use crate::callback::{Forged, Proof, Signature};

const HOOK: &str = "https://gateway.example/callbacks/checkr";
const DAY: Millis = 24 * 3_600_000;

fn signed_in(request: Arrived) -> Arrived {
    request.with(
        "authorization",
        &format!("Basic {}", BASE64.encode("checkr-test-key:")),
    )
}

fn get(target: &str) -> Arrived {
    signed_in(bare_get(target))
}

fn post(target: &str, body: &Value) -> Arrived {
    signed_in(ask("POST", target, body))
}

/// A vendor whose orders stay where they are, and whose webhook takes every event.
fn manual() -> Checkr {
    with(|account| account.webhooks.switched_off.clear())
}

fn with(choose: impl FnOnce(&mut Account)) -> Checkr {
    let mut account = Account {
        pace: Pace::manual(),
        ..Account::default()
    };
    choose(&mut account);
    let mut vendor = Checkr::new(account);
    vendor.set_callback_url(HOOK);
    vendor
}

fn person() -> Value {
    json!({
        "email": "dana.reyes@mailbox.dev", "first_name": "Dana", "last_name": "Reyes",
        "custom_id": "cand-1009", "metadata": {"gateway_order_id": "ord_01HX2"},
    })
}

fn wanted(candidate_id: &str) -> Value {
    json!({
        "candidate_id": candidate_id, "package": "driver_pro", "tags": ["ord_01HX2"],
        "work_locations": [{"country": "US", "state": "CA", "city": "San Francisco"}],
    })
}

fn answer(vendor: &mut Checkr, request: &Arrived) -> (u16, Value) {
    vendor.handle(request, START).read()
}

fn created(vendor: &mut Checkr, body: &Value) -> String {
    let (status, shown) = answer(vendor, &post("/v1/candidates", body));
    assert_eq!(status, 201, "{shown}");
    shown["id"].as_str().unwrap().to_owned()
}

/// Places an order; its invitation.
fn placed(vendor: &mut Checkr) -> Value {
    let candidate_id = created(vendor, &person());
    let (status, shown) = answer(vendor, &post("/v1/invitations", &wanted(&candidate_id)));
    assert_eq!(status, 201, "{shown}");
    shown
}

/// The types of the events sent since the last time.
fn events(vendor: &mut Checkr) -> Vec<String> {
    acknowledged(vendor, START + DAY)
        .iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect()
}

/// Moves the order and tells the events that followed.
fn moved(vendor: &mut Checkr, status: &str, result: Option<&str>) -> Vec<String> {
    events(vendor);
    assert!(vendor.advance("ord_01HX2", status, result, START));
    events(vendor)
}

fn report(vendor: &mut Checkr) -> Value {
    let id = vendor.orders()[0].id.clone();
    let (status, report) = answer(vendor, &get(&format!("/v1/reports/{id}")));
    assert_eq!(status, 200);
    report
}

fn count(vendor: &mut Checkr, target: &str) -> Value {
    answer(vendor, &get(target)).1["count"].clone()
}

fn proof() -> Proof {
    Proof::HmacBody(Signature::of_body("x-checkr-signature", "", "api_key"))
}
