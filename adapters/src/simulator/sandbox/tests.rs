//! What the sandbox vendor promises.

use super::super::FaultKind;
use super::super::Manner;
use super::super::testing::{
    START, acknowledged, ask, attempts, believed, fault, get as bare_get, strikes,
};
use super::*;
use crate::callback::{Forged, Proof};

fn get(target: &str) -> Arrived {
    bare_get(target).with("authorization", "Bearer sandbox-key")
}

fn order(last_name: &str) -> Value {
    json!({
        "reference": "ref-1", "package": "basic", "add_ons": ["drug_7_panel"],
        "callback_url": "https://gateway.example/callbacks/1",
        "applicant": {"first_name": "Dana", "last_name": last_name, "email": "dana@mailbox.dev"},
    })
}

fn placing(key: &str, body: &Value) -> Arrived {
    ask("POST", "/orders", body)
        .with("authorization", "Bearer sandbox-key")
        .with("idempotency-key", key)
}

fn manual() -> Sandbox {
    Sandbox::new(Account {
        pace: Pace::manual(),
        ..Account::default()
    })
}

fn place(vendor: &mut Sandbox, last_name: &str) -> (u16, Value) {
    vendor
        .handle(&placing("key-1", &order(last_name)), START)
        .read()
}

fn code(response: &Response) -> (u16, String) {
    let (status, body) = response.read();
    let code = body["error"]["code"].as_str().unwrap_or_default();
    (status, code.to_owned())
}

fn proof() -> Proof {
    Proof::HmacTimestamped {
        header: "x-sandbox-signature".into(),
        secret: "callback_secret".into(),
        tolerance: Duration::from_mins(5),
    }
}

#[test]
fn an_order_is_invited_at_once() {
    let (status, body) = place(&mut Sandbox::default(), "Reyes");
    assert_eq!(status, 201);
    let expected = json!({
        "id": "sbx_00000001", "reference": "ref-1", "status": "invited", "result": null,
        "apply_url": "https://apply.sandbox.example/sbx_00000001", "report_url": null,
        "updated_at": "2026-02-01T10:00:02Z",
    });
    assert_eq!(body, expected);
}

#[test]
fn the_catalog_has_three_packages_and_two_add_ons_with_prices_as_text() {
    let (_, body) = Sandbox::default().handle(&get("/packages"), START).read();
    let ids = |list: &str| -> Vec<String> {
        let items = body[list].as_array().unwrap().iter();
        items
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids("packages"), ["basic", "standard", "deluxe"]);
    assert_eq!(ids("add_ons"), ["drug_7_panel", "drug_10_panel"]);
    assert_eq!(body["packages"][0]["price"], "29.99");
    assert_eq!(
        body["packages"][2]["screenings"].as_array().unwrap().len(),
        4
    );
}

#[test]
fn any_other_name_passes_within_two_seconds_and_calls_back_twice() {
    let mut vendor = Sandbox::default();
    place(&mut vendor, "Reyes");
    assert!(acknowledged(&mut vendor, START + 499).is_empty());
    let first = acknowledged(&mut vendor, START + 500);
    assert_eq!(first[0]["order"]["status"], "in_progress");
    let second = acknowledged(&mut vendor, START + 1_500);
    let expected = json!([{"event": "evt_2", "order": {
        "id": "sbx_00000001", "reference": "ref-1", "status": "complete", "result": "pass",
        "report_url": "https://reports.sandbox.example/sbx_00000001",
        "updated_at": "2026-02-01T10:00:03.5Z",
    }}]);
    assert_eq!(Value::from(second), expected);
    assert!(acknowledged(&mut vendor, START + 100_000).is_empty());
}

#[test]
fn the_last_name_chooses_the_result() {
    for (name, result) in [
        ("Review", "review"),
        ("FAIL", "fail"),
        ("odd", "gremlins"),
        ("Failing", "pass"),
    ] {
        let mut vendor = Sandbox::default();
        place(&mut vendor, name);
        let said = acknowledged(&mut vendor, START + 2_000);
        assert_eq!(said[1]["order"]["status"], "complete", "{name}");
        assert_eq!(said[1]["order"]["result"], result, "{name}");
    }
}

#[test]
fn a_refused_applicant_leaves_no_order() {
    let mut vendor = Sandbox::default();
    let refused = vendor.handle(&placing("key-1", &order("Refused")), START);
    assert_eq!(code(&refused), (422, "refused".to_owned()));
    assert_eq!(vendor.orders(), []);
}

#[test]
fn a_slow_order_is_answered_late_and_passes_after_a_minute() {
    let mut vendor = Sandbox::default();
    let slow = placing("key-1", &order("Slow"));
    let response = vendor.handle(&slow, START);
    assert_eq!(response.manner, Manner::After(Duration::from_secs(3)));
    let early = vendor.handle(&slow, START + 2_999);
    assert_eq!(code(&early), (409, "in_flight".to_owned()));
    assert_eq!(vendor.handle(&slow, START + 3_000).status, 201);
    acknowledged(&mut vendor, START + 59_999);
    assert_eq!(vendor.orders()[0].status, "in_progress");
    acknowledged(&mut vendor, START + 60_000);
    assert_eq!(vendor.orders()[0].result.as_deref(), Some("pass"));
}

#[test]
fn a_hanging_order_is_taken_once_and_its_answer_can_be_had_with_the_same_key() {
    let mut vendor = Sandbox::default();
    let hanging = placing("key-1", &order("Hang"));
    assert_eq!(vendor.handle(&hanging, START).manner, Manner::Never);
    let early = vendor.handle(&hanging, START + 4_999);
    assert_eq!(code(&early), (409, "in_flight".to_owned()));
    let late = vendor.handle(&hanging, START + 5_000);
    assert_eq!((late.status, late.manner), (201, Manner::Plainly));
    assert_eq!(late.read().1["status"], "invited");
    let orders = vendor.orders();
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].result.as_deref(), Some("pass"));
}

#[test]
fn a_lost_order_passes_after_two_seconds_and_nobody_is_told() {
    let mut vendor = Sandbox::default();
    place(&mut vendor, "Lost");
    assert!(acknowledged(&mut vendor, START + 2_000).is_empty());
    assert_eq!(vendor.orders()[0].result.as_deref(), Some("pass"));
    assert!(vendor.advance("ref-1", "on_hold", None, START + 3_000));
    assert!(acknowledged(&mut vendor, START + 9_000).is_empty());
}

#[test]
fn a_repeated_key_gets_the_stored_answer_for_a_day() {
    let mut vendor = Sandbox::default();
    let request = placing("key-1", &order("Reyes"));
    let first = vendor.handle(&request, START).read();
    let day = 24 * 3_600_000;
    assert_eq!(vendor.handle(&request, START + day - 1).read(), first);
    assert_eq!(vendor.orders().len(), 1);
    assert_ne!(vendor.handle(&request, START + day).read(), first);
    assert_eq!(vendor.orders().len(), 2);
}

#[test]
fn two_keys_with_one_reference_are_two_orders() {
    let mut vendor = manual();
    for key in ["key-1", "key-2"] {
        assert_eq!(
            vendor.handle(&placing(key, &order("Reyes")), START).status,
            201
        );
    }
    let references: Vec<_> = vendor.orders().into_iter().map(|o| o.reference).collect();
    assert_eq!(references, ["ref-1", "ref-1"]);
    let (_, found) = vendor.handle(&get("/orders?reference=ref-1"), START).read();
    assert_eq!(found["orders"].as_array().unwrap().len(), 2);
    let (_, none) = vendor.handle(&get("/orders?reference=ref-2"), START).read();
    assert_eq!(none, json!({"orders": []}));
}

#[test]
fn a_key_with_another_body_is_refused() {
    let mut vendor = manual();
    place(&mut vendor, "Reyes");
    let other = vendor.handle(&placing("key-1", &order("Smith")), START);
    assert_eq!(code(&other), (422, "key_reused".to_owned()));
    assert_eq!(vendor.orders().len(), 1);
}

#[test]
fn a_refusal_is_not_stored_under_its_key() {
    let mut vendor = manual();
    assert_eq!(place(&mut vendor, "Refused").0, 422);
    assert_eq!(place(&mut vendor, "Reyes").0, 201);
}

#[test]
fn what_is_missing_or_unknown_is_refused_and_named() {
    for (pointer, value, field) in [
        ("/reference", json!(""), "reference"),
        ("/callback_url", json!(null), "callback_url"),
        ("/package", json!("PKG001"), "package"),
        ("/add_ons", json!(["nothing"]), "add_ons"),
        ("/add_ons", json!("drug_7_panel"), "add_ons"),
        ("/applicant/first_name", json!(""), "applicant.first_name"),
        ("/applicant/last_name", json!(7), "applicant.last_name"),
        ("/applicant/email", json!(""), "applicant.email"),
    ] {
        let mut vendor = manual();
        let mut body = order("Reyes");
        *body.pointer_mut(pointer).unwrap() = value;
        let (status, refused) = vendor.handle(&placing("key-1", &body), START).read();
        assert_eq!((status, &refused["error"]["field"]), (422, &json!(field)));
        assert_eq!(vendor.orders(), []);
    }
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let mut vendor = Sandbox::default();
    let mut answer = |request: Arrived| vendor.handle(&request, START).status;
    let mut scrambled = placing("key-1", &order("Reyes"));
    scrambled.body.truncate(9);
    assert_eq!(answer(scrambled), 400);
    let no_key = ask("POST", "/orders", &order("Reyes"));
    assert_eq!(
        answer(no_key.with("authorization", "Bearer sandbox-key")),
        400
    );
    assert_eq!(answer(bare_get("/packages")), 401);
    assert_eq!(
        answer(bare_get("/x").with("authorization", "Bearer other")),
        401
    );
    assert_eq!(answer(get("/orders/none")), 404);
    assert_eq!(answer(get("/nothing")), 404);
    assert_eq!(answer(get("/orders/none/cancel")), 405);
    assert_eq!(answer(get("/account")), 200);
}

#[test]
fn an_open_order_can_be_canceled_and_an_ended_one_cannot() {
    let mut vendor = Sandbox::default();
    place(&mut vendor, "Reyes");
    let cancel = ask("POST", "/orders/sbx_00000001/cancel", &Value::Null)
        .with("authorization", "Bearer sandbox-key");
    let (status, body) = vendor.handle(&cancel, START).read();
    assert_eq!((status, &body["status"]), (200, &json!("canceled")));
    let again = vendor.handle(&cancel, START);
    assert_eq!(code(&again), (409, "already_ended".to_owned()));
    let said = acknowledged(&mut vendor, START + 9_000);
    assert_eq!(said.len(), 1, "its usual life is over");
    assert_eq!(said[0]["order"]["status"], "canceled");
}

#[test]
fn with_a_manual_pace_an_order_stays_open_until_it_is_advanced() {
    let mut vendor = manual();
    place(&mut vendor, "Reyes");
    assert!(acknowledged(&mut vendor, START + 1_000_000).is_empty());
    assert!(vendor.advance(
        "sbx_00000001",
        "wandering",
        Some("maybe"),
        START + 1_000_000
    ));
    let said = acknowledged(&mut vendor, START + 1_000_000);
    assert_eq!(said[0]["order"]["status"], "wandering");
    assert_eq!(said[0]["order"]["result"], "maybe");
    assert_eq!(said[0]["order"]["report_url"], Value::Null);
    assert!(!vendor.advance("nobody", "complete", None, START));
}

#[test]
fn an_order_that_was_advanced_no_longer_moves_by_itself() {
    let mut vendor = Sandbox::default();
    place(&mut vendor, "Reyes");
    vendor.advance("ref-1", "on_hold", None, START);
    assert_eq!(acknowledged(&mut vendor, START + 9_000).len(), 1);
    assert_eq!(vendor.orders()[0].status, "on_hold");
}

#[test]
fn every_attempt_is_signed_with_its_own_time() {
    let mut vendor = Sandbox::default();
    place(&mut vendor, "Reyes");
    for at in [START + 500, START + 1_500] {
        let outgoing = vendor.due(at).remove(0);
        let check = |secret, now| believed(&outgoing, &proof(), secret, now);
        assert_eq!(outgoing.url, "https://gateway.example/callbacks/1");
        assert_eq!(check("sandbox-callback-secret", at), Ok(()));
        let stamp = format!("t={},v1=", at / 1_000);
        assert!(outgoing.headers[0].1.starts_with(&stamp));
        assert_eq!(check("other", at), Err(Forged::Mismatch));
        assert_eq!(
            check("sandbox-callback-secret", at + 302_000),
            Err(Forged::Stale)
        );
        vendor.answered(outgoing.id, None, b"", at);
    }
}

#[test]
fn a_callback_under_way_is_not_handed_out_again() {
    let mut vendor = manual();
    place(&mut vendor, "Reyes");
    vendor.advance("ref-1", "on_hold", None, START);
    assert_eq!(vendor.due(START).len(), 1);
    assert!(vendor.due(START + 1_000_000).is_empty());
}

#[test]
fn an_unacknowledged_callback_is_tried_ten_times() {
    let mut vendor = manual();
    place(&mut vendor, "Reyes");
    vendor.advance("ref-1", "on_hold", None, START);
    let seconds: Vec<_> = attempts(&mut vendor, START, 1_000)
        .iter()
        .map(|at| at / 1_000)
        .collect();
    assert_eq!(seconds, [0, 1, 6, 36, 96, 156, 216, 276, 336, 396]);
}

#[test]
fn a_fault_after_acting_leaves_an_order_and_a_fault_before_does_not() {
    for (kind, status, manner, orders) in strikes(201, 401) {
        let mut vendor = manual();
        vendor.fault(fault(kind, 1));
        let request = placing("key-1", &order("Reyes"));
        let response = vendor.handle(&request, START);
        let seen = (response.status, response.manner, vendor.orders().len());
        assert_eq!(seen, (status, manner, orders), "{kind:?}");
        let retry_after = response.header("retry-after");
        assert_eq!(retry_after.is_some(), kind == FaultKind::Unavailable);
        let again = vendor.handle(&request, START + 5_000);
        assert_eq!((again.status, vendor.orders().len()), (201, 1), "{kind:?}");
    }
}

#[test]
fn mute_swallows_a_callback_and_stutter_doubles_it() {
    let mut vendor = manual();
    place(&mut vendor, "Reyes");
    vendor.fault(fault(FaultKind::Mute, 1));
    vendor.fault(fault(FaultKind::Stutter, 1));
    let mut said = |status| {
        vendor.advance("ref-1", status, None, START);
        acknowledged(&mut vendor, START)
    };
    assert_eq!(said("on_hold").len(), 0);
    let twice = said("in_progress");
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0], twice[1]);
    assert_eq!(said("complete").len(), 1);
}

#[test]
fn an_invisible_order_is_hidden_from_look_ups_for_thirty_seconds() {
    let mut vendor = manual();
    place(&mut vendor, "Reyes");
    vendor.fault(fault(FaultKind::Invisible, 0));
    let mut found = |after| {
        let (_, body) = vendor
            .handle(&get("/orders?reference=ref-1"), START + after)
            .read();
        body["orders"].as_array().unwrap().len()
    };
    assert_eq!([found(0), found(29_999), found(30_000)], [0, 0, 1]);
    let by_id = vendor.handle(&get("/orders/sbx_00000001"), START);
    assert_eq!(by_id.status, 200);
}
