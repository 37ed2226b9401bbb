//! F08: a Redis that stands still, is gone, and is back.

use std::time::{Duration, Instant};

use super::cluster::{Cluster, LEASES_END, setup, trial};
use super::traffic::Traffic;
use crate::support::redis::Redis;
use crate::support::trial::checker;

/// How long Redis may take before it is done without: long enough to be told from a busy machine.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Requests in a row; catalogs are old after a second, so some of them ask Redis.
const REQUESTS: usize = 30;

/// How many requests for the catalog had to wait for Redis. All are answered, and orders taken.
async fn waited(cluster: &Cluster, phase: &str) -> usize {
    let trial = &cluster.trial;
    let mut waited = 0;
    for _ in 0..REQUESTS {
        let began = Instant::now();
        assert_eq!(
            trial.get("/v1/packages").await,
            Some(200),
            "{}, {phase}",
            trial.name
        );
        waited += usize::from(began.elapsed() >= TIMEOUT);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let order = trial.order(phase, "John");
    assert_eq!(
        trial.place(&order).await,
        Some(201),
        "{}, {phase}",
        trial.name
    );
    let ready = cluster.is_ready(0).await && cluster.is_ready(1).await;
    assert!(ready, "{}, {phase}", trial.name);
    waited
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_stands_still_or_dies_costs_its_time_out_once_and_no_order() {
    let mut redis = Redis::start(&[]);
    let mut trial = trial("F08", &setup()).await;
    trial.set("CACHE__URL", redis.url());
    trial.set("CACHE__TIMEOUT", "2s");
    trial.set("CATALOG__FRESH_FOR", "1s");
    let cluster = Cluster::of(trial).await;
    let trial = &cluster.trial;
    let traffic = Traffic::at_good_times(trial, 3);
    assert_eq!(waited(&cluster, "it-works").await, 0, "{}", trial.name);
    redis.freeze();
    assert!(
        waited(&cluster, "it-stands-still").await <= 2,
        "{}: once each",
        trial.name
    );
    redis.thaw();
    assert_eq!(waited(&cluster, "it-goes-on").await, 0, "{}", trial.name);
    redis.kill();
    assert!(
        waited(&cluster, "it-is-gone").await <= 2,
        "{}: once each",
        trial.name
    );
    redis.start_again();
    assert_eq!(waited(&cluster, "it-is-back").await, 0, "{}", trial.name);
    let orders = traffic.stop().await;
    trial.until_at_rest(LEASES_END).await;
    checker::check(trial, 0).await;
    println!("F08: {orders} orders");
}
