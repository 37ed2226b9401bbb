//! F01: replicas that are killed at moments nobody chose, under load.

use super::cluster::{Cluster, LEASES_END, setup, trial};
use super::form::{either, random};
use super::traffic::{Traffic, misfortune, pause};
use crate::support::trial::checker;
use rand::RngExt as _;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_are_killed_at_random_lose_and_double_nothing() {
    let trial = trial("F01", &setup()).await;
    let mut cluster = Cluster::of(trial).await;
    let trial = std::sync::Arc::clone(&cluster.trial);
    let traffic = Traffic::at(&trial, 4);
    let mut random = random(1);
    let (kills, mut under_way) = (either(12, 200), 0);
    for _ in 0..kills {
        misfortune(&trial, &mut random);
        pause(&mut random, 0..1_500).await;
        let number = random.random_range(0..2);
        under_way += cluster.kill(number).await;
        pause(&mut random, 0..800).await;
        cluster.start_again(number).await;
    }
    let orders = traffic.stop().await;
    trial.until_at_rest(LEASES_END).await;
    checker::check(&trial, under_way).await;
    println!("F01: {kills} kills, {orders} orders, {under_way} webhooks under way at a kill");
}
