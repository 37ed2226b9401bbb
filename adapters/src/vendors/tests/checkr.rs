//! Checkr's traps, by their numbers in Checkr, section 10.
//!
//! The twelfth (a client that does not verify certificates) is none of a sheet's, and here it is shown
//! that it cannot be: every vendor is called by one client, which `tests/it/vendors/tls.rs` tries.

use serde_json::{Value, json};

use super::pair::{FAIL, HOOK, PASS, Pair, REVIEW, order};
use crate::callback::{OrderKey, Says};
use crate::contract::{Context, Fault, FetchOrder, Found, Memo, Reply, Turn};
use crate::simulator::checkr::{Account, Checkr, Node};
use crate::simulator::{FaultKind, Pace};
use crate::vocabulary::{Order, Standing, TheirRef};

const PACKAGE: &str = "driver_pro";

fn ordered() -> Order {
    order(PACKAGE)
}

/// The pair with another account, whose orders move only when they are told to.
fn with(choose: impl FnOnce(&mut Account)) -> Pair {
    let mut account = Account {
        pace: Pace::manual(),
        ..Account::default()
    };
    choose(&mut account);
    let mut pair = Pair::with(Box::new(Checkr::new(account)));
    pair.settings.insert("work_location".into(), "US-IL".into());
    pair
}

fn pair() -> Pair {
    with(|_| ())
}

/// The bodies that were sent to `line`, as JSON.
fn bodies(pair: &Pair, line: &str) -> Vec<Value> {
    let sent = pair.sent.iter().filter(|(sent, _)| sent == line);
    sent.map(|(_, body)| serde_json::from_str(body).unwrap())
        .collect()
}

#[test]
fn trap_1_a_package_is_ordered_by_its_slug() {
    let mut pair = pair();
    let catalog = pair.list().unwrap();
    let slugs: Vec<_> = catalog
        .packages
        .iter()
        .map(|it| it.vendor_id.as_str())
        .collect();
    assert!(slugs.contains(&PACKAGE), "{slugs:?}");
    assert!(!slugs.contains(&"tasker_legacy"), "it is deleted");
    assert!(pair.place(&ordered()).is_ok());
    pair.next_order();
    let refused = pair.place(&order("bac000000000000000000002"));
    let Err(Fault::Refused { code, field, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(code, "package_gone");
    assert_eq!(field.as_deref(), Some("order.package"));
}

#[test]
fn trap_2_an_invitation_and_its_report_are_one_order_and_another_report_of_the_person_is_none() {
    let mut pair = pair();
    let first = pair.place(&ordered()).unwrap().theirs;
    let (memo, ours) = (pair.memo.clone(), pair.ours());
    pair.advance("complete", Some("consider"));
    let notes: Vec<_> = pair
        .callbacks()
        .into_iter()
        .flat_map(|it| it.notes)
        .collect();
    assert!(!notes.is_empty());
    for note in &notes {
        assert!(
            note.order.contains(&OrderKey::Ours(ours.clone())),
            "{note:?}"
        );
    }
    let report = pair.look(&first).unwrap();
    assert_eq!(report.standing, REVIEW);
    assert_ne!(report.theirs, first, "the report is followed from now on");
    assert_eq!(report.also, std::slice::from_ref(&first));
    // The same person is ordered again, and passes: the first order stays what it was.
    pair.next_order();
    pair.place(&ordered()).unwrap();
    pair.advance("complete", Some("clear"));
    pair.memo = memo;
    assert_eq!(pair.standing(&first), REVIEW);
    assert_eq!(pair.standing(&report.theirs), REVIEW);
}

#[test]
fn trap_3_consider_is_no_failure() {
    let mut pair = pair();
    let theirs = pair.place(&ordered()).unwrap().theirs;
    for (result, expected) in [
        ("consider+adjudication=null", REVIEW),
        ("consider+adjudication=engaged", REVIEW),
        ("consider+adjudication=pre_adverse_action", REVIEW),
        ("consider+adjudication=post_adverse_action", FAIL),
        ("clear+adjudication=null", PASS),
    ] {
        pair.advance("complete", Some(result));
        assert_eq!(pair.standing(&theirs), expected, "{result}");
    }
}

#[test]
fn trap_4_a_report_is_completed_more_than_once_and_each_time_we_look() {
    let mut pair = pair();
    let theirs = pair.place(&ordered()).unwrap().theirs;
    assert!(pair.vendor.policy.reopens_for.is_some());
    for (status, result, expected) in [
        ("complete", "clear", PASS),
        ("dispute", "clear", Some(Standing::OnHold)),
        ("complete", "consider", REVIEW),
        ("pending", "null", Some(Standing::InProgress)),
        ("complete", "clear", PASS),
    ] {
        pair.advance(status, Some(result));
        let notes: Vec<_> = pair
            .callbacks()
            .into_iter()
            .flat_map(|it| it.notes)
            .collect();
        assert!(!notes.is_empty(), "{status}");
        assert!(notes.iter().all(|note| note.says == Says::Look));
        assert_eq!(pair.standing(&theirs), expected, "{status}");
    }
}

#[test]
fn trap_5_a_direct_accounts_webhooks_are_signed_with_its_api_key_and_no_other() {
    let mut pair = pair();
    pair.place(&ordered()).unwrap();
    pair.advance("complete", Some("clear"));
    let right = pair.secrets.insert("api_key".into(), "other".into());
    assert!(pair.callbacks().iter().all(|heard| heard.status == 401));
    pair.secrets
        .insert("api_key".into(), right.expect("it had a key"));
    pair.now += 60_000;
    let again = pair.callbacks();
    assert!(!again.is_empty(), "Checkr tries again");
    assert!(again.iter().all(|heard| heard.status == 200));
}

#[test]
fn trap_6_people_who_work_abroad_are_in_no_list_so_not_seeing_them_proves_nothing() {
    for (location, blind) in [("CA-ON", true), ("US-IL", false)] {
        for path in ["/candidates", "/invitations"] {
            let mut pair = pair();
            pair.settings
                .insert("work_location".into(), location.into());
            pair.fault(FaultKind::Reset, "POST", path);
            assert!(pair.place(&ordered()).is_err());
            let absent = Ok(Found::NotSeen { blind });
            assert_eq!(pair.look_up(&ordered()), absent, "{location} {path}");
        }
    }
}

#[test]
fn trap_7_a_key_brings_back_what_was_made_and_409_has_two_meanings() {
    let mut lost = pair();
    lost.fault(FaultKind::ActAndReset, "POST", "/invitations");
    assert!(matches!(lost.place(&ordered()), Err(Fault::Unclear(_))));
    let again = lost.place(&ordered()).unwrap();
    assert_eq!(lost.fake.orders().len(), 1);
    assert_eq!(lost.fake.orders()[0].id, again.theirs.0);
    // The first copy is still at work: later.
    let mut busy = pair();
    busy.fault(FaultKind::ActAndHang, "POST", "/invitations");
    assert!(matches!(busy.place(&ordered()), Err(Fault::Unclear(_))));
    assert_eq!(busy.place(&ordered()), Err(Fault::NotReady(None)));
    // The person is there already: whoever is meant is taken again.
    let mut third = pair();
    for _ in 0..3 {
        assert!(third.place(&ordered()).is_ok());
        third.next_order();
    }
    assert_eq!(third.fake.orders().len(), 3);
    assert_eq!(bodies(&third, "POST /v1/candidates").len(), 3);
    let asked = bodies(&third, "POST /v1/invitations");
    let known = [&asked[0]["candidate_id"], &asked[1]["candidate_id"]];
    assert!(known.contains(&&asked[2]["candidate_id"]), "{asked:?}");
}

#[test]
fn trap_8_the_limit_ends_at_a_date_and_the_address_of_the_next_page_is_not_followed() {
    let mut limited = with(|account| account.requests_per_minute = 1);
    limited.verify().unwrap();
    let busy = limited.verify();
    let Err(Fault::Busy(Some(wait))) = busy else {
        panic!("{busy:?}");
    };
    assert!(wait.as_secs() <= 60, "{wait:?}");
    let mut paged = with(|account| {
        let usual = account.packages.clone();
        let more = (0..120).map(|nth| {
            let mut package = usual[0].clone();
            package.slug = format!("package_{nth}");
            package
        });
        account.packages.extend(more);
    });
    let catalog = paged.list().unwrap();
    assert!(catalog.packages.len() > 120);
    let lines: Vec<_> = paged.sent.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let relative = |line: &&str| line.starts_with("GET /v1/packages?");
    assert!(lines.iter().all(relative), "{lines:?}");
}

#[test]
fn trap_9_an_assessment_comes_after_the_end_and_is_found_by_looking() {
    let mut pair = pair();
    let theirs = pair.place(&ordered()).unwrap().theirs;
    pair.advance("complete", Some("consider+assessment=null"));
    pair.callbacks();
    assert_eq!(pair.standing(&theirs), REVIEW, "it is not waited for");
    pair.advance("complete", Some("consider+assessment=eligible"));
    assert_eq!(pair.notes(), 0, "`report.updated` is off by default");
    assert_eq!(
        pair.standing(&theirs),
        REVIEW,
        "the account does not use it"
    );
    pair.settings.insert("assessment".into(), "use".into());
    assert_eq!(pair.standing(&theirs), PASS);
    for word in ["review", "escalated", "bewitched"] {
        pair.advance("complete", Some(&format!("clear+assessment={word}")));
        assert_eq!(pair.standing(&theirs), REVIEW, "{word}");
    }
}

#[test]
fn trap_10_a_new_word_moves_nothing_and_passes_nobody() {
    let mut pair = pair();
    let theirs = pair.place(&ordered()).unwrap().theirs;
    pair.advance("paused", Some("clear"));
    assert_eq!(pair.standing(&theirs), Some(Standing::OnHold));
    pair.advance("hibernating", Some("clear"));
    let progress = pair.look(&theirs).unwrap();
    assert_eq!(progress.standing, None);
    assert_eq!(progress.unknown, ["status=hibernating"]);
    pair.advance("complete", Some("sparkling"));
    let progress = pair.look(&theirs).unwrap();
    assert_eq!(progress.standing, REVIEW);
    assert_eq!(progress.unknown, ["result=sparkling"]);
}

#[test]
fn trap_11_an_account_with_nodes_orders_for_one_and_the_place_of_work_is_never_made_up() {
    let node = |account: &mut Account| {
        account.nodes.push(Node {
            custom_id: "branch-17".into(),
            name: "Branch 17".into(),
            packages: Vec::new(),
        });
    };
    let mut without = with(node);
    let refused = without.place(&ordered());
    assert!(matches!(refused, Err(Fault::Refused { .. })), "{refused:?}");
    let mut pair = with(node);
    pair.settings.insert("node".into(), "branch-17".into());
    pair.settings
        .insert("work_location".into(), "applicant".into());
    let mut texan = ordered();
    texan.applicant.state = Some("Texas".into());
    pair.place(&texan).unwrap();
    let asked = &bodies(&pair, "POST /v1/invitations")[0];
    assert_eq!(asked["node"], "branch-17");
    let texas = json!([{"country": "US", "state": "TX"}]);
    assert_eq!(asked["work_locations"], texas);
    let nowhere = ordered().without("applicant.state");
    assert_eq!(pair.unfit(&nowhere).unwrap().field, "applicant.state");
    let mut settings = pair.vendor.settings.iter();
    let place_of_work = settings.find(|one| one.name == "work_location").unwrap();
    assert_eq!(place_of_work.default, None, "nobody's state is assumed");
}

#[test]
fn trap_12_no_sheet_can_turn_the_verification_of_certificates_off() {
    let sheet = crate::vendors::sheet("checkr").expect("it ships");
    for key in [
        "verify_tls = false",
        "tls = { verify = false }",
        "insecure = true",
    ] {
        let bent = sheet.replacen("name = \"checkr\"", &format!("name = \"checkr\"\n{key}"), 1);
        let mistakes = crate::sheet::load("checkr.toml", &bent).expect_err("there is no such key");
        let told = mistakes
            .iter()
            .any(|one| one.wrong.ends_with("is not a key of the sheet"));
        assert!(told, "{mistakes:?}");
    }
    // Nor can plain HTTP stand in its place: requests are paths below the connection's address.
    let plain = sheet.replacen(
        "\"GET /v1/account\"",
        "\"GET http://api.checkr.com/v1/account\"",
        1,
    );
    assert!(crate::sheet::load("checkr.toml", &plain).is_err());
}

#[test]
fn trap_13_an_invitation_names_its_report() {
    let mut pair = pair();
    let theirs = pair.place(&ordered()).unwrap().theirs;
    pair.advance("pending", None);
    let progress = pair.look(&theirs).unwrap();
    assert_eq!(progress.standing, Some(Standing::InProgress));
    assert_eq!(progress.keep["report_id"], progress.theirs.0);
    assert_ne!(progress.theirs, theirs);
    let lines = pair.sent.iter().map(|(line, _)| line.as_str());
    let last: Vec<_> = lines.rev().take(2).collect();
    assert!(last[0].starts_with("GET /v1/reports/"), "{last:?}");
    assert!(last[1].starts_with("GET /v1/invitations/"), "{last:?}");
}

#[test]
fn trap_14_only_an_invitation_is_taken_back_for_a_report_is_charged() {
    let mut early = pair();
    let theirs = early.place(&ordered()).unwrap().theirs;
    let canceled = early.cancel(&theirs).unwrap();
    assert_eq!(canceled.standing, Some(Standing::Canceled));
    let mut expired = pair();
    let theirs = expired.place(&ordered()).unwrap().theirs;
    expired.advance("expired", None);
    assert_eq!(expired.standing(&theirs), Some(Standing::Expired));
    let mut late = pair();
    let theirs = late.place(&ordered()).unwrap().theirs;
    late.advance("pending", None);
    let refused = late.cancel(&theirs);
    let Err(Fault::Refused { code, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(code, "too_late");
}

#[test]
fn trap_15_one_address_may_be_several_peoples_and_the_name_decides() {
    let mut pair = pair();
    for name in ["Dana", "Dino"] {
        let mut person = ordered();
        person.applicant.first_name = Some(name.into());
        pair.place(&person).unwrap();
        pair.next_order();
    }
    // A third record of the address is a duplicate; the one that has the name is taken.
    pair.place(&ordered()).unwrap();
    let asked = bodies(&pair, "POST /v1/invitations");
    assert_eq!(asked[2]["candidate_id"], asked[0]["candidate_id"]);
    pair.next_order();
    let mut stranger = ordered();
    stranger.applicant.first_name = Some("Dora".into());
    let refused = pair.place(&stranger);
    let Err(Fault::Refused { code, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(code, "duplicate_applicant");
}

#[test]
fn trap_16_what_samples_leave_out_is_not_needed() {
    let pair = pair();
    let fetch = pair.vendor.fetch.clone().unwrap();
    let cx = Context {
        settings: &pair.settings,
        key: "",
        base_url: "",
    };
    let op = FetchOrder::Theirs(TheirRef("4e9000000000000000000001".into()));
    let memo = Memo {
        step: "report".into(),
        ..Memo::default()
    };
    for (body, expected) in [
        (
            json!({"id": "4722c07dd9a10c3985ae432a", "status": "complete", "result": "clear"}),
            PASS,
        ),
        (
            json!({"id": "4722c07dd9a10c3985ae432a", "status": "complete"}),
            REVIEW,
        ),
        (json!({"id": "4722c07dd9a10c3985ae432a"}), None),
    ] {
        let reply = Reply {
            status: 200,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        };
        match fetch.decode(&op, &memo, &cx, &reply) {
            Ok(Turn::Done(Found::One(progress))) => assert_eq!(progress.standing, expected),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn what_is_sent_says_no_more_of_the_person_than_checkr_needs() {
    let mut pair = pair();
    pair.place(&ordered()).unwrap();
    let body = &bodies(&pair, "POST /v1/candidates")[0];
    let names: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "custom_id",
            "email",
            "first_name",
            "last_name",
            "phone",
            "work_locations"
        ]
    );
    assert!(
        !pair.sent.iter().any(|(_, body)| body.contains(HOOK)),
        "webhooks are the account's"
    );
}
