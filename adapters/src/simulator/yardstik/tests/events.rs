//! What is announced, to whom, and how it travels.

use super::*;

#[test]
fn an_ordinary_run_announces_its_changes_by_their_verbs_alone() {
    let mut vendor = with(|account| account.pace = Pace::default());
    placed(&mut vendor);
    let first = ["candidate created -", "report created created"];
    assert_eq!(events(&mut vendor, START + 499), first);
    assert_eq!(
        events(&mut vendor, START + 500),
        ["report submitted processing"]
    );
    assert_eq!(
        events(&mut vendor, START + 1_500),
        ["report completed clear"]
    );
    assert!(events(&mut vendor, START + DAY).is_empty());
    assert_eq!(vendor.orders()[0].status, "clear");
}

#[test]
fn an_event_has_an_id_of_its_own_and_perhaps_the_external_id() {
    for echoes in [true, false] {
        let mut vendor = with(|account| account.echoes_external_id = echoes);
        placed(&mut vendor);
        events(&mut vendor, START);
        vendor.advance("ord_01HX2", "consider", None, START);
        let event = super::super::super::testing::acknowledged(&mut vendor, START).remove(0);
        let report = vendor.orders()[0].id.clone();
        assert_eq!(event["resource_id"], report);
        assert_ne!(event["id"], report);
        let members = event.as_object().unwrap();
        assert_eq!(members.contains_key("external_id"), echoes);
        assert_eq!(
            (&event["event"], &event["status"]),
            (&json!("completed"), &json!("consider"))
        );
        assert_eq!(event.get("result"), None);
    }
}

#[test]
fn each_type_of_event_needs_a_webhook_of_its_own() {
    let mut vendor = Yardstik::new(Account {
        pace: Pace::manual(),
        ..Account::default()
    });
    let types = get(&mut vendor, "/webhook_types").1;
    let completed = types
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "report.completed");
    let body = json!({"url": HOOK, "webhook_type_id": completed.unwrap()["id"]});
    let (status, webhook) = post(&mut vendor, "/webhooks", &body);
    assert_eq!(status, 201);
    placed(&mut vendor);
    vendor.advance("ord_01HX2", "processing", None, START);
    assert!(events(&mut vendor, START).is_empty());
    vendor.advance("ord_01HX2", "clear", None, START);
    assert_eq!(events(&mut vendor, START), ["report completed clear"]);
    let path = format!("/webhooks/{}", webhook["id"].as_str().unwrap());
    answer(&mut vendor, "PATCH", &path, &json!({"enabled": false}));
    assert_eq!(get(&mut vendor, &path).1["enabled"], false);
    vendor.advance("ord_01HX2", "processing", None, START);
    vendor.advance("ord_01HX2", "clear", None, START);
    assert!(events(&mut vendor, START).is_empty());
    assert_eq!(get(&mut vendor, "/webhooks").1.as_array().unwrap().len(), 1);
    let unknown = json!({"url": HOOK, "webhook_type_id": "none"});
    assert_eq!(post(&mut vendor, "/webhooks", &unknown).0, 422);
}

#[test]
fn an_event_is_signed_with_the_key_of_that_name_where_there_is_one() {
    // Known answer: Yardstik, section 6.
    assert_eq!(
        hmac_sha256_hex(b"ys-secret", &[br#"{"id":"evt-1","event":"updated"}"#]),
        "d9a4009dd1a795013d58eee2f850070348e312468650d3ed7b8137896be7f6c1"
    );
    let proof = Proof::HmacBody(Signature::of_body(
        "x-yardstik-webhook-signature",
        "",
        "webhook_signature",
    ));
    let mut vendor = manual();
    placed(&mut vendor);
    let mut outgoing = vendor.due(START).remove(0);
    assert_eq!(believed(&outgoing, &proof, "ys-secret", START), Ok(()));
    outgoing.body[9] ^= 1;
    assert_eq!(
        believed(&outgoing, &proof, "ys-secret", START),
        Err(Forged::Mismatch)
    );
    let mut unsigned = with(|account| account.webhook_signature = None);
    placed(&mut unsigned);
    let outgoing = unsigned.due(START).remove(0);
    assert_eq!(
        believed(&outgoing, &proof, "ys-secret", START),
        Err(Forged::Missing)
    );
}

#[test]
fn monitoring_gives_the_candidate_a_second_report_of_the_same_type() {
    let mut vendor = manual();
    placed(&mut vendor);
    vendor.advance("ord_01HX2", "clear", None, START);
    events(&mut vendor, START);
    assert!(vendor.advance("ord_01HX2", "monitoring=consider", None, START));
    assert_eq!(events(&mut vendor, START), ["report completed consider"]);
    assert_eq!(vendor.orders().len(), 1, "it is nobody's order");
    assert_eq!(vendor.orders()[0].status, "clear");
}

#[test]
fn an_unacknowledged_event_is_tried_again_and_events_may_come_doubled_or_never() {
    let mut vendor = manual();
    placed(&mut vendor);
    events(&mut vendor, START);
    vendor.advance("ord_01HX2", "processing", None, START);
    let minutes: Vec<_> = attempts(&mut vendor, START, 60_000)
        .iter()
        .map(|at| at / 60_000)
        .collect();
    assert_eq!(minutes, [0, 5, 10, 15]);
    vendor.fault(fault(FaultKind::Stutter, 1));
    vendor.advance("ord_01HX2", "on_hold", None, START);
    assert_eq!(events(&mut vendor, START).len(), 2);
    vendor.fault(fault(FaultKind::Mute, 1));
    vendor.advance("ord_01HX2", "clear", None, START);
    assert!(events(&mut vendor, START).is_empty());
}

#[test]
fn an_order_is_known_by_its_ids_and_takes_any_words() {
    let mut vendor = manual();
    let invitation = placed(&mut vendor);
    let ids = [
        &invitation["id"],
        &invitation["report"]["id"],
        &json!("ord_01HX2"),
    ];
    for id in ids {
        let id = id.as_str().unwrap();
        assert!(vendor.advance(id, "gremlins", Some("odd"), START), "{id}");
    }
    assert!(!vendor.advance("none", "clear", None, START));
    let shown = report(&mut vendor);
    assert_eq!(
        (&shown["status"], &shown["adjudication"]),
        (&json!("gremlins"), &json!("odd"))
    );
}
