//! No destination gets more at once than it may, and none of them can hold up the others.

use std::sync::Arc;
use std::time::Duration;

use cleargate::sandbox::{Answer, Conduct, FakeAts};
use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt};

use crate::support::deliveries::{HELD_FOR, hook};
use crate::support::{Database, PATIENCE, Plan, World, on_both_databases};

fn texts(count: usize, prefix: &str) -> Vec<String> {
    (0..count)
        .map(|number| format!("{prefix}{number}"))
        .collect()
}

/// Begins all attempts that are due; they go on as long as the returned stream is polled.
async fn begin_all(world: &World) -> impl Stream<Item = ()> + use<> {
    let attempts: FuturesUnordered<_> = world
        .claim()
        .await
        .into_iter()
        .map(|claimed| Arc::clone(world.app()).deliver(claimed))
        .collect();
    attempts.map(|ended| ended.expect("the database works"))
}

/// A world whose ATS hangs, with that many passed orders and a cap of three.
async fn capped_at_three(database: Database, orders: usize) -> (World, Vec<String>) {
    let plan = Plan::sandbox(database).setting("DELIVERY__IN_FLIGHT_PER_ORIGIN", "3");
    let world = plan
        .setting("DELIVERY__ATTEMPT_TIMEOUT", "20s")
        .start()
        .await;
    world.ats.answer_with(Answer::conduct(Conduct::Hang));
    let ids = texts(orders, "");
    world.passed(&ids).await;
    (world, ids)
}

on_both_databases! {
    async fn a_destination_never_has_more_at_once_than_its_cap(database) {
        let (world, _) = capped_at_three(database, 20).await;
        let mut attempts = std::pin::pin!(begin_all(&world).await);
        // Three are under way and twelve wait for their places; the others are held.
        for _ in 15..20 {
            attempts.next().await.unwrap();
        }
        tokio::select! {
            _ = attempts.next() => panic!("an attempt that hangs has ended"),
            received = world.ats.wait_for(3, PATIENCE) => assert_eq!(received.len(), 3),
        }
        world.clock.advance(Duration::from_secs(10));
        assert!(world.claim().await.is_empty(), "what is held is in no claim's way");
    }

    async fn being_turned_away_by_a_cap_costs_no_attempt(database) {
        let (world, ids) = capped_at_three(database, 20).await;
        let mut attempts = Box::pin(begin_all(&world).await);
        for _ in 15..20 {
            attempts.next().await.unwrap();
        }
        world.ats.answer_with(Answer::status(200));
        world.clock.advance(HELD_FOR);
        let claimed = world.claim().await;
        let firsts = claimed.iter().filter(|claimed| claimed.attempt == 1).count();
        assert_eq!((claimed.len(), firsts), (20, 5), "fifteen leases have run out meanwhile");
        drop(attempts);
        world.deliver_all().await;
        world.check_deliveries(&ids).await;
    }

    async fn a_lane_that_waits_for_a_place_goes_on_when_one_gets_free(database) {
        let plan = Plan::sandbox(database).setting("DELIVERY__IN_FLIGHT_PER_ORIGIN", "1");
        let world = plan.setting("DELIVERY__ATTEMPT_TIMEOUT", "500ms").start().await;
        world.ats.answer_with(Answer::conduct(Conduct::Drip));
        let mut orders = ["a", "b", "c", "d", "e"].map(|id| world.order_called(id));
        for order in &mut orders {
            order["webhook_url"] = world.ats.url("/all").into();
        }
        world.place_these(orders.into()).await;
        world.news(&["a", "b", "c", "d", "e"], "complete", Some("pass")).await;
        world.settle().await;
        let received = world.ats.received();
        assert_eq!(received.len(), 5, "all in one go");
        assert!(received.iter().all(|webhook| !webhook.overlapped), "one at a time");
    }

    async fn an_update_overtaken_while_a_cap_held_it_back_is_never_sent(database) {
        let (world, _) = capped_at_three(database, 15).await;
        let attempts = begin_all(&world).await;
        // Every place is taken and every turn to wait for one, so `late` is turned away.
        let turned_away = async {
            world.ats.wait_for(3, PATIENCE).await;
            world.place_all(&["late"]).await;
            world.news(&["late"], "complete", Some("pass")).await;
            let late = world.claim().await;
            world.news(&["late"], "complete", Some("fail")).await;
            world.deliver(late).await;
        };
        tokio::select! {
            biased;
            _ = attempts.count() => panic!("attempts that hang have ended"),
            () = turned_away => {}
        }
        world.ats.answer_with(Answer::status(200));
        world.deliver_all().await;
        assert_eq!(world.arrivals().said("late"), ["complete Fail"]);
        assert_eq!(world.ends("late").await, ["superseded", "delivered"]);
    }

    async fn a_destination_that_hangs_does_not_stop_a_healthy_one(database) {
        let hangs = FakeAts::start(([127, 0, 0, 1], 0).into()).unwrap();
        hangs.answer_with(Answer::conduct(Conduct::Hang));
        let ports = format!("ports = [{}, ", hangs.addr().port());
        let plan = Plan::sandbox(database).edit("ports = [", &ports).webhook("updates = true");
        let plan = plan.busy().setting("DELIVERY__ATTEMPT_TIMEOUT", "25s");
        let world = plan.running().start().await;
        let (stuck, healthy) = (texts(500, "stuck-"), texts(20, "healthy-"));
        let orders = stuck.iter().map(|id| {
            let mut order = world.order_called(id);
            order["webhook_url"] = hangs.url(&hook(id)).into();
            order
        });
        world.place_these(orders.collect()).await;
        // Placing them all may take longer than an attempt, and then others have had their turn.
        assert!(hangs.wait_for(8, PATIENCE).await.len() >= 8);
        world.place_all(&healthy).await;
        assert_eq!(world.ats.wait_for(20, 2 * PATIENCE).await.len(), 20);
        let ended = world.app().store.deliveries_in("delivered", 1_000).await.unwrap().len();
        assert!(ended <= 20 && hangs.received().len() < 500, "they hung all the while");
    }
}
