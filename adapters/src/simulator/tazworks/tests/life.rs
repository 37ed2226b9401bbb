//! What becomes of an order, and what is told of it.

use super::*;
use crate::callback::{Forged, Proof};

#[test]
fn a_hosted_order_is_complete_and_clear_after_a_second_and_a_half() {
    let mut vendor = Tazworks::default();
    placed(&mut vendor);
    let mut status = |after| {
        vendor.due(START + after);
        vendor.orders()[0].status.clone()
    };
    let lived = [0, 500, 1_000, 1_500].map(&mut status);
    assert_eq!(lived, ["app-pending", "app-ready", "pending", "complete"]);
    assert_eq!(vendor.orders()[0].result.as_deref(), Some("clear"));
}

#[test]
fn an_order_with_the_whole_person_runs_at_once() {
    let mut vendor = manual();
    let mut whole = person();
    whole["ssn"] = json!("333-22-1111");
    whole["dateOfBirth"] = json!("1990-01-31");
    let applicant = created(&mut vendor, &whole);
    let address = json!({
        "addressType": "DOMESTIC", "streetOne": "1 Main St", "city": "Austin",
        "stateOrProvince": "TX", "postalCode": "78701", "country": "US",
    });
    answer(
        &mut vendor,
        &post(&format!("/applicants/{applicant}/addresses"), &address),
    );
    let mut body = wanted(&applicant);
    body["useQuickApp"] = json!(false);
    let (status, shown) = answer(&mut vendor, &post("/orders", &body));
    assert_eq!((status, &shown["orderStatus"]), (201, &json!("new")));
    assert_eq!(shown.get("quickappApplicantLink"), None);
    assert!(vendor.advance("gw-42-a1", "complete", None, START));
    assert_eq!(vendor.orders()[0].result.as_deref(), Some("flagged"));
}

#[test]
fn a_person_with_records_is_flagged_and_only_at_the_end() {
    let mut vendor = manual();
    let hank = json!({"firstName": "Hank", "lastName": "Mess", "email": "hank@example.com"});
    let applicant = created(&mut vendor, &hank);
    answer(&mut vendor, &post("/orders", &wanted(&applicant)));
    assert!(vendor.advance("gw-42-a1", "pending", None, START));
    assert_eq!(detail(&mut vendor)["searchFlagged"], false);
    assert!(vendor.advance("gw-42-a1", "complete", None, START));
    assert_eq!(detail(&mut vendor)["searchFlagged"], true);
    assert_eq!(detail(&mut vendor)["completedDate"], START);
}

#[test]
fn links_stand_in_the_status_and_the_flag_does_not() {
    let mut vendor = manual();
    let id = placed(&mut vendor)["orderGuid"]
        .as_str()
        .unwrap()
        .to_owned();
    let status = |vendor: &mut Tazworks| answer(vendor, &get(&format!("/orders/{id}/status"))).1;
    assert_eq!(status(&mut vendor)["orderDetail"].get("reportUrl"), None);
    vendor.advance("gw-42-a1", "complete", None, START);
    let shown = status(&mut vendor);
    let portal = "https://lightning.instascreen.net/editor/viewReport.taz?file=100201";
    assert_eq!(shown["orderDetail"]["reportUrlLoginRequired"], portal);
    assert_eq!(shown["orderDetail"].get("searchFlagged"), None);
}

#[test]
fn a_pdf_before_the_end_is_a_400() {
    let mut vendor = manual();
    let id = placed(&mut vendor)["orderGuid"]
        .as_str()
        .unwrap()
        .to_owned();
    let (status, refused) = answer(&mut vendor, &get(&format!("/orders/{id}/resultsAsPdf")));
    let text = "Report results are not available for orders in app-pending status.";
    let expected = json!({"code": "VALIDATION_EXCEPTION", "message": text});
    assert_eq!((status, refused), (400, expected));
    vendor.advance("gw-42-a1", "complete", None, START);
    let (status, shown) = answer(&mut vendor, &get(&format!("/orders/{id}/resultsAsPdf")));
    assert_eq!(status, 200);
    assert!(
        shown["resultsUrl"]
            .as_str()
            .unwrap()
            .ends_with("&format=pdf")
    );
}

#[test]
fn an_event_has_the_shape_of_live_posts_and_no_status() {
    let mut vendor = manual();
    let order = placed(&mut vendor)["orderGuid"].clone();
    vendor.advance("gw-42-a1", "complete", None, START + 5);
    let sent = events(&mut vendor);
    assert_eq!(
        names(&sent),
        ["order.created", "order.search.completed", "order.completed"]
    );
    let path = format!(
        "/clients/a8000000-0000-4000-8000-000000000001/orders/{}",
        order.as_str().unwrap()
    );
    let expected = json!({
        "version": 1, "resourceGuid": order, "event": "order.completed", "resourcePath": path,
        "timestamp": START + 5, "instanceGuid": "a9000000-0000-4000-8000-000000000001",
        "baseClientGuid": "a8000000-0000-4000-8000-000000000001",
        "externalIdentifier": "gw-42-a1",
    });
    assert_eq!(sent[2], expected);
    assert_ne!(sent[1]["resourceGuid"], order);
    assert_eq!(sent[1]["externalIdentifier"], Value::Null);
}

#[test]
fn nothing_is_told_of_the_form() {
    let mut vendor = manual();
    placed(&mut vendor);
    events(&mut vendor);
    for status in [
        "app-ready",
        "draft",
        "client message",
        "internal-error",
        "gremlins",
    ] {
        assert!(vendor.advance("gw-42-a1", status, None, START));
    }
    assert!(events(&mut vendor).is_empty());
    assert!(vendor.advance("gw-42-a1", "canceled", None, START));
    assert_eq!(names(&events(&mut vendor)), ["order.canceled"]);
}

#[test]
fn an_event_is_proved_by_a_header_that_is_always_the_same() {
    let mut vendor = with(|account| account.seconds = true);
    placed(&mut vendor);
    let outgoing = vendor.due(START).remove(0);
    let proof = Proof::HeaderEquals {
        header: "authorization".into(),
        secret: "webhook_authorization".into(),
    };
    assert_eq!(
        believed(&outgoing, &proof, "tazworks-test-webhook", START),
        Ok(())
    );
    assert_eq!(
        believed(&outgoing, &proof, "other", START),
        Err(Forged::Mismatch)
    );
    let event: Value = serde_json::from_slice(&outgoing.body).unwrap();
    assert_eq!(event["timestamp"], START / 1_000);
}

#[test]
fn an_event_that_nobody_takes_is_lost_and_may_be_doubled_or_dropped() {
    let mut vendor = manual();
    placed(&mut vendor);
    let lost = vendor.due(START).remove(0);
    vendor.answered(lost.id, Some(500), b"", START);
    assert!(vendor.due(START + 30 * DAY).is_empty());
    vendor.fault(fault(FaultKind::Mute, 1));
    vendor.advance("gw-42-a1", "canceled", None, START);
    assert!(events(&mut vendor).is_empty());
    vendor.fault(fault(FaultKind::Stutter, 1));
    vendor.advance("gw-42-a1", "canceled", None, START);
    assert_eq!(events(&mut vendor).len(), 2);
}

#[test]
fn control_knows_an_order_by_all_its_names_and_no_odd_result() {
    let mut vendor = manual();
    let id = placed(&mut vendor)["orderGuid"]
        .as_str()
        .unwrap()
        .to_owned();
    for key in [id.as_str(), "gw-42-a1", "100201"] {
        assert!(
            vendor.advance(key, "complete", Some("flagged"), START),
            "{key}"
        );
    }
    assert_eq!(vendor.orders()[0].result.as_deref(), Some("flagged"));
    assert!(vendor.advance(&id, "complete", Some("null"), START));
    assert_eq!(vendor.orders()[0].result, None);
    assert!(!vendor.advance(&id, "complete", Some("consider"), START));
    assert!(!vendor.advance("nobody", "complete", None, START));
}

#[test]
fn dates_in_search_results_are_dirty() {
    let mut vendor = manual();
    let id = placed(&mut vendor)["orderGuid"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, searches) = answer(&mut vendor, &get(&format!("/orders/{id}/searches")));
    let search = searches[0]["orderSearchGuid"].as_str().unwrap();
    let target = format!("/orders/{id}/searches/{search}/results");
    let (status, results) = answer(&mut vendor, &get(&target));
    assert_eq!(status, 200);
    assert_eq!(results["results"]["records"][0]["fileDate"], "XXXX-04-01");
}

#[test]
fn two_instances_that_are_asked_the_same_say_the_same() {
    let [one, other] = [(); 2].map(|()| {
        let mut vendor = Tazworks::default();
        vendor.set_callback_url(HOOK);
        placed(&mut vendor);
        events(&mut vendor)
    });
    assert_eq!(one.len(), 4);
    assert_eq!(one, other);
}
