//! Accurate's traps, by their numbers in Accurate, section 10.

use std::time::Duration;

use serde_json::{Value, json};

use super::pair::{FAIL, PASS, Pair, REVIEW, context, order};
use crate::callback::{OrderKey, Proof, Says};
use crate::contract::{Effect, Fault, Found, Memo, PlaceOrder};
use crate::simulator::accurate::{Account, Accurate};
use crate::simulator::{FaultKind, Pace};
use crate::vocabulary::{Order, Report, Standing, TheirRef};

const PACKAGE: &str = "PKG_BASIC";

fn pair() -> Pair {
    with(|_| {})
}

/// A pair whose fake moves by itself; every connection says where people work.
fn with(choose: impl FnOnce(&mut Account)) -> Pair {
    let mut account = Account::default();
    choose(&mut account);
    let mut pair = Pair::with(Box::new(Accurate::new(account)));
    pair.settings.insert("work_location".into(), "US-WA".into());
    pair.settings.insert("work_city".into(), "Seattle".into());
    pair
}

/// A pair whose fake moves only when it is told to, with an order placed.
fn placed() -> (Pair, TheirRef) {
    let mut pair = with(|account| account.pace = Pace::manual());
    let theirs = pair.place(&order(PACKAGE)).unwrap().theirs;
    (pair, theirs)
}

/// The body of the last request to `line`.
fn body(pair: &Pair, line: &str) -> Value {
    let mut sent = pair.sent.iter().rev();
    let (_, body) = sent.find(|(sent, _)| sent == line).unwrap();
    serde_json::from_str(body).unwrap()
}

#[test]
fn an_order_is_placed_announced_and_passes() {
    let mut pair = pair();
    pair.verify().unwrap();
    let placed = pair.place(&order(PACKAGE)).unwrap();
    assert_eq!(placed.standing, Some(Standing::Invited));
    pair.now += 10_000;
    assert_eq!((pair.notes(), pair.standing(&placed.theirs)), (4, PASS));
    let held = pair.fake.orders();
    assert_eq!((held.len(), &held[0].reference), (1, &pair.ours().0));
}

#[test]
fn the_place_of_work_is_written_out_or_the_applicants_own() {
    let (mut pair, _) = placed();
    let location = |pair: &Pair| body(pair, "POST /v3/order")["jobLocation"].clone();
    assert_eq!(
        location(&pair),
        json!({"country": "US", "region": "WA", "city": "Seattle"})
    );
    for (name, value) in [
        ("work_location", "applicant"),
        ("work_city", "applicant"),
        ("work_county", "Sangamon"),
    ] {
        pair.settings.insert(name.into(), value.into());
    }
    pair.next_order();
    pair.place(&order(PACKAGE)).unwrap();
    let own =
        json!({"country": "US", "region": "IL", "region2": "Sangamon", "city": "Springfield"});
    assert_eq!(location(&pair), own);
    let mut nowhere = order(PACKAGE);
    nowhere.applicant.city = None;
    pair.next_order();
    assert_eq!(pair.unfit(&nowhere).unwrap().field, "applicant.city");
    pair.settings.insert("work_location".into(), "CA-ON".into());
    pair.settings.insert("work_city".into(), "Toronto".into());
    pair.place(&order(PACKAGE)).unwrap();
    assert_eq!(location(&pair)["region"], "ON");
}

#[test]
fn packages_are_read_from_a_list_and_from_an_envelope() {
    for wrapped in [false, true] {
        let mut pair = with(|account| account.wrapped_packages = wrapped);
        let packages = pair.list().unwrap().packages;
        assert_eq!(packages.len(), 3);
        assert_eq!(
            (packages[1].vendor_id.as_str(), packages[1].screenings.len()),
            (PACKAGE, 2)
        );
    }
}

#[test]
fn trap_1_an_old_order_in_the_place_of_a_new_one_is_no_success() {
    let mut pair = with(|account| {
        account.duplicate_check = true;
        account.pace = Pace::manual();
    });
    pair.place(&order(PACKAGE)).unwrap();
    pair.advance("COMPLETE", Some("PASS"));
    // The same reference for another candidate: nobody may get the other's result.
    pair.memo = Memo::default();
    assert!(matches!(
        pair.place(&order(PACKAGE)),
        Err(Fault::Unclear(_))
    ));
    assert_eq!(pair.fake.orders().len(), 1);
}

#[test]
fn trap_1_with_the_duplicate_check_the_same_order_may_be_sent_again() {
    let mut pair = pair();
    assert_eq!(effect(&pair), Effect::Once);
    pair.settings.insert("duplicate_check".into(), "on".into());
    let within = Duration::from_hours(30 * 24);
    assert_eq!(effect(&pair), Effect::Repeatable { within });
    let mut pair = with(|account| account.duplicate_check = true);
    pair.fault(FaultKind::ActAndReset, "POST", "/order");
    assert!(pair.place(&order(PACKAGE)).is_err());
    let again = pair.place(&order(PACKAGE)).unwrap().theirs;
    assert_eq!(
        (pair.fake.orders().len(), &again.0),
        (1, &pair.fake.orders()[0].id)
    );
}

/// What a second copy of the request that orders would do.
fn effect(pair: &Pair) -> Effect {
    let op = PlaceOrder {
        order: order(PACKAGE).into(),
        ours: pair.ours(),
        callback_url: String::new(),
    };
    let memo = Memo {
        step: "order".into(),
        values: [("candidate_id".into(), "65f0c0ffee00000000000001".into())].into(),
    };
    let cx = context(&pair.settings, "");
    pair.vendor.place.encode(&op, &memo, &cx).unwrap().effect
}

#[test]
fn trap_2_result_words_are_the_accounts_own() {
    let (mut pair, theirs) = placed();
    for (word, expected) in [
        ("PASS", PASS),
        ("MEETS REQUIREMENTS", PASS),
        ("Meets Requirements", PASS),
        ("NEEDS REVIEW", REVIEW),
        ("FAIL", FAIL),
        ("DOES NOT MEET REQUIREMENTS", FAIL),
        ("PENDING", REVIEW),
        ("GREEN LIGHT", REVIEW),
        ("CANCELLED", Some(Standing::Canceled)),
    ] {
        pair.advance("COMPLETE", Some(word));
        assert_eq!(pair.standing(&theirs), expected, "{word}");
    }
    let own = json!({"Green Light": "pass", "MEETS REQUIREMENTS": "review", "ODD": "gremlins"});
    pair.settings.insert("result_words".into(), own);
    for (word, expected) in [
        ("GREEN LIGHT", PASS),
        ("MEETS REQUIREMENTS", REVIEW),
        ("PASS", PASS),
        ("ODD", REVIEW),
    ] {
        pair.advance("COMPLETE", Some(word));
        assert_eq!(pair.standing(&theirs), expected, "{word}");
    }
}

#[test]
fn trap_3_without_scoring_a_finished_order_is_for_review() {
    let mut pair = with(|account| account.good_result = None);
    let theirs = pair.place(&order(PACKAGE)).unwrap().theirs;
    pair.now += 10_000;
    let seen = pair.look(&theirs).unwrap();
    assert_eq!(
        (seen.standing, seen.detail.as_deref()),
        (REVIEW, Some("no_result"))
    );
    pair.advance("COMPLETE", Some("null"));
    assert_eq!(pair.standing(&theirs), REVIEW);
}

#[test]
fn trap_4_where_nothing_is_announced_looking_finds_the_end() {
    let mut pair = with(|account| account.is_sandbox = true);
    let theirs = pair.place(&order(PACKAGE)).unwrap().theirs;
    pair.now += 10_000;
    assert!(pair.callbacks().is_empty());
    assert_eq!(pair.standing(&theirs), PASS);
    assert!(pair.vendor.policy.look_at_most.as_secs() <= 2 * 3_600);
}

#[test]
fn trap_5_what_is_sent_is_json_and_says_so() {
    let (pair, _) = placed();
    let ordered = body(&pair, "POST /v3/order");
    assert_eq!(ordered["workflow"], "INTERACTIVE");
    let person =
        json!({"firstName": "Dana", "lastName": "Reyes", "email": "dana.reyes@mailbox.dev"});
    assert_eq!(body(&pair, "POST /v3/candidate"), person);
}

#[test]
fn trap_6_the_percentage_is_a_text_and_tells_the_invited_from_those_at_work() {
    let (mut pair, theirs) = placed();
    assert_eq!(pair.standing(&theirs), Some(Standing::Invited));
    for (status, expected) in [
        ("PENDING%0", Some(Standing::Invited)),
        ("PENDING%1", Some(Standing::InProgress)),
        ("PENDING%100", Some(Standing::InProgress)),
        ("INVITED", Some(Standing::Invited)),
        ("DRAFT", Some(Standing::Invited)),
        ("IN PROGRESS", Some(Standing::InProgress)),
        ("EXPIRED", Some(Standing::Expired)),
        ("CANCELLED", Some(Standing::Canceled)),
        ("GREMLINS", None),
    ] {
        pair.advance(status, None);
        assert_eq!(pair.standing(&theirs), expected, "{status}");
    }
}

#[test]
fn trap_7_nothing_personal_stands_in_the_codes_that_the_invoice_prints() {
    let (pair, _) = placed();
    let codes = body(&pair, "POST /v3/order")["referenceCodes"].clone();
    assert_eq!(codes, json!([pair.ours().0]));
}

#[test]
fn trap_8_only_version_3_is_spoken() {
    let (mut pair, theirs) = placed();
    pair.verify().unwrap();
    pair.list().unwrap();
    pair.standing(&theirs);
    pair.look_up(&order(PACKAGE)).unwrap();
    assert!(
        pair.sent.iter().all(|(line, _)| line.contains(" /v3/")),
        "{:?}",
        pair.sent
    );
}

#[test]
fn trap_9_no_signature_is_believed_in_so_a_callback_only_makes_us_look() {
    let (mut pair, theirs) = placed();
    let callbacks = pair.vendor.callbacks.clone().unwrap();
    assert_eq!(callbacks.proof, Proof::Hint);
    pair.callbacks();
    pair.advance("COMPLETE", Some("PASS"));
    let heard = pair.callbacks().remove(0);
    assert_eq!((heard.status, heard.notes.len()), (200, 1));
    assert_eq!(heard.notes[0].says, Says::Look);
    let order = [OrderKey::Theirs(theirs), OrderKey::Ours(pair.ours())];
    assert_eq!(heard.notes[0].order, order);
}

#[test]
fn a_cancelled_order_that_is_taken_up_again_is_seen_again() {
    let (mut pair, theirs) = placed();
    pair.advance("CANCELLED", None);
    assert_eq!(pair.standing(&theirs), Some(Standing::Canceled));
    pair.advance("PENDING%10", None);
    assert_eq!(pair.standing(&theirs), Some(Standing::InProgress));
    assert!(pair.vendor.policy.reopens_for.is_some());
}

#[test]
fn a_report_is_fetched_for_a_click_once_there_is_one() {
    for quoted in [false, true] {
        let mut pair = with(|account| {
            account.quoted_reports = quoted;
            account.pace = Pace::manual();
        });
        let theirs = pair.place(&order(PACKAGE)).unwrap().theirs;
        assert_eq!(pair.report(&theirs), Err(Fault::NotReady(None)));
        pair.advance("COMPLETE", None);
        assert_eq!(pair.look(&theirs).unwrap().report, Some(Report::Minted));
        assert_eq!(pair.report(&theirs), Ok("document of text/html".to_owned()));
    }
}

#[test]
fn an_order_whose_answer_was_lost_is_found_by_its_candidate() {
    for kind in [
        FaultKind::ActAndReset,
        FaultKind::ActAndBadGateway,
        FaultKind::ActAndTruncate,
    ] {
        let mut pair = pair();
        pair.fault(kind, "POST", "/order");
        assert!(
            matches!(pair.place(&order(PACKAGE)), Err(Fault::Unclear(_))),
            "{kind:?}"
        );
        let Ok(Found::One(found)) = pair.look_up(&order(PACKAGE)) else {
            panic!("{kind:?}");
        };
        assert_eq!(found.theirs.0, pair.fake.orders()[0].id);
    }
}

#[test]
fn orders_that_do_not_show_whose_they_are_prove_nothing() {
    let mut pair = with(|account| account.bare_orders = true);
    pair.fault(FaultKind::ActAndReset, "POST", "/order");
    assert!(pair.place(&order(PACKAGE)).is_err());
    assert_eq!(
        pair.look_up(&order(PACKAGE)),
        Ok(Found::NotSeen { blind: true })
    );
}

#[test]
fn an_order_that_never_arrived_is_not_seen_and_goes_on_with_its_candidate() {
    let mut pair = pair();
    pair.fault(FaultKind::Reset, "POST", "/candidate");
    assert!(pair.place(&order(PACKAGE)).is_err());
    assert_eq!(
        pair.look_up(&order(PACKAGE)),
        Ok(Found::NotSeen { blind: false })
    );
    pair.fault(FaultKind::Reset, "POST", "/order");
    assert!(pair.place(&order(PACKAGE)).is_err());
    assert_eq!(
        pair.look_up(&order(PACKAGE)),
        Ok(Found::NotSeen { blind: false })
    );
    pair.place(&order(PACKAGE)).unwrap();
    let people = pair
        .sent
        .iter()
        .filter(|(line, _)| line == "POST /v3/candidate");
    assert_eq!((people.count(), pair.fake.orders().len()), (2, 1));
}

#[test]
fn what_accurate_refuses_is_said_by_our_names() {
    let refused = |order: &Order, setting: Option<(&str, &str)>| {
        let mut pair = pair();
        if let Some((name, value)) = setting {
            pair.settings.insert(name.into(), value.into());
        }
        match pair.place(order) {
            Err(Fault::Refused { field, .. }) => field.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(&order("PKG_NONE"), None), "order.package");
    let nowhere = Some(("work_location", "US-XX"));
    assert_eq!(refused(&order(PACKAGE), nowhere), "settings.work_location");
    let somebody = Some(("requestor", "somebody"));
    assert_eq!(refused(&order(PACKAGE), somebody), "settings.requestor");
    let mut pair = pair();
    pair.fault(FaultKind::TooMany, "POST", "/order");
    assert!(matches!(pair.place(&order(PACKAGE)), Err(Fault::Busy(_))));
    pair.secrets.insert("client_secret".into(), "wrong".into());
    assert_eq!(pair.verify(), Err(Fault::Denied));
}

#[test]
fn searches_beside_the_package_are_ordered_by_code() {
    let mut pair = pair();
    let mut order = order(PACKAGE);
    order.add_ons = vec!["SON".into(), "MOV".into()];
    pair.place(&order).unwrap();
    let codes = json!([{"productType": "SON"}, {"productType": "MOV"}]);
    assert_eq!(
        body(&pair, "POST /v3/order")["additionalProductTypes"],
        codes
    );
}
