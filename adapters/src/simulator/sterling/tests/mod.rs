//! What Sterling promises, and what it does to a client that trusts it too much. This file has what
//! the tests share.

mod callbacks;
mod calls;
mod faults;
mod orders;

use super::super::testing::{
    START, acknowledged, ask, assert_faults_strike, attempts, fault, get as bare_get,
};
use super::super::{FaultKind, Pace};
use super::*;

const HOOK: &str = "https://gateway.example/callbacks/sterling/token?order=ord_01HX2";
const HOUR: Millis = 3_600_000;

/// A vendor whose orders stay where they are.
fn manual() -> Sterling {
    with(|_| {})
}

fn with(choose: impl FnOnce(&mut Account)) -> Sterling {
    let mut account = Account {
        pace: Pace::manual(),
        ..Account::default()
    };
    choose(&mut account);
    Sterling::new(account)
}

fn form(pair: &str, body: &str) -> Arrived {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(pair);
    let mut request = bare_get("/v2/oauth");
    request.method = "POST".to_owned();
    request.headers = vec![
        ("authorization".to_owned(), format!("Basic {pair}")),
        (
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        ),
    ];
    request.body = body.as_bytes().to_vec();
    request
}

fn grant() -> Arrived {
    form(
        "sterling-test-client:sterling-test-secret",
        "grant_type=client_credentials",
    )
}

/// A token issued at the beginning of the test.
fn signed_in(vendor: &mut Sterling, request: Arrived) -> Arrived {
    let (status, body) = vendor.handle(&grant(), START).read();
    assert_eq!(status, 200);
    let token = body["access_token"].as_str().unwrap();
    request.with("authorization", &format!("Bearer {token}"))
}

fn answer(vendor: &mut Sterling, method: &str, path: &str, body: &Value) -> (u16, Value) {
    answer_at(vendor, method, path, body, START)
}

fn answer_at(
    vendor: &mut Sterling,
    method: &str,
    path: &str,
    body: &Value,
    now: Millis,
) -> (u16, Value) {
    let request = signed_in(vendor, ask(method, &format!("/v2{path}"), body));
    vendor.handle(&request, now).read()
}

fn get(vendor: &mut Sterling, path: &str) -> (u16, Value) {
    answer(vendor, "GET", path, &Value::Null)
}

fn post(vendor: &mut Sterling, path: &str, body: &Value) -> (u16, Value) {
    answer(vendor, "POST", path, body)
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    let code = answer.1["errors"][0]["code"].as_str().unwrap_or_default();
    (answer.0, code)
}

fn person() -> Value {
    json!({
        "clientReferenceId": "cand-7f3a", "givenName": "Ada", "familyName": "Ng",
        "email": "ada.ng@mailbox.dev", "phone": "+12065550123",
    })
}

/// The same person with everything that an order without an invitation needs.
fn whole_person() -> Value {
    let mut person = person();
    person["dob"] = json!("1990-05-15");
    person["ssn"] = json!("123456789");
    person["address"] = json!({
        "addressLine": "1 Test St.", "municipality": "Seattle", "regionCode": "US-WA",
        "postalCode": "98101", "countryCode": "US",
    });
    person
}

fn created(vendor: &mut Sterling, person: &Value) -> String {
    let (status, shown) = post(vendor, "/candidates", person);
    assert_eq!(status, 201, "{shown}");
    shown["id"].as_str().unwrap().to_owned()
}

fn wanted(candidate: &str) -> Value {
    json!({
        "candidateId": candidate, "packageId": "540001", "invite": {"method": "email"},
        "callback": {"uri": HOOK},
    })
}

/// Places an order by e-mail invitation.
fn placed(vendor: &mut Sterling) -> Value {
    let candidate = created(vendor, &person());
    let (status, shown) = post(vendor, "/screenings", &wanted(&candidate));
    assert_eq!(status, 201, "{shown}");
    shown
}
