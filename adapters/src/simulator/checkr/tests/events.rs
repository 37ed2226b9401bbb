//! How events travel.

use super::*;

/// The one callback of a vendor whose order has just expired.
fn event_of(vendor: &mut Checkr) -> (Outgoing, Value) {
    placed(vendor);
    events(vendor);
    vendor.advance("ord_01HX2", "completed", None, START);
    let outgoing = vendor.due(START).remove(1);
    let body = serde_json::from_slice(&outgoing.body).unwrap();
    (outgoing, body)
}

#[test]
fn an_event_is_signed_with_the_api_key_over_its_compact_body() {
    let mut vendor = manual();
    let (mut outgoing, body) = event_of(&mut vendor);
    assert_eq!(outgoing.body, body.to_string().into_bytes());
    let headers = outgoing.headers.clone();
    let header = |name: &str| {
        let found = headers.iter().find(|(key, _)| key == name);
        found.unwrap().1.as_str()
    };
    assert_eq!(header("User-Agent"), "Checkr-Webhook/sim");
    assert_eq!(header("X-Checkr-Signature").len(), 64);
    assert_eq!(
        believed(&outgoing, &proof(), "checkr-test-key", START),
        Ok(())
    );
    let other = believed(&outgoing, &proof(), "other", START);
    assert_eq!(other, Err(Forged::Mismatch));
    outgoing.body[9] ^= 1;
    let flipped = believed(&outgoing, &proof(), "checkr-test-key", START);
    assert_eq!(flipped, Err(Forged::Mismatch));
}

#[test]
fn an_event_carries_its_object_as_it_is() {
    let mut vendor = manual();
    let (_, event) = event_of(&mut vendor);
    let expected = json!({
        "id": event["id"], "object": "event", "type": "report.created",
        "created_at": "2026-02-01T10:00:02Z", "webhook_url": HOOK,
        "data": {"object": report(&mut vendor)},
        "account_id": "acc000000000000000000001",
    });
    assert_eq!(event, expected);
}

#[test]
fn an_account_may_leave_the_object_and_its_own_id_out_of_events() {
    let mut vendor = with(|account| {
        account.webhooks.include_object = false;
        account.webhooks.account_id = false;
    });
    let (_, event) = event_of(&mut vendor);
    assert_eq!(event.get("account_id"), None);
    let id = event["data"]["object"]["id"].as_str().unwrap();
    let expected = json!({"id": id, "object": "report", "uri": format!("/v1/reports/{id}")});
    assert_eq!(event["data"]["object"], expected);
}

#[test]
fn an_account_in_test_mode_calls_a_report_a_test_report() {
    let mut vendor = with(|account| account.test_names = true);
    let (_, event) = event_of(&mut vendor);
    assert_eq!(event["data"]["object"]["object"], "test_report");
    let (_, packages) = answer(&mut vendor, &get("/v1/packages"));
    assert_eq!(packages["data"][0]["object"], "test_package");
    assert_eq!(packages["object"], "list");
}

#[test]
fn events_may_come_doubled_dropped_and_reordered() {
    let mut vendor = with(|account| account.webhooks.reorder = true);
    placed(&mut vendor);
    vendor.fault(fault(FaultKind::Mute, 1));
    assert_eq!(moved(&mut vendor, "expired", None), [""; 0]);
    vendor.fault(fault(FaultKind::Stutter, 1));
    let twice = [
        "report.created",
        "invitation.completed",
        "invitation.completed",
    ];
    assert_eq!(moved(&mut vendor, "completed", None), twice);
}

#[test]
fn without_a_webhook_nothing_is_announced() {
    let mut vendor = Checkr::default();
    placed(&mut vendor);
    assert!(vendor.due(START + DAY).is_empty());
    assert_eq!(vendor.orders()[0].status, "complete");
}

#[test]
fn an_unacknowledged_event_is_tried_each_minute_and_then_each_hour_for_a_day() {
    let mut vendor = manual();
    placed(&mut vendor);
    events(&mut vendor);
    vendor.advance("ord_01HX2", "expired", None, START);
    let minutes: Vec<_> = attempts(&mut vendor, START, 60_000)
        .iter()
        .map(|at| at / 60_000)
        .collect();
    let expected: Vec<_> = (0..=10)
        .chain((1..=24).map(|hour| 10 + 60 * hour))
        .collect();
    assert_eq!(minutes, expected);
}
