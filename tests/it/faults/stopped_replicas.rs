//! F07, F13: replicas that stand still and come back, and replicas that are asked to stop.

use std::time::{Duration, Instant};

use cleargate::sandbox::{Answer, Conduct};

use super::cluster::{Cluster, LEASES_END, setup, trial};
use super::form::either;
use super::traffic::Traffic;
use crate::support::trial::checker;

/// Longer than any lease here that a call or an attempt has.
const PAST_LEASES: Duration = Duration::from_secs(18);
/// A replica that is asked to stop has ended by then: the drain's deadline, and some for a busy
/// machine.
const OUT_BY: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_stood_still_past_its_leases_does_no_damage_when_it_goes_on() {
    let cluster = Cluster::of(trial("F07", &setup()).await).await;
    let trial = &cluster.trial;
    let traffic = Traffic::at(trial, 4);
    let (mut under_way, mut rounds) = (0, 0);
    let late = async || trial.count("attempts WHERE late = 1").await;
    let delivered = async || trial.count("deliveries WHERE state = 'delivered'").await;
    while rounds < either(1, 10) || (late().await == 0 && rounds < 4) {
        // Its attempts hang, so that it stands still in the middle of some.
        trial
            .ats
            .answer_with(Answer::conduct(Conduct::Hang).times(12));
        let begun = async || trial.under_way().await >= 4;
        trial.until("attempts are under way", begun).await;
        cluster.gateway(0).freeze();
        under_way += trial.under_way().await;
        tokio::time::sleep(either(PAST_LEASES, 2 * PAST_LEASES)).await;
        // Whoever it was answering waits for it; the load balancer sends it nobody else.
        let order = trial.order(&format!("meanwhile-{rounds}"), "John");
        assert_eq!(trial.place(&order).await, Some(201), "{}", trial.name);
        cluster.gateway(0).thaw();
        traffic.until_more(trial, 3).await;
        // An ATS that has just hung is left alone, and then no round could begin.
        let (before, held) = (delivered().await, "lanes WHERE held = 1");
        let again = async || delivered().await >= before + 10 && trial.count(held).await == 0;
        trial
            .until_within(LEASES_END, "webhooks arrive again", again)
            .await;
        rounds += 1;
    }
    let orders = traffic.stop().await;
    trial.until_at_rest(LEASES_END).await;
    assert!(late().await > 0, "{}: nothing was late", trial.name);
    checker::check(trial, under_way).await;
    println!("F07: {orders} orders, {} late settlements", late().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_are_asked_to_stop_leave_nothing_undone_and_nobody_unanswered() {
    let mut cluster = Cluster::of(trial("F13", &setup()).await).await;
    let trial = std::sync::Arc::clone(&cluster.trial);
    let traffic = Traffic::at_good_times(&trial, 4);
    for number in (0..2).cycle().take(either(2, 20)) {
        traffic.until_more(&trial, 5).await;
        let asked = Instant::now();
        let ended = cluster.terminate(number).await;
        assert!(
            ended.success() && asked.elapsed() < OUT_BY,
            "{}: {ended}",
            trial.name
        );
        cluster.start_again(number).await;
        cluster.until_in_use(number).await;
    }
    let orders = traffic.stop().await;
    let failed = trial
        .told()
        .into_iter()
        .filter(|it| !matches!(it.status, Some(201 | 422)));
    assert_eq!(
        failed.map(|it| format!("{it:?}")).collect::<Vec<_>>(),
        [""; 0],
        "{}",
        trial.name
    );
    for number in 0..2 {
        assert!(cluster.terminate(number).await.success(), "{}", trial.name);
    }
    // What is left to do is held by nobody.
    assert_eq!(trial.under_way().await, 0, "{}", trial.name);
    let held = "orders WHERE lease_until IS NOT NULL AND ended_at IS NULL AND waiting IS NULL";
    assert_eq!(trial.count(held).await, 0, "{}", trial.name);
    cluster.start_again(0).await;
    trial.until_at_rest(LEASES_END).await;
    checker::check(&trial, 0).await;
    println!("F13: {orders} orders");
}
