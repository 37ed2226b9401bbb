//! F11: an ATS that answers a byte at a time, without end, not at all, half, or now and then; and
//! one that is down for half an hour.

use std::time::Duration;

use cleargate::sandbox::{Answer, Conduct};

use super::cluster::{LEASES_END, SHORT_LEASES, trial};
use super::form::either;
use crate::support::Database;
use crate::support::trial::gateway::Gateway;
use crate::support::trial::setup::{Setup, Vendor};
use crate::support::trial::{Trial, checker};

/// How an ATS may misbehave, and be none the wiser for it.
const CONDUCTS: [(&str, Conduct); 6] = [
    ("drips", Conduct::Drip),
    ("endless", Conduct::Huge { bytes: 1 << 30 }),
    ("silent", Conduct::Hang),
    ("resets", Conduct::Reset),
    ("half-a-head", Conduct::CloseAfter { bytes: 12 }),
    ("half-a-body", Conduct::CloseAfter { bytes: 120 }),
];
/// What a gateway may hold more than before while it is sent gibibytes, in KiB.
const MEMORY: u64 = 32 << 10;
/// How long after its deadline an attempt may end, on a busy machine.
const LATE: i64 = 3_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ats_that_misbehaves_costs_its_deadline_and_no_memory_and_hears_everything_in_the_end() {
    let long_attempts = &[("DELIVERY__ATTEMPT_TIMEOUT", "20s")];
    let setup = Setup {
        settings: either(SHORT_LEASES, long_attempts),
        ..Setup::of(Database::Postgres, Vendor::Sandbox)
    };
    let deadline = either(1_000, 20_000);
    let trial = trial("F11", &setup).await;
    let mut gateway = trial.serve(None).await;
    for (name, conduct) in CONDUCTS {
        for number in 0..4 {
            let id = format!("{name}-{number}");
            let path = format!("/hooks/{id}");
            trial.ats.answer_with(Answer::conduct(conduct).at(&path));
            assert_eq!(trial.place(&trial.order(&id, "John")).await, Some(201));
        }
    }
    let (memory, descriptors) = (gateway.memory(), gateway.descriptors());
    trial.pass_all();
    let mut most = 0;
    let tried = async || {
        most = most.max(gateway.memory());
        trial
            .count("lanes WHERE attempts > 0 AND lease_token IS NULL")
            .await
            + trial.count("lanes WHERE due_at IS NULL").await
            >= 24
    };
    trial
        .until_within(LEASES_END, "all were tried", tried)
        .await;
    assert!(
        most < memory + MEMORY,
        "{}: {memory} KiB before, then {most}",
        trial.name
    );
    let longest = longest_attempt(&trial).await;
    assert!(longest < deadline + LATE, "{}: {longest} ms", trial.name);

    down_for_half_an_hour(&trial, &mut gateway).await;
    for (name, _) in CONDUCTS {
        for number in 0..4 {
            let path = format!("/hooks/{name}-{number}");
            trial.ats.answer_with(Answer::status(204).at(&path));
        }
    }
    pass(&trial, &mut gateway, Duration::from_secs(3_600)).await;
    trial.until_over().await;
    checker::check(&trial, 0).await;
    let back = async || gateway.descriptors() <= descriptors + 8;
    trial.until("its connections are closed", back).await;
}

async fn longest_attempt(trial: &Trial) -> i64 {
    let mut longest = 0;
    for order in trial.orders().await {
        let attempts = trial.app.store.attempts(&order.id).await;
        let attempts = attempts.expect("the database works");
        longest = attempts.iter().map(|it| it.took_ms).fold(longest, i64::max);
    }
    longest
}

/// Every attempt meets a 503, or nobody.
async fn down_for_half_an_hour(trial: &Trial, gateway: &mut Gateway) {
    for (name, _) in CONDUCTS {
        for number in 0..4 {
            let path = format!("/hooks/{name}-{number}");
            let down = [Answer::status(503), Answer::conduct(Conduct::Reset)];
            trial.ats.answer_with(down[number % 2].clone().at(&path));
        }
    }
    for _ in 0..6 {
        pass(trial, gateway, Duration::from_secs(300)).await;
    }
    assert_eq!(
        trial.count("deliveries WHERE state = 'dead'").await,
        0,
        "{}",
        trial.name
    );
}

/// Lets time pass with nothing under way, and what is due by then be done. The gateway is another one
/// then: for how long it leaves a destination alone is in its memory, where nobody can move time.
async fn pass(trial: &Trial, gateway: &mut Gateway, time: Duration) {
    let idle = async || trial.under_way().await == 0;
    trial
        .until_within(LEASES_END, "no attempt is under way", idle)
        .await;
    gateway.kill();
    trial.later(time).await;
    trial.vendor_is_in_the_present();
    *gateway = trial.serve(None).await;
    let now = cleargate::sandbox::wall_clock();
    let done = format!("lanes WHERE due_at <= {now}");
    let none_due = async || trial.count(&done).await == 0;
    trial
        .until_within(LEASES_END, "what is due is done", none_due)
        .await;
}
