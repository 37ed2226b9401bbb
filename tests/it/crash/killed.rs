//! Twenty orders, and a process that is killed three times at moments nobody chose.
//!
//! `CLEARGATE_TEST_KILL_SEEDS` says how many seeds are tried on each database; a failure names its
//! seed.

use std::time::Duration;

use adapters::simulator::Pace;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::support::trial::Trial;
use crate::support::trial::checker;
use crate::support::trial::setup::{Setup, Vendor};
use crate::support::{Database, on_both_databases};

const ORDERS: usize = 20;
/// Seeds that are tried at once; they mostly wait.
const AT_ONCE: usize = 4;
const KILLS: usize = 3;
/// Claims of callbacks are leased for half a minute.
const LEASES_END: Duration = Duration::from_secs(60);
/// The longest a gateway lives, in milliseconds.
const LIFE: u64 = 1_200;

on_both_databases! {
    async fn nothing_is_lost_or_doubled_when_the_process_is_killed_at_random(database) {
        futures_util::stream::iter(0..seeds())
            .for_each_concurrent(AT_ONCE, |seed| under_fire(database, seed))
            .await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test tries is no setting of the gateway"
)]
fn seeds() -> u64 {
    std::env::var("CLEARGATE_TEST_KILL_SEEDS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(4)
}

async fn under_fire(database: Database, seed: u64) {
    let setup = Setup {
        pace: Pace::default(),
        ..Setup::of(database, Vendor::Sandbox)
    };
    let trial = Trial::new(format!("seed {seed} on {database:?}"), &setup).await;
    let orders = join_all((0..ORDERS).map(|number| until_taken(&trial, number)));
    let (_, (under_way, _gateway)) = tokio::join!(orders, kill_now_and_then(&trial, seed));
    trial.until_over().await;
    // What a process had claimed when it died is free once its lease has ended.
    let settled = async || trial.count("callbacks WHERE state <> 'settled'").await == 0;
    trial
        .until_within(LEASES_END, "every callback is settled", settled)
        .await;
    checker::check(&trial, under_way).await;
    assert_eq!(trial.vendor.orders().len(), ORDERS, "{}", trial.name);
}

/// Sends an order as an ATS does: again, until it is taken.
async fn until_taken(trial: &Trial, number: usize) {
    let order = trial.order(&number.to_string(), "John");
    let begins = u64::try_from(number).unwrap_or(0) * 2 * LIFE / 20;
    tokio::time::sleep(Duration::from_millis(begins)).await;
    loop {
        match trial.place(&order).await {
            Some(201) => return,
            None | Some(503 | 504) => tokio::time::sleep(Duration::from_millis(100)).await,
            Some(other) => panic!("{}: order {number} was answered {other}", trial.name),
        }
    }
}

/// Returns how many webhooks were under way at the deaths, and the gateway that lives on.
async fn kill_now_and_then(
    trial: &Trial,
    seed: u64,
) -> (usize, crate::support::trial::gateway::Gateway) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut under_way = 0;
    for _ in 0..KILLS {
        let mut gateway = trial.serve(None).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..LIFE))).await;
        gateway.kill();
        trial.until_gone().await;
        under_way += trial
            .sql("UPDATE lanes SET due_at = due_at WHERE lease_token IS NOT NULL AND due_at IS NOT NULL")
            .await;
        trial.leases_run_out().await;
    }
    let under_way = usize::try_from(under_way).unwrap_or(0);
    (under_way, trial.serve(None).await)
}
