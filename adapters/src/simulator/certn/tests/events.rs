//! The challenge, what is announced, and how it travels.

use super::*;

fn kinds(events: &[Value]) -> Vec<&str> {
    let kinds = events.iter().map(|event| event["event_type"].as_str());
    kinds.map(Option::unwrap_or_default).collect()
}

#[test]
fn nothing_is_delivered_to_an_address_that_does_not_echo_the_challenge() {
    let answers: [(Option<u16>, &[u8]); 4] = [
        (Some(404), b"certn-challenge-7f3a"),
        (Some(200), b"ok"),
        (Some(204), b""),
        (None, b""),
    ];
    for (status, body) in answers {
        let mut vendor = Certn::default();
        vendor.set_callback_url(HOOK);
        let challenge = vendor.due(START).remove(0);
        assert_eq!(challenge.method, "GET");
        assert_eq!(
            challenge.url,
            format!("{HOOK}?challenge=certn-challenge-7f3a")
        );
        vendor.answered(challenge.id, status, body, START);
        placed(&mut vendor);
        assert!(vendor.due(START + DAY).is_empty(), "{status:?}");
        vendor.set_callback_url(HOOK);
        assert_eq!(
            vendor.due(START + DAY)[0].method,
            "GET",
            "it may be set again"
        );
    }
}

#[test]
fn an_ordinary_run_announces_its_changes_and_checks_share_the_address() {
    let mut vendor = with(|account| account.pace = Pace::default());
    let id = placed(&mut vendor);
    let said = events(&mut vendor, START + 500);
    let expected = json!({
        "id": "e50b8c4f-9a95-40a0-886a-000000000001", "event_type": "CASE_STATUS_CHANGED",
        "object_id": id, "object_type": "CASE",
    });
    assert_eq!(said, [expected]);
    assert_eq!(
        kinds(&events(&mut vendor, START + 1_000)),
        ["CASE_STATUS_CHANGED"]
    );
    let last = events(&mut vendor, START + 1_500);
    assert_eq!(
        kinds(&last),
        ["CHECK_STATUS_CHANGED", "CASE_STATUS_CHANGED"]
    );
    assert_ne!(last[0]["object_id"], id);
    let held = vendor.orders().remove(0);
    assert_eq!(
        (held.status.as_str(), held.result.as_deref()),
        ("COMPLETE", Some("CLEAR"))
    );
}

#[test]
fn a_score_may_come_after_the_status_and_is_told_by_nothing() {
    let mut vendor = with(|account| {
        account.pace = Pace::default();
        account.score_lags = true;
    });
    placed(&mut vendor);
    events(&mut vendor, START + 1_500);
    assert_eq!(vendor.orders()[0].result, None);
    assert!(events(&mut vendor, START + DAY).is_empty());
    assert_eq!(vendor.orders()[0].result.as_deref(), Some("CLEAR"));
}

#[test]
fn an_event_may_come_in_the_form_that_implementers_handle() {
    let mut vendor = with(|account| account.events = EventForm::Implemented);
    placed(&mut vendor);
    vendor.advance(EMAIL, "IN_PROGRESS", None, START);
    let event = events(&mut vendor, START).remove(0);
    assert_eq!(event["event_id"], "e50b8c4f-9a95-40a0-886a-000000000001");
    assert_eq!(event["case_status"], "IN_PROGRESS");
    assert_eq!(event.get("id"), None);
}

#[test]
fn a_report_that_is_ready_is_announced_once_by_its_case() {
    let mut vendor = manual();
    let id = placed(&mut vendor);
    vendor.advance(&id, "COMPLETE", Some("REVIEW"), START);
    events(&mut vendor, START);
    post(&mut vendor, &format!("{id}/generate-report/"), &json!({}));
    assert!(events(&mut vendor, START + 999).is_empty());
    let said = events(&mut vendor, START + 1_000);
    assert_eq!(kinds(&said), ["CASE_REPORT_READY"]);
    assert_eq!(said[0]["object_id"], id);
    assert!(events(&mut vendor, START + DAY).is_empty());
}

#[test]
fn an_event_is_signed_over_its_raw_body_with_or_without_a_prefix() {
    // Known answer: Certn, section 6.
    let body = br#"{"event_type":"CASE_STATUS_CHANGED","object_id":"c1"}"#;
    assert_eq!(
        hmac_sha256_hex(b"certn-secret", &[body]),
        "01423651713553fe4b74a9dded1a7f017e21c4b8c855f66ec78f7a1b043bb4fb"
    );
    let proof = Proof::HmacBody(Signature::of_body(
        "x-signature",
        "sha256=",
        "webhook_secret",
    ));
    for prefix in ["", "sha256="] {
        let mut vendor = with(|account| account.signature_prefix = prefix);
        placed(&mut vendor);
        vendor.advance(EMAIL, "IN_PROGRESS", None, START);
        let mut outgoing = vendor.due(START).remove(0);
        assert_eq!(believed(&outgoing, &proof, "certn-secret", START), Ok(()));
        let other = believed(&outgoing, &proof, "other", START);
        assert_eq!(other, Err(Forged::Mismatch));
        outgoing.body[9] ^= 1;
        let flipped = believed(&outgoing, &proof, "certn-secret", START);
        assert_eq!(flipped, Err(Forged::Mismatch));
    }
}

#[test]
fn an_unacknowledged_event_is_tried_again_and_events_may_come_doubled_or_never() {
    let mut vendor = manual();
    placed(&mut vendor);
    vendor.advance(EMAIL, "IN_PROGRESS", None, START);
    assert_eq!(
        attempts(&mut vendor, START, 60_000),
        [0, 60_000, 120_000, 180_000]
    );
    vendor.fault(fault(FaultKind::Stutter, 1));
    vendor.advance(EMAIL, "APPLICANT_ACTION_REQUIRED", None, START);
    assert_eq!(events(&mut vendor, START).len(), 2);
    vendor.fault(fault(FaultKind::Mute, 1));
    vendor.advance(EMAIL, "APPLICANT_EXPIRED", None, START);
    assert!(events(&mut vendor, START).is_empty());
}

#[test]
fn words_that_cannot_be_read_and_cases_that_are_not_there_change_nothing() {
    let mut vendor = manual();
    let id = placed(&mut vendor);
    assert!(!vendor.advance(&id, "COMPLETE", Some("CLEAR+fast"), START));
    assert!(!vendor.advance("none", "COMPLETE", Some("CLEAR"), START));
    assert!(vendor.advance(
        "C70000",
        "COMPLETE",
        Some("CLEAR+adjudication=REJECT"),
        START
    ));
    let (_, case) = get(&mut vendor, &format!("{id}/"));
    assert_eq!(case["overall_score"], "CLEAR");
    assert_eq!(case["checks"][0]["adjudication_score"], "REJECT");
}
