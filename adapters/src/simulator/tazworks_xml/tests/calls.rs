//! Requests, and what is refused.

use super::*;

#[test]
fn an_invited_applicants_order_is_pending_in_a_word_of_its_own() {
    let mut vendor = manual();
    let placed = answer(&mut vendor, &asking(HOSTED));
    assert_eq!(placed.text_of("OrderId"), Some("12358"));
    assert_eq!(placed.text_of("ReferenceId"), Some("gw-42-a1"));
    assert!(placed.text_of("ApplicantInterfaceURL").is_some());
    assert_eq!(status_word(&placed), "x:app_pending");
    assert_eq!(status_word(&asked(&mut vendor)), "x:applicant-pending");
    let mut other = with(|account| account.applicant_pending = "applicant_pending".to_owned());
    answer(&mut other, &asking(HOSTED));
    assert_eq!(status_word(&asked(&mut other)), "x:applicant_pending");
}

#[test]
fn an_order_is_ready_and_not_flagged_after_a_while() {
    let mut vendor = TazworksXml::default();
    answer(&mut vendor, &asking(HOSTED));
    for (after, word) in [
        (500, "x:applicant-ready"),
        (1_000, "x:pending"),
        (1_500, "x:ready"),
    ] {
        vendor.due(START + after);
        assert_eq!(vendor.orders()[0].status, word);
    }
    let ready = asked(&mut vendor);
    let status = ready.at(&["ScreeningStatus", "OrderStatus"]).unwrap();
    assert_eq!(status.attribute("flag"), Some("FALSE"));
    let link = ready.text_of("ReportURL").unwrap();
    assert!(link.ends_with("viewReport.taz?file=12358&view=html"));
}

#[test]
fn the_document_may_stand_in_a_form_field() {
    let encoded = percent_encoding::utf8_percent_encode(
        &document(HOSTED),
        percent_encoding::NON_ALPHANUMERIC,
    )
    .to_string();
    let form = |field: &str| {
        let body = format!("a=b&{field}={encoded}");
        sent("application/x-www-form-urlencoded", &body)
    };
    let placed = answer(&mut manual(), &form("request"));
    assert_eq!(placed.text_of("OrderId"), Some("12358"));
    assert_eq!(manual().handle(&form("xml"), START).status, 415);
    let json = sent("application/json", &document(HOSTED));
    assert_eq!(manual().handle(&json, START).status, 415);
}

#[test]
fn credentials_are_attributes_and_come_back() {
    let mut request = asking(HOSTED);
    let body = document(HOSTED).replace("tazworks-test-password", "other");
    request.body = body.into_bytes();
    assert_eq!(refusal(&mut manual(), &request), "4");
    let response = manual().handle(&asking(HOSTED), START);
    let root = Element::parse(&response.body).unwrap();
    assert_eq!(root.attribute("password"), Some("tazworks-test-password"));
}

#[test]
fn what_is_missing_or_wrong_is_refused_without_an_order() {
    for (from, to, code) in [
        ("<ReferenceId>", "<ReferenceId", "101"),
        ("BackgroundSearchPackage", "SearchPackage", "102"),
        ("\"submit\"", "\"cancel\"", "103"),
        ("Employment Basic", "employment basic", "104"),
        (" useConfigurationDefaults=\"yes\"", "", "105"),
        ("<GivenName>Dana</GivenName>", "", "107"),
        ("<EmailAddress>dana@mailbox.dev</EmailAddress>", "", "107"),
        ("<Text>Applicant</Text>", "<Text>Instant</Text>", "107"),
        (
            "<EmailAddress>",
            "<PostalAddress><Region>Utah</Region></PostalAddress><EmailAddress>",
            "108",
        ),
    ] {
        let changed = HOSTED.replace(from, to);
        assert_ne!(changed, HOSTED);
        assert_eq!(refusal(&mut manual(), &asking(&changed)), code, "{to}");
    }
    let unknown = "<BackgroundSearchPackage action=\"status\"><OrderId>1</OrderId>\
                   </BackgroundSearchPackage>";
    assert_eq!(refusal(&mut manual(), &asking(unknown)), "106");
}

#[test]
fn an_order_without_a_form_needs_the_person_and_runs_at_once() {
    let instant = HOSTED
        .replace("<Text>Applicant</Text>", "<Text>Instant</Text>")
        .replace(
            "<EmailAddress>dana@mailbox.dev</EmailAddress>",
            "<DemographicDetail><GovernmentId countryCode=\"US\" issuingAuthority=\"SSN\">111223333\
         </GovernmentId><DateOfBirth>1990-01-31</DateOfBirth></DemographicDetail>\
         <PostalAddress type=\"current\"><Region>UT</Region></PostalAddress>",
        );
    let placed = answer(&mut manual(), &asking(&instant));
    assert_eq!(status_word(&placed), "x:pending");
    assert!(placed.text_of("ApplicantInterfaceURL").is_none());
}

#[test]
fn defaults_and_explicit_searches_add_up() {
    let mut vendor = manual();
    let both = HOSTED.replace("</Screenings>", "<Screening type=\"ssn\"/></Screenings>");
    answer(&mut vendor, &asking(&both));
    assert_eq!(vendor.orders[0].searches, ["ssn", "criminal", "ssn"]);
}

#[test]
fn the_same_reference_twice_is_two_orders() {
    let mut vendor = manual();
    answer(&mut vendor, &asking(HOSTED));
    answer(&mut vendor, &asking(HOSTED));
    let ids: Vec<_> = vendor.orders().into_iter().map(|it| it.id).collect();
    assert_eq!(ids, ["12358", "12359"]);
}

#[test]
fn a_links_ampersand_may_stand_as_it_is() {
    let body = |escapes: bool| {
        let mut vendor = with(|account| account.escapes_links = escapes);
        answer(&mut vendor, &asking(HOSTED));
        vendor.advance(
            "gw-42-a1",
            "ready",
            Some("TRUE+decision=(XYZ) Review"),
            START,
        );
        let query = "<BackgroundSearchPackage action=\"status\"><OrderId>12358</OrderId>\
                     </BackgroundSearchPackage>";
        let response = vendor.handle(&asking(query), START);
        String::from_utf8(response.body).unwrap()
    };
    assert!(body(true).contains("file=12358&amp;view=html"));
    assert!(body(false).contains("file=12358&view=html"));
    assert!(body(true).contains("<OrderDecision>(XYZ) Review</OrderDecision>"));
}

#[test]
fn faults_strike_before_or_after_the_order_is_made() {
    assert_faults_strike(200, 200, || (manual(), asking(HOSTED)));
}
