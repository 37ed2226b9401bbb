//! What TazWorks promises, and what it does to a client that trusts it too much. This file has what
//! the tests share.

mod calls;
mod life;

use super::super::testing::{
    START, acknowledged, ask, assert_faults_strike, believed, fault, get as bare_get,
};
use super::super::{FaultKind, Pace};
use super::*;

const HOOK: &str = "https://gateway.example/callbacks/tazworks";
const DAY: Millis = 24 * 3_600_000;
const CLIENT: &str = "/v1/clients/a8000000-0000-4000-8000-000000000001";
const PRODUCT: &str = "a1000000-0000-4000-8000-000000000001";

fn signed_in(request: Arrived) -> Arrived {
    request.with("authorization", "Bearer tazworks-test-token")
}

/// A GET below the client.
fn get(target: &str) -> Arrived {
    signed_in(bare_get(&format!("{CLIENT}{target}")))
}

/// A POST below the client.
fn post(target: &str, body: &Value) -> Arrived {
    signed_in(ask("POST", &format!("{CLIENT}{target}"), body))
}

/// A vendor whose orders stay where they are.
fn manual() -> Tazworks {
    with(|_| {})
}

fn with(choose: impl FnOnce(&mut Account)) -> Tazworks {
    let mut account = Account {
        pace: Pace::manual(),
        ..Account::default()
    };
    choose(&mut account);
    let mut vendor = Tazworks::new(account);
    vendor.set_callback_url(HOOK);
    vendor
}

fn person() -> Value {
    json!({
        "firstName": "Bob", "middleName": "Q", "lastName": "Smith", "email": "bob@example.com",
        "phoneNumber": "(555) 555-0143", "textingEnabled": false,
    })
}

fn wanted(applicant: &str) -> Value {
    json!({
        "applicantGuid": applicant, "clientProductGuid": PRODUCT, "useQuickApp": true,
        "quickappNotifyApplicants": true, "certifyPermissiblePurpose": true,
        "externalIdentifier": "gw-42-a1",
    })
}

fn answer(vendor: &mut Tazworks, request: &Arrived) -> (u16, Value) {
    vendor.handle(request, START).read()
}

/// Creates an applicant; its GUID.
fn created(vendor: &mut Tazworks, body: &Value) -> String {
    let (status, shown) = answer(vendor, &post("/applicants", body));
    assert_eq!(status, 201, "{shown}");
    shown["applicantGuid"].as_str().unwrap().to_owned()
}

/// Places an order; what submitting answers.
fn placed(vendor: &mut Tazworks) -> Value {
    let applicant = created(vendor, &person());
    let (status, shown) = answer(vendor, &post("/orders", &wanted(&applicant)));
    assert_eq!(status, 201, "{shown}");
    shown
}

/// The order as it is read now.
fn detail(vendor: &mut Tazworks) -> Value {
    let id = vendor.orders()[0].id.clone();
    answer(vendor, &get(&format!("/orders/{id}"))).1
}

/// The events sent since the last time.
fn events(vendor: &mut Tazworks) -> Vec<Value> {
    acknowledged(vendor, START + 300 * DAY)
}

fn names(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect()
}
