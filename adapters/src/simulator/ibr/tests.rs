//! What IBR promises.

use super::super::FaultKind;
use super::super::testing::{START, fault};
use super::*;

const REQUEST: &str = "<REQUEST><TYPE><ORDER>Package 2</ORDER><CLIENTID>gw-42-a1</CLIENTID></TYPE>\
    <NAME><LAST>Reyes</LAST><MIDDLE>B</MIDDLE><FIRST>Dana</FIRST></NAME><DOB>01311990</DOB>\
    <SSN>555001234</SSN><EMAIL>dana@mailbox.dev</EMAIL><EMAIL_REPORT>N</EMAIL_REPORT>\
    <PHONE>8135550143</PHONE><ADDRESS><ADDR1>1 Main Street</ADDR1><CITY>Tampa</CITY>\
    <STATE>FL</STATE><ZIPCODE>33601</ZIPCODE></ADDRESS></REQUEST>";

fn sent(path: &str, inside: &str) -> Arrived {
    let body = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE IBR SYSTEM 'ibr_request1.dtd'><IBR><AUTH>\
         <USERNAME>ibr-test-user</USERNAME><PASSWORD>ibr-test-password</PASSWORD></AUTH>\
         {inside}</IBR>"
    );
    Arrived {
        method: "POST".to_owned(),
        target: format!("/webservices/{path}"),
        headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
        body: body.into_bytes(),
    }
}

fn batch(requests: &str) -> Arrived {
    let inside = format!("<BATCHID>b-1</BATCHID><REQUESTS>{requests}</REQUESTS>");
    sent("post.cgi", &inside)
}

fn with(tells_report_status: bool) -> Ibr {
    Ibr::new(Account {
        pace: Pace::manual(),
        tells_report_status,
        ..Account::default()
    })
}

fn answer(vendor: &mut Ibr, request: &Arrived) -> Element {
    let response = vendor.handle(request, START);
    assert_eq!(response.status, 200);
    let text = String::from_utf8_lossy(&response.body).into_owned();
    assert!(text.contains("<!DOCTYPE IBR SYSTEM"), "{text}");
    Element::parse(&response.body).unwrap()
}

fn responses(answer: &Element) -> Vec<Element> {
    let list = answer.child("RESPONSES").unwrap();
    list.children.clone()
}

/// The refusal of a whole document.
fn refusal(request: &Arrived) -> String {
    let mut vendor = with(false);
    let said = responses(&answer(&mut vendor, request));
    assert_eq!(said[0].names(), ["ERROR"]);
    assert!(vendor.orders().is_empty());
    said[0].text_of("ERROR").unwrap().to_owned()
}

#[test]
fn a_batch_is_answered_request_by_request() {
    let mut vendor = with(false);
    let bad = REQUEST
        .replace("Package 2", "Package 9")
        .replace("FL", "ZR");
    let said = responses(&answer(
        &mut vendor,
        &batch(&format!("{REQUEST}{bad}{REQUEST}")),
    ));
    assert_eq!(said[0].text_of("IBR_ID"), Some("2048"));
    assert_eq!(said[0].text_of("CLIENTID"), Some("gw-42-a1"));
    assert_eq!(said[0].text_of("SEQUENCE"), Some("1"));
    let wrong = said[1].text_of("ERROR").unwrap();
    let lines: Vec<_> = wrong.lines().collect();
    let valid = "Invalid ORDER 'Package 9' given, valid are 'Package 1', 'Package 2', 'Credit'";
    assert_eq!(lines, [valid, "Invalid STATE 'ZR' given"]);
    assert_eq!(said[2].text_of("IBR_ID"), Some("2049"));
    assert_eq!(vendor.orders().len(), 2);
}

#[test]
fn elements_in_another_order_are_refused_as_a_whole() {
    let names = "<LAST>Reyes</LAST><MIDDLE>B</MIDDLE><FIRST>Dana</FIRST>";
    for (from, to) in [
        (names, "<FIRST>Dana</FIRST><LAST>Reyes</LAST>"),
        (
            "<DOB>01311990</DOB><SSN>555001234</SSN>",
            "<SSN>555001234</SSN><DOB>01311990</DOB>",
        ),
        ("<SSN>555001234</SSN>", ""),
        (
            "<CITY>Tampa</CITY><STATE>FL</STATE>",
            "<STATE>FL</STATE><CITY>Tampa</CITY>",
        ),
        ("<EMAIL>", "<CELL>1</CELL><EMAIL>"),
    ] {
        let said = refusal(&batch(&REQUEST.replace(from, to)));
        assert!(said.contains("misplaced"), "{to}: {said}");
    }
    assert_eq!(refusal(&sent("post.cgi", "")), "REQUESTS is missing");
}

#[test]
fn what_is_wrong_with_a_field_is_said() {
    for (from, to, wrong) in [
        ("555001234", "555-00-1234", "Invalid SSN given"),
        ("01311990", "19900131", "Invalid DOB '19900131' given"),
        ("8135550143", "813-555-0143", "Invalid PHONE given"),
        (">N<", ">no<", "Invalid EMAIL_REPORT given"),
        ("Reyes", "", "LAST is missing"),
    ] {
        let mut vendor = with(false);
        let said = responses(&answer(&mut vendor, &batch(&REQUEST.replace(from, to))));
        assert_eq!(said[0].text_of("ERROR"), Some(wrong));
    }
}

#[test]
fn credentials_are_the_first_child_and_the_type_is_xml() {
    let changed = |from: &str, to: &str| {
        let mut request = batch(REQUEST);
        let body = String::from_utf8(request.body).unwrap();
        request.body = body.replace(from, to).into_bytes();
        refusal(&request)
    };
    assert_eq!(changed("ibr-test-password", "other"), DENIED);
    assert_eq!(changed("<IBR><AUTH>", "<IBR><A/><AUTH>"), "AUTH is missing");
    assert_eq!(changed("</IBR>", ""), "The document is not well-formed");
    let mut request = batch(REQUEST);
    request.headers[0].1 = "application/json".to_owned();
    assert_eq!(refusal(&request), "Content-Type must be text/xml");
    assert_eq!(
        with(false).handle(&sent("other.cgi", ""), START).status,
        404
    );
}

#[test]
fn many_orders_are_told_at_once_in_one_of_two_shapes() {
    let query = sent(
        "post_status_dev.cgi",
        "<REPORTSTATUS>2048,2049, 9</REPORTSTATUS>",
    );
    let mut vendor = with(false);
    answer(&mut vendor, &batch(&REQUEST.repeat(2)));
    assert!(vendor.advance("2049", "R", None, START));
    let told = responses(&answer(&mut vendor, &query));
    let words: Vec<_> = told
        .iter()
        .map(|it| it.text_of("STATUS").unwrap())
        .collect();
    assert_eq!(words, ["Pending", "R", "Unauthorized"]);
    assert_eq!(told[0].text_of("COMPLETED"), None);
    assert_eq!(told[1].text_of("COMPLETED"), Some("02/01/2026 05:00:02"));
    assert_eq!(told[1].text_of("CLIENTID"), Some("gw-42-a1"));

    let mut vendor = with(true);
    answer(&mut vendor, &batch(REQUEST));
    let told = answer(&mut vendor, &query);
    let told: Vec<_> = told.all("REPORTSTATUS").collect();
    assert_eq!(told[0].attribute("id"), Some("2048"));
    assert_eq!(told[0].text_of("CLIENT_ID"), Some("gw-42-a1"));
    assert_eq!(told[2].text_of("STATUS"), Some("Unauthorized"));
}

#[test]
fn a_report_is_a_pdf_once_the_order_is_done() {
    let mut vendor = Ibr::default();
    answer(&mut vendor, &batch(REQUEST));
    let query = sent("post_status.cgi", "<REPORT>2048</REPORT>");
    let early = responses(&answer(&mut vendor, &query));
    assert_eq!(early[0].text_of("ERROR"), Some("There is no report"));
    let report = vendor.handle(&query, START + 1_500);
    assert_eq!(report.header("content-type"), Some("application/pdf"));
    assert!(report.body.starts_with(b"%PDF"));
    assert_eq!(vendor.orders()[0].status, "P");
    assert!(vendor.due(START + 9_000).is_empty());
}

#[test]
fn a_fault_after_acting_leaves_an_order_and_a_fault_before_does_not() {
    for (kind, made) in [
        (FaultKind::ActAndReset, 1),
        (FaultKind::ActAndBadGateway, 1),
        (FaultKind::Hang, 0),
        (FaultKind::Unavailable, 0),
        (FaultKind::TooMany, 0),
        (FaultKind::Unauthorized, 0),
    ] {
        let mut vendor = with(false);
        vendor.fault(fault(kind, 1));
        vendor.handle(&batch(REQUEST), START);
        assert_eq!(vendor.orders().len(), made, "{kind:?}");
    }
}
