//! A death between a vendor's callback and what it changes.

use std::time::Duration;

use adapters::simulator::FaultKind;

use crate::support::trial::Trial;
use crate::support::trial::checker::{self, webhooks};
use crate::support::trial::setup::{Setup, Vendor};
use crate::support::{Database, on_both_databases};

on_both_databases! {
    async fn a_callback_whose_acknowledgement_was_lost_is_acknowledged_again_and_applied_once(database) {
        for vendor in [Vendor::Sandbox, Vendor::Checkr] {
            let trial = die_over_a_callback(database, vendor, "callback.committed").await;
            assert_eq!(trial.watch.acknowledged(), 0, "{}", trial.name);
            let taken_in = trial.sql("UPDATE callbacks SET reason = reason").await;
            assert_ne!(taken_in, 0, "{}", trial.name);
            live_on(&trial).await;
        }
    }

    async fn a_callback_whose_worker_dies_is_applied_by_the_next(database) {
        let trial = die_over_a_callback(database, Vendor::Sandbox, "callback.applying").await;
        trial.sql("UPDATE orders SET look_at = look_at + 3600000").await;
        assert!(webhooks(&trial, "224466").is_empty());
        live_on(&trial).await;
    }

    async fn what_a_callback_changed_is_told_though_the_process_died_over_it(database) {
        let trial = die_over_a_callback(database, Vendor::Sandbox, "callback.applied").await;
        // No look tells what the callback has told.
        trial.sql("UPDATE orders SET look_at = look_at + 3600000").await;
        live_on(&trial).await;
    }
}

/// An order is placed and complete at the vendor, whose word of it a gateway has died over.
async fn die_over_a_callback(database: Database, vendor: Vendor, point: &str) -> Trial {
    let name = format!("{vendor:?} on {database:?}, death at {point}");
    let trial = Trial::new(name, &Setup::of(database, vendor)).await;
    trial.fault(FaultKind::Mute, "", 0);
    let mut gateway = trial.serve(Some(point)).await;
    let status = trial.place(&trial.order("224466", "John")).await;
    assert_eq!(status, Some(201), "{}", trial.name);
    trial.fault(FaultKind::None, "", 0);
    trial.pass_all();
    gateway.until_dead().await;
    trial.leases_run_out().await;
    trial
}

/// The next gateway hears from the vendor again, and all ends well.
async fn live_on(trial: &Trial) {
    let _gateway = trial.serve(None).await;
    let before = trial.watch.acknowledged();
    if trial.kind == Vendor::Checkr {
        // Checkr waits for a minute, and signs without a date.
        trial.vendor_waits(Duration::from_secs(61));
    }
    trial.until_over().await;
    let waits = trial.watch.failed() > 0;
    trial
        .until("the vendor's retry is acknowledged", async || {
            !waits || trial.watch.acknowledged() > before
        })
        .await;
    trial.until_over().await;
    checker::check(trial, 0).await;
    assert_eq!(webhooks(trial, "224466").len(), 1, "{}", trial.name);
}
