//! TazWorks' traps, by their numbers in TazWorks, section 10.

use super::pair::{PASS, Pair, REVIEW, START, context, order};
use crate::callback::{Note, OrderKey, Proof, Says};
use crate::contract::{Fault, FetchOrder, Found, Memo, Reply, VerifyCredentials};
use crate::simulator::tazworks::{Account, Product, Tazworks};
use crate::simulator::{Arrived, FaultKind, Pace, Simulator};
use crate::vocabulary::{Millis, Order, Private, Report, Standing, TheirRef};

const CLIENT: &str = "a8000000-0000-4000-8000-000000000001";
const PRODUCT: &str = "a1000000-0000-4000-8000-000000000001";
const DAY: Millis = 24 * 3_600_000;

fn pair() -> Pair {
    with(|_| {})
}

/// A pair whose fake moves by itself; every connection names its client.
fn with(choose: impl FnOnce(&mut Account)) -> Pair {
    let mut account = Account::default();
    choose(&mut account);
    let mut pair = Pair::with(Box::new(Tazworks::new(account)));
    pair.settings.insert("client".into(), CLIENT.into());
    pair
}

/// A pair whose fake moves only when it is told to, with an order placed.
fn placed() -> (Pair, TheirRef) {
    let mut pair = with(|account| account.pace = Pace::manual());
    let theirs = pair.place(&order(PRODUCT)).unwrap().theirs;
    (pair, theirs)
}

fn named(first: &str, last: &str) -> Order {
    let mut order = order(PRODUCT);
    order.applicant.first_name = Some(Private::from(first));
    order.applicant.last_name = Some(Private::from(last));
    order
}

fn asked(pair: &Pair, line: &str) -> usize {
    pair.sent
        .iter()
        .filter(|(sent, _)| sent.starts_with(line))
        .count()
}

#[test]
fn an_order_is_placed_announced_and_passes() {
    let mut pair = pair();
    pair.verify().unwrap();
    let placed = pair.place(&order(PRODUCT)).unwrap();
    assert_eq!(placed.standing, Some(Standing::Invited));
    pair.now += 10_000;
    // Two of the four events are about the search.
    assert_eq!(
        (pair.callbacks().len(), pair.standing(&placed.theirs)),
        (4, PASS)
    );
    let held = pair.fake.orders();
    assert_eq!((held.len(), &held[0].reference), (1, &pair.ours().0));
}

#[test]
fn the_applicant_is_written_to_by_tazworks_and_only_their_name_and_address_are_told() {
    let (pair, _) = placed();
    let body =
        |nth: usize| -> serde_json::Value { serde_json::from_str(&pair.sent[nth].1).unwrap() };
    let (person, ordered) = (body(0), body(1));
    assert_eq!(person["phoneNumber"], "(888) 555-1234");
    assert_eq!(person.as_object().unwrap().len(), 5);
    assert_eq!(
        (
            &ordered["useQuickApp"],
            &ordered["quickappNotifyApplicants"]
        ),
        (&true.into(), &true.into())
    );
    assert_eq!(ordered["certifyPermissiblePurpose"], true);
}

#[test]
fn trap_1_only_the_guid_of_the_client_product_orders() {
    let mut pair = pair();
    let catalog = pair.list().unwrap();
    assert_eq!(catalog.packages[0].vendor_id, PRODUCT);
    let other = pair.place(&order("a2000000-0000-4000-8000-000000000001"));
    let Err(Fault::Refused { field, .. }) = other else {
        panic!("{other:?}");
    };
    assert_eq!(field.as_deref(), Some("order.package"));
    assert!(pair.fake.orders().is_empty());
}

#[test]
fn trap_2_pages_are_counted_from_0_and_their_addresses_are_not_followed() {
    let many = |account: &mut Account| {
        let first = account.products[0].clone();
        let numbered = |nth: usize| Product {
            client_product: format!("a1000000-0000-4000-8000-{nth:012}"),
            ..first.clone()
        };
        account.products = (0..250).map(numbered).collect();
    };
    let mut many = with(many);
    assert_eq!(many.list().unwrap().packages.len(), 250);
    let lines: Vec<_> = many
        .sent
        .iter()
        .map(|(line, _)| line.split('?').next_back())
        .collect();
    let expected = ["page=0&size=100", "page=1&size=100", "page=2&size=100"];
    assert_eq!(lines, expected.map(Some));
    let mut one = pair();
    assert_eq!(one.list().unwrap().packages.len(), 3);
    assert_eq!(one.sent.len(), 1, "an empty `Link` is the end");
}

#[test]
fn trap_3_words_with_blanks_and_hyphens_are_read_alike() {
    use Standing::{InProgress, Invited, OnHold};
    let (mut pair, theirs) = placed();
    for (word, expected) in [
        ("app-pending", Invited),
        ("app-ready", InProgress),
        ("draft", InProgress),
        ("new", InProgress),
        ("pre-pull", InProgress),
        ("pending", InProgress),
        ("dispatched qc", InProgress),
        ("Dispatched-QC", InProgress),
        ("qa review", InProgress),
        ("pending review", InProgress),
        ("end-user", InProgress),
        ("client message", OnHold),
        ("internal-error", OnHold),
        ("canceled", Standing::Canceled),
    ] {
        pair.advance(word, None);
        assert_eq!(pair.standing(&theirs), Some(expected), "{word}");
    }
    pair.advance("gremlins", Some("clear"));
    let odd = pair.look(&theirs).unwrap();
    assert_eq!(
        (odd.standing, odd.unknown),
        (None, vec!["status=gremlins".to_owned()])
    );
}

#[test]
fn trap_4_the_flag_says_nothing_before_the_end() {
    let (mut pair, theirs) = placed();
    for (word, flag, expected) in [
        ("pending", "clear", Some(Standing::InProgress)),
        ("pending", "flagged", Some(Standing::InProgress)),
        ("complete", "clear", PASS),
        ("complete", "flagged", REVIEW),
        ("complete", "null", REVIEW),
        ("archived", "clear", PASS),
        ("archived", "flagged", REVIEW),
        ("canceled", "clear", Some(Standing::Canceled)),
    ] {
        pair.advance(word, Some(flag));
        assert_eq!(pair.standing(&theirs), expected, "{word} {flag}");
    }
}

#[test]
fn trap_4_a_person_with_records_is_for_review() {
    let mut pair = pair();
    let theirs = pair.place(&named("Hank", "Mess")).unwrap().theirs;
    pair.now += 10_000;
    assert_eq!(pair.standing(&theirs), REVIEW);
}

#[test]
fn trap_5_a_webhook_only_makes_us_look_and_a_search_is_no_order() {
    let (mut pair, theirs) = placed();
    pair.callbacks();
    pair.advance("complete", Some("clear"));
    let heard = pair.callbacks();
    let notes: Vec<Vec<Note>> = heard.into_iter().map(|heard| heard.notes).collect();
    let order = vec![OrderKey::Theirs(theirs), OrderKey::Ours(pair.ours())];
    let look = Note {
        order,
        says: Says::Look,
    };
    assert_eq!(notes, [vec![], vec![look]]);
}

#[test]
fn trap_5_a_webhook_is_acknowledged_without_a_body_and_proved_by_one_header() {
    let (mut pair, _) = placed();
    let callbacks = pair.vendor.callbacks.clone().unwrap();
    assert!(matches!(callbacks.proof, Proof::HeaderEquals { .. }));
    assert_eq!(pair.callbacks()[0].status, 204);
    pair.secrets
        .insert("webhook_authorization".into(), "other".into());
    pair.advance("canceled", None);
    assert_eq!(pair.callbacks()[0].status, 401);
}

#[test]
fn trap_6_a_pdf_before_the_end_is_not_ready() {
    let (mut pair, theirs) = placed();
    pair.settings.insert("report".into(), "pdf".into());
    assert_eq!(pair.report(&theirs), Err(Fault::NotReady(None)));
    pair.advance("complete", None);
    assert!(pair.report(&theirs).unwrap().ends_with("&format=pdf"));
}

#[test]
fn trap_7_results_of_searches_with_their_dirty_dates_are_never_read() {
    let mut pair = pair();
    let theirs = pair.place(&order(PRODUCT)).unwrap().theirs;
    pair.now += 10_000;
    pair.callbacks();
    pair.standing(&theirs);
    pair.report(&theirs).unwrap();
    assert!(
        pair.sent
            .iter()
            .all(|(line, _)| !line.contains("/searches"))
    );
}

#[test]
fn trap_8_a_403_is_a_token_of_the_wrong_kind_and_not_a_wrong_client() {
    let mut pair = pair();
    let verify = pair.vendor.verify.clone().unwrap();
    let cx = context(&pair.settings, "");
    let body = br#"{"code":"NOT_AUTHORIZED","message":"Needs API type ORDER, not CLIENT"}"#;
    let reply = Reply {
        status: 403,
        headers: Vec::new(),
        body: body.to_vec(),
    };
    let code = |fault| match fault {
        Err(Fault::Refused { code, .. }) => code,
        _ => panic!("it is refused"),
    };
    let said = verify.decode(&VerifyCredentials, &Memo::default(), &cx, &reply);
    assert_eq!(code(said.map(drop)), "api_type");
    pair.settings.insert(
        "client".into(),
        "a8000000-0000-4000-8000-00000000ffff".into(),
    );
    assert_eq!(code(pair.verify()), "unknown_client");
}

#[test]
fn trap_9_a_link_that_shows_the_report_to_anybody_is_never_kept() {
    let (mut pair, theirs) = placed();
    assert_eq!(pair.report(&theirs), Err(Fault::NotReady(None)));
    pair.advance("complete", None);
    let seen = pair.look(&theirs).unwrap();
    assert_eq!(seen.report, Some(Report::Minted));
    assert!(
        pair.memo
            .values
            .values()
            .all(|value| !value.contains("http"))
    );
    let portal = "https://lightning.instascreen.net/editor/viewReport.taz?file=100201";
    assert_eq!(pair.report(&theirs), Ok(portal.to_owned()));
    pair.settings.insert("report".into(), "open".into());
    assert!(pair.report(&theirs).unwrap().contains("interchangeview"));
}

#[test]
fn trap_10_the_session_that_comes_with_every_answer_is_not_sent_back() {
    let mut fake = Tazworks::default();
    let request = Arrived {
        method: "GET".into(),
        target: "/v1/clients".into(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let answer = fake.handle(&request, START);
    assert!(answer.headers.iter().any(|(name, _)| name == "Set-Cookie"));
    let (pair, theirs) = placed();
    let cx = context(&pair.settings, "");
    let fetch = pair.vendor.fetch.clone().unwrap();
    let request = fetch.encode(&FetchOrder::Theirs(theirs), &pair.memo, &cx);
    assert!(request.unwrap().headers.is_empty());
}

#[test]
fn a_form_that_has_run_out_is_expired_and_may_be_opened_again() {
    let (mut pair, theirs) = placed();
    pair.now += 7 * DAY - 1;
    assert_eq!(pair.standing(&theirs), Some(Standing::Invited));
    pair.now += 2_000;
    let seen = pair.look(&theirs).unwrap();
    assert_eq!(seen.standing, Some(Standing::Expired));
    assert_eq!(seen.detail.as_deref(), Some("form_expired"));
    pair.advance("app-ready", None);
    assert_eq!(pair.standing(&theirs), Some(Standing::InProgress));
    assert!(pair.vendor.policy.reopens_for.is_some());
}

#[test]
fn an_order_whose_answer_was_lost_is_found_by_its_applicant_and_not_placed_again() {
    for kind in [
        FaultKind::ActAndReset,
        FaultKind::ActAndBadGateway,
        FaultKind::ActAndTruncate,
    ] {
        let mut pair = pair();
        pair.fault(kind, "POST", "/orders");
        assert!(
            matches!(pair.place(&order(PRODUCT)), Err(Fault::Unclear(_))),
            "{kind:?}"
        );
        let Ok(Found::One(found)) = pair.look_up(&order(PRODUCT)) else {
            panic!("{kind:?}");
        };
        assert_eq!(found.theirs.0, pair.fake.orders()[0].id);
        assert_eq!(
            asked(&pair, &format!("GET /v1/clients/{CLIENT}/applicants/")),
            1
        );
    }
}

#[test]
fn an_order_that_never_arrived_is_not_seen_and_goes_on_with_its_applicant() {
    let mut pair = pair();
    pair.fault(FaultKind::Reset, "POST", "/orders");
    assert!(pair.place(&order(PRODUCT)).is_err());
    assert_eq!(
        pair.look_up(&order(PRODUCT)),
        Ok(Found::NotSeen { blind: false })
    );
    pair.place(&order(PRODUCT)).unwrap();
    assert_eq!(
        asked(&pair, &format!("POST /v1/clients/{CLIENT}/applicants")),
        1
    );
    assert_eq!(pair.fake.orders().len(), 1);
}

#[test]
fn an_applicant_whose_answer_was_lost_has_no_order() {
    let mut pair = pair();
    pair.fault(FaultKind::ActAndReset, "POST", "/applicants");
    assert!(pair.place(&order(PRODUCT)).is_err());
    assert_eq!(
        pair.look_up(&order(PRODUCT)),
        Ok(Found::NotSeen { blind: false })
    );
    assert_eq!(
        pair.place(&order(PRODUCT)).unwrap().standing,
        Some(Standing::Invited)
    );
    assert_eq!(pair.fake.orders().len(), 1);
}

#[test]
fn a_busy_vendor_is_busy_and_one_under_maintenance_may_have_acted() {
    let mut pair = pair();
    pair.fault(FaultKind::TooMany, "POST", "/orders");
    assert!(matches!(pair.place(&order(PRODUCT)), Err(Fault::Busy(_))));
    pair.fault(FaultKind::Unavailable, "POST", "/orders");
    assert!(matches!(
        pair.place(&order(PRODUCT)),
        Err(Fault::Unclear(_))
    ));
    pair.fault(FaultKind::Unauthorized, "POST", "/orders");
    assert_eq!(pair.place(&order(PRODUCT)).map(drop), Err(Fault::Denied));
}

#[test]
fn searches_beside_the_package_are_ordered_by_name() {
    let mut pair = pair();
    let mut order = order(PRODUCT);
    order.add_ons = vec!["NATIONAL_CRIMINAL_DATABASE_ALIAS".into()];
    pair.place(&order).unwrap();
    let (_, body) = pair.sent.last().unwrap();
    assert!(
        body.contains(r#""optionalSearches":["NATIONAL_CRIMINAL_DATABASE_ALIAS"]"#),
        "{body}"
    );
}
