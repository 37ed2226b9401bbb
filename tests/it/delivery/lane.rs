//! An order is a lane: its updates go out one at a time, the newest last, and what was overtaken
//! is never sent.

use std::time::Duration;

use cleargate::sandbox::{Answer, Conduct};

use crate::support::deliveries::hook;
use crate::support::{Database, Plan, World, on_both_databases};

/// A world with one order, `a`, of which every change is to be told; that its applicant was invited
/// has been told.
async fn told_everything(database: Database) -> World {
    let world = Plan::sandbox(database)
        .webhook("updates = true")
        .start()
        .await;
    world.place_all(&["a"]).await;
    world.settle().await;
    world
}

/// What the ATS has been told of order `a` after the invitation.
fn told(world: &World) -> Vec<String> {
    let mut said = world.arrivals().said("a");
    assert_eq!(said.remove(0), "invited");
    said
}

/// How those updates stand.
async fn ends(world: &World) -> Vec<String> {
    world.ends("a").await.split_off(1)
}

const UPDATES: [(&str, Option<&str>); 4] = [
    ("in_progress", None),
    ("on_hold", None),
    ("complete", Some("pass")),
    ("complete", Some("review")),
];

const TOLD: [&str; 4] = ["in_progress", "on_hold", "complete Pass", "complete Review"];

on_both_databases! {
    async fn updates_arrive_in_the_sequence_in_which_they_happened(database) {
        let world = told_everything(database).await;
        for (status, result) in UPDATES {
            world.news(&["a"], status, result).await;
            world.settle().await;
        }
        assert_eq!(told(&world), TOLD);
        assert_eq!(ends(&world).await, ["delivered"; 4]);
        world.check_deliveries(&["a"]).await;
    }

    async fn a_waiting_update_that_a_newer_one_overtakes_is_never_sent(database) {
        let world = told_everything(database).await;
        for (status, result) in UPDATES {
            world.news(&["a"], status, result).await;
        }
        world.settle().await;
        assert_eq!(told(&world), TOLD[3..]);
        assert_eq!(ends(&world).await, ["superseded", "superseded", "superseded", "delivered"]);
    }

    async fn a_failing_update_is_overtaken_by_the_newest_at_its_own_time(database) {
        let world = told_everything(database).await;
        world.ats.answer_with(Answer::status(500));
        for (status, result) in UPDATES {
            world.news(&["a"], status, result).await;
            world.settle().await;
        }
        assert_eq!(told(&world), TOLD[..1], "news make nothing due earlier");
        world.ats.answer_with(Answer::status(200));
        world.pass(Duration::from_secs(6)).await;
        assert_eq!(told(&world), [TOLD[0], TOLD[3]]);
        assert_eq!(ends(&world).await, ["superseded", "superseded", "superseded", "delivered"]);
        world.check_deliveries(&["a"]).await;
    }

    async fn the_newest_update_has_all_its_attempts_before_it(database) {
        let world = told_everything(database).await;
        world.ats.answer_with(Answer::status(500));
        world.news(&["a"], "in_progress", None).await;
        world.settle().await;
        world.news(&["a"], "complete", Some("pass")).await;
        world.deliver_all().await;
        assert_eq!(ends(&world).await, ["superseded", "dead: exhausted"]);
        assert_eq!(world.attempts("a").await.len(), 1 + 1 + 12);
    }

    async fn an_update_that_happens_during_an_attempt_waits_for_its_end(database) {
        for (answer, expected, due_after) in [(200, ["delivered", "delivered"], 0), (500, ["superseded", "delivered"], 6)] {
            let world = told_everything(database).await;
            world.ats.answer_with(Answer::status(answer).times(1));
            world.news(&["a"], "in_progress", None).await;
            let in_flight = world.claim().await;
            world.news(&["a"], "complete", Some("pass")).await;
            world.settle().await;
            assert_eq!(told(&world).len(), 0, "one at a time");
            world.deliver(in_flight).await;
            world.pass(Duration::from_secs(due_after)).await;
            assert_eq!(told(&world), ["in_progress", "complete Pass"]);
            assert_eq!(ends(&world).await, expected);
        }
    }

    async fn an_order_that_is_answered_slowly_holds_no_other_back(database) {
        let world = Plan::sandbox(database).start().await;
        world.ats.answer_with(Answer::conduct(Conduct::Hang).at(&hook("slow")));
        world.passed(&["slow", "quick"]).await;
        let meanwhile = async {
            world.until(async || world.ends("quick").await == ["delivered"], "it is told").await;
            assert_eq!(world.ends("slow").await, ["pending"]);
            assert_eq!(world.attempts("slow").await.len(), 0, "its attempt is over");
        };
        tokio::join!(world.settle(), meanwhile);
    }

    async fn orders_that_share_a_webhook_url_are_lanes_of_their_own(database) {
        let world = Plan::sandbox(database).start().await;
        let mut orders = ["a", "b"].map(|id| world.order_called(id));
        for order in &mut orders {
            order["webhook_url"] = world.ats.url("/all").into();
        }
        world.place_these(orders.into()).await;
        world.ats.answer_with(Answer::status(500).times(1));
        world.news(&["a", "b"], "complete", Some("pass")).await;
        world.settle().await;
        let mut ends = [world.ends("a").await, world.ends("b").await].concat();
        ends.sort_unstable();
        assert_eq!(ends, ["delivered", "pending"]);
    }
}
