//! Accio's traps, by their numbers in Accio, section 10.

use super::pair::{PASS, Pair, REVIEW, order};
use crate::callback::{OrderKey, Says};
use crate::contract::Fault;
use crate::simulator::FaultKind;
use crate::simulator::accio::{Accio, Account};
use crate::vocabulary::{Outcome, Standing, TheirRef};

const PACKAGE: &str = "Criminal and Evictions";

fn with(choose: impl FnOnce(&mut Account)) -> Pair {
    let mut account = Account::default();
    choose(&mut account);
    Pair::with(Box::new(Accio::new(account)))
}

/// An order that is placed, and the vendor's reference of it.
fn placed(pair: &mut Pair) -> TheirRef {
    let progress = pair.place(&order(PACKAGE)).expect("it is placed");
    assert_eq!(progress.standing, Some(Standing::Invited));
    progress.theirs
}

/// How an order stands that the vendor has moved to these words.
fn moved(pair: &mut Pair, status: &str, result: Option<&str>) -> Option<Standing> {
    let theirs = placed(pair);
    pair.advance(status, result);
    pair.standing(&theirs)
}

#[test]
fn an_order_is_placed_announced_and_passes() {
    let mut pair = Pair::of("accio");
    pair.verify().unwrap();
    let theirs = placed(&mut pair);
    pair.now += 10_000;
    assert!(pair.notes() >= 3);
    assert_eq!(pair.standing(&theirs), PASS);
    let held = pair.fake.orders();
    assert_eq!((held.len(), &held[0].reference), (1, &pair.ours().0));
}

#[test]
fn the_catalog_is_names_and_wrong_credentials_are_denied() {
    let mut pair = Pair::of("accio");
    let catalog = pair.list().unwrap();
    let ids: Vec<_> = catalog.packages.iter().map(|one| &one.vendor_id).collect();
    assert_eq!(
        ids,
        ["A La Carte", "Criminal and Evictions", "International"]
    );
    pair.secrets.insert("password".into(), "wrong".into());
    assert_eq!(pair.verify(), Err(Fault::Denied));
    assert_eq!(pair.place(&order(PACKAGE)).map(drop), Err(Fault::Denied));
}

#[test]
fn an_answer_that_was_lost_is_unclear_and_the_first_post_names_both_references() {
    for kind in [
        FaultKind::ActAndHang,
        FaultKind::ActAndReset,
        FaultKind::ActAndBadGateway,
        FaultKind::ActAndTruncate,
    ] {
        let mut pair = Pair::of("accio");
        pair.fault(kind, "POST", "");
        let lost = pair.place(&order(PACKAGE));
        assert!(matches!(lost, Err(Fault::Unclear(_))), "{kind:?}");
        let heard = pair.callbacks().remove(0);
        let id = pair.fake.orders()[0].id.clone();
        let names = vec![OrderKey::Theirs(TheirRef(id)), OrderKey::Ours(pair.ours())];
        assert_eq!(heard.notes[0].order, names, "{kind:?}");
        assert_eq!(pair.fake.orders().len(), 1);
    }
    let mut pair = Pair::of("accio");
    pair.fault(FaultKind::TooMany, "POST", "");
    let busy = pair.place(&order(PACKAGE));
    assert!(matches!(busy, Err(Fault::Busy(None))));
}

#[test]
fn trap_1_without_a_mode_nothing_is_ordered_and_the_sheet_always_sends_one() {
    let mut pair = Pair::of("accio");
    placed(&mut pair);
    assert!(pair.last_body().contains("<mode>PROD</mode>"));
    assert_eq!(pair.fake.orders().len(), 1, "it exists");
}

#[test]
fn trap_2_posts_are_acknowledged_in_xml_so_that_they_do_not_stop() {
    let mut pair = with(|account| account.most_failed_posts = 1);
    placed(&mut pair);
    assert_eq!(pair.notes(), 1);
    pair.now += 10_000;
    assert_eq!(pair.notes(), 3, "the invitation, the order, its completion");
    pair.now += 3_600_000;
    assert_eq!(pair.notes(), 0, "none comes again");
    // One forged or refused answer is enough to see that the fake would have stopped.
    pair.secrets
        .insert("callback_password".into(), "other".into());
    pair.advance("inprogress recruiter", None);
    assert_eq!(pair.callbacks()[0].status, 401);
    pair.advance("inprogress vendor", None);
    assert!(pair.callbacks().is_empty());
}

#[test]
fn trap_3_the_address_for_posts_stands_before_the_subject() {
    let mut pair = Pair::of("accio");
    placed(&mut pair);
    let body = pair.last_body();
    assert!(body.find("<postBackInfo>") < body.find("<subject>"));
    assert_eq!(pair.notes(), 1, "and so it is posted to");
}

#[test]
fn trap_4_the_order_number_changes_and_both_are_kept() {
    let mut pair = Pair::of("accio");
    let draft = placed(&mut pair);
    pair.now += 500;
    let active = pair.look(&draft).unwrap();
    assert_ne!(active.theirs, draft);
    assert_eq!(active.theirs.0, pair.fake.orders()[0].id);
    assert_eq!(active.also, std::slice::from_ref(&draft));
    pair.now += 1_000;
    for number in [draft, active.theirs.clone()] {
        let progress = pair.look(&number).unwrap();
        assert_eq!(
            (progress.standing, progress.theirs),
            (PASS, active.theirs.clone())
        );
    }
}

#[test]
fn trap_5_what_an_address_history_has_led_to_counts_and_is_not_taken_for_the_order() {
    let mut pair = Pair::of("accio");
    let mut wanted = order(PACKAGE);
    wanted.applicant.last_name = Some("Hits".into());
    let theirs = pair.place(&wanted).unwrap().theirs;
    pair.now += 10_000;
    let progress = pair.look(&theirs).unwrap();
    assert_eq!(progress.standing, REVIEW, "the worst of both");
    assert_eq!(progress.theirs.0, pair.fake.orders()[0].id);
    for heard in pair.callbacks() {
        let note = &heard.notes[0];
        assert_eq!(note.says, Says::Look);
        assert!(note.order.contains(&OrderKey::Ours(pair.ours())));
    }
}

#[test]
fn trap_6_no_hits_is_bad_and_what_was_canceled_is_no_pass() {
    for (code, expected) in [
        ("clear", PASS),
        ("verified", PASS),
        ("no match", PASS),
        ("hits", REVIEW),
        ("no hits", REVIEW),
        ("canceled", REVIEW),
        ("expired", REVIEW),
        ("clear+failed", REVIEW),
        ("clear+generated=canceled", REVIEW),
        ("clear+held", Some(Standing::OnHold)),
        ("cd_custom", REVIEW),
    ] {
        let mut pair = Pair::of("accio");
        let standing = moved(&mut pair, "order completion", Some(code));
        assert_eq!(standing, expected, "{code}");
    }
}

#[test]
fn trap_7_a_product_type_is_ordered_as_the_agency_spells_it() {
    let mut pair = Pair::of("accio");
    let with = |add_on: &str| {
        let mut wanted = order(PACKAGE);
        wanted.add_ons = vec![add_on.to_owned()];
        wanted
    };
    pair.place(&with("evictions_check")).unwrap();
    assert!(
        pair.last_body()
            .contains("<subOrder type=\"evictions_check\"/>")
    );
    pair.next_order();
    pair.place(&with("National Criminal")).unwrap();
    assert!(
        pair.last_body()
            .contains("<subOrder type=\"National Criminal\"/>")
    );
    for wrong in ["evictions check", "National_Criminal", "MVR"] {
        pair.next_order();
        let Err(Fault::Refused { code, .. }) = pair.place(&with(wrong)) else {
            panic!("{wrong} is not in the package");
        };
        assert_eq!(code, "not_in_package");
    }
    assert_eq!(pair.fake.orders().len(), 2);
}

#[test]
fn trap_8_whether_the_applicant_signs_is_always_said() {
    for signature in ["Y", "N"] {
        let mut pair = Pair::of("accio");
        pair.settings.insert("signature".into(), signature.into());
        placed(&mut pair);
        let said = format!("<require_ews>{signature}</require_ews>");
        assert!(pair.last_body().contains(&said));
        assert!(!pair.last_body().contains("SuppressApplicantPortalEmail"));
    }
}

#[test]
fn trap_9_times_without_a_zone_are_not_taken_for_moments() {
    let mut pair = Pair::of("accio");
    let theirs = placed(&mut pair);
    pair.now += 10_000;
    assert_eq!(pair.look(&theirs).unwrap().expected_at, None);
}

#[test]
fn trap_10_blanks_behind_words_do_not_count() {
    let mut pair = Pair::of("accio");
    // The fake writes a blank behind every state.
    let standing = moved(&mut pair, "inprogress vendor", None);
    assert_eq!(standing, Some(Standing::InProgress));
}

#[test]
fn trap_11_both_spellings_of_a_code_are_for_a_person() {
    for code in ["lab-reject", "labreject", "test-cancelled", "test-canceled"] {
        let mut pair = Pair::of("accio");
        let standing = moved(&mut pair, "order completion", Some(code));
        assert_eq!(standing, REVIEW, "{code}");
    }
}

#[test]
fn trap_12_what_the_vendor_repeats_of_the_order_is_not_shown() {
    let mut pair = Pair::of("accio");
    let mut wanted = order(PACKAGE);
    wanted.add_ons = vec!["MVR".to_owned()];
    let Err(Fault::Refused { message, .. }) = pair.place(&wanted) else {
        panic!("it is not in the package");
    };
    assert!(message.contains("This order has one or more problems"));
    assert!(!message.contains("Allowable"), "{message}");
}

#[test]
fn every_state_is_read_as_it_is_meant() {
    for (status, expected) in [
        ("inprogress candidate", Some(Standing::Invited)),
        ("inprogress recruiter", Some(Standing::OnHold)),
        ("inprogress vendor", Some(Standing::InProgress)),
        ("order confirmation", Some(Standing::InProgress)),
        ("order completion", PASS),
        ("expired", Some(Standing::Expired)),
        ("deleted", Some(Standing::Canceled)),
        ("paused by gremlins", None),
    ] {
        let mut pair = Pair::of("accio");
        assert_eq!(moved(&mut pair, status, None), expected, "{status}");
    }
}

#[test]
fn an_agencys_own_words_and_its_short_form_are_read() {
    let mut pair = with(|account| account.summary = true);
    assert_eq!(moved(&mut pair, "order completion", Some("hits")), REVIEW);
    let mut pair = with(|account| {
        account.states = [("order completion".to_owned(), "Fertig".to_owned())].into();
    });
    assert_eq!(moved(&mut pair, "order completion", None), None);
    let words = serde_json::json!({"Fertig": "complete"});
    pair.settings.insert("order_states".into(), words);
    let theirs = TheirRef(pair.fake.orders()[0].id.clone());
    assert_eq!(pair.standing(&theirs), PASS);
}

#[test]
fn an_agencys_own_codes_mean_what_its_tenant_says_and_what_was_canceled_never_passes() {
    for (code, expected) in [
        ("hits", Some(Standing::Complete(Outcome::Fail))),
        ("cd_eligible", PASS),
        ("cd_other", REVIEW),
        ("canceled", REVIEW),
        ("unobtainable", REVIEW),
        ("clear", PASS),
    ] {
        let mut pair = Pair::of("accio");
        let words = serde_json::json!({"hits": "fail", "cd_eligible": "pass", "canceled": "pass"});
        pair.settings.insert("results".into(), words);
        let standing = moved(&mut pair, "order completion", Some(code));
        assert_eq!(standing, expected, "{code}");
    }
}
