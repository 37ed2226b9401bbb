//! What calls are answered.

use super::*;

#[test]
fn only_the_key_as_user_with_an_empty_password_signs_in() {
    let mut vendor = manual();
    for (value, status) in [
        (format!("Basic {}", BASE64.encode("checkr-test-key:")), 200),
        (format!("Basic {}:", BASE64.encode("checkr-test-key")), 401),
        (format!("Basic {}", BASE64.encode("checkr-test-key")), 401),
        (format!("Basic {}", BASE64.encode("other:")), 401),
        ("Bearer checkr-test-key".to_owned(), 401),
    ] {
        let request = bare_get("/v1/account").with("authorization", &value);
        assert_eq!(vendor.handle(&request, START).status, status, "{value}");
    }
    let (status, body) = answer(&mut vendor, &bare_get("/v1/account"));
    let expected = json!({"error": "Bad authentication error"});
    assert_eq!((status, body), (401, expected));
}

#[test]
fn every_answer_tells_the_rate_limit_with_a_date_and_the_next_minute_starts_anew() {
    let mut vendor = with(|account| account.requests_per_minute = 2);
    let mut ask = |at| {
        let response = vendor.handle(&get("/v1/nothing"), at);
        let header = |name| response.header(name).unwrap().to_owned();
        assert_eq!(header("X-Ratelimit-Limit"), "2");
        assert_eq!(response.header("retry-after"), None);
        let remaining = header("X-Ratelimit-Remaining");
        (response.status, remaining, header("X-Ratelimit-Reset"))
    };
    let seen =
        |status, remaining: &str, reset: &str| (status, remaining.to_owned(), reset.to_owned());
    assert_eq!(ask(START), seen(404, "1", "2026-02-01T10:01:00Z"));
    assert_eq!(ask(START), seen(404, "0", "2026-02-01T10:01:00Z"));
    assert_eq!(ask(START), seen(429, "0", "2026-02-01T10:01:00Z"));
    assert_eq!(ask(START + 58_000), seen(404, "1", "2026-02-01T10:02:00Z"));
}

#[test]
fn packages_come_in_pages_and_the_way_back_is_a_trap() {
    let mut vendor = manual();
    let (_, first) = answer(&mut vendor, &get("/v1/packages?per_page=2"));
    assert_eq!(first["count"], 5);
    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    assert!(first["next_href"].as_str().unwrap().starts_with("https://"));
    assert_eq!(first["previous_href"], Value::Null);
    let (_, last) = answer(&mut vendor, &get("/v1/packages?per_page=2&page=3"));
    assert_eq!(last["data"].as_array().unwrap().len(), 1);
    assert_eq!(last["next_href"], Value::Null);
    assert!(
        last["previous_href"]
            .as_str()
            .unwrap()
            .starts_with("http://")
    );
    for query in ["page=0", "per_page=101", "page=x"] {
        let (status, _) = answer(&mut vendor, &get(&format!("/v1/packages?{query}")));
        assert_eq!(status, 400, "{query}");
    }
}

#[test]
fn a_package_has_a_slug_a_price_in_cents_and_may_be_deleted() {
    let mut vendor = manual();
    let (_, list) = answer(&mut vendor, &get("/v1/packages?per_page=100"));
    let driver = &list["data"][2];
    assert_eq!(
        (&driver["slug"], &driver["price"]),
        (&json!("driver_pro"), &json!(6500))
    );
    assert_eq!(driver["deleted_at"], Value::Null);
    assert_eq!(
        driver["screenings"][1],
        json!({"type": "county_criminal_search", "subtype": "7years"})
    );
    assert_ne!(list["data"][3]["deleted_at"], Value::Null);
    let uri = driver["uri"].as_str().unwrap();
    assert_eq!(answer(&mut vendor, &get(uri)), (200, driver.clone()));
}

#[test]
fn every_id_has_twenty_four_hexadecimal_digits() {
    let mut vendor = manual();
    let invitation = placed(&mut vendor);
    vendor.advance("ord_01HX2", "completed", None, START);
    let package = answer(&mut vendor, &get("/v1/packages")).1["data"][0]["id"].clone();
    let event = &acknowledged(&mut vendor, START)[0];
    for id in [
        &invitation["id"],
        &invitation["candidate_id"],
        &report(&mut vendor)["id"],
        &event["id"],
        &event["account_id"],
        &package,
    ] {
        let id = id.as_str().unwrap();
        assert_eq!((id.len(), hex::decode(id).is_ok()), (24, true), "{id}");
    }
}

#[test]
fn a_candidate_comes_back_with_every_field() {
    let mut vendor = manual();
    let mut body = person();
    body["ssn"] = "111-11-2001".into();
    let (status, shown) = answer(&mut vendor, &post("/v1/candidates", &body));
    assert_eq!(status, 201);
    let id = shown["id"].as_str().unwrap();
    let expected = json!({
        "id": id, "object": "candidate", "uri": format!("/v1/candidates/{id}"),
        "created_at": "2026-02-01T10:00:02Z", "first_name": "Dana", "middle_name": null,
        "no_middle_name": false, "last_name": "Reyes", "mother_maiden_name": null,
        "email": "dana.reyes@mailbox.dev", "phone": null, "zipcode": null, "dob": null,
        "ssn": "XXX-XX-2001", "driver_license_number": null, "driver_license_state": null,
        "previous_driver_license_number": null, "previous_driver_license_state": null,
        "copy_requested": false, "custom_id": "cand-1009", "adjudication": null,
        "report_ids": [], "geo_ids": [], "metadata": {"gateway_order_id": "ord_01HX2"},
    });
    assert_eq!(shown, expected);
    let (status, found) = answer(&mut vendor, &get(&format!("/v1/candidates/{id}")));
    assert_eq!((status, found), (200, expected));
}

#[test]
fn a_candidate_that_cannot_be_is_refused_in_checkrs_words() {
    let letters = "letters, numbers, spaces, hyphens, apostrophes, periods, and commas";
    for (field, value, text) in [
        (
            "email",
            json!(null),
            "Email is not a valid email address".to_owned(),
        ),
        (
            "email",
            json!("dana@example.com"),
            "Email is not a valid email address".to_owned(),
        ),
        (
            "first_name",
            json!("Dana😀"),
            format!("First name must only contain {letters}"),
        ),
        (
            "last_name",
            json!("李明"),
            format!("Last name must only contain {letters}"),
        ),
        (
            "last_name",
            json!("R"),
            "Last name is too short (minimum is 2 characters)".to_owned(),
        ),
        (
            "work_locations",
            json!([{"state": "Springfield"}]),
            "State is not a valid US state".to_owned(),
        ),
        (
            "work_locations",
            json!([{"country": "us", "state": "CA"}]),
            "Country is not a valid country".to_owned(),
        ),
        (
            "metadata",
            json!({"key": 7}),
            "Metadata is invalid".to_owned(),
        ),
        (
            "phone",
            json!(4155550134_u64),
            "phone is invalid".to_owned(),
        ),
    ] {
        let mut vendor = manual();
        let mut body = person();
        body[field] = value;
        let refused = answer(&mut vendor, &post("/v1/candidates", &body));
        assert_eq!(refused, (400, json!({"error": [text]})), "{field}");
        assert_eq!(count(&mut vendor, "/v1/candidates"), 0);
    }
}

#[test]
fn json_that_does_not_say_so_is_refused() {
    let mut vendor = manual();
    let mut request = post("/v1/candidates", &person());
    request.headers.retain(|(name, _)| name != "content-type");
    assert_eq!(answer(&mut vendor, &request).0, 400);
    let form = request.with("content-type", "application/x-www-form-urlencoded");
    assert_eq!(answer(&mut vendor, &form).0, 400);
    let mut scrambled = post("/v1/candidates", &person());
    scrambled.body.truncate(5);
    assert_eq!(answer(&mut vendor, &scrambled).0, 400);
}

#[test]
fn a_third_candidate_with_one_address_within_a_day_is_a_duplicate() {
    let mut vendor = manual();
    created(&mut vendor, &person());
    created(&mut vendor, &person());
    let third = post("/v1/candidates", &person());
    let (status, body) = answer(&mut vendor, &third);
    assert_eq!(status, 409);
    assert!(
        body["error"]
            .as_str()
            .unwrap()
            .starts_with("Duplicate candidate")
    );
    assert_eq!(vendor.handle(&third, START + DAY).status, 201);
}

#[test]
fn candidates_are_found_by_address_custom_id_and_a_part_of_their_metadata() {
    let mut vendor = manual();
    created(&mut vendor, &person());
    for (query, found) in [
        ("", 1),
        ("email=Dana.Reyes%40mailbox.dev", 1),
        ("email=other%40mailbox.dev", 0),
        ("custom_id=cand-1009", 1),
        ("custom_id=cand-100", 0),
        ("metadata[gateway_order_id]=01HX", 1),
        ("metadata%5Bgateway_order_id%5D=nothing", 0),
        ("metadata[other]=01HX", 0),
        ("custom_id=cand-1009&email=other%40mailbox.dev", 0),
    ] {
        let seen = count(&mut vendor, &format!("/v1/candidates?{query}"));
        assert_eq!(seen, found, "{query}");
    }
}

#[test]
fn lists_do_not_show_people_outside_the_united_states_nor_their_invitations() {
    let (home, abroad) = (json!([{"state": "CA"}]), json!([{"country": "CA"}]));
    for (lives, works, people, invitations) in [
        (&home, &home, 1, 1),
        (&home, &abroad, 1, 0),
        (&abroad, &home, 0, 0),
    ] {
        let mut vendor = manual();
        let mut body = person();
        body["work_locations"] = lives.clone();
        let candidate_id = created(&mut vendor, &body);
        let mut order = wanted(&candidate_id);
        order["work_locations"] = works.clone();
        let (status, invitation) = answer(&mut vendor, &post("/v1/invitations", &order));
        assert_eq!(status, 201);
        let list = format!("/v1/invitations?candidate_id={candidate_id}");
        assert_eq!(count(&mut vendor, &list), invitations);
        let list = "/v1/candidates?custom_id=cand-1009";
        assert_eq!(count(&mut vendor, list), people);
        let by_id = format!("/v1/candidates/{candidate_id}");
        assert_eq!(answer(&mut vendor, &get(&by_id)).0, 200);
        let by_id = invitation["uri"].as_str().unwrap();
        assert_eq!(answer(&mut vendor, &get(by_id)).0, 200);
    }
}

#[test]
fn an_invitation_is_pending_until_the_end_of_the_seventh_day() {
    let mut vendor = manual();
    let shown = placed(&mut vendor);
    let id = shown["id"].as_str().unwrap();
    let expected = json!({
        "id": id, "object": "invitation", "uri": format!("/v1/invitations/{id}"),
        "invitation_url": "https://apply.checkr.com/invite/acme-corp/000000000000",
        "status": "pending", "created_at": "2026-02-01T10:00:02Z",
        "expires_at": "2026-02-09T06:59:59Z", "completed_at": null, "deleted_at": null,
        "package": "driver_pro", "candidate_id": shown["candidate_id"], "report_id": null,
        "tags": ["ord_01HX2"], "archived": false, "archived_info": null,
    });
    assert_eq!(shown, expected);
    let held = vendor.orders();
    let order = (
        held[0].reference.as_str(),
        held[0].id.as_str(),
        held[0].status.as_str(),
    );
    assert_eq!(order, ("ord_01HX2", id, "pending"));
}

#[test]
fn an_invitation_needs_a_slug_that_is_sold_a_candidate_and_a_place_of_work() {
    let id = "bac000000000000000000002";
    let state = "State is not a valid US state";
    for (field, value, status, text) in [
        ("package", json!(id), 404, "Package not found"),
        ("package", json!("tasker_legacy"), 404, "Package not found"),
        (
            "package",
            json!("continuous_check"),
            404,
            "Package not found",
        ),
        ("package", json!(null), 400, "Package can't be blank"),
        ("candidate_id", json!(""), 400, "Candidate can't be blank"),
        ("candidate_id", json!("e44a"), 404, "Candidate not found"),
        (
            "work_locations",
            json!(null),
            400,
            "Work locations can't be blank",
        ),
        (
            "work_locations",
            json!([]),
            400,
            "Work locations can't be blank",
        ),
        ("work_locations", json!([{"country": "US"}]), 400, state),
        (
            "work_locations",
            json!([{"state": "California"}]),
            400,
            state,
        ),
        (
            "tags",
            json!("ord_01HX2"),
            400,
            "Tags must be an array of strings",
        ),
    ] {
        let mut vendor = manual();
        let mut order = wanted(&created(&mut vendor, &person()));
        order[field] = value;
        let refused = answer(&mut vendor, &post("/v1/invitations", &order));
        assert_eq!(refused, (status, json!({"error": text})), "{field}");
        assert_eq!(vendor.orders(), []);
    }
}

#[test]
fn without_a_hierarchy_nodes_are_forbidden() {
    let mut vendor = manual();
    let text = "Sorry, your account is not enabled for Hierarchy";
    let refused = answer(&mut vendor, &get("/v1/nodes?include=packages"));
    assert_eq!(refused, (403, json!({"error": text})));
    let (_, account) = answer(&mut vendor, &get("/v1/account"));
    assert_eq!(account["segmentation_enabled"], false);
    assert_eq!(account["api_authorized"], true);
}

#[test]
fn with_a_hierarchy_an_invitation_needs_a_node_that_sells_the_package() {
    let node = |custom_id: &str, packages: &[&str]| Node {
        custom_id: custom_id.to_owned(),
        name: "Anvil".to_owned(),
        packages: packages.iter().map(|slug| (*slug).to_owned()).collect(),
    };
    let mut vendor = with(|account| {
        account.nodes = vec![node("all", &[]), node("basic", &["basic_plus"])];
    });
    let order = wanted(&created(&mut vendor, &person()));
    for (node, status) in [
        (json!(null), 400),
        (json!("other"), 400),
        (json!("basic"), 404),
        (json!("all"), 201),
    ] {
        let mut order = order.clone();
        order["node"] = node;
        assert_eq!(
            answer(&mut vendor, &post("/v1/invitations", &order)).0,
            status
        );
    }
    let (_, plain) = answer(&mut vendor, &get("/v1/nodes"));
    assert_eq!(plain["data"][1].get("packages"), None);
    let (_, full) = answer(&mut vendor, &get("/v1/nodes?include=packages"));
    assert_eq!(full["data"][1]["packages"], json!(["basic_plus"]));
    let one = answer(&mut vendor, &get("/v1/nodes/basic?include=packages"));
    assert_eq!(one, (200, full["data"][1].clone()));
}

#[test]
fn invitations_are_listed_by_candidate_and_status() {
    let mut vendor = manual();
    let invitation = placed(&mut vendor);
    let candidate_id = invitation["candidate_id"].as_str().unwrap();
    for (query, found) in [
        (format!("candidate_id={candidate_id}"), json!(1)),
        (
            format!("candidate_id={candidate_id}&status=pending"),
            json!(1),
        ),
        ("status=completed".to_owned(), json!(0)),
        ("candidate_id=other".to_owned(), json!(0)),
        ("status=deleted".to_owned(), Value::Null),
    ] {
        let target = format!("/v1/invitations?{query}");
        assert_eq!(count(&mut vendor, &target), found, "{query}");
    }
    let (status, _) = answer(&mut vendor, &get("/v1/invitations?status=canceled"));
    assert_eq!(status, 400);
}

#[test]
fn a_pending_invitation_can_be_deleted_and_is_then_shown_only_on_request() {
    let mut vendor = manual();
    let uri = placed(&mut vendor)["uri"].as_str().unwrap().to_owned();
    events(&mut vendor);
    let (status, body) = answer(&mut vendor, &signed_in(ask("DELETE", &uri, &Value::Null)));
    assert_eq!(
        (status, &body["deleted_at"]),
        (200, &json!("2026-02-01T10:00:02Z"))
    );
    assert_eq!(events(&mut vendor), ["invitation.deleted"]);
    assert_eq!(answer(&mut vendor, &get(&uri)).0, 404);
    let with_deleted = format!("{uri}?include_deleted=true");
    assert_eq!(answer(&mut vendor, &get(&with_deleted)), (200, body));
    assert_eq!(count(&mut vendor, "/v1/invitations"), 0);
    assert_eq!(vendor.orders()[0].status, "deleted");
}

#[test]
fn a_completed_invitation_cannot_be_deleted() {
    let mut vendor = manual();
    let uri = placed(&mut vendor)["uri"].as_str().unwrap().to_owned();
    vendor.advance("ord_01HX2", "completed", None, START);
    let (status, _) = answer(&mut vendor, &signed_in(ask("DELETE", &uri, &Value::Null)));
    assert_eq!(status, 400);
}

#[test]
fn a_repeated_key_gets_the_stored_answer_for_a_day_and_then_acts_again() {
    let mut vendor = manual();
    let request = post("/v1/candidates", &person()).with("idempotency-key", "key-1");
    let first = vendor.handle(&request, START).read();
    assert_eq!(vendor.handle(&request, START + DAY - 1).read(), first);
    assert_eq!(count(&mut vendor, "/v1/candidates"), 1);
    assert_ne!(vendor.handle(&request, START + DAY).read(), first);
    assert_eq!(count(&mut vendor, "/v1/candidates"), 2);
}

#[test]
fn a_refusal_is_not_stored_under_its_key() {
    let mut vendor = manual();
    let keyed = |body: &Value| post("/v1/candidates", body).with("idempotency-key", "key-1");
    assert_eq!(answer(&mut vendor, &keyed(&json!({}))).0, 400);
    assert_eq!(answer(&mut vendor, &keyed(&person())).0, 201);
}

#[test]
fn a_key_whose_first_request_hangs_is_in_conflict_until_it_is_done() {
    let mut vendor = manual();
    let request = post("/v1/candidates", &person()).with("idempotency-key", "key-1");
    vendor.fault(fault(FaultKind::ActAndHang, 1));
    assert_eq!(vendor.handle(&request, START).manner, Manner::Never);
    let (status, body) = vendor.handle(&request, START + 4_999).read();
    assert_eq!(status, 409);
    assert!(!body["error"].as_str().unwrap().starts_with("Duplicate"));
    assert_eq!(vendor.handle(&request, START + 5_000).status, 201);
    assert_eq!(count(&mut vendor, "/v1/candidates"), 1);
}
