//! How callbacks travel, and what stands in them.

use super::*;

#[test]
fn a_callback_carries_the_whole_person_in_other_forms_than_requests() {
    let mut vendor = manual();
    let candidate = created(&mut vendor, &whole_person());
    post(&mut vendor, "/screenings", &wanted(&candidate));
    vendor.advance("ord_01HX2", "Complete", Some("Clear"), START);
    let outgoing = vendor.due(START).remove(0);
    assert_eq!(outgoing.url, HOOK);
    let names: Vec<_> = outgoing.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["content-type"], "nothing is signed");
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    assert_eq!(body["type"], "screening");
    let payload = &body["payload"];
    assert_eq!(
        (&payload["status"], &payload["result"]),
        (&json!("Complete"), &json!("Clear"))
    );
    let person = &payload["candidate"];
    assert_eq!(
        (&person["ssn"], &person["phone"]),
        (&json!("123456789"), &json!("12065550123"))
    );
    let address = &person["address"];
    assert_eq!(
        (&address["regionCode"], &address["countryCode"]),
        (&json!("WA"), &json!("USA"))
    );
    assert_eq!(address["validFrom"], "0001-01-01T00:00:00");
}

#[test]
fn credentials_that_the_order_gave_come_back_with_its_callbacks() {
    let mut vendor = manual();
    let candidate = created(&mut vendor, &person());
    let mut body = wanted(&candidate);
    body["callback"]["credentials"] = json!({"basicAuth": "user:password"});
    post(&mut vendor, "/screenings", &body);
    vendor.advance("ord_01HX2", "Pending", Some("Pending"), START);
    let outgoing = vendor.due(START).remove(0);
    let expected = (
        "authorization".to_owned(),
        "Basic dXNlcjpwYXNzd29yZA==".to_owned(),
    );
    assert!(outgoing.headers.contains(&expected));
}

#[test]
fn only_200_is_an_acknowledgement_and_there_are_ten_attempts_in_all() {
    let mut vendor = manual();
    placed(&mut vendor);
    vendor.advance("ord_01HX2", "Pending", Some("Pending"), START);
    let minutes: Vec<_> = attempts(&mut vendor, START, 60_000)
        .iter()
        .map(|at| at / 60_000)
        .collect();
    let expected: Vec<_> = (0..10).map(|nth| 15 * nth).collect();
    assert_eq!(minutes, expected);
    for (status, retried) in [(200, 0), (202, 1), (204, 1), (500, 1)] {
        let mut vendor = manual();
        placed(&mut vendor);
        vendor.advance("ord_01HX2", "Pending", Some("Pending"), START);
        let id = vendor.due(START)[0].id;
        vendor.answered(id, Some(status), b"", START);
        assert_eq!(vendor.due(START + HOUR).len(), retried, "{status}");
    }
}

#[test]
fn callbacks_may_come_of_another_type_doubled_dropped_and_reordered() {
    let mut vendor = with(|account| account.reorder = true);
    placed(&mut vendor);
    vendor.advance("ord_01HX2", "type=subscription", None, START);
    vendor.fault(fault(FaultKind::Mute, 1));
    vendor.advance("ord_01HX2", "Draft", None, START);
    vendor.fault(fault(FaultKind::Stutter, 1));
    vendor.advance("ord_01HX2", "Pending", Some("Pending"), START);
    let mut said = Vec::new();
    for outgoing in vendor.due(START) {
        let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
        said.push((body["type"].clone(), body["payload"]["status"].clone()));
        vendor.answered(outgoing.id, Some(200), b"", START);
    }
    let pending = (json!("screening"), json!("Pending"));
    let other = (json!("subscription"), json!("PreDraft"));
    assert_eq!(said, [pending.clone(), pending, other]);
}

#[test]
fn an_order_without_an_address_is_announced_to_nobody() {
    let mut vendor = Sterling::default();
    let candidate = created(&mut vendor, &person());
    let mut body = wanted(&candidate);
    body.as_object_mut().unwrap().remove("callback");
    assert_eq!(post(&mut vendor, "/screenings", &body).0, 201);
    assert!(acknowledged(&mut vendor, START + HOUR).is_empty());
    assert_eq!(vendor.orders()[0].status, "Complete");
}
