//! F16: tables so large that a statement which reads all of one would be felt. PostgreSQL itself
//! tells how it carries out what the gateway asks of it.

use std::collections::BTreeSet;

use super::cluster::trial;
use super::form::either;
use crate::support::Database;
use crate::support::postgres::Postgres;
use crate::support::trial::setup::{Setup, Vendor};
use crate::support::trial::{Trial, checker};

/// Tells every statement and how it was carried out.
const TELL: [&str; 3] = [
    "session_preload_libraries=auto_explain",
    "auto_explain.log_min_duration=0",
    "log_line_prefix=@@",
];
/// Tables that grow with every order.
const LARGE: [&str; 9] = [
    "orders",
    "order_references",
    "history",
    "calls",
    "contacts",
    "callbacks",
    "lanes",
    "deliveries",
    "attempts",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_an_order_needs_reads_a_whole_table() {
    let postgres = Postgres::start(&TELL).await;
    let setup = Setup {
        store_url: Some(postgres.database().await),
        ..Setup::of(Database::Postgres, Vendor::Sandbox)
    };
    let trial = trial("F16", &setup).await;
    let gateway = trial.serve(None).await;
    live(&trial, "model").await;
    drop(gateway);
    many_more(&trial, either(20_000, 200_000)).await;
    let _gateway = trial.serve(None).await;
    let from = postgres.log().len();
    for id in ["first", "second"] {
        live(&trial, id).await;
    }
    let log = postgres.log();
    let told: Vec<&str> = log[from..]
        .split("@@")
        .filter(|it| it.contains("plan:"))
        .collect();
    for statement in [
        "UPDATE lanes",
        "INSERT INTO orders",
        "UPDATE orders",
        "UPDATE callbacks",
    ] {
        let known = told.iter().any(|it| it.contains(statement));
        assert!(known, "{}: nothing is told of `{statement}`", trial.name);
    }
    let reads_all = |plan: &&str| {
        LARGE
            .iter()
            .any(|table| plan.contains(&format!("Seq Scan on {table} ")))
    };
    let bad: BTreeSet<&str> = told.iter().copied().filter(reads_all).collect();
    assert!(bad.is_empty(), "{}: {bad:#?}", trial.name);
    checker::check(&trial, 0).await;
}

/// An order from its placing to its webhook, with a look, and asked for in between.
async fn live(trial: &Trial, id: &str) {
    let order = trial.order(id, "John");
    assert_eq!(trial.place(&order).await, Some(201), "{}", trial.name);
    assert_eq!(trial.place(&order).await, Some(201), "{}", trial.name);
    trial.looks_are_due().await;
    assert_eq!(trial.get(&format!("/v1/orders/{id}")).await, Some(200));
    trial.pass_all();
    trial.until_over().await;
}

/// As many orders that have ended, with all that is kept of them; some of them have something
/// waiting that is not due yet.
async fn many_more(trial: &Trial, copies: u32) {
    let (id, of) = (
        ("id", "model.id || '-' || n"),
        ("order_id", "model.order_id || '-' || n"),
    );
    let orders = [
        id,
        (
            "background_check_id",
            "model.background_check_id || '-' || n",
        ),
        ("tracking_id", "model.tracking_id || '-' || n"),
        ("our_ref", "model.our_ref || '-' || n"),
        // The model may still be looked at, as a vendor may reopen it.
        ("look_at", "CAST(NULL AS BIGINT)"),
    ];
    trial.multiply("orders", "TRUE", copies, &orders).await;
    let references = [of, ("their_ref", "model.their_ref || '-' || n")];
    trial
        .multiply("order_references", "TRUE", copies, &references)
        .await;
    for table in ["history", "calls", "contacts", "attempts"] {
        trial.multiply(table, "TRUE", copies, &[of]).await;
    }
    let callbacks = [id, ("digest", "model.digest || '-' || n")];
    trial
        .multiply("callbacks", "TRUE", copies, &callbacks)
        .await;
    let lanes = [
        of,
        ("due_at", "CASE WHEN n % 5 = 0 THEN 9000000000000 + n END"),
    ];
    trial.multiply("lanes", "TRUE", copies, &lanes).await;
    let deliveries = [of, ("webhook_id", "model.webhook_id || '-' || n")];
    trial
        .multiply("deliveries", "TRUE", copies, &deliveries)
        .await;
    trial.sql("ANALYZE").await;
}
