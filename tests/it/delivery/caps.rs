//! No destination gets more at once than it may, and none of them can hold up the others.

use std::sync::Arc;
use std::time::Duration;

use cleargate::sandbox::{Answer, Conduct, FakeAts};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::support::deliveries::hook;
use crate::support::{PATIENCE, Plan, World, on_both_databases};

fn texts(count: usize, prefix: &str) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number}")).collect()
}

/// Claims everything due, begins all attempts, and returns when all but `cap` have been turned
/// away; those go on in the returned stream.
async fn begin_all(world: &World, cap: usize) -> impl StreamExt + use<> {
    let claimed = world.claim().await;
    let turned_away = claimed.len() - cap;
    let mut attempts: FuturesUnordered<_> = claimed
        .into_iter()
        .map(|claimed| Arc::clone(world.app()).deliver(claimed))
        .collect();
    for _ in 0..turned_away {
        attempts.next().await.unwrap().unwrap();
    }
    attempts
}

on_both_databases! {
    async fn a_destination_never_has_more_at_once_than_its_cap(database) {
        let plan = Plan::sandbox(database).setting("DELIVERY__IN_FLIGHT_PER_ORIGIN", "3");
        let world = plan.setting("DELIVERY__ATTEMPT_TIMEOUT", "20s").start().await;
        world.ats.answer_with(Answer::conduct(Conduct::Hang));
        world.passed(&texts(12, "")).await;
        let mut attempts = Box::pin(begin_all(&world, 3).await);
        let three = async { world.ats.wait_for(3, PATIENCE).await };
        let received = tokio::select! {
            _ = attempts.next() => panic!("an attempt that hangs has ended"),
            received = three => received,
        };
        assert_eq!(received.len(), 3);
        world.clock.advance(Duration::from_secs(2));
        drop(begin_all(&world, 0).await);
        assert_eq!(world.ats.received().len(), 3);
    }

    async fn being_turned_away_by_a_cap_costs_no_attempt(database) {
        let world = Plan::sandbox(database).setting("DELIVERY__IN_FLIGHT_PER_ORIGIN", "1").start().await;
        let ids = texts(6, "");
        world.passed(&ids).await;
        for _ in 0..6 {
            world.pass(Duration::from_secs(2)).await;
        }
        for id in &ids {
            assert_eq!(world.ends(id).await, ["delivered"], "{id}");
            assert_eq!(world.attempts(id).await.len(), 1, "{id}");
        }
        assert_eq!(world.ats.received().len(), 6);
    }

    async fn an_update_overtaken_while_a_cap_held_it_back_is_never_sent(database) {
        let plan = Plan::sandbox(database).webhook("updates = true");
        let world = plan.setting("DELIVERY__IN_FLIGHT_PER_ORIGIN", "1").start().await;
        world.place_all(&["other", "a"]).await;
        for _ in 0..2 {
            world.pass(Duration::from_secs(2)).await;
        }
        world.ats.answer_with(Answer::conduct(Conduct::Hang).at(&hook("other")).times(1));
        world.news(&["other"], "in_progress", None).await;
        let in_flight = world.claim().await;
        world.news(&["a"], "in_progress", None).await;
        let turned_away = world.claim().await;
        world.news(&["a"], "complete", Some("pass")).await;
        tokio::join!(world.deliver(in_flight), world.deliver(turned_away));
        for _ in 0..3 {
            world.pass(Duration::from_secs(6)).await;
        }
        assert_eq!(world.arrivals().said("a"), ["invited", "complete Pass"]);
        assert_eq!(world.ends("a").await, ["delivered", "superseded", "delivered"]);
    }

    async fn a_destination_that_hangs_does_not_stop_a_healthy_one(database) {
        let hangs = FakeAts::start(([127, 0, 0, 1], 0).into()).unwrap();
        hangs.answer_with(Answer::conduct(Conduct::Hang));
        let ports = format!("ports = [{}, ", hangs.addr().port());
        let plan = Plan::sandbox(database).edit("ports = [", &ports);
        let world = plan.setting("DELIVERY__ATTEMPT_TIMEOUT", "25s").running().start().await;
        let (stuck, healthy) = (texts(500, "stuck-"), texts(20, "healthy-"));
        let orders = stuck.iter().map(|id| {
            let mut order = world.order_called(id);
            order["webhook_url"] = hangs.url(&hook(id)).into();
            order
        });
        world.place_these(orders.collect()).await;
        world.place_all(&healthy).await;
        for held in world.vendor_orders() {
            world.vendor.advance(&held.reference, "complete", Some("pass"));
        }
        assert_eq!(hangs.wait_for(8, PATIENCE).await.len(), 8);
        assert_eq!(world.ats.wait_for(20, PATIENCE).await.len(), 20);
        assert_eq!(hangs.received().len(), 8, "the healthy were served before one hung attempt ended");
    }
}
