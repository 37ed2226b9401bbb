//! Tokens, packages and candidates.

use super::*;

#[test]
fn a_token_is_issued_to_the_client_alone_and_its_life_is_a_text() {
    let mut vendor = manual();
    let (status, body) = vendor.handle(&grant(), START).read();
    assert_eq!((status, &body["expires_in"]), (200, &json!("3600")));
    assert_eq!(body["token_type"], "bearer");
    let wrong = form(
        "sterling-test-client:other",
        "grant_type=client_credentials",
    );
    assert_eq!(vendor.handle(&wrong, START).status, 401);
    let pair = "sterling-test-client:sterling-test-secret";
    let no_grant = form(pair, "grant_type=password");
    assert_eq!(vendor.handle(&no_grant, START).status, 400);
    let mut no_form = grant();
    no_form.headers[1].1 = "application/json".to_owned();
    assert_eq!(vendor.handle(&no_form, START).status, 400);
}

#[test]
fn a_call_needs_a_live_token_behind_the_word_bearer() {
    let mut vendor = manual();
    let good = signed_in(&mut vendor, bare_get("/v2/packages"));
    assert_eq!(vendor.handle(&good, START + HOUR - 1).status, 200);
    assert_eq!(vendor.handle(&good, START + HOUR).status, 401);
    assert_eq!(vendor.handle(&bare_get("/v2/packages"), START).status, 401);
    let token = good.header("authorization").unwrap().to_owned();
    let other = token.replace("Bearer", "Token");
    let request = bare_get("/v2/packages").with("authorization", &other);
    assert_eq!(vendor.handle(&request, START).status, 401);
    let without_version = bare_get("/packages").with("authorization", &token);
    assert_eq!(vendor.handle(&without_version, START).status, 200);
}

#[test]
fn the_catalog_is_a_bare_array_with_titles_and_one_package_that_may_not_be_ordered() {
    let mut vendor = manual();
    let (status, packages) = get(&mut vendor, "/packages");
    assert_eq!(status, 200);
    let list = packages.as_array().unwrap();
    let active: Vec<_> = list.iter().map(|one| one["active"] == true).collect();
    assert_eq!(active, [true, true, false]);
    assert_eq!(list[1]["title"], "Standard Plus");
    assert_eq!(list[1].get("name"), None);
    assert_eq!(list[1]["components"][2], "DOJ Sex Offender Search");
}

#[test]
fn a_candidate_is_shown_as_it_was_given_with_its_screenings() {
    let mut vendor = manual();
    let order = placed(&mut vendor);
    let id = order["candidateId"].as_str().unwrap().to_owned();
    let expected = json!({
        "id": id, "clientReferenceId": "cand-7f3a", "email": "ada.ng@mailbox.dev",
        "givenName": "Ada", "familyName": "Ng", "phone": "+12065550123",
        "confirmedNoMiddleName": false, "screeningIds": [order["id"]],
    });
    let by_id = get(&mut vendor, &format!("/candidates/{id}"));
    assert_eq!(by_id, (200, expected.clone()));
    let by_email = get(&mut vendor, "/candidates?email=ada.ng%40mailbox.dev");
    assert_eq!(by_email, (200, json!([expected])));
    let nobody = get(&mut vendor, "/candidates?email=nobody%40mailbox.dev");
    assert_eq!(nobody, (200, json!([])));
    let all = get(&mut vendor, "/candidates?limit=1&offset=1");
    assert_eq!(all, (200, json!([])));
    assert_eq!(get(&mut vendor, "/candidates/none").0, 404);
}

#[test]
fn an_email_address_and_a_reference_belong_to_one_candidate_for_ever() {
    let mut vendor = manual();
    created(&mut vendor, &person());
    let mut same_mail = person();
    same_mail["clientReferenceId"] = json!("cand-2");
    same_mail["email"] = json!("Ada.Ng@mailbox.dev");
    let refused = post(&mut vendor, "/candidates", &same_mail);
    assert_eq!(code(&refused), (409, "409#email?already-in-use"));
    let mut same_reference = person();
    same_reference["email"] = json!("other@mailbox.dev");
    let refused = post(&mut vendor, "/candidates", &same_reference);
    assert_eq!(refused.0, 409);
}

#[test]
fn a_candidate_may_be_updated_but_not_emptied() {
    let mut vendor = manual();
    let id = created(&mut vendor, &person());
    let path = format!("/candidates/{id}");
    let change = json!({"givenName": "Ada", "familyName": "King", "email": "ada.ng@mailbox.dev"});
    let (status, shown) = answer(&mut vendor, "PUT", &path, &change);
    assert_eq!((status, &shown["familyName"]), (200, &json!("King")));
    assert_eq!(shown["clientReferenceId"], "cand-7f3a");
    let without = answer(&mut vendor, "PUT", &path, &json!({"givenName": "Ada"}));
    assert_eq!(code(&without), (400, "400#familyName"));
}

#[test]
fn values_of_another_form_are_refused_by_their_names() {
    for (path, value, expected) in [
        ("/givenName", json!(""), "400#givenName"),
        ("/familyName", json!(null), "400#familyName"),
        ("/email", json!("ada"), "400#email"),
        ("/clientReferenceId", json!(null), "400#clientReferenceId"),
        ("/phone", json!("206-555-0123"), "400#phone"),
        ("/dob", json!("05/15/1990"), "400#dob"),
        ("/ssn", json!("12345"), "400#ssn"),
        ("/address/regionCode", json!("WA"), "400#regionCode"),
        ("/address/countryCode", json!("USA"), "400#countryCode"),
    ] {
        let mut person = whole_person();
        *person.pointer_mut(path).unwrap() = value;
        let refused = post(&mut manual(), "/candidates", &person);
        assert_eq!(code(&refused), (400, expected), "{path}");
    }
    let mut with_licence = whole_person();
    with_licence["driversLicense"] = json!({"licenseNumber": "D1", "issuingAgency": "US-WA"});
    let refused = post(&mut manual(), "/candidates", &with_licence);
    assert_eq!(code(&refused), (400, "400#driversLicense.type"));
    with_licence["driversLicense"]["type"] = json!("personal");
    let (status, shown) = post(&mut manual(), "/candidates", &with_licence);
    assert_eq!(status, 201);
    assert_eq!(shown["driversLicense"]["licenseNumber"], "********");
}
