//! Applicants are sealed while their order waits and forgotten when it does not.

use adapters::simulator::FaultKind;

use crate::support::rows::Rows;
use crate::support::{Plan, World, on_both_databases};

/// What of the order is about people.
const PERSONAL: [&str; 8] = [
    "John",
    "888-555-1234",
    "john.doe@mailbox.dev",
    "123 Main St.",
    "Springfield",
    "Jill",
    "Smith",
    "jill.smith@mailbox.dev",
];

on_both_databases! {
    async fn people_are_sealed_while_an_order_waits_and_erased_when_it_is_placed(database) {
        let world = Plan::checkr(database).tenant("when_unavailable = \"queue\"").start().await;
        world.fault_placing(FaultKind::TooMany, "/invitations", 1);
        world.tenant().place(&world.order()).await.taken("received");
        assert_eq!(world.sealed().await, (1, 0));
        world.shows_nobody().await;
        world.until_settled("224466").await;
        assert_eq!(world.sealed().await, (0, 0));
        world.shows_nobody().await;
    }

    async fn people_are_sealed_while_nobody_knows_whether_the_order_was_placed(database) {
        let world = Plan::sandbox(database).start().await;
        world.fault_placing(FaultKind::ActAndReset, "/orders", 3);
        world.tenant().place(&world.order()).await.taken("unconfirmed");
        assert_eq!(world.sealed().await, (1, 1));
        world.shows_nobody().await;
        world.until_settled("224466").await;
        assert_eq!(world.sealed().await, (0, 0));
        world.shows_nobody().await;
    }

    async fn people_are_erased_when_their_order_is_refused_or_cannot_be_sent(database) {
        let world = Plan::sandbox(database).start().await;
        world.tenant().place(&world.order_for("Refused")).await.refused(422, "vendor_refused", None);
        assert_eq!(world.sealed().await, (0, 0));
        world.fault_placing(FaultKind::TooMany, "/orders", 1);
        world.tenant().place(&world.order()).await.refused(503, "vendor_unavailable", None);
        assert_eq!(world.sealed().await, (0, 0));
        world.shows_nobody().await;
    }
}

impl World {
    /// How many orders and how many calls hold something sealed.
    async fn sealed(&self) -> (i64, i64) {
        let mut rows = Rows::of(&self.settings).await;
        (
            rows.count("orders WHERE sealed_order IS NOT NULL").await,
            rows.count("calls WHERE sealed_request IS NOT NULL").await,
        )
    }

    /// No value in the database has anything of a person in clear; what is no secret is found.
    async fn shows_nobody(&self) {
        let mut rows = Rows::of(&self.settings).await;
        assert_eq!(
            rows.places_of("224466").await,
            ["orders.background_check_id"]
        );
        for personal in PERSONAL {
            assert_eq!(rows.places_of(personal).await, [""; 0], "{personal}");
        }
    }
}
