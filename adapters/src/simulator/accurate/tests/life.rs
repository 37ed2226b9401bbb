//! What becomes of an order, and what is told of it.

use super::*;

#[test]
fn an_ordinary_order_is_announced_at_each_change_and_meets_requirements() {
    let mut vendor = Accurate::default();
    vendor.set_callback_url(HOOK);
    placed(&mut vendor);
    let seen: Vec<_> = events(&mut vendor)
        .iter()
        .map(|event| {
            let info = &event["eventInfo"];
            let word = |name: &str| info[name].as_str().unwrap().to_owned();
            [
                word("orderStatus"),
                word("percentageComplete"),
                word("orderResult"),
            ]
            .join(" ")
        })
        .collect();
    let expected = [
        "PENDING 0 PENDING",
        "PENDING 10 PENDING",
        "PENDING 50 PENDING",
        "COMPLETE 100 MEETS REQUIREMENTS",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn an_event_names_its_order_and_proves_nothing() {
    let mut vendor = manual();
    let order = placed(&mut vendor);
    let outgoing = vendor.due(START).remove(0);
    let headers: Vec<_> = outgoing
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(headers, ["content-type"]);
    let event: Value = serde_json::from_slice(&outgoing.body).unwrap();
    assert_eq!(event["eventType"], "ORDER_STATUS_CHANGE");
    assert_eq!(event["created"], "2026-02-01T10:00:02Z");
    assert_eq!(event["eventInfo"]["orderId"], order["id"]);
    assert_eq!(event["eventInfo"]["referenceCodes"], json!(["ord-9d2e"]));
}

#[test]
fn the_sandbox_announces_nothing() {
    let mut vendor = with(|account| account.is_sandbox = true);
    placed(&mut vendor);
    assert!(vendor.advance("ord-9d2e", "COMPLETE", None, START));
    assert!(events(&mut vendor).is_empty());
    assert_eq!(read(&mut vendor)["status"], "COMPLETE");
}

#[test]
fn without_scoring_a_finished_order_has_no_result() {
    let mut vendor = with(|account| account.good_result = None);
    placed(&mut vendor);
    vendor.advance("ord-9d2e", "COMPLETE", None, START);
    let order = read(&mut vendor);
    assert_eq!(
        (&order["status"], &order["result"]),
        (&json!("COMPLETE"), &json!(""))
    );
    assert_eq!(order["percentageComplete"], "100");
}

#[test]
fn an_account_has_its_own_word_for_a_good_result() {
    let mut vendor = with(|account| account.good_result = Some("GREEN LIGHT".into()));
    placed(&mut vendor);
    vendor.advance("ord-9d2e", "COMPLETE", None, START);
    assert_eq!(vendor.orders()[0].result.as_deref(), Some("GREEN LIGHT"));
}

#[test]
fn with_the_duplicate_check_an_order_sent_twice_is_answered_with_the_old_one() {
    let mut vendor = with(|account| account.duplicate_check = true);
    let first = placed(&mut vendor);
    vendor.advance("ord-9d2e", "COMPLETE", None, START);
    let mut again = |now, package: &str, code: &str| {
        let candidate = created(&mut vendor);
        let mut body = wanted(&candidate);
        body["packageType"] = json!(package);
        body["referenceCodes"] = json!([code]);
        vendor.handle(&post("/order", &body), now).read().1
    };
    let old = again(START + 30 * DAY - 1, "PKG_BASIC", "ord-9d2e");
    assert_eq!(
        (&old["id"], &old["status"]),
        (&first["id"], &json!("COMPLETE"))
    );
    assert_eq!(old["candidateId"], first["candidateId"]);
    assert_ne!(again(START, "PKG_EMPTY", "ord-9d2e")["id"], first["id"]);
    assert_ne!(again(START, "PKG_BASIC", "ord-another")["id"], first["id"]);
    assert_ne!(
        again(START + 30 * DAY, "PKG_BASIC", "ord-9d2e")["id"],
        first["id"]
    );
}

#[test]
fn without_the_duplicate_check_an_order_sent_twice_is_two_orders() {
    let mut vendor = manual();
    placed(&mut vendor);
    placed(&mut vendor);
    assert_eq!(vendor.orders().len(), 2);
}

#[test]
fn a_cancelled_order_can_be_taken_up_again() {
    let mut vendor = manual();
    let id = placed(&mut vendor)["id"].as_str().unwrap().to_owned();
    let again = post(&format!("/order/{id}/reinitiate"), &json!({}));
    assert_eq!(answer(&mut vendor, &again).0, 400);
    vendor.advance(&id, "CANCELLED", None, START);
    assert_eq!(read(&mut vendor)["result"], "CANCELLED");
    assert_eq!(answer(&mut vendor, &again).1["status"], "PENDING");
}

#[test]
fn a_finished_order_has_a_report_that_is_a_page_in_base64() {
    for quoted in [false, true] {
        let mut vendor = with(|account| account.quoted_reports = quoted);
        placed(&mut vendor);
        assert_eq!(read(&mut vendor)["reports"], json!([]));
        vendor.advance("ord-9d2e", "COMPLETE", None, START);
        let path = read(&mut vendor)["reports"][0].as_str().unwrap().to_owned();
        let response = vendor.handle(&get(&path), START);
        let text = String::from_utf8(response.body).unwrap();
        assert_eq!(text.starts_with('"'), quoted);
        let page = BASE64.decode(text.trim_matches('"')).unwrap();
        assert!(page.starts_with(b"<!DOCTYPE html>"));
        assert_eq!(
            answer(&mut vendor, &get("/report/65f0c0ffee4e00000000ffff")).0,
            404
        );
    }
}

#[test]
fn the_applicants_link_can_be_read_and_sent_again() {
    let mut vendor = manual();
    let id = placed(&mut vendor)["id"].as_str().unwrap().to_owned();
    let (_, link) = answer(&mut vendor, &get(&format!("/order/{id}/invitation-link")));
    assert!(
        link["invitationLink"]
            .as_str()
            .unwrap()
            .starts_with("https://")
    );
    let again = post(&format!("/order/{id}/invitation"), &json!({}));
    assert_eq!(answer(&mut vendor, &again).0, 200);
}

#[test]
fn control_says_any_word_and_reads_percentages() {
    let mut vendor = manual();
    let id = placed(&mut vendor)["id"].as_str().unwrap().to_owned();
    assert!(vendor.advance(&id, "PENDING%40", None, START));
    assert_eq!(read(&mut vendor)["percentageComplete"], "40");
    assert!(vendor.advance(&id, "GREMLINS", Some("null"), START));
    let order = read(&mut vendor);
    assert_eq!(
        (&order["status"], &order["result"]),
        (&json!("GREMLINS"), &Value::Null)
    );
    assert!(!vendor.advance(&id, "PENDING%101", None, START));
    assert!(!vendor.advance("nobody", "COMPLETE", None, START));
}

#[test]
fn an_event_that_nobody_takes_is_lost_and_may_be_doubled_or_dropped() {
    let mut vendor = manual();
    placed(&mut vendor);
    let lost = vendor.due(START).remove(0);
    vendor.answered(lost.id, Some(500), b"", START);
    assert!(vendor.due(START + 30 * DAY).is_empty());
    vendor.fault(fault(FaultKind::Mute, 1));
    vendor.advance("ord-9d2e", "COMPLETE", None, START);
    assert!(events(&mut vendor).is_empty());
    vendor.fault(fault(FaultKind::Stutter, 1));
    vendor.advance("ord-9d2e", "COMPLETE", None, START);
    assert_eq!(events(&mut vendor).len(), 2);
}

#[test]
fn two_instances_that_are_asked_the_same_say_the_same() {
    let [one, other] = [(); 2].map(|()| {
        let mut vendor = Accurate::default();
        vendor.set_callback_url(HOOK);
        placed(&mut vendor);
        events(&mut vendor)
    });
    assert_eq!(one.len(), 4);
    assert_eq!(one, other);
}
