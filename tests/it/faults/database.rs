//! F04, F05, F06: a PostgreSQL that dies, hangs up in the middle of a commit, or stands still.

use std::time::{Duration, Instant};

use adapters::simulator::{FaultKind, Pace};
use cleargate::sandbox::{Answer, Conduct};
use serde_json::Value;

use super::cluster::{Cluster, LEASES_END, setup, trial};
use super::form::{either, random};
use super::proxy::{Then, Wire};
use super::traffic::{Traffic, pause};
use crate::support::postgres::Postgres;
use crate::support::trial::setup::{Setup, Vendor};
use crate::support::trial::{Trial, checker};
use crate::support::{Database, services};

/// How soon orders are taken again when the database is back.
const RECOVERY: Duration = Duration::from_secs(5);
/// A caller has an answer by then: the time for an order, and some for a busy machine.
const ANSWERED: Duration = Duration::from_secs(10);
/// Longer than an attempt at a webhook is leased here.
const PAST_LEASES: Duration = Duration::from_secs(12);

/// The answer comes while the vendor is still waited for.
const ANSWERS_EARLY: &[(&str, &str)] = &[
    ("ORDERS__VENDOR_TIMEOUT", "1s"),
    ("ORDERS__ANSWER_WITHIN", "1100ms"),
];
/// What the history says of an order that is accepted then.
const ACCEPTED: &str = "while still being placed";
/// What is said of a vendor call that placed an order.
const ENDED: &str = "placed";

/// An order that is asked for until it is taken.
async fn until_taken(trial: &Trial, order: &Value) {
    let taken = async || trial.place(order).await == Some(201);
    trial.until("an order is taken again", taken).await;
}

/// An order is answered by us, that it cannot be taken now.
async fn is_turned_away(trial: &Trial, order: &Value) {
    let began = Instant::now();
    assert_eq!(trial.place(order).await, Some(503), "{}", trial.name);
    assert!(
        began.elapsed() < ANSWERED,
        "{}: {:?}",
        trial.name,
        began.elapsed()
    );
    let id = order["background_check_id"].as_str();
    let told = trial.told();
    let told = told.iter().rfind(|it| id == Some(&it.background_check_id));
    assert!(told.unwrap().by_us, "{}: {told:?}", trial.name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_dies_under_load_is_said_and_used_again_as_soon_as_it_is_back() {
    let mut postgres = Postgres::start(&[]).await;
    let setup = Setup {
        store_url: Some(postgres.database().await),
        ..setup()
    };
    let cluster = Cluster::of(trial("F04", &setup).await).await;
    let trial = &cluster.trial;
    let traffic = Traffic::at(trial, 4);
    let (mut random, deaths) = (random(1), either(2, 20));
    for number in 0..deaths {
        traffic.until_more(trial, 5).await;
        pause(&mut random, 0..500).await;
        postgres.kill();
        for witness in 0..3 {
            let order = trial.order(&format!("turned-away-{number}-{witness}"), "John");
            is_turned_away(trial, &order).await;
        }
        assert!(cluster.is_ready(0).await && cluster.is_ready(1).await);
        postgres.start_again().await;
        let back = Instant::now();
        let order = trial.order(&format!("taken-again-{number}"), "John");
        until_taken(trial, &order).await;
        assert!(
            back.elapsed() < RECOVERY,
            "{}: {:?}",
            trial.name,
            back.elapsed()
        );
    }
    let orders = traffic.stop().await;
    trial.until_at_rest(LEASES_END).await;
    checker::check(trial, deaths * trial.most_under_way()).await;
    println!("F04: {orders} orders");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_neither_loses_nor_doubles_anything() {
    let url = services::postgres_url().await;
    let wire = Wire::to(&url, random(2)).await;
    let setup = Setup {
        store_url: Some(url.clone()),
        ..setup()
    };
    let mut trial = trial("F05", &setup).await;
    trial.set("STORE__URL", wire.url(&url));
    let cluster = Cluster::of(trial).await;
    let trial = &cluster.trial;
    // Not before: a start that is cut off is tried again by whoever runs it.
    wire.cut(0.05);
    let traffic = Traffic::at(trial, 4);
    let wanted = either(30, 600);
    let cut = async || wire.cuts() >= wanted;
    trial
        .until_within(either(12, 120) * ANSWERED, "connections are cut", cut)
        .await;
    let orders = traffic.stop().await;
    wire.cut(0.0);
    trial.until_at_rest(LEASES_END).await;
    checker::check(trial, wire.cuts()).await;
    println!("F05: {} commits cut off, {orders} orders", wire.cuts());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_acceptance_lost_its_answer_is_the_same_order_when_it_is_asked_for_again() {
    let url = services::postgres_url().await;
    let wire = Wire::to(&url, random(4)).await;
    let setup = Setup {
        store_url: Some(url.clone()),
        settings: ANSWERS_EARLY,
        ..Setup::of(Database::Postgres, Vendor::Sandbox)
    };
    let mut trial = trial("F05, an acceptance", &setup).await;
    trial.set("STORE__URL", wire.url(&url));
    let _gateway = trial.serve(None).await;
    assert_eq!(trial.get("/v1/packages").await, Some(200));
    // The vendor has it and does not say so, so it is accepted while it is being placed.
    trial.fault(FaultKind::ActAndHang, "/orders", 0);
    let (first, second) = (trial.order("first", "John"), trial.order("second", "John"));
    wire.at(ACCEPTED, Then::Cut);
    assert_eq!(trial.place(&first).await, Some(201), "its row says so");
    assert_eq!(wire.cuts(), 1, "{}", trial.name);
    wire.at(ACCEPTED, Then::CutAndSilence);
    let answered = trial.place(&second).await;
    assert_eq!(
        answered,
        Some(504),
        "its row cannot be asked, and its vendor has been"
    );
    assert_eq!(wire.cuts(), 2, "{}", trial.name);
    wire.open();
    for order in [&first, &second] {
        let id = order["background_check_id"].as_str().unwrap();
        assert!(trial.stored(id).await.unwrap().accepted, "{}", trial.name);
        assert_eq!(trial.place(order).await, Some(201), "{}", trial.name);
    }
    trial.fault(FaultKind::None, "", 0);
    trial.finish().await;
    checker::check(&trial, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_end_could_not_be_saved_is_taken_and_found_at_its_vendor() {
    let url = services::postgres_url().await;
    let wire = Wire::to(&url, random(5)).await;
    let setup = Setup {
        store_url: Some(url.clone()),
        ..Setup::of(Database::Postgres, Vendor::Sandbox)
    };
    let mut trial = trial("F05, an end", &setup).await;
    trial.set("STORE__URL", wire.url(&url));
    let _gateway = trial.serve(None).await;
    assert_eq!(trial.get("/v1/packages").await, Some(200));
    wire.at(ENDED, Then::Lose);
    let order = trial.order("ended", "John");
    assert_eq!(trial.place(&order).await, Some(201), "its vendor has it");
    assert_eq!(wire.cuts(), 1, "{}", trial.name);
    assert_eq!(trial.stored("ended").await.unwrap().their_ref, None);
    let found = async || trial.stored("ended").await.unwrap().their_ref.is_some();
    trial
        .until_within(LEASES_END, "the order is found", found)
        .await;
    trial.finish().await;
    checker::check(&trial, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stands_still_past_all_leases_loses_and_doubles_nothing() {
    let mut postgres = Postgres::start(&[]).await;
    let setup = Setup {
        store_url: Some(postgres.database().await),
        ..setup()
    };
    let cluster = Cluster::of(trial("F06", &setup).await).await;
    let trial = &cluster.trial;
    let traffic = Traffic::at(trial, 4);
    traffic.until_more(trial, 5).await;
    postgres.freeze();
    let frozen = Instant::now();
    let mut witness = 0;
    while frozen.elapsed() < either(PAST_LEASES, Duration::from_secs(40)) {
        let order = trial.order(&format!("turned-away-{witness}"), "John");
        is_turned_away(trial, &order).await;
        witness += 1;
    }
    postgres.thaw();
    until_taken(trial, &trial.order("taken-again", "John")).await;
    traffic.until_more(trial, 5).await;
    let orders = traffic.stop().await;
    trial.until_at_rest(LEASES_END).await;
    checker::check(trial, trial.most_under_way()).await;
    println!("F06: {orders} orders");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_replica_settles_after_its_leases_is_late_and_changes_nothing() {
    const UNDER_WAY: usize = 3;
    let url = services::postgres_url().await;
    let wire = Wire::to(&url, random(3)).await;
    let setup = Setup {
        store_url: Some(url.clone()),
        pace: Pace::manual(),
        ..setup()
    };
    let mut trial = trial("F06, one replica", &setup).await;
    trial.set("STORE__URL", wire.url(&url));
    let _cut_off = trial.serve(None).await;
    let times = u32::try_from(UNDER_WAY).unwrap();
    trial
        .ats
        .answer_with(Answer::conduct(Conduct::Hang).times(times));
    for number in 0..UNDER_WAY {
        let order = trial.order(&number.to_string(), "John");
        assert_eq!(trial.place(&order).await, Some(201), "{}", trial.name);
    }
    let began = async || trial.ats.received().len() >= UNDER_WAY;
    trial.until("attempts are under way", began).await;
    // Nothing moves but these attempts, so the next transaction is the end of one.
    wire.at("BEGIN", Then::Silence);
    trial
        .until("one is to be settled", async || wire.is_silent())
        .await;
    let leased = trial.under_way().await;
    trial.set("STORE__URL", url);
    let _other = trial.serve_beside().await;
    let delivered = async || trial.count("deliveries WHERE state = 'pending'").await == 0;
    trial
        .until_within(LEASES_END, "another replica delivers", delivered)
        .await;
    wire.open();
    let late = async || trial.count("attempts WHERE late = 1").await >= 1;
    trial.until("a late end is recorded", late).await;
    trial.pass_all();
    trial.until_at_rest(LEASES_END).await;
    checker::check(&trial, leased).await;
}
