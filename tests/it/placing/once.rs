//! Vendors that dedupe on nothing: what may have ordered is never sent again before it is known
//! that it did not.

use std::time::Duration;

use adapters::simulator::FaultKind::{ActAndHang, ActAndReset, Hang, Reset};
use cleargate::domain::order::{Stage, Waiting};
use tempfile::TempDir;

use crate::support::{Database, Plan, World, on_both_databases};

const LOOK_UP_THEN_REPEAT: &str = "\"look_up_then_repeat\"";

on_both_databases! {
    async fn what_may_have_ordered_is_sent_once_and_then_found(database) {
        for kind in [ActAndReset, ActAndHang] {
            let (world, _sheets) = a_vendor_without_keys(database, LOOK_UP_THEN_REPEAT).await;
            world.fault_placing(kind, "/orders", 1);
            world.tenant().place(&world.order()).await.taken("unconfirmed");
            world.until_settled("224466").await;
            world.is_placed_once(&format!("{kind:?}")).await;
            assert_eq!(world.posts("/orders").len(), 1, "{kind:?}");
        }
    }

    async fn what_did_not_order_is_sent_again_only_when_its_absence_is_proven(database) {
        for kind in [Reset, Hang] {
            let (world, _sheets) = a_vendor_without_keys(database, LOOK_UP_THEN_REPEAT).await;
            world.fault_placing(kind, "/orders", 1);
            world.tenant().place(&world.order()).await.taken("unconfirmed");
            world.pass(Duration::from_secs(29)).await;
            assert_eq!(world.posts("/orders").len(), 1, "{kind:?}");
            world.pass(Duration::from_secs(1)).await;
            assert_eq!(world.posts("/orders").len(), 2, "{kind:?}");
            world.is_placed_once(&format!("{kind:?}")).await;
        }
    }

    async fn a_caller_who_asks_again_does_not_make_it_be_sent_again(database) {
        let (world, _sheets) = a_vendor_without_keys(database, LOOK_UP_THEN_REPEAT).await;
        world.fault_placing(ActAndReset, "/orders", 1);
        world.tenant().place(&world.order()).await.taken("unconfirmed");
        for _ in 0..3 {
            world.tenant().place(&world.order()).await.taken("unconfirmed");
        }
        world.until_settled("224466").await;
        world.is_placed_once("asked for again").await;
        assert_eq!(world.posts("/orders").len(), 1);
    }

    async fn where_the_sheet_says_so_what_is_not_seen_waits_for_a_person(database) {
        let (world, _sheets) = a_vendor_without_keys(database, "\"look_up\"").await;
        world.waits_after_a_lost_placing(Waiting::NotSeen).await;
    }

    async fn where_the_sheet_says_so_a_person_decides_at_once(database) {
        let (world, _sheets) = a_vendor_without_keys(database, "\"person\"").await;
        world.waits_after_a_lost_placing(Waiting::CannotLookUp).await;
    }

    async fn where_the_sheet_says_so_a_callback_is_waited_for(database) {
        let (world, _sheets) = a_vendor_without_keys(database, "{ wait_for_callback = \"1h\" }").await;
        world.waits_after_a_lost_placing(Waiting::CannotLookUp).await;
        world.fault_placing(ActAndReset, "/orders", 1);
        world.tenant().place(&world.order_numbered("2")).await.taken("unconfirmed");
        let reference = world.stored("2").await.our_ref.0;
        world.vendor_says(&reference, "in_progress", None).await;
        world.settle().await;
        assert_eq!(world.stored("2").await.stage, Stage::InProgress);
    }
}

/// The sandbox, as a vendor that promises nothing for a second copy.
async fn a_vendor_without_keys(database: Database, ambiguity: &str) -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::sandbox(database).sandbox_sheet(
        &folder,
        &[
            ("effect = { repeatable = \"24h\" }", "effect = \"once\""),
            (LOOK_UP_THEN_REPEAT, ambiguity),
        ],
    );
    (plan.start().await, folder)
}

impl World {
    /// The vendor never got the request, and nobody can know.
    async fn waits_after_a_lost_placing(&self, why: Waiting) {
        self.fault_placing(Reset, "/orders", 1);
        self.tenant()
            .place(&self.order())
            .await
            .taken("unconfirmed");
        self.until_settled("224466").await;
        let order = self.stored("224466").await;
        assert_eq!(
            (order.stage, order.waiting),
            (Stage::Unconfirmed, Some(why))
        );
        assert_eq!(self.posts("/orders").len(), 1);
        assert!(self.webhooks().is_empty());
    }
}
