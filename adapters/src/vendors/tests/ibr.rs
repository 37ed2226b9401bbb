//! IBR, whose sheet stands beside its fixtures and does not ship: all laws, and its traps, in the
//! order of IBR, section 10.

use std::sync::Arc;

use super::pair::{FAIL, PASS, Pair, REVIEW, order};
use crate::conformance::{Fixtures, check};
use crate::contract::{Context, Fault, FetchMany, Found, Memo, Reply, Turn, Vendor};
use crate::sheet;
use crate::simulator::ibr::{Account, Ibr};
use crate::simulator::{Arrived, FaultKind};
use crate::vocabulary::{Order, Standing, TheirRef};

const FIXTURES: &[(&str, &str)] = &[
    (
        "vendor.toml",
        include_str!("../../../fixtures/ibr/vendor.toml"),
    ),
    (
        "place.toml",
        include_str!("../../../fixtures/ibr/place.toml"),
    ),
    (
        "fetch.toml",
        include_str!("../../../fixtures/ibr/fetch.toml"),
    ),
    (
        "fetch_many.toml",
        include_str!("../../../fixtures/ibr/fetch_many.toml"),
    ),
    (
        "report.toml",
        include_str!("../../../fixtures/ibr/report.toml"),
    ),
];

const SHEET: &str = include_str!("../../../fixtures/ibr/sheet.toml");

fn vendor() -> Vendor {
    loaded(SHEET)
}

fn loaded(text: &str) -> Vendor {
    sheet::load("ibr/sheet.toml", text).unwrap_or_else(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"));
    })
}

fn with(tells_report_status: bool) -> Pair {
    let fake = Ibr::new(Account {
        tells_report_status,
        ..Account::default()
    });
    Pair::between(Arc::new(vendor()), Box::new(fake))
}

/// An order whose applicant has the vendor's test SSN for an id.
fn wanted() -> Order {
    let mut order = order("Package 2");
    order.applicant.id = Some("555-00-1234".into());
    order
}

fn placed(pair: &mut Pair) -> TheirRef {
    pair.place(&wanted()).expect("it is placed").theirs
}

/// What one batch says of these orders.
fn batch(pair: &mut Pair, theirs: &[TheirRef]) -> Vec<Option<Standing>> {
    let many = pair.vendor.fetch_many.clone().expect("it asks in batches");
    let op = FetchMany {
        theirs: theirs.to_vec(),
    };
    let settings = pair.settings.clone();
    let cx = Context {
        settings: &settings,
        key: "",
        base_url: "",
    };
    let request = many
        .encode(&op, &Memo::default(), &cx)
        .expect("it needs no order");
    let arrived = Arrived {
        method: "POST".to_owned(),
        target: request.path.clone(),
        headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
        body: pair.filled(&request.body),
    };
    let response = pair.fake.handle(&arrived, pair.now);
    let reply = Reply {
        status: response.status,
        headers: response.headers,
        body: response.body,
    };
    let Ok(Turn::Done(found)) = many.decode(&op, &Memo::default(), &cx, &reply) else {
        panic!("one answer tells all");
    };
    assert!(found.iter().map(|(id, _)| id).eq(theirs));
    found
        .into_iter()
        .map(|(_, found)| match found {
            Found::One(progress) => progress.standing,
            _ => None,
        })
        .collect()
}

#[test]
fn the_sheet_obeys_every_law() {
    let fixtures = Fixtures::parse(FIXTURES).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    let violations = check(&vendor(), &fixtures);
    let lines: Vec<_> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

#[test]
fn an_order_is_placed_polled_and_passes() {
    let mut pair = with(false);
    let theirs = placed(&mut pair);
    assert_eq!(pair.standing(&theirs), Some(Standing::InProgress));
    pair.now += 10_000;
    assert_eq!(pair.standing(&theirs), PASS);
    assert_eq!(
        pair.report(&theirs).as_deref(),
        Ok("document of application/pdf")
    );
    assert_eq!(pair.fake.orders()[0].reference, pair.ours().0);
    pair.secrets.insert("password".into(), "wrong".into());
    pair.next_order();
    assert_eq!(pair.place(&wanted()).map(drop), Err(Fault::Denied));
    assert_eq!(pair.fake.orders().len(), 1);
}

#[test]
fn trap_a_document_type_in_every_document_is_sent_and_passed_over() {
    let mut pair = with(false);
    let theirs = placed(&mut pair);
    pair.standing(&theirs);
    for (_, body) in &pair.sent {
        assert!(body.contains("<!DOCTYPE IBR SYSTEM 'ibr_"), "{body}");
    }
}

#[test]
fn trap_the_order_of_elements_is_fixed_and_the_surname_comes_first() {
    let mut pair = with(false);
    // The fake refuses every other order.
    placed(&mut pair);
    let body = &pair.sent[0].1;
    assert!(body.contains("<NAME><LAST>Reyes</LAST><FIRST>Dana</FIRST></NAME>"));
    let mut bare = wanted();
    bare.applicant.address = None;
    pair.next_order();
    pair.place(&bare).unwrap();
    assert!(!pair.sent[1].1.contains("<ADDRESS>"));
    bare.applicant.address = Some("1 Main Street".into());
    bare.applicant.city = None;
    assert_eq!(
        pair.unfit(&bare).map(|unfit| unfit.field),
        Some("applicant.city".into())
    );
}

/// The ATS gives no birth date, so the sheet sends none; what would send one is sent in its place.
#[test]
fn trap_dates_are_written_month_day_year() {
    let mut pair = with(false);
    placed(&mut pair);
    assert!(!pair.sent[0].1.contains("<DOB>"), "the ATS gives none");
    let told = |form: &str| {
        let dated = format!("</NAME>\n      <DOB>{{order.placed_at | date '{form}'}}</DOB>");
        let text =
            SHEET
                .replacen("</NAME>", &dated, 1)
                .replacen("  \"order.placed_at\", ", "  ", 1);
        let fake = Box::new(Ibr::new(Account::default()));
        let mut pair = Pair::between(Arc::new(loaded(&text)), fake);
        let answer = pair.place(&wanted());
        let (_, rest) = pair.sent[0].1.split_once("<DOB>").expect("it is sent");
        let sent = rest.split('<').next().unwrap_or_default().to_owned();
        (sent, answer.is_ok())
    };
    let (sent, is_taken) = told("%m%d%Y");
    assert!(sent.len() == 8 && sent.ends_with("2026"), "{sent}");
    assert!(is_taken, "{sent}");
    let (sent, is_taken) = told("%Y%m%d");
    assert!(!is_taken, "{sent}");
}

#[test]
fn trap_a_batch_may_be_taken_in_part_so_one_order_is_sent_at_a_time() {
    let mut pair = with(false);
    placed(&mut pair);
    assert_eq!(pair.sent[0].1.matches("<REQUEST>").count(), 1);
    pair.next_order();
    let mut wrong = wanted();
    wrong.package = "Package 9".to_owned();
    let Err(Fault::Refused { message, .. }) = pair.place(&wrong) else {
        panic!("there is no such package");
    };
    assert!(
        message.contains("Invalid ORDER 'Package 9' given"),
        "{message}"
    );
    assert_eq!(pair.fake.orders().len(), 1);
}

#[test]
fn trap_a_status_has_two_shapes_and_many_are_told_at_once() {
    for tells_report_status in [false, true] {
        let mut pair = with(tells_report_status);
        let first = placed(&mut pair);
        pair.next_order();
        let second = placed(&mut pair);
        pair.advance("R", None);
        assert_eq!(pair.standing(&first), Some(Standing::InProgress));
        assert_eq!(pair.standing(&second), REVIEW);
        let unknown = TheirRef("9999".into());
        let told = batch(&mut pair, &[second, unknown, first]);
        assert_eq!(told, [REVIEW, None, Some(Standing::InProgress)]);
    }
}

#[test]
fn trap_results_are_one_letter_or_a_word() {
    for (word, expected) in [
        ("Pending", Some(Standing::InProgress)),
        ("Processing", Some(Standing::InProgress)),
        ("P", PASS),
        ("Pass", PASS),
        ("R", REVIEW),
        ("Review", REVIEW),
        ("F", FAIL),
        ("Fail", FAIL),
        ("PF", None),
    ] {
        let mut pair = with(false);
        let theirs = placed(&mut pair);
        pair.advance(word, None);
        assert_eq!(pair.standing(&theirs), expected, "{word}");
    }
}

#[test]
fn trap_the_address_of_a_report_may_answer_in_xml() {
    let mut pair = with(false);
    let theirs = placed(&mut pair);
    let early = pair.report(&theirs);
    assert!(matches!(early, Err(Fault::Unclear(_))), "{early:?}");
}

#[test]
fn trap_times_without_a_zone_are_not_taken_for_moments() {
    let mut pair = with(false);
    let theirs = placed(&mut pair);
    pair.now += 10_000;
    assert_eq!(pair.look(&theirs).unwrap().expected_at, None);
}

#[test]
fn an_answer_that_was_lost_is_for_a_person_and_is_never_sent_again() {
    let mut pair = with(false);
    pair.fault(FaultKind::ActAndReset, "POST", "");
    let lost = pair.place(&wanted());
    assert!(matches!(lost, Err(Fault::Unclear(_))));
    assert_eq!(
        pair.vendor.policy.ambiguity,
        crate::contract::Ambiguity::Person
    );
    assert!(!pair.vendor.finds_ours);
}
