//! F14: a database that cannot be written, because it may not or because its disk is full.

use std::process::Command;

use sqlx::{Connection, PgConnection};

use super::cluster::{LEASES_END, trial};
use crate::support::trial::setup::{Setup, Vendor};
use crate::support::trial::{Trial, checker};
use crate::support::{Database, services};

/// Everything that would have to be written is turned away, and what is known is told.
async fn nothing_is_taken(trial: &Trial, known: &str) {
    trial.reader_notices().await;
    let placings = trial.placings();
    for number in 0..3 {
        let order = trial.order(&format!("turned-away-{number}"), "John");
        assert_eq!(trial.place(&order).await, Some(503), "{}", trial.name);
    }
    assert_eq!(
        trial.placings(),
        placings,
        "{}: the vendor was asked",
        trial.name
    );
    let (acknowledged, failed) = (trial.watch.acknowledged(), trial.watch.failed());
    let reference = trial.stored(known).await.unwrap().our_ref.0;
    trial.vendor.advance(&reference, "complete", Some("review"));
    let refused = async || trial.watch.failed() > failed;
    trial
        .until("the vendor is told to come again", refused)
        .await;
    assert_eq!(trial.watch.acknowledged(), acknowledged, "{}", trial.name);
}

async fn everything_is_taken_again(trial: &Trial) {
    for number in 0..3 {
        let order = trial.order(&format!("turned-away-{number}"), "John");
        let taken = async || trial.place(&order).await == Some(201);
        trial.until("an order is taken again", taken).await;
    }
    trial.pass_all();
    trial.until_at_rest(LEASES_END).await;
    checker::check(trial, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_read_only_is_said_and_nothing_is_promised() {
    let url = services::postgres_url().await;
    let name = url.rsplit_once('/').unwrap().1.to_owned();
    let setup = Setup {
        store_url: Some(url.clone()),
        ..Setup::of(Database::Postgres, Vendor::Sandbox)
    };
    let trial = trial("F14, read-only", &setup).await;
    let _gateway = trial.serve(None).await;
    assert_eq!(trial.place(&trial.order("known", "John")).await, Some(201));
    let set = |value: &str| {
        format!(
            "BEGIN READ WRITE; ALTER DATABASE {name} SET default_transaction_read_only = {value}; \
             COMMIT; SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    };
    run(&url, set("on")).await;
    nothing_is_taken(&trial, "known").await;
    run(&url, set("off")).await;
    everything_is_taken_again(&trial).await;
}

async fn run(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url).await.expect("it is there");
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&mut connection)
        .await;
    done.expect("the statements are right");
    connection.close().await.expect("it says goodbye");
}

/// A limit on the size of its files does to a process what a full disk does: its writes fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_is_said_and_nothing_is_promised() {
    let setup = Setup::of(Database::Sqlite, Vendor::Sandbox);
    let trial = trial("F14, disk full", &setup).await;
    let ignoring = ["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""];
    let ignoring = ignoring.map(str::to_owned);
    let mut gateway = trial.launch_with(&ignoring, trial.port(), []);
    gateway.until_listening().await;
    assert_eq!(trial.place(&trial.order("known", "John")).await, Some(201));
    limit(gateway.id(), "0");
    nothing_is_taken(&trial, "known").await;
    limit(gateway.id(), "unlimited");
    everything_is_taken_again(&trial).await;
}

/// How large the files may be that a process writes.
fn limit(process: u32, size: &str) {
    let limited = Command::new("prlimit")
        .args([
            "--pid",
            &process.to_string(),
            &format!("--fsize={size}:unlimited"),
        ])
        .status();
    assert!(limited.expect("there is a `prlimit`").success());
}
