//! The real background loops, with time that runs and a vendor at its own pace.

use std::time::Duration;

use adapters::simulator::Sandbox;
use cleargate::background;
use cleargate::sandbox::{Answer, Conduct};
use tokio_util::sync::CancellationToken;

use crate::support::{Database, PATIENCE, Plan, World, on_both_databases};

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// A world that runs by itself, with these orders placed at once.
async fn running(database: Database, ids: &[String]) -> World {
    let plan = Plan::of(database, Box::new(Sandbox::default()));
    let plan = plan.running().busy();
    let world = plan.start().await;
    world.place_all(ids).await;
    world
}

/// Every order has passed and its ATS was told so once.
async fn expect_each_passed_once(world: &World, ids: &[String]) {
    let arrivals = world.arrivals();
    for id in ids {
        assert_eq!(arrivals.said(id), ["complete Pass"], "{id}");
        assert_eq!(world.ends(id).await, ["delivered"], "{id}");
    }
    world.check_deliveries(ids).await;
}

on_both_databases! {
    async fn fifty_orders_come_home_by_themselves_and_none_twice(database) {
        let ids = texts(50);
        let world = running(database, &ids).await;
        world.ats.wait_for(50, 2 * PATIENCE).await;
        world.until_delivered().await;
        expect_each_passed_once(&world, &ids).await;
        assert_eq!(world.vendor_orders().len(), 50);
    }

    async fn a_drain_in_the_middle_of_deliveries_loses_and_doubles_nothing(database) {
        let ids = texts(30);
        let mut world = running(database, &ids).await;
        world.ats.answer_with(Answer::conduct(Conduct::Drip));
        let before = world.ats.wait_for(3, 2 * PATIENCE).await.len();
        world.stop().await;
        assert!((3..30).contains(&before), "the drain came when {before} were on their way");
        world.ats.answer_with(Answer::status(200));
        world.restart().await;
        world.ats.wait_for(30, 2 * PATIENCE).await;
        world.until_delivered().await;
        expect_each_passed_once(&world, &ids).await;
    }

    async fn what_there_was_no_place_for_is_claimed_as_places_get_free(database) {
        let plan = Plan::sandbox(database).busy();
        let world = plan.setting("DELIVERY__IN_FLIGHT", "2").start().await;
        let ids = texts(7);
        world.passed(&ids).await;
        let stop = CancellationToken::new();
        // One wake-up is left over from what has happened so far, and no poll comes within the test.
        background::start(world.app(), Duration::from_secs(86_400), &stop);
        world.ats.wait_for(7, PATIENCE).await;
        world.until_delivered().await;
        stop.cancel();
    }

    async fn a_drain_claims_nothing_more_when_places_get_free(database) {
        let plan = Plan::sandbox(database).webhook("updates = true").running();
        let world = plan.setting("DELIVERY__IN_FLIGHT", "2").start().await;
        world.ats.answer_with(Answer::conduct(Conduct::Drip));
        let ids = texts(6);
        world.place_all(&ids).await;
        world.ats.wait_for(2, PATIENCE).await;
        let mut world = world;
        world.stop().await;
        assert_eq!(world.ats.received().len(), 2);
    }
}
