//! Screenings: how they are ordered, move and end.

use super::*;

#[test]
fn each_workflow_begins_with_its_own_words() {
    let mut vendor = manual();
    let candidate = created(&mut vendor, &whole_person());
    let mut body = wanted(&candidate);
    let email = post(&mut vendor, "/screenings", &body).1;
    assert_eq!(
        (&email["status"], &email["result"]),
        (&json!("PreDraft"), &json!("Pending"))
    );
    assert_eq!(email["invite"], json!({"method": "email"}));
    assert_eq!(email["reportItems"], json!([]));
    body["invite"] = json!({"method": "link"});
    let link = post(&mut vendor, "/screenings", &body).1;
    assert_eq!(
        (&link["status"], &link["result"]),
        (&json!("new"), &json!("n/a"))
    );
    assert!(
        link["invite"]["link"]
            .as_str()
            .unwrap()
            .starts_with("https://")
    );

    let mut vendor = manual();
    let candidate = created(&mut vendor, &whole_person());
    body["candidateId"] = json!(candidate);
    body.as_object_mut().unwrap().remove("invite");
    let direct = post(&mut vendor, "/screenings", &body).1;
    assert_eq!(
        (&direct["status"], &direct["result"]),
        (&json!("Pending"), &json!("Pending"))
    );
    let items = direct["reportItems"].as_array().unwrap();
    assert_eq!((items.len(), &items[1]["status"]), (3, &json!("pending")));
    assert_eq!(items[1]["result"], json!(null));
}

#[test]
fn what_a_screening_lacks_is_refused() {
    let mut vendor = manual();
    let candidate = created(&mut vendor, &person());
    for (pointer, value, expected) in [
        ("/candidateId", json!("none"), "400#candidateId"),
        ("/packageId", json!(null), "400#packageId"),
        ("/packageId", json!("540002"), "400#packageId"),
        ("/invite/method", json!("sms"), "400#invite.method"),
        (
            "/callback/uri",
            json!("http://gateway.example/x"),
            "400#callback.uri",
        ),
        ("/invite", json!(null), "400#required-field"),
    ] {
        let mut body = wanted(&candidate);
        *body.pointer_mut(pointer).unwrap() = value;
        let refused = post(&mut vendor, "/screenings", &body);
        assert_eq!(code(&refused), (400, expected), "{pointer}");
    }
    assert!(vendor.orders().is_empty());
}

#[test]
fn an_order_without_an_invitation_is_refused_while_its_ssn_has_another() {
    let mut vendor = manual();
    let candidate = created(&mut vendor, &whole_person());
    let mut body = wanted(&candidate);
    body.as_object_mut().unwrap().remove("invite");
    assert_eq!(post(&mut vendor, "/screenings", &body).0, 201);
    let refused = post(&mut vendor, "/screenings", &body);
    assert_eq!(code(&refused), (400, "400#ssn"));
    // Invitations have no such guard.
    assert_eq!(post(&mut vendor, "/screenings", &wanted(&candidate)).0, 201);
}

#[test]
fn a_repeated_key_brings_the_first_screening_back_and_another_key_a_second_one() {
    let mut vendor = manual();
    let candidate = created(&mut vendor, &person());
    let ask = ask("POST", "/v2/screenings", &wanted(&candidate));
    let mut with_key = |key: &str| {
        let request = signed_in(&mut vendor, ask.clone()).with("idempotency-key", key);
        vendor.handle(&request, START).read().1["id"].clone()
    };
    let first = with_key("key-1");
    assert_eq!(with_key("key-1"), first);
    assert_ne!(with_key("key-2"), first);
    assert_eq!(vendor.orders().len(), 2);
}

#[test]
fn an_ordinary_order_passes_within_two_seconds_and_is_updated_in_the_future() {
    let mut vendor = Sterling::default();
    let order = placed(&mut vendor);
    let path = format!("/screenings/{}", order["id"].as_str().unwrap());
    let mut at = |millis| {
        let shown = answer_at(&mut vendor, "GET", &path, &Value::Null, START + millis).1;
        (shown["status"].clone(), shown["result"].clone(), shown)
    };
    assert_eq!(at(499).0, "PreDraft");
    assert_eq!(at(500).0, "Pending");
    let (status, result, shown) = at(1_500);
    assert_eq!((status, result), (json!("Complete"), json!("Clear")));
    assert_eq!(shown["updatedAt"], shown["estimatedCompletionTime"]);
    assert_eq!(shown["updatedAt"], "2026-02-03T10:00:02Z");
    assert_eq!(shown["reportItems"][0]["result"], "clear");
}

#[test]
fn a_report_link_is_made_by_post_alone_and_only_when_all_is_done() {
    let mut vendor = manual();
    let id = placed(&mut vendor)["id"].as_str().unwrap().to_owned();
    let path = format!("/screenings/{id}/report-links");
    let early = post(&mut vendor, &path, &Value::Null);
    assert_eq!(code(&early), (422, "422#not-yet-complete"));
    assert_eq!(get(&mut vendor, &path).0, 405);
    assert!(vendor.advance(&id, "complete", Some("alert"), START));
    let (status, first) = post(&mut vendor, &path, &Value::Null);
    assert_eq!(status, 201);
    let again = post(&mut vendor, &path, &Value::Null).1;
    assert_ne!(first["link"], again["link"], "each is good for one use");
}

#[test]
fn an_order_is_known_by_its_id_its_callback_address_and_its_person() {
    let mut vendor = manual();
    let id = placed(&mut vendor)["id"].as_str().unwrap().to_owned();
    for key in [id.as_str(), "ord_01HX2", "cand-7f3a"] {
        assert!(
            vendor.advance(key, "paused_by_gremlins", Some("odd"), START),
            "{key}"
        );
    }
    assert!(!vendor.advance("other", "Complete", None, START));
    let held = vendor.orders().remove(0);
    assert_eq!((held.reference.as_str(), held.id), ("ord_01HX2", id));
    assert_eq!(
        (held.status.as_str(), held.result.as_deref()),
        ("paused_by_gremlins", Some("odd"))
    );
}
