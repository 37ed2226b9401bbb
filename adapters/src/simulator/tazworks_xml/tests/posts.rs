//! Posts.

use super::*;

/// The document in a post's form, which has one field.
fn document_in(outgoing: &Outgoing) -> Element {
    let form = String::from_utf8(outgoing.body.clone()).unwrap();
    let (field, value) = form.split_once('=').unwrap();
    assert_eq!(field, "request");
    let document: Vec<u8> = percent_decode_str(&value.replace('+', " ")).collect();
    assert!(document.starts_with(b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>"));
    Element::parse(&document).unwrap()
}

fn posted(vendor: &mut TazworksXml, now: Millis) -> Vec<Element> {
    let due = vendor.due(now);
    due.iter()
        .map(|outgoing| {
            vendor.answered(outgoing.id, Some(200), b"", now);
            document_in(outgoing)
        })
        .collect()
}

#[test]
fn every_change_is_posted_as_a_form_with_the_credentials_of_the_order() {
    let mut vendor = TazworksXml::default();
    answer(&mut vendor, &asking(HOSTED));
    let outgoing = vendor.due(START).remove(0);
    assert_eq!(outgoing.url, "https://gateway.example/cb");
    let mime = (
        "Content-Type",
        "application/x-www-form-urlencoded; charset=ISO-8859-1",
    );
    let mime = (mime.0.to_owned(), mime.1.to_owned());
    assert!(outgoing.headers.contains(&mime));
    let root = document_in(&outgoing);
    assert_eq!(root.attribute("userId"), Some("cbuser"));
    assert_eq!(root.attribute("password"), Some("cb&secret"));
    vendor.answered(outgoing.id, Some(200), b"", START);
    let words: Vec<_> = posted(&mut vendor, START + 1_500)
        .iter()
        .map(|root| status_word(root.child("BackgroundReportPackage").unwrap()))
        .collect();
    assert_eq!(words, ["x:applicant-ready", "x:pending", "x:ready"]);
}

#[test]
fn letters_of_other_alphabets_travel_in_iso_8859_1() {
    let mut vendor = manual();
    let other = HOSTED.replace("gw-42-a1", "Renée-Łucja");
    answer(&mut vendor, &asking(&other));
    let outgoing = vendor.due(START).remove(0);
    let form = String::from_utf8(outgoing.body.clone()).unwrap();
    assert!(form.contains("Ren%E9e%2D%26%23321%3Bucja"), "{form}");
}

#[test]
fn a_result_may_be_linked_as_a_pdf() {
    let mut vendor = manual();
    let item = "<AdditionalItems type=\"x:postback_format\"><Text>PDF</Text></AdditionalItems>";
    let wanted = HOSTED.replace("</Screenings>", &format!("{item}</Screenings>"));
    answer(&mut vendor, &asking(&wanted));
    posted(&mut vendor, START);
    assert!(vendor.advance("12358", "ready", Some("FALSE"), START));
    let root = posted(&mut vendor, START).remove(0);
    let results = [
        "BackgroundReportPackage",
        "Screenings",
        "Screening",
        "ScreeningResults",
    ];
    let results = root.at(&results).unwrap();
    let link = results.text_of("InternetWebAddress").unwrap();
    assert!(link.ends_with("viewReport.taz?file=12358&format=pdf"));
    assert_eq!(results.attribute("mediaType"), Some("PDF"));
}

#[test]
fn words_that_nobody_knows_are_said() {
    let mut vendor = manual();
    answer(&mut vendor, &asking(HOSTED));
    assert!(vendor.advance("gw-42-a1", "qa-review", Some("MAYBE"), START));
    assert_eq!(vendor.orders()[0].status, "x:qa-review");
    assert_eq!(vendor.orders()[0].result.as_deref(), Some("MAYBE"));
    assert!(!vendor.advance("gw-42-a1", "ready", Some("TRUE+odd"), START));
    assert!(!vendor.advance("nobody", "ready", None, START));
}

#[test]
fn a_post_that_is_not_taken_comes_again_and_faults_double_or_swallow_it() {
    let mut vendor = manual();
    vendor.fault(fault(FaultKind::Mute, 1));
    answer(&mut vendor, &asking(HOSTED));
    assert!(vendor.due(START).is_empty());
    vendor.fault(fault(FaultKind::Stutter, 1));
    vendor.advance("gw-42-a1", "pending", None, START);
    assert_eq!(posted(&mut vendor, START).len(), 2);
    vendor.advance("gw-42-a1", "ready", None, START);
    let tried = attempts(&mut vendor, START, 300_000);
    assert_eq!(tried, [0, 300_000, 600_000, 900_000]);
}
