//! An order that nobody has said anything new of for too long is put before a person, and is brought
//! home all the same.

use std::time::Duration;

use cleargate::domain::order::Waiting;

use crate::support::{Database, Plan, World, on_both_databases};

const DAY: Duration = Duration::from_secs(86_400);

/// A gateway with one order that is looked at once a day at most.
async fn with_order(
    database: Database,
    patience: &[(&'static str, &str)],
) -> (World, tempfile::TempDir) {
    let folder = tempfile::TempDir::new().unwrap();
    let rare = [("look_at_most = \"60s\"", "look_at_most = \"24h\"")];
    let (mut plan, _bag) = Plan::sandbox_by_hand(database);
    for (setting, value) in patience {
        plan = plan.setting(setting, *value);
    }
    let world = plan.sandbox_sheet(&folder, &rare).start().await;
    world.placed().await;
    (world, folder)
}

async fn waiting(world: &World) -> Option<Waiting> {
    world.app().notice_silence().await.unwrap();
    let store = &world.app().store;
    let listed = store.waiting_orders(10).await.unwrap();
    let count = store.backlog().await.unwrap().waiting_orders;
    assert_eq!(usize::try_from(count).unwrap(), listed.len(), "the gauge");
    listed.first().and_then(|order| order.waiting)
}

on_both_databases! {
    async fn an_order_without_news_is_put_before_a_person_until_news_comes(database) {
        let (world, _folder) = with_order(database, &[]).await;
        world.pass_slowly(13 * DAY, DAY).await;
        assert_eq!(waiting(&world).await, None);
        let order = world.stored("224466").await;
        world.vendor_moves_silently(&order.our_ref.0, "in_progress", None);
        world.pass_slowly(13 * DAY, DAY).await;
        assert_eq!(waiting(&world).await, None, "there was news in between");
        world.pass_slowly(2 * DAY, DAY).await;
        assert_eq!(waiting(&world).await, Some(Waiting::NoNews));
        assert_eq!(world.told("waiting").await, ["no_news"]);
        let looks = world.asked("GET", "/orders/");
        world.pass_slowly(3 * DAY, DAY).await;
        assert_eq!(waiting(&world).await, Some(Waiting::NoNews));
        assert_eq!(world.told("waiting").await, ["no_news"], "it is said once");
        assert_eq!(world.stored("224466").await.stage.as_str(), "in_progress", "it stays open");
        assert!(world.asked("GET", "/orders/") >= looks + 2, "looks go on");
        world.vendor_moves_silently(&order.our_ref.0, "complete", Some("pass"));
        world.pass_slowly(2 * DAY, DAY).await;
        assert_eq!(waiting(&world).await, None);
        world.expect_told(&[("complete", "Pass")]);
    }

    async fn how_long_is_too_long_is_a_setting_of_the_vendor(database) {
        let hasty = [("VENDORS__CALLS__NO_NEWS_AFTER", "30d"), ("VENDORS__OF__SANDBOX__NO_NEWS_AFTER", "2h")];
        let (world, _folder) = with_order(database, &hasty).await;
        world.pass(Duration::from_secs(7_199)).await;
        assert_eq!(waiting(&world).await, None);
        world.pass(Duration::from_secs(1)).await;
        assert_eq!(waiting(&world).await, Some(Waiting::NoNews));
    }

    async fn an_order_that_has_ended_or_is_not_placed_yet_is_not_silent(database) {
        let (world, _folder) = with_order(database, &[("VENDORS__CALLS__NO_NEWS_AFTER", "1h")]).await;
        let order = world.stored("224466").await;
        world.vendor_moves_silently(&order.our_ref.0, "complete", Some("pass"));
        world.pass(DAY).await;
        world.fault(adapters::simulator::FaultKind::Reset, "/orders", 0);
        world.placed_as("224467").await;
        world.clock.advance(DAY);
        assert_eq!(waiting(&world).await, None);
    }
}
