//! A process that dies in the middle of an attempt, and several processes on one database.

use std::collections::BTreeSet;
use std::time::Duration;

use adapters::vocabulary::Millis;
use cleargate::domain::delivery::Claimed;
use cleargate::sandbox::Answer;

use crate::support::{Database, Plan, World, on_both_databases};

/// An attempt's time-out of a second and ten to be sure.
const LEASE: Duration = Duration::from_secs(11);
const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A world whose order `a` has passed, and whose process has claimed the update and died.
async fn died_in_an_attempt(database: Database) -> World {
    let world = Plan::sandbox(database).start().await;
    world.passed(&["a"]).await;
    assert_eq!(world.claim().await.len(), 1);
    world
}

/// What was claimed, for a process that freezes only after it has seen that the lease lives.
fn under_way(mut claimed: Vec<Claimed>) -> Vec<Claimed> {
    for lane in &mut claimed {
        lane.until = Millis::MAX;
    }
    claimed
}

on_both_databases! {
    async fn what_was_claimed_before_a_freeze_is_not_sent_after_it(database) {
        for (frozen_for, is_taken) in [(LEASE, true), (LEASE, false), (LEASE - SECOND, false)] {
            let world = Plan::sandbox(database).start().await;
            world.passed(&["a"]).await;
            let frozen = world.claim().await;
            world.clock.advance(frozen_for);
            let taken = if is_taken { world.claim().await } else { Vec::new() };
            world.deliver(frozen).await;
            assert_eq!(world.ats.received().len(), 0, "after {frozen_for:?}");
            world.deliver(taken).await;
            world.settle().await;
            assert_eq!(world.ends("a").await, ["delivered"]);
            assert_eq!(world.attempts("a").await.len(), 1);
        }
    }

    async fn an_attempt_whose_process_died_is_made_again_after_its_lease(database) {
        let world = died_in_an_attempt(database).await;
        world.pass(LEASE - MILLISECOND).await;
        assert_eq!(world.ats.received().len(), 0);
        world.pass(MILLISECOND).await;
        assert_eq!(world.ends("a").await, ["delivered"]);
        assert_eq!(world.ats.received().len(), 1);
    }

    async fn a_settlement_that_comes_late_is_recorded_and_changes_nothing(database) {
        for late_answer in [200, 410, 500] {
            let world = Plan::sandbox(database).start().await;
            world.passed(&["a"]).await;
            let frozen = under_way(world.claim().await);
            world.pass(LEASE).await;
            world.ats.answer_with(Answer::status(late_answer));
            world.deliver(frozen).await;
            world.deliver_all().await;
            assert_eq!(world.ends("a").await, ["delivered"], "{late_answer}");
            let late: Vec<bool> = world.attempts("a").await.iter().map(|it| it.late).collect();
            assert_eq!(late.iter().filter(|late| **late).count(), 1);
            assert_eq!(late.len(), 2, "nothing more is sent after {late_answer}");
        }
    }

    async fn a_late_failure_does_not_make_due_what_another_attempt_has_put_off(database) {
        let world = Plan::sandbox(database).start().await;
        world.ats.answer_with(Answer::status(500));
        world.passed(&["a"]).await;
        let frozen = under_way(world.claim().await);
        world.pass(LEASE).await;
        world.deliver(frozen).await;
        assert_eq!(world.ats.received().len(), 2);
        world.pass(Duration::from_secs(24) - MILLISECOND).await;
        assert_eq!(world.ats.received().len(), 2, "the second attempt has failed 24 s ago");
        world.pass(Duration::from_secs(12) + MILLISECOND).await;
        assert_eq!(world.ats.received().len(), 3);
    }

    async fn an_update_that_overtakes_a_dead_process_comes_last(database) {
        let world = Plan::sandbox(database).webhook("updates = true").start().await;
        world.place_all(&["a"]).await;
        world.news(&["a"], "in_progress", None).await;
        assert_eq!(world.claim().await.len(), 1);
        world.news(&["a"], "complete", Some("pass")).await;
        world.pass(LEASE).await;
        assert_eq!(world.arrivals().said("a").last().unwrap(), "complete Pass");
        assert_eq!(world.ends("a").await.last().unwrap(), "delivered");
        world.check_deliveries(&["a"]).await;
    }
}

#[tokio::test]
async fn a_restarted_process_on_sqlite_takes_up_its_attempts_at_once() {
    let mut world = died_in_an_attempt(Database::Sqlite).await;
    world.restart().await;
    world.settle().await;
    assert_eq!(world.ends("a").await, ["delivered"]);
}

#[tokio::test]
async fn another_replica_makes_the_attempt_of_a_dead_one_but_not_of_a_living_one() {
    let world = died_in_an_attempt(Database::Postgres).await;
    let other = world.replica().await;
    cleargate::background::run_due(&other.app).await.unwrap();
    assert_eq!(world.ats.received().len(), 0);
    world.clock.advance(LEASE);
    cleargate::background::run_due(&other.app).await.unwrap();
    assert_eq!(world.ends("a").await, ["delivered"]);
    other.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_deliver_each_update_once() {
    let world = Plan::uncapped(Database::Postgres).running().start().await;
    let other = world.replica().await;
    let ids: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    world.place_all(&ids).await;
    for held in world.vendor_orders() {
        world
            .vendor
            .advance(&held.reference, "complete", Some("pass"));
    }
    world.ats.wait_for(300, 3 * crate::support::PATIENCE).await;
    world.until_delivered().await;
    let received = world.ats.received();
    let named: BTreeSet<_> = received.iter().map(|it| it.header("webhook-id")).collect();
    assert_eq!((received.len(), named.len()), (300, 300));
    world.check_deliveries(&ids).await;
    other.drain().await;
}
