//! A death that leaves open whether the vendor has an order, and what may be concluded when.

use std::time::Duration;

use adapters::simulator::FaultKind;
use cleargate::domain::order::Stage;

use crate::support::trial::Trial;
use crate::support::trial::checker;
use crate::support::trial::setup::{Setup, Vendor};
use crate::support::{Database, on_both_databases};

const HOUR: Duration = Duration::from_secs(3600);
/// The sandbox forgets a key after 24 hours.
const PAST_THE_KEY: Duration = Duration::from_secs(25 * 3600);
/// The answer comes while the vendor is still waited for.
const ANSWERS_EARLY: &[(&str, &str)] = &[
    ("ORDERS__VENDOR_TIMEOUT", "1s"),
    ("ORDERS__ANSWER_WITHIN", "1100ms"),
];

on_both_databases! {
    async fn an_order_answered_201_while_being_placed_is_placed_after_the_death(database) {
        for fault in [FaultKind::Hang, FaultKind::ActAndHang] {
            let trial = answered_and_dead(database, fault).await;
            trial.later(HOUR).await;
            let _gateway = trial.serve(None).await;
            trial.finish().await;
            checker::check(&trial, 0).await;
            assert_eq!(trial.stored("224466").await.unwrap().stage, Stage::Complete, "{}", trial.name);
        }
    }

    async fn a_request_whose_key_may_be_forgotten_is_not_repeated_before_a_look_up(database) {
        for fault in [FaultKind::Hang, FaultKind::ActAndHang] {
            let trial = answered_and_dead(database, fault).await;
            trial.later(PAST_THE_KEY).await;
            let _gateway = trial.serve(None).await;
            trial.finish().await;
            checker::check(&trial, 0).await;
            assert_eq!(trial.stored("224466").await.unwrap().stage, Stage::Complete, "{}", trial.name);
        }
    }

    async fn a_key_that_a_busy_vendor_saw_long_ago_is_not_used_again(database) {
        let setup = Setup {
            settings: ANSWERS_EARLY,
            edit: ("name = ", "when_unavailable = \"queue\"\nname = "),
            ..Setup::of(database, Vendor::Sandbox)
        };
        let trial = Trial::new(format!("{database:?}"), &setup).await;
        trial.fault(FaultKind::Unavailable, "/orders", 1);
        let mut gateway = trial.serve(None).await;
        assert_eq!(trial.place(&trial.order("224466", "John")).await, Some(201));
        gateway.kill();
        trial.fault(FaultKind::None, "", 0);
        trial.later(PAST_THE_KEY).await;
        trial.fault(FaultKind::ActAndReset, "/orders", 1);
        let _gateway = trial.serve(None).await;
        trial.finish().await;
        checker::check(&trial, 0).await;
        let keys: Vec<_> = placed_with(&trial).collect();
        assert_ne!(keys[0], keys[1], "the vendor may have forgotten it");
        assert!(keys[1..].iter().all(|key| *key == keys[1]), "{keys:?}");
    }

    async fn an_order_the_list_does_not_show_yet_is_not_given_up(database) {
        let trial = Trial::new(format!("{database:?}"), &Setup::of(database, Vendor::Sandbox)).await;
        let mut gateway = trial.serve(Some("placing.answered")).await;
        assert_eq!(trial.place(&trial.order("224466", "John")).await, None);
        gateway.until_dead().await;
        trial.fault(FaultKind::Invisible, "", 0);
        trial.leases_run_out().await;
        let mut gateway = trial.serve(None).await;
        trial.until("a look-up has shown nothing", async || {
            trial.stored("224466").await.unwrap().stage != Stage::Placing
        }).await;
        assert_eq!(trial.stored("224466").await.unwrap().stage, Stage::Unconfirmed);
        gateway.kill();
        trial.fault(FaultKind::None, "", 0);
        trial.later(HOUR).await;
        let _gateway = trial.serve(None).await;
        trial.finish().await;
        checker::check(&trial, 0).await;
        assert_eq!(trial.stored("224466").await.unwrap().stage, Stage::Complete);
        assert_eq!(trial.placings(), 1);
    }

    async fn a_repeat_right_after_the_death_is_answered_and_ordered_once(database) {
        for point in ["placing.intent_committed", "placing.answered"] {
            let name = format!("{database:?}, death at {point}, the same again at once");
            let setup = Setup { settings: ANSWERS_EARLY, ..Setup::of(database, Vendor::Sandbox) };
            let trial = Trial::new(name, &setup).await;
            let mut gateway = trial.serve(Some(point)).await;
            assert_eq!(trial.place(&trial.order("224466", "John")).await, None);
            gateway.until_dead().await;
            let placings = trial.placings();
            let mut gateway = trial.serve(None).await;
            assert_eq!(trial.place(&trial.order("224466", "John")).await, Some(201), "{}", trial.name);
            if database == Database::Postgres {
                // The dead process's lease lives, and while it does nobody else sends.
                assert_eq!(trial.placings(), placings, "{}", trial.name);
            }
            gateway.kill();
            trial.later(HOUR).await;
            let _gateway = trial.serve(None).await;
            trial.finish().await;
            checker::check(&trial, 0).await;
        }
    }
}

/// The keys of the requests that placed something, or tried.
fn placed_with(trial: &Trial) -> impl Iterator<Item = String> {
    let requests = trial.vendor.requests().into_iter();
    requests
        .filter(|it| it.method == "POST")
        .map(|it| it.header("idempotency-key").unwrap().to_owned())
}

/// An order that was answered 201 while its vendor said nothing, by a gateway that has died since.
async fn answered_and_dead(database: Database, fault: FaultKind) -> Trial {
    let setup = Setup {
        settings: ANSWERS_EARLY,
        ..Setup::of(database, Vendor::Sandbox)
    };
    let trial = Trial::new(format!("{fault:?} on {database:?}"), &setup).await;
    trial.fault(fault, "/orders", 1);
    trial.fault(FaultKind::Hang, "/orders", 0);
    let mut gateway = trial.serve(None).await;
    let status = trial.place(&trial.order("224466", "John")).await;
    assert_eq!(status, Some(201), "{}", trial.name);
    gateway.kill();
    trial.fault(FaultKind::None, "", 0);
    trial
}
