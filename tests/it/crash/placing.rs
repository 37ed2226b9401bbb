//! A death at every moment of placing an order, and whatever the caller does next.

use std::time::Duration;

use adapters::simulator::FaultKind;
use futures_util::StreamExt as _;

use crate::support::trial::Trial;
use crate::support::trial::checker;
use crate::support::trial::setup::{Setup, Vendor};
use crate::support::{Database, on_both_databases};

const HOUR: Duration = Duration::from_secs(3600);
/// Cases that run at once. Each is a process that mostly waits.
const AT_ONCE: usize = 6;

/// When the process dies.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// At that point of the program.
    Point(&'static str),
    /// From outside, while the vendor has that request, has acted and does not answer.
    Held(&'static str),
}

/// What the caller, whom nobody answered, does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    SameAgain,
    OtherContent,
}

const SANDBOX: &[Moment] = &[
    Moment::Point("placing.before_intent"),
    Moment::Point("placing.intent_committed"),
    Moment::Held("/orders"),
    Moment::Point("placing.answered"),
    Moment::Point("placing.end_committed"),
];

const CHECKR: &[Moment] = &[
    Moment::Point("placing.before_intent"),
    Moment::Point("placing.intent_committed"),
    Moment::Held("/v1/candidates"),
    Moment::Point("placing.answered"),
    Moment::Point("placing.intent_committed:2"),
    Moment::Held("/v1/invitations"),
    Moment::Point("placing.answered:2"),
    Moment::Point("placing.end_committed"),
];

on_both_databases! {
    async fn an_order_of_one_step_survives_a_death_at_every_moment(database) {
        every_case(database, Vendor::Sandbox, SANDBOX).await;
    }

    async fn an_order_of_two_steps_survives_a_death_at_every_moment(database) {
        every_case(database, Vendor::Checkr, CHECKR).await;
    }
}

async fn every_case(database: Database, vendor: Vendor, moments: &[Moment]) {
    let nexts = [Next::Nothing, Next::SameAgain, Next::OtherContent];
    let cases = moments
        .iter()
        .flat_map(|moment| nexts.map(|next| (*moment, next)));
    futures_util::stream::iter(cases)
        .for_each_concurrent(AT_ONCE, |(moment, next)| async move {
            die_and_go_on(database, vendor, moment, next).await;
        })
        .await;
}

async fn die_and_go_on(database: Database, vendor: Vendor, moment: Moment, next: Next) {
    let name = format!("{vendor:?} on {database:?}, death at {moment:?}, then {next:?}");
    let trial = Trial::new(name, &Setup::of(database, vendor)).await;
    // What the vendor announces meanwhile is not what is tried here.
    trial.fault(FaultKind::Mute, "", 0);
    die(&trial, moment).await;
    let placings = trial.placings();
    let at_vendor = trial.vendor.orders().len();
    trial.later(HOUR).await;
    if next == Next::SameAgain {
        // The caller is there before any task.
        trial
            .sql("UPDATE orders SET lease_until = NULL, lease_token = NULL, due_at = due_at + 86400000")
            .await;
    }
    let _gateway = trial.serve(None).await;
    match next {
        Next::Nothing => {}
        Next::SameAgain => {
            let status = trial.place(&trial.order("224466", "John")).await;
            assert_eq!(status, Some(201), "{}", trial.name);
        }
        Next::OtherContent => {
            let status = trial.place(&trial.order("224466", "Jane")).await;
            let fresh = at_vendor == 0 && status == Some(201);
            assert!(fresh || status == Some(409), "{}: {status:?}", trial.name);
        }
    }
    trial.finish().await;
    checker::check(&trial, 0).await;
    if !trial.told().iter().any(|it| it.status == Some(201)) {
        assert_eq!(
            trial.placings(),
            placings,
            "{}: something was sent that nobody was answered for",
            trial.name
        );
        assert_eq!(trial.vendor.orders().len(), at_vendor, "{}", trial.name);
    }
    if next == Next::Nothing {
        // Much later somebody asks for it after all.
        trial.fault(FaultKind::Mute, "", 0);
        let before = trial.vendor.orders().len();
        let status = trial.place(&trial.order("224466", "John")).await;
        assert_eq!(status, Some(201), "{}", trial.name);
        if trial.vendor.orders().len() > before {
            trial.finish().await;
        }
        checker::check(&trial, 0).await;
    }
}

/// Places an order and dies over it, so that nobody is answered.
async fn die(trial: &Trial, moment: Moment) {
    let order = trial.order("224466", "John");
    let status = match moment {
        Moment::Point(point) => {
            let mut gateway = trial.serve(Some(point)).await;
            let status = trial.place(&order).await;
            gateway.until_dead().await;
            status
        }
        Moment::Held(path) => {
            trial.fault(FaultKind::ActAndHang, path, 1);
            let mut gateway = trial.serve(None).await;
            let killed = async {
                trial
                    .until("the vendor has the request", async || {
                        let requests = trial.vendor.requests();
                        requests
                            .iter()
                            .any(|it| it.method == "POST" && it.path() == path)
                    })
                    .await;
                gateway.kill();
            };
            tokio::join!(trial.place(&order), killed).0
        }
    };
    assert_eq!(status, None, "{}: somebody was answered", trial.name);
}
