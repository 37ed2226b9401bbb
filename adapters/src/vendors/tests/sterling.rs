//! Sterling's traps, by their numbers in Sterling, section 10.

use std::time::Duration;

use serde_json::{Value, json};

use super::pair::{HOOK, PASS, Pair, REVIEW, START, order};
use crate::callback::{Proof, Says};
use crate::contract::{Auth, Context, Fault, FetchToken, Found, Memo, Reply, Turn};
use crate::simulator::FaultKind;
use crate::simulator::sterling::{Account, Sterling};
use crate::vocabulary::{Outcome, Standing};

const PACKAGE: &str = "540001";

/// The bodies that were sent to `line`, as JSON.
fn bodies(pair: &Pair, line: &str) -> Vec<Value> {
    let sent = pair.sent.iter().filter(|(sent, _)| sent == line);
    sent.map(|(_, body)| serde_json::from_str(body).unwrap())
        .collect()
}

#[test]
fn an_order_is_placed_announced_and_passes() {
    let mut pair = Pair::of("sterling");
    pair.verify().unwrap();
    let placed = pair.place(&order(PACKAGE)).unwrap();
    assert_eq!(placed.standing, Some(Standing::Invited));
    pair.now += 10_000;
    let heard = pair.callbacks();
    assert_eq!(heard.len(), 2);
    assert_eq!(pair.standing(&placed.theirs), PASS);
    let held = pair.fake.orders();
    assert_eq!(
        (held.len(), &held[0].reference),
        (1, &pair.ours().0),
        "control knows it by our reference"
    );
}

#[test]
fn trap_1_the_life_of_a_token_arrives_as_text() {
    let pair = Pair::of("sterling");
    let Auth::Token(token) = &pair.vendor.auth else {
        panic!("Sterling gives tokens");
    };
    let cx = Context {
        settings: &pair.settings,
        key: "",
        base_url: "",
    };
    for (life, expected) in [(json!("3600"), 3600), (json!(1800), 1800)] {
        let body = json!({"access_token": "t", "token_type": "bearer", "expires_in": life});
        let reply = Reply {
            status: 200,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        };
        let read = token
            .fetch
            .decode(&FetchToken, &Memo::default(), &cx, &reply);
        let Ok(Turn::Done(read)) = read else {
            panic!("it is a token");
        };
        assert_eq!(read.lifetime, Some(Duration::from_secs(expected)));
    }
}

#[test]
fn a_token_that_ended_is_asked_for_once_more() {
    let mut pair = Pair::of("sterling");
    let theirs = pair.place(&order(PACKAGE)).unwrap().theirs;
    pair.now += 3_600_000;
    assert_eq!(pair.standing(&theirs), PASS);
    let tokens = pair.sent.iter().filter(|(line, _)| line == "POST /oauth");
    assert_eq!(tokens.count(), 2);
    pair.secrets.insert("client_secret".into(), "wrong".into());
    pair.now += 3_600_000;
    assert_eq!(pair.verify(), Err(Fault::Denied));
}

#[test]
fn trap_2_a_package_is_named_by_its_title_in_a_bare_list() {
    let catalog = Pair::of("sterling").list().unwrap();
    let names: Vec<_> = catalog.packages.iter().map(|one| &one.name).collect();
    assert_eq!(
        names,
        ["Basic", "Standard Plus"],
        "the inactive one is left out"
    );
    assert_eq!(catalog.packages[1].vendor_id, "540001");
    assert_eq!(catalog.packages[1].screenings.len(), 3);
    assert_eq!(catalog.packages[1].price, None, "unknown is not 0");
    assert!(catalog.add_ons.is_empty());
}

#[test]
fn trap_3_a_request_says_us_il_where_answers_and_callbacks_say_il() {
    for state in ["IL", "il", "Illinois"] {
        let mut pair = Pair::of("sterling");
        let mut order = order(PACKAGE);
        order.applicant.state = Some(state.into());
        pair.place(&order).unwrap();
        let address = bodies(&pair, "POST /candidates")[0]["address"].clone();
        let expected = json!({
            "addressLine": "123 Main St., Apt. 1", "municipality": "Springfield",
            "regionCode": "US-IL", "postalCode": "62704", "countryCode": "US",
        });
        assert_eq!(address, expected, "{state}");
    }
    for (field, value) in [("applicant.state", "Ontario"), ("applicant.zip", "")] {
        let mut pair = Pair::of("sterling");
        let mut order = order(PACKAGE).without(field);
        if field == "applicant.state" {
            order.applicant.state = Some(value.into());
        }
        pair.place(&order).unwrap();
        let person = &bodies(&pair, "POST /candidates")[0];
        assert_eq!(person.get("address"), None, "half an address is none");
    }
}

#[test]
fn trap_4_updated_at_lies_in_the_future_and_nothing_is_ordered_by_it() {
    let mut pair = Pair::of("sterling");
    let theirs = pair.place(&order(PACKAGE)).unwrap().theirs;
    for (status, result, expected) in [
        ("Complete", "Clear", PASS),
        ("Complete", "alert", REVIEW),
        ("In Progress", "Pending", Some(Standing::InProgress)),
    ] {
        // The fake's `updatedAt` is always the same moment, two days ahead.
        pair.advance(status, Some(result));
        let progress = pair.look(&theirs).unwrap();
        assert_eq!(progress.standing, expected);
        assert_eq!(progress.expected_at, Some(1_770_112_802_000));
    }
}

#[test]
fn trap_5_one_email_address_is_one_candidate_for_ever() {
    let mut pair = Pair::of("sterling");
    let first = pair.place(&order(PACKAGE)).unwrap().theirs;
    pair.next_order();
    let second = pair.place(&order(PACKAGE)).unwrap().theirs;
    assert_ne!(first, second);
    let asked = bodies(&pair, "POST /screenings");
    assert_eq!(asked[0]["candidateId"], asked[1]["candidateId"]);
    assert_eq!(asked[0]["invite"], json!({"method": "email"}));
    // An address that a family shares is no proof of who is meant.
    pair.next_order();
    let mut twin = order(PACKAGE);
    twin.applicant.first_name = Some("Dino".into());
    let refused = pair.place(&twin);
    let Err(Fault::Refused { code, field, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(code, "other_applicant");
    assert_eq!(field.as_deref(), Some("applicant.email"));
    assert_eq!(pair.fake.orders().len(), 2);
}

#[test]
fn trap_6_a_create_that_timed_out_invites_nobody_twice() {
    for kind in [
        FaultKind::ActAndHang,
        FaultKind::ActAndReset,
        FaultKind::ActAndBadGateway,
        FaultKind::ActAndTruncate,
    ] {
        let mut pair = Pair::of("sterling");
        pair.fault(kind, "POST", "/screenings");
        let lost = pair.place(&order(PACKAGE));
        assert!(matches!(lost, Err(Fault::Unclear(_))), "{kind:?}");
        let found = pair.look_up(&order(PACKAGE));
        let Ok(Found::One(progress)) = found else {
            panic!("{kind:?}: {found:?}");
        };
        assert_eq!(progress.standing, Some(Standing::Invited), "{kind:?}");
        // A repeat with the same key brings the same screening back.
        let again = pair.place(&order(PACKAGE)).unwrap();
        assert_eq!(again.theirs, progress.theirs, "{kind:?}");
        assert_eq!(pair.fake.orders().len(), 1, "{kind:?}");
    }
}

#[test]
fn a_lost_order_of_a_known_applicant_is_told_from_earlier_ones() {
    let mut pair = Pair::of("sterling");
    for _ in 0..3 {
        pair.place(&order(PACKAGE)).unwrap();
        pair.next_order();
    }
    pair.fault(FaultKind::Reset, "POST", "/screenings");
    assert!(pair.place(&order(PACKAGE)).is_err());
    let absent = Ok(Found::NotSeen { blind: false });
    assert_eq!(pair.look_up(&order(PACKAGE)), absent);
    pair.fault(FaultKind::ActAndReset, "POST", "/screenings");
    assert!(pair.place(&order(PACKAGE)).is_err());
    let found = pair.look_up(&order(PACKAGE));
    let Ok(Found::One(progress)) = found else {
        panic!("{found:?}");
    };
    assert_eq!(progress.theirs.0, pair.fake.orders()[3].id);
}

#[test]
fn an_accounts_own_result_words_count_only_where_the_setting_names_them() {
    let mut pair = Pair::of("sterling");
    let theirs = pair.place(&order(PACKAGE)).unwrap().theirs;
    let own = json!({"Meets": "pass", "does_not_meet": "fail", "alert": "fail", "Odd": "gremlins"});
    let fail = Some(Standing::Complete(Outcome::Fail));
    for (result, without, with) in [
        ("Meets", REVIEW, PASS),
        ("Does Not Meet", REVIEW, fail),
        ("alert", REVIEW, fail),
        ("Clear", PASS, PASS),
        ("Odd", REVIEW, REVIEW),
        ("gremlins", REVIEW, REVIEW),
    ] {
        for (setting, expected) in [(json!({}), without), (own.clone(), with)] {
            pair.settings.insert("results".into(), setting);
            pair.advance("Complete", Some(result));
            assert_eq!(pair.standing(&theirs), expected, "{result}");
        }
    }
}

#[test]
fn an_order_that_was_never_made_is_not_seen_and_is_placed_by_the_repeat() {
    for path in ["/candidates", "/screenings"] {
        let mut pair = Pair::of("sterling");
        pair.fault(FaultKind::Reset, "POST", path);
        assert!(pair.place(&order(PACKAGE)).is_err());
        let absent = Ok(Found::NotSeen { blind: false });
        assert_eq!(pair.look_up(&order(PACKAGE)), absent, "{path}");
        assert!(pair.place(&order(PACKAGE)).is_ok(), "{path}");
        assert_eq!(pair.fake.orders().len(), 1, "{path}");
    }
}

#[test]
fn a_candidate_whose_answer_was_lost_is_reused() {
    let mut pair = Pair::of("sterling");
    pair.fault(FaultKind::ActAndReset, "POST", "/candidates");
    assert!(pair.place(&order(PACKAGE)).is_err());
    let absent = Ok(Found::NotSeen { blind: false });
    assert_eq!(pair.look_up(&order(PACKAGE)), absent);
    assert!(pair.place(&order(PACKAGE)).is_ok());
}

#[test]
fn trap_7_a_callback_is_answered_200_and_a_lost_one_is_made_good_by_looking() {
    let mut pair = Pair::of("sterling");
    let theirs = pair.place(&order(PACKAGE)).unwrap().theirs;
    pair.now += 500;
    let heard = pair.callbacks();
    assert_eq!(heard[0].status, 200);
    pair.now += 999;
    assert!(
        pair.callbacks().is_empty(),
        "an acknowledged one is not sent again"
    );
    pair.fault(FaultKind::Mute, "", "");
    pair.now += 60_000;
    assert!(pair.callbacks().is_empty());
    assert_eq!(pair.standing(&theirs), PASS);
}

#[test]
fn trap_8_a_callback_that_carries_the_whole_person_says_no_more_than_look() {
    let mut pair = Pair::of("sterling");
    let callbacks = pair.vendor.callbacks.clone().unwrap();
    assert_eq!(callbacks.proof, Proof::Hint, "so its body is never kept");
    pair.place(&order(PACKAGE)).unwrap();
    pair.now += 10_000;
    let heard = pair.callbacks();
    let said: Vec<_> = heard.iter().flat_map(|heard| &heard.notes).collect();
    assert_eq!(said.len(), 2);
    assert!(said.iter().all(|note| note.says == Says::Look));
}

#[test]
fn a_callback_of_another_type_is_acknowledged_and_ignored() {
    let mut pair = Pair::of("sterling");
    pair.place(&order(PACKAGE)).unwrap();
    pair.advance("type=subscription", None);
    let heard = pair.callbacks();
    assert_eq!((heard[0].status, heard[0].notes.len()), (200, 0));
}

#[test]
fn trap_9_what_aggregators_model_is_never_called() {
    let mut pair = Pair::of("sterling");
    assert!(pair.vendor.cancel.is_none(), "no cancel is documented");
    pair.place(&order(PACKAGE)).unwrap();
    let lines: Vec<_> = pair.sent.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(
        lines,
        ["POST /oauth", "POST /candidates", "POST /screenings"]
    );
    let body = &bodies(&pair, "POST /screenings")[0];
    assert_eq!(body.get("callbackUri"), None);
    let ours = format!("{HOOK}?order={}", pair.ours().0);
    assert_eq!(body["callback"], json!({"uri": ours}));
}

#[test]
fn trap_10_who_holds_credentials_of_first_advantage_finds_this_sheet() {
    let sheet = crate::vendors::sheet("sterling").unwrap();
    let (head, _) = sheet.split_once("name =").unwrap();
    assert!(head.contains("First Advantage"), "`vendor show` tells it");
}

#[test]
fn a_report_link_is_minted_for_each_click_and_never_before_the_end() {
    let mut pair = Pair::of("sterling");
    let theirs = pair.place(&order(PACKAGE)).unwrap().theirs;
    assert_eq!(pair.report(&theirs), Err(Fault::NotReady(None)));
    pair.advance("Complete", Some("Clear"));
    let links = [pair.report(&theirs).unwrap(), pair.report(&theirs).unwrap()];
    assert!(links.iter().all(|link| link.starts_with("https://")));
    assert_ne!(links[0], links[1]);
}

#[test]
fn callbacks_doubled_and_reordered_end_where_looking_ends() {
    let account = Account {
        reorder: true,
        ..Account::default()
    };
    let mut pair = Pair::with(Box::new(Sterling::new(account)));
    pair.fault(FaultKind::Stutter, "", "");
    let theirs = pair.place(&order(PACKAGE)).unwrap().theirs;
    pair.now += 10_000;
    assert_eq!(pair.notes(), 3);
    assert_eq!(pair.standing(&theirs), PASS);
}

#[test]
fn what_is_busy_or_denied_has_placed_nothing() {
    let mut pair = Pair::of("sterling");
    pair.fault(FaultKind::TooMany, "POST", "/screenings");
    assert_eq!(pair.place(&order(PACKAGE)), Err(Fault::Busy(None)));
    pair.secrets.insert("client_id".into(), "wrong".into());
    pair.now = START + 3_600_000;
    assert_eq!(pair.place(&order(PACKAGE)), Err(Fault::Denied));
    assert!(pair.fake.orders().is_empty());
}

#[test]
fn an_applicant_without_an_address_to_write_to_is_missed_before_anything_is_sent() {
    let mut pair = Pair::of("sterling");
    for field in [
        "applicant.email",
        "applicant.first_name",
        "applicant.last_name",
    ] {
        let unfit = pair.unfit(&order(PACKAGE).without(field)).unwrap();
        assert_eq!(unfit.field, field);
    }
    let mut abroad = order(PACKAGE);
    abroad.applicant.phone = Some("+44 20 7946 0000".into());
    assert!(pair.place(&abroad).is_ok(), "Sterling asks for it itself");
    assert_eq!(bodies(&pair, "POST /candidates")[0].get("phone"), None);
    let mut with_add_on = order(PACKAGE);
    with_add_on.add_ons.push("DRUG".into());
    assert_eq!(pair.unfit(&with_add_on).unwrap().field, "order.add_ons");
}
