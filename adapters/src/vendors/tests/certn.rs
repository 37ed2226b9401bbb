//! Certn's traps, by their numbers in Certn, section 10.

use serde_json::{Value, json};

use super::pair::{FAIL, PASS, Pair, REVIEW, START, order};
use crate::contract::{Fault, Found};
use crate::simulator::FaultKind;
use crate::simulator::certn::{Account, Certn, Envelope, EventForm, Key};
use crate::vocabulary::{Order, Standing};

const ABSENT: Result<Found, Fault> = Ok(Found::NotSeen { blind: false });

fn ordered() -> Order {
    order("id-credit")
}

/// The pair with another account, its offers set, and the challenge behind it.
fn with(choose: impl FnOnce(&mut Account)) -> Pair {
    let mut account = Account::default();
    choose(&mut account);
    let mut pair = Pair::with(Box::new(Certn::new(account)));
    let credit = json!({
        "IDENTITY_VERIFICATION_1": {},
        "CREDIT_REPORT_1": {
            "ordering_type": "EXPLICIT_ORDERING",
            "explicit_check_type": ["CANADIAN_CREDIT_REPORT_1"],
        },
    });
    let checks = json!({
        "id-credit": credit.to_string(),
        "licence": r#"{"MOTOR_VEHICLE_RECORD_1": {}}"#,
    });
    pair.settings.insert("checks".into(), checks);
    assert_eq!(pair.callbacks()[0].status, 200, "the challenge is echoed");
    pair
}

fn usual() -> Pair {
    with(|_| {})
}

fn body(pair: &Pair) -> Value {
    let orders = pair.sent.iter().rev();
    let mut orders = orders.filter(|(line, _)| line.ends_with("/order/"));
    serde_json::from_str(&orders.next().unwrap().1).unwrap()
}

#[test]
fn an_order_is_placed_announced_and_passes() {
    let mut pair = usual();
    pair.verify().unwrap();
    let placed = pair.place(&ordered()).unwrap();
    assert_eq!(placed.standing, Some(Standing::Invited));
    pair.now += 10_000;
    assert_eq!(pair.notes(), 3, "events of checks bring no note");
    assert_eq!(pair.standing(&placed.theirs), PASS);
    assert_eq!(pair.fake.orders().len(), 1);
}

#[test]
fn trap_1_the_dead_legacy_api_is_never_called() {
    let mut pair = usual();
    let theirs = pair.place(&ordered()).unwrap().theirs;
    pair.look_up(&ordered()).unwrap();
    pair.cancel(&theirs).unwrap();
    let alive = |line: &str| line.contains(" /api/public/cases/");
    assert!(pair.sent.iter().all(|(line, _)| alive(line)));
}

#[test]
fn trap_2_and_10_the_scheme_word_is_api_key_and_a_key_of_another_region_is_denied() {
    let mut pair = usual();
    assert_eq!(pair.verify(), Ok(()));
    let other = "sk_live_of_another_region".to_owned();
    pair.secrets.insert("api_key".into(), other);
    assert_eq!(pair.verify(), Err(Fault::Denied));
    assert_eq!(pair.place(&ordered()), Err(Fault::Denied));
    assert!(pair.fake.orders().is_empty());
}

#[test]
fn trap_3_without_an_echo_nothing_is_ever_sent_and_looking_makes_it_good() {
    let mut pair = Pair::with(Box::<Certn>::default());
    let checks = json!({"id-credit": r#"{"IDENTITY_VERIFICATION_1": {}}"#});
    pair.settings.insert("checks".into(), checks);
    assert_eq!(
        pair.vendor.callbacks.clone().unwrap().challenge.as_deref(),
        Some("challenge")
    );
    let challenge = pair.fake.due(pair.now).remove(0);
    pair.fake.answered(challenge.id, Some(404), b"", pair.now);
    let theirs = pair.place(&ordered()).unwrap().theirs;
    pair.now += 10_000;
    assert!(pair.callbacks().is_empty());
    assert_eq!(pair.standing(&theirs), PASS);
}

#[test]
fn trap_4_cancelled_has_two_ls_and_ends_the_order() {
    let mut pair = usual();
    let theirs = pair.place(&ordered()).unwrap().theirs;
    let canceled = pair.cancel(&theirs).unwrap();
    assert_eq!(canceled.standing, Some(Standing::Canceled));
    assert_eq!(pair.fake.orders()[0].status, "CANCELLED");
    let again = pair.cancel(&theirs);
    let Err(Fault::Refused { code, .. }) = again else {
        panic!("{again:?}");
    };
    assert_eq!(code, "too_late");
}

#[test]
fn trap_5_an_order_whose_answer_was_lost_is_looked_up_and_never_repeated_blindly() {
    for kind in [
        FaultKind::ActAndHang,
        FaultKind::ActAndReset,
        FaultKind::ActAndBadGateway,
        FaultKind::ActAndTruncate,
    ] {
        for envelope in [Envelope::Results, Envelope::Bare] {
            let mut pair = with(|account| account.envelope = envelope);
            pair.fault(kind, "POST", "/order/");
            let lost = pair.place(&ordered());
            assert!(matches!(lost, Err(Fault::Unclear(_))), "{kind:?}");
            let found = pair.look_up(&ordered());
            let Ok(Found::One(progress)) = found else {
                panic!("{kind:?}: {found:?}");
            };
            let held = pair.fake.orders();
            assert_eq!((held.len(), &held[0].id), (1, &progress.theirs.0));
        }
    }
    let mut pair = usual();
    pair.fault(FaultKind::Reset, "POST", "/order/");
    assert!(pair.place(&ordered()).is_err());
    assert_eq!(pair.look_up(&ordered()), ABSENT);
}

#[test]
fn a_look_up_sees_neither_other_people_nor_earlier_orders_and_two_are_for_a_person() {
    let mut pair = usual();
    pair.now = START - 600_000;
    pair.place(&ordered()).unwrap();
    pair.now = START;
    let mut other = ordered();
    other.applicant.email = Some("other@mailbox.dev".into());
    pair.place(&other).unwrap();
    assert_eq!(pair.look_up(&ordered()), ABSENT);
    pair.place(&ordered()).unwrap();
    pair.place(&ordered()).unwrap();
    let found = pair.look_up(&ordered());
    assert!(
        matches!(&found, Ok(Found::Several(two)) if two.len() == 2),
        "{found:?}"
    );
}

#[test]
fn trap_6_an_order_is_never_silently_a_quickscreen() {
    let mut pair = usual();
    let mut nameless = ordered().without("applicant.first_name");
    nameless.add_ons.push("licence".to_owned());
    for order in [ordered(), nameless] {
        pair.place(&order).unwrap();
        assert_eq!(body(&pair)["send_invite_email"], true);
        assert_eq!(body(&pair).get("first_name"), None);
    }
    assert_eq!(
        body(&pair).get("input_claims"),
        None,
        "half a name is no name"
    );
    let checks = body(&pair)["check_types_with_arguments"].clone();
    assert_eq!(checks.as_object().unwrap().len(), 3, "{checks}");
    assert_eq!(
        checks["CREDIT_REPORT_1"]["ordering_type"],
        "EXPLICIT_ORDERING"
    );
}

#[test]
fn a_package_of_certns_own_is_ordered_by_its_id_where_the_setting_says_so() {
    let mut pair = usual();
    pair.settings.insert("order_by".into(), "package".into());
    let package = "0a5f7c3e-2b7d-4c62-9d1c-6f7e2f1f9b01";
    pair.place(&order(package)).unwrap();
    assert_eq!(body(&pair)["package"], package);
    assert_eq!(body(&pair).get("check_types_with_arguments"), None);
    assert_eq!(body(&pair)["send_invite_email"], true);
    let refused = pair.place(&order("id-credit"));
    let Err(Fault::Refused { field, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(field.as_deref(), Some("order.package"));
}

#[test]
fn what_the_setting_does_not_know_is_missed_before_anything_is_sent() {
    let mut pair = usual();
    let field = |pair: &Pair, order: &Order| pair.unfit(order).unwrap().field;
    let mut with_add_on = ordered();
    with_add_on.add_ons.push("unknown".to_owned());
    assert_eq!(field(&pair, &order("unknown")), "order.package");
    assert_eq!(field(&pair, &with_add_on), "order.add_ons");
    pair.settings.insert("order_by".into(), "package".into());
    assert_eq!(field(&pair, &with_add_on), "order.add_ons");
    let without = pair.unfit(&ordered().without("applicant.email"));
    assert_eq!(without.unwrap().field, "applicant.email");
}

#[test]
fn trap_7_complete_may_precede_the_score() {
    let mut pair = with(|account| account.score_lags = true);
    let theirs = pair.place(&ordered()).unwrap().theirs;
    pair.now = START + 1_500;
    let look = pair.look(&theirs).unwrap();
    assert_eq!(look.standing, Some(Standing::InProgress));
    assert_eq!(look.detail.as_deref(), Some("no_result"));
    pair.now = START + 2_000;
    assert_eq!(pair.standing(&theirs), PASS, "which no event told");
}

#[test]
fn trap_8_a_report_is_made_on_demand_and_its_event_completes_nothing() {
    let mut pair = usual();
    let theirs = pair.place(&ordered()).unwrap().theirs;
    assert_eq!(pair.report(&theirs), Err(Fault::NotReady(None)));
    pair.advance("COMPLETE", None);
    pair.callbacks();
    assert_eq!(
        pair.report(&theirs),
        Err(Fault::NotReady(None)),
        "the file is being made"
    );
    pair.now += 1_000;
    let heard = pair.callbacks();
    assert_eq!(heard[0].notes.len(), 1, "CASE_REPORT_READY makes us look");
    assert_eq!(pair.standing(&theirs), Some(Standing::InProgress));
}

#[test]
fn trap_9_a_key_ends_after_a_year_and_another_may_live_beside_it() {
    let next = "sk_test_next";
    let mut pair = with(|account| {
        account.keys[0].ends_at = Some(START + 1_000);
        account.keys.push(Key {
            value: next.to_owned(),
            ends_at: None,
        });
    });
    assert_eq!(pair.verify(), Ok(()));
    pair.now += 1_000;
    assert_eq!(pair.verify(), Err(Fault::Denied));
    pair.secrets.insert("api_key".into(), next.into());
    assert_eq!(pair.verify(), Ok(()));
}

#[test]
fn every_score_is_read_as_it_is_meant_and_the_customers_own_counts_where_it_is_worse() {
    let mut pair = usual();
    let theirs = pair.place(&ordered()).unwrap().theirs;
    for (status, score, expected) in [
        ("INVITE_UNDELIVERABLE", None, Some(Standing::Failed)),
        ("APPLICANT_EXPIRED", None, Some(Standing::Expired)),
        ("APPLICANT_ACTION_REQUIRED", None, Some(Standing::OnHold)),
        ("COMPLETE", Some("CLEAR"), PASS),
        ("COMPLETE", Some("CLEAR+adjudication=CLEAR"), PASS),
        ("COMPLETE", Some("CLEAR+adjudication=REJECT"), REVIEW),
        ("COMPLETE", Some("REVIEW+adjudication=CLEAR"), REVIEW),
        ("COMPLETE", Some("RESTRICTED"), REVIEW),
        ("COMPLETE", Some("NOT_APPLICABLE"), REVIEW),
        ("COMPLETE", Some("GREMLINS"), REVIEW),
        ("COMPLETE", Some("REJECT"), FAIL),
        ("GREMLINS", Some("CLEAR"), None),
    ] {
        pair.advance(status, score);
        let standing = pair.standing(&theirs);
        assert_eq!(standing, expected, "{status} {score:?}");
    }
}

#[test]
fn events_of_both_forms_with_and_without_a_prefix_are_believed_and_forged_ones_are_not() {
    for (events, prefix) in [
        (EventForm::Documented, ""),
        (EventForm::Implemented, "sha256="),
    ] {
        let mut pair = with(|account| {
            account.events = events;
            account.signature_prefix = prefix;
        });
        pair.place(&ordered()).unwrap();
        pair.fault(FaultKind::Stutter, "", "");
        pair.now += 500;
        assert_eq!(pair.notes(), 2);
        pair.secrets.insert("webhook_secret".into(), "other".into());
        pair.now += 500;
        assert_eq!(pair.callbacks()[0].status, 401);
    }
}
