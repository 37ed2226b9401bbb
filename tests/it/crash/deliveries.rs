//! A death between a webhook's attempt and its record.

use cleargate::sandbox::{Answer, Conduct};

use crate::support::on_both_databases;
use crate::support::trial::Trial;
use crate::support::trial::checker::{self, webhook_id, webhooks};
use crate::support::trial::setup::{Setup, Vendor};

/// Updates before the end are sent too, so that a lane has something to go on with.
const UPDATES: (&str, &str) = ("[tenant.webhook]", "[tenant.webhook]\n  updates = true");

on_both_databases! {
    async fn a_webhook_whose_record_was_lost_comes_again_with_its_id_and_the_next_follows(database) {
        let setup = Setup { edit: UPDATES, ..Setup::of(database, Vendor::Sandbox) };
        let trial = Trial::new(format!("{database:?}"), &setup).await;
        let mut gateway = trial.serve(Some("delivery.attempted")).await;
        trial.place(&trial.order("224466", "John")).await;
        gateway.until_dead().await;
        assert_eq!(webhooks(&trial, "224466").len(), 1);
        // The caller may or may not have been answered before the death, and asks again.
        trial.leases_run_out().await;
        let _gateway = trial.serve(None).await;
        assert_eq!(trial.place(&trial.order("224466", "John")).await, Some(201));
        trial.until("the webhook comes again", async || webhooks(&trial, "224466").len() == 2).await;
        trial.until_told().await;
        trial.finish().await;
        checker::check(&trial, 1).await;
        let ids: Vec<String> = webhooks(&trial, "224466").iter().map(webhook_id).collect();
        assert_eq!(ids.len(), 3);
        assert_eq!(ids[0], ids[1]);
        assert_ne!(ids[1], ids[2]);
    }

    async fn a_webhook_that_was_under_way_at_the_death_comes_again(database) {
        let trial = Trial::new(format!("{database:?}"), &Setup::of(database, Vendor::Sandbox)).await;
        trial.ats.answer_with(Answer::conduct(Conduct::Hang).times(1));
        let mut gateway = trial.serve(None).await;
        trial.place(&trial.order("224466", "John")).await;
        trial.pass_all();
        trial.until("the webhook is under way", async || !trial.ats.received().is_empty()).await;
        gateway.kill();
        trial.leases_run_out().await;
        let _gateway = trial.serve(None).await;
        trial.until_over().await;
        checker::check(&trial, 1).await;
        assert_eq!(webhooks(&trial, "224466").len(), 2);
    }
}
