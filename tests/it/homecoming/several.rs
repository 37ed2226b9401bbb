//! A callback that tells of several orders is applied to each of them once, as soon as that one is
//! known, and never to one that the vendor has been asked about since.

use std::time::Duration;

use cleargate::domain::contact::ContactKind;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::homecoming::says;
use crate::support::{Database, Plan, World, on_both_databases};

const FIRST: &str = "sbx_00000001";
/// The order that the vendor takes next.
const SECOND: &str = "sbx_00000002";

/// A gateway with an order at a sandbox that tells of several orders at once, and may reopen them.
async fn with_one_order(database: Database, folder: &TempDir) -> World {
    let (plan, _bag) = Plan::sandbox_by_hand(database);
    let edits = [
        ("[callback]\n", "[callback]\nin = \".events\"\n"),
        (
            "look_at_most = \"60s\"\n",
            "look_at_most = \"60s\"\nreopens_for = \"60d\"\n",
        ),
    ];
    let world = plan.sandbox_sheet(folder, &edits).start().await;
    world.placed().await;
    world
}

/// The vendor tells in one callback that these orders are complete.
async fn tells(world: &World, ended: &[(&str, &str)]) {
    let event = |(id, result): &(&str, &str)| {
        let body = says(id, "", "complete", Some(result));
        serde_json::from_slice::<Value>(&body).expect("it is JSON")
    };
    let events: Vec<Value> = ended.iter().map(event).collect();
    let body = json!({ "events": events }).to_string();
    let answer = world
        .send_signed(&world.callback_url(), body.as_bytes())
        .await;
    assert_eq!(answer.status, 200);
    world.settle().await;
}

on_both_databases! {
    async fn one_whose_order_is_not_known_yet_waits_wherever_it_stands(database) {
        for told in [[(SECOND, "fail"), (FIRST, "pass")], [(FIRST, "pass"), (SECOND, "fail")]] {
            let folder = TempDir::new().unwrap();
            let world = with_one_order(database, &folder).await;
            tells(&world, &told).await;
            world.expect_told(&[("complete", "Pass")]);
            assert_eq!(world.callbacks_in("parked").await.len(), 1);

            world.placed_as("second").await;
            world.settle().await;
            assert_eq!(world.callbacks_in("settled").await.len(), 1);
            world.expect_told(&[("complete", "Pass"), ("complete", "Fail")]);
        }
    }

    async fn an_order_that_has_taken_its_part_is_left_in_peace_while_another_waits(database) {
        let folder = TempDir::new().unwrap();
        let world = with_one_order(database, &folder).await;
        tells(&world, &[(FIRST, "pass"), (SECOND, "fail")]).await;
        let taken = world.stored("224466").await;
        for _ in 0..3 {
            let woken = world.app().store.retry_parked(None, world.clock.now()).await;
            assert_eq!(woken.expect("the database works"), 1);
            world.settle().await;
        }
        assert_eq!(world.stored("224466").await.version, taken.version);
        assert_eq!(world.contacts(ContactKind::Callback).await.len(), 1);
    }

    async fn a_sheet_that_counts_the_parts_differently_since_leaves_none_out(database) {
        let folder = TempDir::new().unwrap();
        let world = with_one_order(database, &folder).await;
        tells(&world, &[(FIRST, "pass"), (SECOND, "fail")]).await;
        world.execute("UPDATE callbacks SET applied_notes = REPLACE(applied_notes, '[0,', '[1,')").await;
        world.placed_as("second").await;
        world.settle().await;
        assert_eq!(world.callbacks_in("settled").await.len(), 1);
        world.expect_told(&[("complete", "Pass"), ("complete", "Fail")]);
    }

    async fn a_pass_that_the_vendor_has_taken_back_does_not_return_with_an_old_callback(database) {
        let folder = TempDir::new().unwrap();
        let world = with_one_order(database, &folder).await;
        tells(&world, &[(FIRST, "pass"), (SECOND, "fail")]).await;
        world.expect_told(&[("complete", "Pass")]);
        world.vendor_moves_silently(FIRST, "in_progress", None);
        world.pass(Duration::from_secs(24 * 3600)).await;
        assert_eq!(world.stored("224466").await.stage.as_str(), "in_progress");

        // As a worker leaves it that dies between the first note and the second.
        world.execute("UPDATE callbacks SET applied_notes = NULL").await;
        world.placed_as("second").await;
        world.settle().await;
        assert_eq!(world.callbacks_in("settled").await.len(), 1);
        assert_eq!(world.stored("224466").await.stage.as_str(), "in_progress");
        world.expect_told(&[("complete", "Pass"), ("complete", "Fail")]);
    }
}
