//! A death in the middle of what is done after placing: looking, finding out, cancelling.

use std::time::Duration;

use adapters::simulator::FaultKind;
use cleargate::domain::order::Stage;

use crate::support::trial::Trial;
use crate::support::trial::checker;
use crate::support::trial::setup::{Setup, Vendor};
use crate::support::{Database, on_both_databases};

const HOUR: Duration = Duration::from_secs(3600);

on_both_databases! {
    async fn a_look_that_died_is_made_again(database) {
        let trial = placed_in_silence(database, "look.fetched").await;
        let mut gateway = trial.serve(Some("look.fetched")).await;
        trial.looks_are_due().await;
        gateway.until_dead().await;
        trial.looks_are_due().await;
        let _gateway = trial.serve(None).await;
        trial.until_over().await;
        checker::check(&trial, 0).await;
    }

    async fn a_look_up_that_died_is_made_again_and_the_order_adopted(database) {
        let name = format!("death at resolve.looked_up on {database:?}");
        let trial = Trial::new(name, &Setup::of(database, Vendor::Sandbox)).await;
        let mut gateway = trial.serve(Some("placing.answered")).await;
        assert_eq!(trial.place(&trial.order("224466", "John")).await, None);
        gateway.until_dead().await;
        trial.later(HOUR).await;
        let mut gateway = trial.launch(Some("resolve.looked_up"));
        gateway.until_dead().await;
        trial.later(HOUR).await;
        let _gateway = trial.serve(None).await;
        trial.finish().await;
        checker::check(&trial, 0).await;
        assert_eq!(trial.placings(), 1);
        assert_eq!(trial.stored("224466").await.unwrap().stage, Stage::Complete);
    }

    async fn an_order_canceled_at_the_vendor_is_known_to_be_though_the_process_died_over_it(database) {
        let trial = placed_in_silence(database, "cancel.answered").await;
        let mut gateway = trial.serve(Some("cancel.answered")).await;
        let cancel = "/v1/orders/224466/cancel";
        assert_eq!(trial.post(cancel, String::new()).await, None);
        gateway.until_dead().await;
        assert_eq!(trial.vendor.orders()[0].status, "canceled");
        let _gateway = trial.serve(None).await;
        // The vendor can cancel it no more, and that makes us look.
        let status = trial.post(cancel, String::new()).await;
        assert!(matches!(status, Some(409 | 422)), "{status:?}");
        trial.until_over().await;
        checker::check(&trial, 0).await;
        assert_eq!(trial.stored("224466").await.unwrap().stage, Stage::Canceled);
    }
}

/// A placed order whose vendor never calls back; for a look it has passed already.
async fn placed_in_silence(database: Database, point: &str) -> Trial {
    let name = format!("death at {point} on {database:?}");
    let trial = Trial::new(name, &Setup::of(database, Vendor::Sandbox)).await;
    trial.fault(FaultKind::Mute, "", 0);
    let mut gateway = trial.serve(None).await;
    assert_eq!(trial.place(&trial.order("224466", "John")).await, Some(201));
    if point == "look.fetched" {
        trial.pass_all();
    }
    gateway.kill();
    trial
}
