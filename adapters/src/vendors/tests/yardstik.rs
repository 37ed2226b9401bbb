//! Yardstik's traps, by their numbers in Yardstik, section 10.

use serde_json::Value;

use super::pair::{FAIL, PASS, Pair, REVIEW, START, order};
use crate::callback::OrderKey;
use crate::contract::{Fault, Found};
use crate::simulator::yardstik::{Account, Yardstik};
use crate::simulator::{Arrived, FaultKind};
use crate::vocabulary::{Order, Standing};

const PACKAGE: &str = "6a1f0c11-5023-412b-95df-aa57300a4d71";
const ABSENT: Result<Found, Fault> = Ok(Found::NotSeen { blind: false });
const BLIND: Result<Found, Fault> = Ok(Found::NotSeen { blind: true });

fn ordered() -> Order {
    order(PACKAGE)
}

/// The fake with another account than the default one.
fn with(choose: impl FnOnce(&mut Account)) -> Pair {
    let mut account = Account::default();
    choose(&mut account);
    Pair::with(Box::new(Yardstik::new(account)))
}

/// Asks the fake what only an operator asks.
fn operate(pair: &mut Pair, method: &str, path: &str, body: &str) -> Value {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = Arrived {
        method: method.to_owned(),
        target: path.to_owned(),
        headers: vec![
            header("authorization", "Account yardstik-test-key"),
            header("accept", "application/json"),
            header("content-type", "application/json"),
        ],
        body: body.as_bytes().to_vec(),
    };
    let response = pair.fake.handle(&request, pair.now);
    serde_json::from_slice(&response.body).unwrap()
}

#[test]
fn an_order_is_placed_announced_and_passes() {
    let mut pair = Pair::of("yardstik");
    let placed = pair.place(&ordered()).unwrap();
    assert_eq!(placed.standing, Some(Standing::Invited));
    pair.now += 10_000;
    assert_eq!(pair.notes(), 3, "a candidate's event brings no note");
    assert_eq!(pair.standing(&placed.theirs), PASS);
    let held = pair.fake.orders();
    assert_eq!((held.len(), &held[0].reference), (1, &pair.ours().0));
}

#[test]
fn trap_1_the_scheme_word_is_account_and_every_request_says_what_it_accepts() {
    let mut pair = Pair::of("yardstik");
    assert_eq!(pair.verify(), Ok(()));
    pair.secrets.insert("api_key".into(), "wrong".into());
    assert_eq!(pair.verify(), Err(Fault::Denied));
    assert_eq!(pair.place(&ordered()), Err(Fault::Denied));
    assert!(pair.fake.orders().is_empty());
}

#[test]
fn trap_2_the_id_of_a_webhook_is_not_the_reports() {
    let mut pair = Pair::of("yardstik");
    let theirs = pair.place(&ordered()).unwrap().theirs;
    for heard in pair.callbacks() {
        for note in heard.notes {
            assert_eq!(note.order, [OrderKey::Theirs(theirs.clone())]);
        }
    }
}

#[test]
fn trap_3_the_accounts_own_package_id_orders() {
    let mut pair = Pair::of("yardstik");
    let catalog = pair.list().unwrap();
    assert_eq!(catalog.packages[0].vendor_id, PACKAGE);
    assert_eq!(catalog.packages[0].name, "Basic Plus + MVR");
    assert!(pair.place(&order(&catalog.packages[1].vendor_id)).is_ok());
    pair.next_order();
    let refused = pair.place(&order("basic_plus_mvr"));
    let Err(Fault::Refused { field, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(field.as_deref(), Some("order.package"));
}

#[test]
fn trap_4_a_webhook_is_believed_only_with_the_key_of_that_exact_name() {
    for (key, status) in [
        (Some("ys-secret"), 200),
        (Some("ys-secret\n"), 401),
        (Some("\"ys-secret\""), 401),
        (None, 401),
    ] {
        let mut pair = with(|account| account.webhook_signature = key.map(str::to_owned));
        pair.secrets
            .insert("webhook_signature".into(), "ys-secret".into());
        pair.place(&ordered()).unwrap();
        assert!(
            pair.callbacks().iter().all(|heard| heard.status == status),
            "{key:?}"
        );
    }
}

#[test]
fn trap_5_what_no_webhook_was_registered_for_is_found_by_looking() {
    let mut pair = Pair::of("yardstik");
    let theirs = pair.place(&ordered()).unwrap().theirs;
    for webhook in operate(&mut pair, "GET", "/webhooks", "")
        .as_array()
        .unwrap()
    {
        let path = format!("/webhooks/{}", webhook["id"].as_str().unwrap());
        operate(&mut pair, "PATCH", &path, r#"{"enabled":false}"#);
    }
    pair.callbacks();
    pair.now += 10_000;
    assert!(pair.callbacks().is_empty());
    assert_eq!(pair.standing(&theirs), PASS);
}

#[test]
fn trap_6_proceed_counts_as_cleared_and_consider_is_no_failure() {
    let mut pair = Pair::of("yardstik");
    let theirs = pair.place(&ordered()).unwrap().theirs;
    for (status, expected) in [
        ("consider", REVIEW),
        ("proceed", PASS),
        ("dispute", Some(Standing::OnHold)),
        ("pre_adverse", REVIEW),
        ("final_adverse", FAIL),
        ("gremlins", None),
    ] {
        pair.advance(status, None);
        assert_eq!(pair.standing(&theirs), expected, "{status}");
    }
}

#[test]
fn trap_7_where_the_report_exists_already_it_is_resumed() {
    for kind in [FaultKind::ActAndReset, FaultKind::ActAndBadGateway] {
        let mut pair = Pair::of("yardstik");
        pair.fault(kind, "POST", "/invitations");
        assert!(matches!(pair.place(&ordered()), Err(Fault::Unclear(_))));
        // A repeat meets the block of 30 days.
        let resumed = pair.place(&ordered()).unwrap();
        let held = pair.fake.orders();
        assert_eq!((held.len(), &held[0].id), (1, &resumed.theirs.0));
        assert_eq!(resumed.standing, Some(Standing::Invited));
    }
}

#[test]
fn trap_8_a_monitoring_report_of_the_same_candidate_is_not_the_order() {
    let mut pair = Pair::of("yardstik");
    let theirs = pair.place(&ordered()).unwrap().theirs;
    pair.now += 10_000;
    pair.callbacks();
    pair.advance("monitoring=consider", None);
    let heard = pair.callbacks();
    let of_others = OrderKey::Theirs(theirs.clone());
    let notes: Vec<_> = heard.iter().flat_map(|heard| &heard.notes).collect();
    assert_eq!(notes.len(), 1);
    assert!(!notes[0].order.contains(&of_others));
    let ours = OrderKey::Ours(pair.ours());
    assert!(
        !notes[0].order.contains(&ours),
        "it would lead to the order"
    );
    assert_eq!(pair.standing(&theirs), PASS);
}

#[test]
fn trap_9_a_package_id_of_staging_is_refused_by_production_by_its_name() {
    let elsewhere = "7b2f0c11-5023-412b-95df-aa57300a4d71";
    let mut staging = with(|account| account.packages = vec![(elsewhere, "basic", "Basic")]);
    assert_eq!(staging.list().unwrap().packages[0].vendor_id, elsewhere);
    let refused = staging.place(&ordered());
    let Err(Fault::Refused { code, field, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(code, "package_gone");
    assert_eq!(field.as_deref(), Some("order.package"));
}

#[test]
fn an_order_whose_answer_was_lost_is_found_again_and_one_that_never_was_is_not() {
    let mut pair = Pair::of("yardstik");
    assert_eq!(pair.look_up(&ordered()), ABSENT);
    pair.fault(FaultKind::ActAndHang, "POST", "/invitations");
    assert!(pair.place(&ordered()).is_err());
    for forgets in [false, true] {
        // What was kept of the candidate helps, and is not needed.
        if forgets {
            pair.memo.values.clear();
        }
        let found = pair.look_up(&ordered());
        let Ok(Found::One(progress)) = found else {
            panic!("{found:?}");
        };
        assert_eq!(progress.theirs.0, pair.fake.orders()[0].id);
    }
    let mut pair = Pair::of("yardstik");
    pair.fault(FaultKind::Reset, "POST", "/invitations");
    assert!(pair.place(&ordered()).is_err());
    assert_eq!(pair.look_up(&ordered()), ABSENT);
    assert!(pair.place(&ordered()).is_ok());
    assert_eq!(pair.fake.orders().len(), 1);
}

#[test]
fn a_candidate_whose_answer_was_lost_is_blind_only_once_there_are_two() {
    let mut pair = Pair::of("yardstik");
    pair.fault(FaultKind::ActAndReset, "POST", "/candidates");
    assert!(pair.place(&ordered()).is_err());
    assert_eq!(pair.look_up(&ordered()), ABSENT);
    pair.fault(FaultKind::ActAndReset, "POST", "/invitations");
    assert!(pair.place(&ordered()).is_err());
    // The one that was kept is the one that was invited.
    assert!(matches!(pair.look_up(&ordered()), Ok(Found::One(_))));
    pair.memo.values.clear();
    assert_eq!(pair.look_up(&ordered()), BLIND);
}

#[test]
fn a_list_that_ignores_the_filter_is_read_to_its_end() {
    let mut pair = with(|account| account.filters_external_id = false);
    for _ in 0..101 {
        pair.place(&ordered()).unwrap();
        pair.next_order();
    }
    assert_eq!(pair.look_up(&ordered()), ABSENT);
    pair.place(&ordered()).unwrap();
    pair.memo.values.clear();
    assert!(matches!(pair.look_up(&ordered()), Ok(Found::One(_))));
}

#[test]
fn an_adjudication_makes_a_pass_a_review_where_the_setting_says_so() {
    let mut pair = Pair::of("yardstik");
    let theirs = pair.place(&ordered()).unwrap().theirs;
    for (setting, expected) in [("ignore", PASS), ("review", REVIEW)] {
        pair.settings.insert("adjudication".into(), setting.into());
        pair.advance("clear", Some("escalated"));
        assert_eq!(pair.standing(&theirs), expected, "{setting}");
        pair.advance("clear", None);
        assert_eq!(pair.standing(&theirs), PASS, "{setting}");
    }
}

#[test]
fn callbacks_doubled_or_lost_end_where_looking_ends() {
    let mut pair = Pair::of("yardstik");
    let theirs = pair.place(&ordered()).unwrap().theirs;
    pair.callbacks();
    pair.fault(FaultKind::Stutter, "", "");
    pair.now = START + 500;
    assert_eq!(pair.notes(), 2);
    pair.fault(FaultKind::Mute, "", "");
    pair.now += 10_000;
    assert_eq!(pair.notes(), 0);
    let look = pair.look(&theirs).unwrap();
    assert_eq!(look.standing, PASS);
    let report = serde_json::to_value(look.report).unwrap();
    assert!(report["link"].as_str().unwrap().starts_with("https://app."));
    assert!(pair.vendor.cancel.is_none(), "no such call is documented");
}
