//! The traps of TazWorks' XML gateway, by their numbers in TazWorks XML, section 10.

use super::pair::{PASS, Pair, REVIEW, order};
use crate::callback::{OrderKey, Says};
use crate::contract::Fault;
use crate::simulator::FaultKind;
use crate::simulator::tazworks_xml::{Account, Product, TazworksXml};
use crate::vocabulary::{Outcome, Report, Standing, TheirRef};

const PACKAGE: &str = "Employment Basic";

fn with(choose: impl FnOnce(&mut Account)) -> Pair {
    let mut account = Account::default();
    choose(&mut account);
    Pair::with(Box::new(TazworksXml::new(account)))
}

/// An order that is placed, and the vendor's reference of it.
fn placed(pair: &mut Pair) -> TheirRef {
    let progress = pair.place(&order(PACKAGE)).expect("it is placed");
    assert_eq!(progress.standing, Some(Standing::Invited));
    progress.theirs
}

#[test]
fn an_order_is_placed_announced_and_passes() {
    let mut pair = Pair::of("tazworks_xml");
    let theirs = placed(&mut pair);
    pair.now += 10_000;
    let heard = pair.callbacks();
    assert_eq!(heard.len(), 4, "one for each change");
    let Says::Progress(done) = &heard[3].notes[0].says else {
        panic!("a post says where the order stands");
    };
    assert_eq!((done.standing, &done.theirs), (PASS, &theirs));
    assert_eq!(pair.standing(&theirs), PASS);
    let held = pair.fake.orders();
    assert_eq!((held.len(), &held[0].reference), (1, &pair.ours().0));
}

#[test]
fn an_answer_that_was_lost_is_unclear_and_the_first_post_names_both_references() {
    for kind in [
        FaultKind::ActAndHang,
        FaultKind::ActAndReset,
        FaultKind::ActAndBadGateway,
        FaultKind::ActAndTruncate,
    ] {
        let mut pair = Pair::of("tazworks_xml");
        pair.fault(kind, "POST", "");
        let lost = pair.place(&order(PACKAGE));
        assert!(matches!(lost, Err(Fault::Unclear(_))), "{kind:?}");
        let heard = pair.callbacks().remove(0);
        let id = pair.fake.orders()[0].id.clone();
        let names = vec![OrderKey::Theirs(TheirRef(id)), OrderKey::Ours(pair.ours())];
        assert_eq!(heard.notes[0].order, names, "{kind:?}");
    }
}

#[test]
fn trap_1_one_state_has_three_spellings() {
    for word in [
        "app_pending",
        "applicant-pending",
        "applicant_pending",
        "Applicant Pending",
    ] {
        let mut pair = with(|account| account.applicant_pending = word.to_owned());
        let theirs = placed(&mut pair);
        assert_eq!(pair.standing(&theirs), Some(Standing::Invited), "{word}");
    }
}

#[test]
fn trap_2_a_post_is_a_form_in_iso_8859_1_and_its_credentials_are_its_proof() {
    let mut pair = Pair::of("tazworks_xml");
    placed(&mut pair);
    assert_eq!(pair.callbacks()[0].status, 200);
    for secret in ["callback_user", "callback_password"] {
        let mut pair = Pair::of("tazworks_xml");
        placed(&mut pair);
        pair.secrets.insert(secret.into(), "other".into());
        assert_eq!(pair.callbacks()[0].status, 401, "{secret}");
    }
}

#[test]
fn trap_3_success_and_failure_differ_by_the_body_alone() {
    let mut pair = Pair::of("tazworks_xml");
    let Err(Fault::Refused { code, message, .. }) = pair.place(&order("Unknown")) else {
        panic!("there is no such product");
    };
    assert_eq!(code, "rejected");
    assert!(message.ends_with("The product 'Unknown' is not configured."));
    pair.next_order();
    pair.fault(FaultKind::Unauthorized, "POST", "");
    assert_eq!(pair.place(&order(PACKAGE)).map(drop), Err(Fault::Denied));
    let unknown = pair.look(&TheirRef("1".into()));
    assert!(
        matches!(unknown, Err(Fault::Unclear(_))),
        "a look settles nothing"
    );
    assert!(pair.fake.orders().is_empty());
}

#[test]
fn trap_4_our_own_credentials_come_back_and_go_nowhere() {
    let mut pair = Pair::of("tazworks_xml");
    let progress = pair.place(&order(PACKAGE)).unwrap();
    let theirs = progress.theirs.clone();
    pair.now += 10_000;
    let heard = pair.callbacks();
    let looked = pair.look(&theirs).unwrap();
    let mut told = format!("{progress:?} {looked:?}");
    for one in &heard {
        told.push_str(&format!("{:?}", one.notes));
    }
    for secret in pair.secrets.values() {
        assert!(!told.contains(secret.as_str()));
    }
}

#[test]
fn trap_5_references_stand_in_cdata_and_ampersands_as_they_are() {
    for escapes_links in [true, false] {
        let mut pair = with(|account| account.escapes_links = escapes_links);
        let theirs = placed(&mut pair);
        pair.now += 10_000;
        let heard = pair.callbacks();
        let named = OrderKey::Ours(pair.ours());
        assert!(heard.iter().all(|one| one.notes[0].order.contains(&named)));
        let link = "https://brand.instascreen.example/editor/viewReport.taz?file=12358&view=html";
        let report = pair.look(&theirs).unwrap().report;
        assert_eq!(report, Some(Report::Capability(link.to_owned())));
    }
}

#[test]
fn trap_6_the_product_is_named_letter_by_letter() {
    let mut pair = Pair::of("tazworks_xml");
    placed(&mut pair);
    assert!(pair.last_body().contains("type=\"Employment Basic\""));
    pair.next_order();
    let refused = pair.place(&order("employment basic"));
    assert!(matches!(refused, Err(Fault::Refused { .. })));
    let mut pair = with(|account| account.products = vec![Product::new("A & <B>", &["ssn"])]);
    assert!(pair.place(&order("A & <B>")).is_ok());
}

#[test]
fn trap_7_searches_are_never_named_beside_the_products_own() {
    let mut pair = Pair::of("tazworks_xml");
    placed(&mut pair);
    assert!(
        pair.last_body()
            .contains("<Screenings useConfigurationDefaults=\"yes\">")
    );
    assert!(!pair.last_body().contains("<Screening "));
    let mut wanted = order(PACKAGE);
    wanted.add_ons = vec!["ssn".to_owned()];
    let unfit = pair.unfit(&wanted).expect("there is no place for it");
    assert_eq!(unfit.field, "order.add_ons");
}

#[test]
fn every_state_is_read_as_it_is_meant() {
    for (status, result, expected) in [
        ("applicant-ready", None, Some(Standing::InProgress)),
        ("draft", None, Some(Standing::InProgress)),
        ("pending", None, Some(Standing::InProgress)),
        ("client-message", None, Some(Standing::OnHold)),
        ("canceled", None, Some(Standing::Canceled)),
        ("ready", Some("FALSE"), PASS),
        ("ready", Some("TRUE"), REVIEW),
        ("ready", Some("MAYBE"), REVIEW),
        ("ready", None, REVIEW),
        ("pending", Some("FALSE"), Some(Standing::InProgress)),
        ("qa-review", Some("FALSE"), None),
    ] {
        let mut pair = Pair::of("tazworks_xml");
        let theirs = placed(&mut pair);
        pair.advance(status, result);
        assert_eq!(pair.standing(&theirs), expected, "{status} {result:?}");
    }
}

#[test]
fn an_agencys_decision_counts_before_the_flag_where_its_words_are_known() {
    for (decision, expected) in [
        ("(XYZ) Clear", PASS),
        ("(XYZ) Adverse", Some(Standing::Complete(Outcome::Fail))),
        ("(XYZ) New word", REVIEW),
    ] {
        let mut pair = Pair::of("tazworks_xml");
        let words = serde_json::json!({"(XYZ) Clear": "pass", "(XYZ) Adverse": "fail"});
        pair.settings.insert("decisions".into(), words);
        pair.settings.insert("decision".into(), "use".into());
        let theirs = placed(&mut pair);
        pair.advance("ready", Some(&format!("FALSE+decision={decision}")));
        assert_eq!(pair.standing(&theirs), expected, "{decision}");
    }
}
