//! What TazWorks' XML gateway promises, and what it does to a client that trusts it too much.

mod calls;
mod posts;

use super::super::testing::{START, assert_faults_strike, attempts, fault};
use super::super::{FaultKind, Outgoing, Pace};
use super::*;

/// An order that the applicant fills in.
const HOSTED: &str = "<BackgroundSearchPackage action=\"submit\" type=\"Employment Basic\">\
    <ReferenceId>gw-42-a1</ReferenceId><PersonalData>\
    <PersonName><GivenName>Dana</GivenName><FamilyName>Reyes</FamilyName></PersonName>\
    <EmailAddress>dana@mailbox.dev</EmailAddress></PersonalData>\
    <Screenings useConfigurationDefaults=\"yes\">\
    <AdditionalItems type=\"x:interface\"><Text>Applicant</Text></AdditionalItems>\
    <AdditionalItems type=\"x:postback_url\"><Text>https://gateway.example/cb</Text></AdditionalItems>\
    <AdditionalItems type=\"x:postback_userId\"><Text>cbuser</Text></AdditionalItems>\
    <AdditionalItems type=\"x:postback_password\"><Text>cb&amp;secret</Text></AdditionalItems>\
    </Screenings></BackgroundSearchPackage>";

fn document(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><BackgroundCheck userId=\"gateway_xml\" \
         password=\"tazworks-test-password\">{inside}</BackgroundCheck>"
    )
}

fn sent(mime: &str, body: &str) -> Arrived {
    Arrived {
        method: "POST".to_owned(),
        target: PATH.to_owned(),
        headers: vec![("content-type".to_owned(), mime.to_owned())],
        body: body.as_bytes().to_vec(),
    }
}

fn asking(inside: &str) -> Arrived {
    sent("application/xml", &document(inside))
}

fn with(choose: impl FnOnce(&mut Account)) -> TazworksXml {
    let mut account = Account {
        pace: Pace::manual(),
        ..Account::default()
    };
    choose(&mut account);
    TazworksXml::new(account)
}

/// A vendor whose orders stay where they are.
fn manual() -> TazworksXml {
    with(|_| ())
}

/// The package of an answer.
fn answer(vendor: &mut TazworksXml, request: &Arrived) -> Element {
    let response = vendor.handle(request, START);
    assert_eq!(response.status, 200);
    let root = Element::parse(&response.body).unwrap();
    root.child("BackgroundReportPackage").unwrap().clone()
}

fn status_word(package: &Element) -> String {
    let status = package.at(&["ScreeningStatus", "OrderStatus"]).unwrap();
    status.text().to_owned()
}

/// The code of a refusal, which has no order.
fn refusal(vendor: &mut TazworksXml, request: &Arrived) -> String {
    let package = answer(vendor, request);
    assert_eq!(status_word(&package), "x:error");
    assert!(package.child("OrderId").is_none());
    assert!(vendor.orders().is_empty());
    let report = package.child("ErrorReport").unwrap();
    report.text_of("ErrorCode").unwrap().to_owned()
}

fn asked(vendor: &mut TazworksXml) -> Element {
    let query = "<BackgroundSearchPackage action=\"status\"><OrderId>12358</OrderId>\
                 </BackgroundSearchPackage>";
    answer(vendor, &asking(query))
}
