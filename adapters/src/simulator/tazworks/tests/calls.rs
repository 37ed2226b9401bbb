//! What each call answers and refuses.

use super::*;

#[test]
fn a_token_is_wanted_and_its_type_decides_what_it_may_read() {
    let mut vendor = manual();
    let none = bare_get("/v1/clients");
    assert_eq!(answer(&mut vendor, &none).0, 401);
    let basic = bare_get("/v1/clients").with("authorization", "tazworks-test-token");
    assert_eq!(answer(&mut vendor, &basic).0, 401);
    for target in ["", "/products/a1000000-0000-4000-8000-000000000001"] {
        let (status, refused) = answer(&mut vendor, &get(target));
        assert_eq!((status, &refused["code"]), (403, &json!("NOT_AUTHORIZED")));
        let message = refused["message"].as_str().unwrap();
        assert!(
            message.contains("CLIENT") && message.contains("ORDER"),
            "{message}"
        );
    }
    let mut higher = with(|account| account.api_type = ApiType::Client);
    assert_eq!(answer(&mut higher, &get("")).0, 200);
}

#[test]
fn products_have_six_members_and_neither_price_nor_text() {
    let (status, products) = answer(&mut manual(), &get("/products"));
    assert_eq!(status, 200);
    let expected = json!({
        "clientProductGuid": PRODUCT,
        "productGuid": "a2000000-0000-4000-8000-000000000001",
        "productName": "Employment Basic",
        "dateModified": 1_767_225_600_000_i64,
        "modifiedBy": "Support",
        "usesQuickapp": true,
    });
    assert_eq!(products[0], expected);
}

#[test]
fn pages_begin_at_0_and_are_linked_without_a_scheme_until_there_are_no_more() {
    let mut vendor = manual();
    let link = |vendor: &mut Tazworks, target: &str| {
        let response = vendor.handle(&get(target), START);
        (
            response.read().1.as_array().unwrap().len(),
            response.header("Link").unwrap().to_owned(),
        )
    };
    assert_eq!(link(&mut vendor, "/products"), (4, String::new()));
    let base = format!("api-sandbox.instascreen.net{CLIENT}/products");
    let expected =
        format!("<{base}?page=1&size=3>; rel=\"next\", <{base}?page=1&size=3>; rel=\"last\"");
    assert_eq!(link(&mut vendor, "/products?page=0&size=3"), (3, expected));
    let (items, last) = link(&mut vendor, "/products?page=1&size=3");
    assert_eq!(items, 1);
    assert!(!last.contains("next"), "{last}");
}

#[test]
fn an_applicant_is_made_of_a_name_and_an_address_and_shows_no_ssn() {
    let mut vendor = manual();
    let mut whole = person();
    whole["ssn"] = json!("111-22-3333");
    whole["phoneNumber"] = json!("+1 555 555 0143");
    let (status, shown) = answer(&mut vendor, &post("/applicants", &whole));
    assert_eq!((status, &shown["version"]), (201, &json!(1)));
    assert_eq!(shown["phoneNumber"], "(555) 555-0143");
    assert_eq!(shown["addresses"], json!([]));
    assert_eq!(shown.get("ssn"), None);
    let (_, listed) = answer(&mut vendor, &get("/applicants"));
    assert_eq!(listed[0].get("addresses"), None);
}

#[test]
fn wrong_applicants_are_refused_by_the_name_of_what_is_wrong() {
    for (name, value) in [
        ("firstName", Value::Null),
        ("lastName", json!(" ")),
        ("email", json!("bob")),
        ("email", json!(7)),
        ("phoneNumber", json!("555-0143")),
        ("dateOfBirth", json!("01/31/1990")),
        ("ssn", json!("111223333")),
        ("noMiddleName", json!("yes")),
    ] {
        let mut body = person();
        body[name] = value.clone();
        let (status, refused) = answer(&mut manual(), &post("/applicants", &body));
        assert_eq!(status, 400, "{name} {value}");
        assert_eq!(refused["code"], "VALIDATION_EXCEPTION");
        assert!(
            refused["message"].as_str().unwrap().contains(name),
            "{refused}"
        );
    }
    let form = post("/applicants", &person());
    let form = Arrived {
        headers: form.headers[1..].to_vec(),
        ..form
    };
    assert_eq!(answer(&mut manual(), &form).0, 400);
}

#[test]
fn a_bad_state_code_is_refused() {
    let mut vendor = manual();
    let guid = created(&mut vendor, &person());
    let mut address = json!({
        "addressType": "DOMESTIC", "streetOne": "1 Main St", "city": "Austin",
        "stateOrProvince": "Texas", "postalCode": "78701",
    });
    let target = format!("/applicants/{guid}/addresses");
    assert_eq!(answer(&mut vendor, &post(&target, &address)).0, 400);
    address["stateOrProvince"] = json!("TX");
    assert_eq!(answer(&mut vendor, &post(&target, &address)).0, 201);
    let (_, listed) = answer(&mut vendor, &get(&target));
    assert_eq!(listed[0]["country"], "US");
}

#[test]
fn an_order_answers_with_its_own_guid_and_repeats_neither_applicant_nor_product() {
    let mut vendor = manual();
    let shown = placed(&mut vendor);
    assert_eq!(shown["orderStatus"], "app-pending");
    assert_eq!(shown["externalIdentifier"], "gw-42-a1");
    assert_eq!(shown["applicantName"], "SMITH, BOB Q.");
    assert_eq!(shown["orderedDate"], START);
    assert!(shown["quickappApplicantLink"].is_string());
    assert_eq!(
        (shown.get("applicantGuid"), shown.get("clientProductGuid")),
        (None, None)
    );
    let whole = detail(&mut vendor);
    assert_eq!(whole["clientProductGuid"], PRODUCT);
    assert_eq!(whole["applicantEmail"], "BOB@EXAMPLE.COM");
    assert_eq!(whole["quickappInfo"]["dateExpires"], START + 7 * DAY);
}

#[test]
fn only_the_client_product_orders_and_only_where_the_form_is_set_up() {
    let mut vendor = manual();
    let applicant = created(&mut vendor, &person());
    for (name, value, status) in [
        (
            "clientProductGuid",
            json!("a2000000-0000-4000-8000-000000000001"),
            404,
        ),
        (
            "clientProductGuid",
            json!("a1000000-0000-4000-8000-000000000004"),
            400,
        ),
        (
            "applicantGuid",
            json!("a5000000-0000-4000-8000-00000000ffff"),
            404,
        ),
        ("applicantGuid", Value::Null, 400),
        ("certifyPermissiblePurpose", Value::Null, 400),
        ("useQuickApp", json!(false), 400),
        ("optionalSearches", json!("COUNTY_CRIMINAL_RECORD"), 400),
        ("optionalSearches", json!(["County criminal"]), 400),
    ] {
        let mut body = wanted(&applicant);
        body[name] = value.clone();
        assert_eq!(
            answer(&mut vendor, &post("/orders", &body)).0,
            status,
            "{name} {value}"
        );
    }
    assert!(vendor.orders().is_empty());
    let mut body = wanted(&applicant);
    body["useQuickApp"] = json!("true");
    body["optionalSearches"] = json!(["NATIONAL_CRIMINAL_DATABASE_ALIAS"]);
    assert_eq!(answer(&mut vendor, &post("/orders", &body)).0, 201);
    let included = detail(&mut vendor)["includedSearches"].clone();
    assert_eq!(included[1], "NATIONAL CRIMINAL DATABASE ALIAS");
}

#[test]
fn the_same_order_sent_twice_is_two_orders() {
    let mut vendor = manual();
    let applicant = created(&mut vendor, &person());
    for _ in 0..2 {
        answer(&mut vendor, &post("/orders", &wanted(&applicant)));
    }
    assert_eq!(vendor.orders().len(), 2);
    let (_, listed) = answer(
        &mut vendor,
        &get(&format!("/applicants/{applicant}/orders")),
    );
    let files: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["fileNumber"])
        .collect();
    assert_eq!(files, [&json!(100_202), &json!(100_201)]);
}

#[test]
fn every_answer_brings_a_session_that_means_nothing() {
    let response = manual().handle(&get("/products"), START);
    assert!(
        response
            .header("Set-Cookie")
            .unwrap()
            .starts_with("SESSION=;")
    );
    assert_eq!(
        response.header("Date"),
        Some("Sun, 01 Feb 2026 10:00:02 GMT")
    );
}

#[test]
fn faults_strike_before_or_after_the_order_is_made() {
    assert_faults_strike(201, 401, || {
        let mut vendor = manual();
        let applicant = created(&mut vendor, &person());
        (vendor, post("/orders", &wanted(&applicant)))
    });
}

#[test]
fn what_was_just_placed_may_be_invisible_to_look_ups() {
    let mut vendor = manual();
    placed(&mut vendor);
    vendor.fault(fault(FaultKind::Invisible, 0));
    let mut seen = |after| {
        let response = vendor.handle(&get("/orders"), START + after);
        response.read().1.as_array().unwrap().len()
    };
    assert_eq!([seen(29_999), seen(30_000)], [0, 1]);
}
