//! Orders, lists, cancelling and report files.

use super::*;

#[test]
fn a_key_needs_the_word_api_key_and_lives_only_so_long() {
    let mut vendor = with(|account| {
        account.keys[0].ends_at = Some(START + DAY);
        account.keys.push(Key {
            value: "sk_test_next".to_owned(),
            ends_at: None,
        });
    });
    let mut status = |value: &str, now| {
        let list = bare_get("/api/public/cases/").with("authorization", value);
        vendor.handle(&list, now).status
    };
    assert_eq!(status("Api-Key sk_test_certn", START), 200);
    assert_eq!(status("Bearer sk_test_certn", START), 401);
    assert_eq!(status("sk_test_certn", START), 401);
    assert_eq!(status("Api-Key sk_live_of_another_region", START), 401);
    assert_eq!(status("Api-Key sk_test_next", START), 200, "two keys live");
    assert_eq!(status("Api-Key sk_test_certn", START + DAY), 401);
}

#[test]
fn an_order_is_shown_with_its_ids_and_its_invite_link() {
    let mut vendor = manual();
    let (status, case) = post(&mut vendor, "order/", &wanted());
    assert_eq!(status, 201);
    let expected = json!({
        "id": "2f64d134-1c54-4028-8e8b-000000000001", "short_id": "C70000",
        "email_address": EMAIL, "overall_status": "CASE_ORDERED", "overall_score": null,
        "created": "2026-02-01T10:00:02Z", "modified": "2026-02-01T10:00:02Z",
        "invite_link": "https://app.certn.co/invite/C70000",
    });
    assert_eq!(case, expected);
    let id = case["id"].as_str().unwrap();
    let (_, shown) = get(&mut vendor, &format!("{id}/"));
    assert_eq!(shown["checks"][0]["type"], "IDENTITY_VERIFICATION_1");
    assert_eq!(
        get(&mut vendor, id).0,
        200,
        "a GET needs no slash at its end"
    );
    assert_eq!(get(&mut vendor, "none/").0, 404);
}

#[test]
fn both_flags_off_are_silently_a_quickscreen() {
    let mut quick = wanted();
    quick["send_invite_email"] = json!(false);
    quick["return_invite_link"] = json!(false);
    let refused = post(&mut manual(), "order/", &quick);
    assert_eq!(refused.0, 400);
    assert!(refused.1["input_claims"].is_array());
    quick["input_claims"] = json!({
        "name": {"given_name": "Dana", "family_name": "Reyes"}, "date_of_birth": "1990-05-15",
    });
    let (status, case) = post(&mut manual(), "order/", &quick);
    assert_eq!(
        (status, &case["overall_status"]),
        (201, &json!("IN_PROGRESS"))
    );
    assert_eq!(case.get("invite_link"), None);
}

#[test]
fn what_an_order_lacks_or_has_too_much_is_refused_by_its_name() {
    for (name, value) in [
        ("email_address", json!("dana")),
        ("send_invite_email", json!("yes")),
        ("check_types_with_arguments", json!(null)),
        ("check_types_with_arguments", json!({})),
        (
            "check_types_with_arguments",
            json!({"IDENTITY_VERIFICATION": {}}),
        ),
        ("check_types_with_arguments", json!({"CREDIT_REPORT_1": {}})),
        ("package", json!("0a5f7c3e-0000-0000-0000-000000000000")),
        ("applicant_expiry_days", json!(14)),
        ("first_name", json!("Dana")),
    ] {
        let mut vendor = manual();
        let mut order = wanted();
        order[name] = value.clone();
        let (status, body) = post(&mut vendor, "order/", &order);
        assert_eq!(status, 400, "{name} {value}");
        assert!(body[name].is_array(), "{name} {value}: {body}");
        assert!(vendor.orders().is_empty());
    }
    let mut by_package = wanted();
    by_package
        .as_object_mut()
        .unwrap()
        .remove("check_types_with_arguments");
    by_package["package"] = json!("0a5f7c3e-2b7d-4c62-9d1c-6f7e2f1f9b01");
    assert_eq!(post(&mut manual(), "order/", &by_package).0, 201);
}

#[test]
fn the_same_order_twice_is_two_orders() {
    let mut vendor = manual();
    let ids = [placed(&mut vendor), placed(&mut vendor)];
    assert_ne!(ids[0], ids[1]);
    assert_eq!(vendor.orders().len(), 2);
}

#[test]
fn the_legacy_api_is_gone_and_a_post_needs_its_closing_slash() {
    let mut vendor = manual();
    let legacy = ask("POST", "/api/v1/hr/applications/invite/", &wanted());
    assert_eq!(vendor.handle(&legacy, START).status, 410);
    assert_eq!(post(&mut vendor, "order", &wanted()).0, 404);
    assert_eq!(post(&mut vendor, "order-package/", &wanted()).0, 400);
    let elsewhere = signed_in(bare_get("/cases/"));
    assert_eq!(vendor.handle(&elsewhere, START).status, 404);
}

#[test]
fn the_list_is_filtered_by_person_time_and_status() {
    let mut vendor = manual();
    placed(&mut vendor);
    let mut other = wanted();
    other["email_address"] = json!("other@mailbox.dev");
    answer_at(&mut vendor, "POST", "order/", &other, START + 60_000);
    let mut count = |query: &str| get(&mut vendor, &format!("?{query}")).1["count"].clone();
    assert_eq!(count(""), 2);
    assert_eq!(count("email_address=Dana.Reyes%40mailbox.dev"), 1);
    assert_eq!(count("order_timeframe_after=2026-02-01T10:01:00Z"), 1);
    assert_eq!(count("order_timeframe_before=2026-02-01T10:00:02Z"), 1);
    assert_eq!(count("overall_status[]=COMPLETE"), 0);
    assert_eq!(
        count("overall_status[]=COMPLETE&overall_status[]=CASE_ORDERED"),
        2
    );
    assert_eq!(get(&mut vendor, "?order_timeframe_after=yesterday").0, 400);
    let first = get(&mut vendor, "?page_size=1").1;
    assert_eq!(first["results"][0]["email_address"], "other@mailbox.dev");
    assert!(first["next"].is_string());
    let second = get(&mut vendor, "?page_size=1&page=2").1;
    assert_eq!(second["next"], json!(null));
    let bare = with(|account| account.envelope = Envelope::Bare);
    let mut bare = bare;
    placed(&mut bare);
    assert_eq!(get(&mut bare, "").1.as_array().unwrap().len(), 1);
}

#[test]
fn a_case_is_cancelled_without_a_body_and_only_while_it_is_open() {
    let mut vendor = manual();
    let id = placed(&mut vendor);
    let path = format!("{id}/cancel/");
    let request = signed_in(ask(
        "POST",
        &format!("/api/public/cases/{path}"),
        &json!({}),
    ));
    let response = vendor.handle(&request, START);
    assert_eq!((response.status, response.body.len()), (204, 0));
    assert_eq!(vendor.orders()[0].status, "CANCELLED");
    assert_eq!(post(&mut vendor, &path, &json!({})).0, 400);
}

#[test]
fn a_report_file_is_made_on_demand_and_is_signed_anew_each_time() {
    let mut vendor = manual();
    let id = placed(&mut vendor);
    let generate = format!("{id}/generate-report/");
    assert_eq!(post(&mut vendor, &generate, &json!({})).0, 400);
    vendor.advance(&id, "COMPLETE", Some("CLEAR"), START);
    let (status, file) = post(&mut vendor, &generate, &json!({"language": "en-CA"}));
    assert_eq!(status, 201);
    let path = format!(
        "report-files/{}/",
        file["case_report_file_id"].as_str().unwrap()
    );
    let mut shown = |after| answer_at(&mut vendor, "GET", &path, &Value::Null, START + after).1;
    assert_eq!(shown(999)["status"], "PENDING");
    let (one, two) = (shown(1_000), shown(1_000));
    assert_eq!(one["status"], "COMPLETE");
    assert_ne!(one["pdf_url"], two["pdf_url"]);
}

#[test]
fn the_sixty_first_request_of_a_minute_is_one_too_many() {
    let mut vendor = manual();
    let list = signed_in(bare_get("/api/public/cases/"));
    let mut last = 0;
    for _ in 0..61 {
        last = vendor.handle(&list, START).status;
    }
    assert_eq!(last, 429);
    assert_eq!(vendor.handle(&list, START + 60_000).status, 200);
    let mut vendor = with(|account| (account.per_minute, account.per_day) = (1_000, 61));
    for _ in 0..61 {
        assert_eq!(vendor.handle(&list, START).status, 200);
    }
    assert_eq!(vendor.handle(&list, START + 60_000).status, 429);
}

#[test]
fn faults_strike_before_or_after_the_order_is_made() {
    assert_faults_strike(201, 401, || {
        let order = ask("POST", "/api/public/cases/order/", &wanted());
        (manual(), signed_in(order))
    });
}

#[test]
fn what_was_just_placed_may_be_invisible_to_look_ups() {
    let mut vendor = manual();
    placed(&mut vendor);
    vendor.fault(fault(FaultKind::Invisible, 0));
    let mut seen =
        |after| answer_at(&mut vendor, "GET", "", &Value::Null, START + after).1["count"].clone();
    assert_eq!([seen(29_999), seen(30_000)], [json!(0), json!(1)]);
}
