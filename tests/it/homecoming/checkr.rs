//! Checkr's words and habits (Checkr, sections 5 and 6): its events only make us look, and a report
//! that is finished may open again.

use std::time::Duration;

use crate::support::post::Postbag;
use crate::support::{Database, Plan, World, on_both_databases};
use adapters::simulator::{Checkr, FaultKind, Pace, checkr};
use cleargate::domain::contact::ContactKind;

/// Longer than looks that were hinted at are apart.
const MOMENT: Duration = Duration::from_secs(11);

fn by_hand(database: Database, choose: impl FnOnce(&mut checkr::Account)) -> (Plan, Postbag) {
    let mut account = checkr::Account {
        pace: Pace::manual(),
        ..checkr::Account::default()
    };
    choose(&mut account);
    let (vendor, bag) = Postbag::of(Checkr::new(account));
    (Plan::of(database, vendor), bag)
}

/// A gateway with one order at Checkr, whose first events have been brought.
async fn with_order(database: Database) -> (World, Postbag) {
    let (plan, bag) = by_hand(database, |_| {});
    let world = plan.start().await;
    world.placed().await;
    bring_all(&world, &bag).await;
    (world, bag)
}

async fn bring_all(world: &World, bag: &Postbag) {
    for callback in bag.take() {
        world.bring(&callback).await;
        world.pass(MOMENT).await;
    }
}

/// Checkr says this of its only order, and its events are brought.
async fn say(world: &World, bag: &Postbag, status: &str, result: Option<&str>) {
    let reference = world.vendor_orders()[0].reference.clone();
    assert!(world.vendor.advance(&reference, status, result));
    bring_all(world, bag).await;
}

async fn stage(world: &World) -> String {
    world.stored("224466").await.stage.as_str().to_owned()
}

on_both_databases! {
    async fn every_event_leads_to_a_look_and_none_is_taken_at_its_word(database) {
        let (world, bag) = with_order(database).await;
        let reference = world.vendor_orders()[0].reference.clone();
        for status in ["completed", "suspended", "pending", "clear"] {
            assert!(world.vendor.advance(&reference, status, None));
            for event in bag.take() {
                let looks = world.asked("GET", "/v1/");
                world.pass(MOMENT).await;
                let between = world.asked("GET", "/v1/");
                assert_eq!(between, looks, "nothing is due before {status}");
                world.bring(&event).await;
                assert!(world.asked("GET", "/v1/") > between, "{status}");
            }
        }
        world.expect_told(&[("complete", "Pass")]);
    }

    async fn an_invitation_that_runs_out_or_is_deleted_ends_without_a_result(database) {
        for (word, status) in [("expired", "expired"), ("deleted", "canceled")] {
            let (world, bag) = with_order(database).await;
            say(&world, &bag, word, None).await;
            assert_eq!(stage(&world).await, status);
            world.expect_told(&[(status, "")]);
        }
    }

    async fn a_report_that_waits_for_somebody_is_on_hold_until_it_goes_on(database) {
        let (world, bag) = with_order(database).await;
        for (word, expected, detail) in [
            ("pending", "in_progress", None),
            ("suspended", "on_hold", Some("waits_for_applicant")),
            ("pending", "in_progress", None),
            ("paused", "on_hold", Some("waits_for_employer")),
            ("pending", "in_progress", None),
            ("canceled", "canceled", None),
        ] {
            say(&world, &bag, word, None).await;
            let order = world.stored("224466").await;
            assert_eq!((order.stage.as_str(), order.detail.as_deref()), (expected, detail));
        }
        world.expect_told(&[("canceled", "")]);
    }

    async fn a_dispute_opens_a_finished_report_and_its_end_is_told_anew(database) {
        let (world, bag) = with_order(database).await;
        say(&world, &bag, "complete", Some("clear")).await;
        world.expect_told(&[("complete", "Pass")]);
        say(&world, &bag, "dispute", Some("clear")).await;
        assert_eq!(stage(&world).await, "on_hold");
        world.expect_told(&[("complete", "Pass")]);
        say(&world, &bag, "complete", Some("consider")).await;
        world.expect_told(&[("complete", "Pass"), ("complete", "Review")]);
    }

    async fn a_dispute_that_no_event_announced_is_found_within_a_day(database) {
        let (world, bag) = with_order(database).await;
        say(&world, &bag, "complete", Some("clear")).await;
        world.vendor_moves_silently(&world.vendor_orders()[0].reference, "complete", Some("consider"));
        world.pass(Duration::from_secs(86_401)).await;
        world.expect_told(&[("complete", "Pass"), ("complete", "Review")]);
    }

    async fn an_upgrade_opens_a_finished_report_and_its_end_is_told_anew(database) {
        let (world, bag) = with_order(database).await;
        say(&world, &bag, "complete", Some("clear")).await;
        say(&world, &bag, "pending", None).await;
        let order = world.stored("224466").await;
        assert_eq!((order.stage.as_str(), order.result, order.ended_at), ("in_progress", None, None));
        say(&world, &bag, "complete", Some("clear+adjudication=post_adverse_action")).await;
        world.expect_told(&[("complete", "Pass"), ("complete", "Fail")]);
    }

    async fn a_report_is_looked_at_when_the_vendor_thinks_that_it_is_done(database) {
        let (world, bag) = with_order(database).await;
        world.vendor_moves_silently(&world.vendor_orders()[0].reference, "completed", None);
        drop(bag);
        let expected = world.clock.now() + 3 * 86_400_000;
        world.pass_slowly(Duration::from_secs(4 * 86_400), Duration::from_secs(600)).await;
        let looks = world.contacts(ContactKind::Look).await;
        assert!(looks.iter().any(|look| look.at - expected <= 600_000 && look.at >= expected), "{looks:?}");
        let pauses: Vec<_> = looks.windows(2).map(|two| two[1].at - two[0].at).collect();
        assert!(pauses.iter().filter(|pause| **pause == 12 * 3_600_000).count() >= 3, "{pauses:?}");
        assert!(pauses.iter().rev().any(|pause| (1..12 * 3_600_000).contains(pause)), "{pauses:?}");
    }

    async fn an_event_whose_look_failed_is_made_up_for_within_minutes(database) {
        let (world, bag) = with_order(database).await;
        for (result, expected) in [("clear", "Pass"), ("consider", "Review")] {
            world.fault(FaultKind::Unavailable, "", 0);
            say(&world, &bag, "complete", Some(result)).await;
            assert!(world.callbacks_in("new").await.is_empty(), "it does not come again");
            world.fault(FaultKind::None, "", 0);
            world.pass(Duration::from_secs(601)).await;
            assert_eq!(world.told_ats().last().unwrap().1, expected);
        }
    }

    async fn an_older_result_never_follows_a_newer_one(database) {
        let (world, bag) = with_order(database).await;
        world.ats.answer_with(cleargate::sandbox::Answer::status(500).times(1));
        say(&world, &bag, "complete", Some("clear")).await;
        say(&world, &bag, "dispute", Some("clear")).await;
        say(&world, &bag, "complete", Some("consider")).await;
        world.pass_slowly(Duration::from_secs(120), Duration::from_secs(10)).await;
        let told = world.told_ats();
        assert_eq!(told.last().unwrap().1, "Review");
        let first_review = told.iter().position(|(_, result)| result == "Review").unwrap();
        assert!(told[first_review..].iter().all(|(_, result)| result == "Review"), "{told:?}");
    }

    async fn what_is_not_wholly_clear_is_no_pass(database) {
        let (plan, bag) = by_hand(database, |_| {});
        let world = plan.start().await;
        for (number, (status, result, expected)) in (0..).zip([
            ("complete", Some("clear+includes_canceled"), "Review"),
            ("complete", None, "Review"),
            ("complete", Some("clear+adjudication=pre_adverse_action"), "Review"),
            ("complete", Some("clear+adjudication=post_adverse_action"), "Fail"),
            ("complete", Some("sparkling"), "Review"),
            ("consider", None, "Review"),
            ("clear", None, "Pass"),
            ("clear", Some("clear+adjudication=engaged"), "Pass"),
        ]) {
            let order = world.placed_as(&format!("check-{number}")).await;
            assert!(world.vendor.advance(&order.our_ref.0, status, result));
            bring_all(&world, &bag).await;
            let told = &world.webhooks()[number];
            assert_eq!(told["background_check_id"], order.background_check_id.as_str());
            assert_eq!(told["result"], expected, "{status}, {result:?}");
        }
    }

    async fn events_that_come_twice_are_told_once(database) {
        let (plan, bag) = by_hand(database, |_| {});
        let world = plan.start().await;
        world.placed().await;
        world.fault(FaultKind::Stutter, "", 0);
        say(&world, &bag, "complete", Some("clear")).await;
        world.expect_told(&[("complete", "Pass")]);
    }

    async fn accounts_of_every_kind_come_home(database) {
        let kinds: [fn(&mut checkr::Account); 4] = [
            |account| account.webhooks.include_object = false,
            |account| account.webhooks.account_id = false,
            |account| account.test_names = true,
            |account| account.webhooks.reorder = true,
        ];
        for choose in kinds {
            let (plan, bag) = by_hand(database, choose);
            let world = plan.start().await;
            world.placed().await;
            bring_all(&world, &bag).await;
            say(&world, &bag, "completed", None).await;
            say(&world, &bag, "complete", Some("consider")).await;
            world.expect_told(&[("complete", "Review")]);
            assert!(world.callbacks_in("parked").await.is_empty());
        }
    }

    async fn an_event_that_overtakes_the_answer_to_the_placing_shows_where_the_order_is(database) {
        let (plan, bag) = by_hand(database, |_| {});
        let world = plan.start().await;
        world.fault(FaultKind::ActAndHang, "/v1/invitations", 0);
        let (tenant, order) = (world.tenant(), world.order());
        let (answer, ()) = tokio::join!(tenant.place(&order), async {
            world.until(async || !world.vendor_orders().is_empty(), "the vendor has it").await;
            world.fault(FaultKind::None, "", 0);
            for callback in bag.take() {
                world.bring(&callback).await;
            }
            assert_eq!(stage(&world).await, "invited");
        });
        assert_eq!(answer.status, 201, "{}", answer.text);
        say(&world, &bag, "complete", Some("clear")).await;
        world.expect_told(&[("complete", "Pass")]);
        assert_eq!(world.vendor_orders().len(), 1);
    }

    async fn an_event_ends_the_waiting_for_a_person(database) {
        let (plan, bag) = by_hand(database, |_| {});
        // People who work outside the US are in no list, so looking them up proves nothing.
        let plan = plan.edit("US-CA", "CA-ON");
        let world = plan.start().await;
        world.fault(FaultKind::ActAndReset, "/v1/invitations", 0);
        world.placed().await;
        let early = bag.take();
        world.fault(FaultKind::None, "", 0);
        world.pass(Duration::from_secs(25 * 3600)).await;
        assert!(world.stored("224466").await.waiting.is_some());
        world.bring(&early[0]).await;
        let order = world.stored("224466").await;
        assert_eq!((order.stage.as_str(), order.waiting), ("invited", None));
    }
}
