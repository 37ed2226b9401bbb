//! A destination that keeps failing is left alone, and so is one that asks for it: that costs no
//! attempt, no claim, and nobody else's time; and whatever waits for it arrives in the end.

use std::time::Duration;

use cleargate::sandbox::{Answer, Conduct};
use futures_util::future::join_all;

use crate::support::deliveries::{HELD_FOR, hook};
use crate::support::rows::Rows;
use crate::support::{Database, Plan, World, on_both_databases};

const SECOND: Duration = Duration::from_secs(1);

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// A world with that many passed orders, whose ATS has failed until it was left alone.
async fn left_alone(database: Database, orders: usize) -> (World, Vec<String>) {
    let world = Plan::sandbox(database).start().await;
    world.ats.answer_with(Answer::status(503));
    let ids = texts(orders);
    world.passed(&ids).await;
    world.settle().await;
    (world, ids)
}

/// Attempts on all the orders together.
async fn attempts(world: &World, ids: &[String]) -> usize {
    let mut count = 0;
    for id in ids {
        count += world.attempts(id).await.len();
    }
    count
}

/// Orders whose update has never been attempted.
async fn untouched(world: &World, ids: &[String]) -> Vec<String> {
    let mut untouched = Vec::new();
    for id in ids {
        if world.attempts(id).await.is_empty() {
            untouched.push(id.clone());
        }
    }
    untouched
}

/// Claims and delivers as a process does, until nothing is due; returns how many lanes that took.
async fn work(world: &World) -> usize {
    let mut lanes = 0;
    loop {
        let claimed = world.app().claim_deliveries(64).await.unwrap();
        if claimed.is_empty() {
            return lanes;
        }
        lanes += claimed.len();
        let attempts = claimed.into_iter();
        let attempts = attempts.map(|it| world.app().clone().deliver(it));
        for done in join_all(attempts).await {
            done.unwrap();
        }
    }
}

/// A world with one passed order and that many copies, in which changes of lanes are counted.
async fn crowd(plan: Plan, copies: usize) -> (World, Rows) {
    let world = plan.start().await;
    world.passed(&["a"]).await;
    world.copy_the_order(copies).await;
    let mut rows = Rows::of(&world.settings).await;
    rows.count_changes("lanes").await;
    (world, rows)
}

on_both_databases! {
    async fn one_that_keeps_failing_is_left_alone_and_what_waits_spends_no_attempt(database) {
        let (world, ids) = left_alone(database, 40).await;
        let spent = attempts(&world, &ids).await;
        assert!((8..16).contains(&spent), "those under way when it had failed 8 times: {spent}");
        world.pass(5 * SECOND - Duration::from_millis(1)).await;
        assert_eq!(attempts(&world, &ids).await, spent, "left alone");
        world.pass(Duration::from_millis(1)).await;
        assert_eq!(attempts(&world, &ids).await, spent + 1, "one probes it");
        world.pass(10 * SECOND).await;
        assert_eq!(attempts(&world, &ids).await, spent + 2);
        for minutes in 1..=60 {
            world.pass(60 * SECOND).await;
            let probes = attempts(&world, &ids).await - spent;
            assert!(probes <= 7 + minutes / 5, "{probes} probes in {minutes} minutes");
        }
        world.check_deliveries(&ids).await;
    }

    async fn what_waits_arrives_as_soon_as_a_probe_is_answered(database) {
        let (world, ids) = left_alone(database, 40).await;
        let untouched = untouched(&world, &ids).await;
        world.ats.answer_with(Answer::status(200));
        world.pass(5 * SECOND).await;
        for id in &untouched {
            assert_eq!(world.ends(id).await, ["delivered"], "{id}");
        }
        assert!(untouched.len() > 20);
        // Whatever had failed by itself keeps its own schedule.
        world.pass(6 * SECOND).await;
        assert_eq!(world.pending().await, 0);
        world.check_deliveries(&ids).await;
    }

    async fn after_it_answered_again_it_gets_one_at_a_time_at_first(database) {
        let (world, ids) = left_alone(database, 40).await;
        world.ats.answer_with(Answer::status(200).times(1));
        world.ats.answer_with(Answer::status(503));
        let before = attempts(&world, &ids).await;
        world.pass(5 * SECOND).await;
        // The probe is taken, then one after another fails until it is left alone again.
        assert_eq!(attempts(&world, &ids).await, before + 1 + 8);
    }

    async fn what_one_order_hears_of_busy_times_counts_for_all_that_goes_there(database) {
        let world = Plan::sandbox(database).start().await;
        world.ats.answer_with(Answer::status(429).retry_after("3600").times(1));
        world.passed(&["first"]).await;
        world.settle().await;
        world.passed(&["second", "third"]).await;
        world.pass(3_600 * SECOND - Duration::from_millis(1)).await;
        assert_eq!(world.ats.received().len(), 1);
        world.pass(Duration::from_millis(1)).await;
        let ids = ["first", "second", "third"];
        for id in ids {
            assert_eq!(world.ends(id).await, ["delivered"], "{id}");
        }
        assert_eq!(world.attempts("second").await.len(), 1);
        world.check_deliveries(&ids).await;
    }

    async fn a_destination_that_is_left_alone_says_nothing_of_another(database) {
        let world = Plan::sandbox(database).apart().start().await;
        world.ats.answer_with(Answer::status(503).retry_after("3600").at(&hook("busy")));
        world.passed(&["busy", "other"]).await;
        world.settle().await;
        assert_eq!(world.ends("other").await, ["delivered"]);
        assert_eq!(world.ends("busy").await, ["pending"]);
    }

    async fn a_newer_update_of_an_order_that_waits_takes_its_place(database) {
        let (world, ids) = left_alone(database, 40).await;
        let waits = &untouched(&world, &ids).await[..1];
        world.news(waits, "complete", Some("fail")).await;
        world.ats.answer_with(Answer::status(200));
        world.pass(5 * SECOND).await;
        assert_eq!(world.arrivals().said(&waits[0]), ["complete Fail"]);
        assert_eq!(world.ends(&waits[0]).await, ["superseded", "delivered"]);
    }

    async fn a_process_that_forgets_who_was_to_be_left_alone_forgets_no_update(database) {
        let mut world = Plan::sandbox(database).start().await;
        world.ats.answer_with(Answer::status(503).retry_after("86400").times(1));
        world.passed(&["asks"]).await;
        world.settle().await;
        let ids = texts(30);
        world.passed(&ids).await;
        world.settle().await;
        assert_eq!(world.app().store.backlog().await.unwrap().held_lanes, 30);
        world.restart().await;
        world.pass(HELD_FOR).await;
        assert_eq!(world.pending().await, 1, "only the one that was asked to wait");
        world.pass(86_400 * SECOND).await;
        assert_eq!(world.pending().await, 0);
        assert_eq!(world.app().store.backlog().await.unwrap().held_lanes, 0);
    }

    async fn thousands_that_wait_for_one_that_hangs_are_not_claimed_over_and_over(database) {
        let plan = Plan::sandbox(database).setting("DELIVERY__ATTEMPT_TIMEOUT", "300ms");
        let (world, mut rows) = crowd(plan, 10_000).await;
        world.ats.answer_with(Answer::conduct(Conduct::Hang));
        let mut claimed = 0;
        for _ in 0..(10 * 60 / 5) {
            claimed += work(&world).await;
            world.clock.advance(5 * SECOND);
        }
        let changes = rows.count("lanes_changes").await;
        // In ten minutes: a hold each at first and once more, and little besides.
        assert!(changes < 2 * 10_000 + 1_000, "{changes} changes of lanes");
        assert!(claimed < 600, "{claimed} lanes claimed");
        let spent = rows.count("attempts").await;
        assert!(spent < 30, "{spent} attempts");
    }

    async fn hundreds_that_wait_for_a_healthy_one_go_out_at_its_own_pace(database) {
        let (world, mut rows) = crowd(Plan::sandbox(database), 399).await;
        work(&world).await;
        assert_eq!(world.ats.received().len(), 400, "and no time has passed");
        assert_eq!(world.pending().await, 0);
        let changes = rows.count("lanes_changes").await;
        // Held, called, claimed and settled.
        assert!(changes <= 4 * 400 + 100, "{changes} changes of lanes");
    }
}
