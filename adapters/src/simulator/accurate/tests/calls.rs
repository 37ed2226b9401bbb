//! What each call answers and refuses.

use super::*;

#[test]
fn only_whether_it_is_alive_is_told_without_credentials() {
    let mut vendor = manual();
    assert_eq!(answer(&mut vendor, &bare_get("/v3/alive")).0, 200);
    assert_eq!(answer(&mut vendor, &bare_get("/v3/packages")).0, 401);
    let bearer = bare_get("/v3/packages").with("authorization", "Bearer accurate-test-secret");
    assert_eq!(answer(&mut vendor, &bearer).0, 401);
    assert_eq!(answer(&mut vendor, &get("/packages")).0, 200);
    assert_eq!(
        answer(&mut vendor, &signed_in(bare_get("/packages"))).0,
        404
    );
}

#[test]
fn packages_come_as_a_list_or_in_an_envelope_and_without_prices() {
    let basic = json!({
        "packageType": "PKG_BASIC", "name": "Basic",
        "products": [{"productType": "NCRIM"}, {"productType": "SON"}],
    });
    assert_eq!(answer(&mut manual(), &get("/packages")).1[1], basic);
    let mut wrapped = with(|account| account.wrapped_packages = true);
    assert_eq!(
        answer(&mut wrapped, &get("/packages")).1["packages"][1],
        basic
    );
    assert_eq!(answer(&mut manual(), &get("/package/PKG_BASIC")).1, basic);
    assert_eq!(answer(&mut manual(), &get("/package/PKG_NONE")).0, 404);
}

#[test]
fn a_candidate_is_made_with_200_and_lists_its_orders() {
    let mut vendor = manual();
    let (status, shown) = answer(&mut vendor, &post("/candidate", &person()));
    assert_eq!((status, &shown["orders"]), (200, &json!([])));
    let id = shown["id"].as_str().unwrap();
    assert!(
        id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    let order = answer(&mut vendor, &post("/order", &wanted(id))).1;
    let (_, shown) = answer(&mut vendor, &get(&format!("/candidate/{id}")));
    assert_eq!(shown["orders"], json!([order]));
    let mut bare = with(|account| account.bare_orders = true);
    let order = placed(&mut bare);
    let target = format!("/candidate/{}", order["candidateId"].as_str().unwrap());
    assert_eq!(
        answer(&mut bare, &get(&target)).1["orders"],
        json!([order["id"]])
    );
}

#[test]
fn forms_name_places_with_dots_and_numbers() {
    let mut vendor = manual();
    let candidate = created(&mut vendor);
    let body = format!(
        "candidateId={candidate}&packageType=PKG_EMPTY&workflow=INTERACTIVE&\
         jobLocation.country=US&jobLocation.region=WA&jobLocation.city=Mercer+Island&\
         referenceCodes%5B0%5D=ord-1&additionalProductTypes[0].productType=SON&\
         additionalProductTypes[1].productType=MOV"
    );
    let form = |mime: &str| {
        signed_in(Arrived {
            method: "POST".into(),
            target: "/v3/order".into(),
            headers: vec![("content-type".into(), mime.into())],
            body: body.clone().into_bytes(),
        })
    };
    let (status, shown) = answer(&mut vendor, &form("application/x-www-form-urlencoded"));
    assert_eq!(
        (status, &shown["jobLocation"]["city"]),
        (200, &json!("Mercer Island"))
    );
    assert_eq!(
        shown["additionalProductTypes"][1],
        json!({"productType": "MOV"})
    );
    let (status, refused) = answer(&mut vendor, &form("application/json"));
    let recorded =
        json!({"errors": [{"code": "102", "message": "invalid request data", "param": null}]});
    assert_eq!((status, refused), (400, recorded));
}

#[test]
fn wrong_candidates_are_refused_by_the_name_of_what_is_wrong() {
    for (name, value) in [
        ("firstName", Value::Null),
        ("lastName", json!("")),
        ("email", json!("ada")),
        ("phone", json!(5_550_134)),
        ("ssn", json!("111223333")),
    ] {
        let mut body = person();
        body[name] = value;
        let (status, refused) = answer(&mut manual(), &post("/candidate", &body));
        assert_eq!(
            (status, &refused["errors"][0]["param"]),
            (400, &json!(name)),
            "{name}"
        );
        assert_eq!(refused["errors"][0]["code"], "102");
    }
}

#[test]
fn wrong_orders_are_refused_by_the_name_of_what_is_wrong() {
    let mut vendor = manual();
    let candidate = created(&mut vendor);
    for (place, value, param) in [
        (
            "/candidateId",
            json!("65f0c0ffee00000000000009"),
            "candidateId",
        ),
        ("/packageType", json!("PKG_NONE"), "packageType"),
        ("/workflow", Value::Null, "workflow"),
        ("/workflow", json!("SLOW"), "workflow"),
        ("/workflow", json!("EXPRESS"), "dateOfBirth"),
        ("/jobLocation", Value::Null, "jobLocation.country"),
        ("/jobLocation/country", json!("USA"), "jobLocation.country"),
        (
            "/jobLocation/region",
            json!("Washington"),
            "jobLocation.region",
        ),
        ("/jobLocation/city", Value::Null, "jobLocation.city"),
        ("/jobLocation/region2", json!(7), "jobLocation.region2"),
        (
            "/referenceCodes",
            json!(["1", "2", "3", "4", "5"]),
            "referenceCodes",
        ),
        (
            "/additionalProductTypes",
            json!("SON"),
            "additionalProductTypes",
        ),
        (
            "/additionalProductTypes",
            json!([{"productType": "DRUG5"}]),
            "additionalProductTypes[0].productType",
        ),
        ("/requestor", json!("somebody"), "requestor"),
    ] {
        let mut body = wanted(&candidate);
        body["requestor"] = Value::Null;
        *body.pointer_mut(place).unwrap() = value.clone();
        let (status, refused) = answer(&mut vendor, &post("/order", &body));
        assert_eq!(
            (status, &refused["errors"][0]["param"]),
            (400, &json!(param)),
            "{place} {value}"
        );
    }
    assert!(vendor.orders().is_empty());
}

#[test]
fn a_whole_person_can_be_ordered_without_the_form() {
    let mut vendor = manual();
    let mut whole = person();
    for (name, value) in [
        ("dateOfBirth", "1990-01-31"),
        ("ssn", "111-22-3333"),
        ("address", "1 Main St"),
        ("city", "Seattle"),
        ("region", "WA"),
        ("postalCode", "98101"),
    ] {
        whole[name] = json!(value);
    }
    let (_, shown) = answer(&mut vendor, &post("/candidate", &whole));
    assert_eq!(shown.get("ssn"), None);
    let mut body = wanted(shown["id"].as_str().unwrap());
    body["workflow"] = json!("EXPRESS");
    assert_eq!(answer(&mut vendor, &post("/order", &body)).0, 200);
}

#[test]
fn faults_strike_before_or_after_the_order_is_made() {
    assert_faults_strike(200, 401, || {
        let mut vendor = manual();
        let candidate = created(&mut vendor);
        (vendor, post("/order", &wanted(&candidate)))
    });
}

#[test]
fn what_was_just_placed_may_be_invisible_to_look_ups() {
    let mut vendor = manual();
    let order = placed(&mut vendor);
    vendor.fault(fault(FaultKind::Invisible, 0));
    let candidate = format!("/candidate/{}", order["candidateId"].as_str().unwrap());
    for (target, pointer) in [("/orders", ""), (candidate.as_str(), "/orders")] {
        let mut seen = |after| {
            let (_, body) = vendor.handle(&get(target), START + after).read();
            body.pointer(pointer).unwrap().as_array().unwrap().len()
        };
        assert_eq!([seen(29_999), seen(30_000)], [0, 1], "{target}");
    }
}
