//! F15: a replica whose wall clock is an hour ahead, and then an hour behind.
//!
//! The library of the program `faketime` lies to the one replica about the time of day, and to
//! nobody about how time passes.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use cleargate::sandbox::{Answer, Conduct};
use serde_json::Value;
use tempfile::TempDir;

use super::cluster::{Cluster, LEASES_END, setup, trial};
use super::form::either;
use super::traffic::Traffic;
use crate::support::trial::checker;

/// What a log line may be late by, in seconds.
const MINUTES: i64 = 300;

/// The library, wherever the machine's kind has it.
fn library() -> String {
    let folders = fs::read_dir("/usr/lib")
        .expect("there are libraries")
        .flatten();
    let mut paths = folders.map(|it| it.path().join("faketime/libfaketimeMT.so.1"));
    let found: Option<PathBuf> = paths.find(|path| path.exists());
    let found = found.expect("this test needs faketime; run it by tests/run, which installs it");
    found.display().to_string()
}

/// The library has memory of its own in these files, which a process that is killed leaves behind.
/// Whoever has it open does not need its name.
fn leave_nothing_of_the_library(process: u32) {
    for name in ["faketime_shm_", "sem.faketime_sem_"] {
        let file = format!("/dev/shm/{name}{process}");
        fs::remove_file(file).expect("the library works in that process");
    }
}

/// How far ahead of ours the clock is that a replica's last log line shows, in seconds.
fn ahead(log: &str) -> Option<i64> {
    let line: Value = serde_json::from_str(log.lines().last()?).ok()?;
    let told: jiff::Timestamp = line["time"].as_str()?.parse().ok()?;
    Some(told.as_second() - cleargate::sandbox::wall_clock() / 1000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_wall_clock_jumps_steals_no_lease_and_is_early_for_nothing() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("time");
    fs::write(&file, "+3600").unwrap();
    let lies = [
        ("LD_PRELOAD", library()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("NO_FAKE_STAT", "1".to_owned()),
    ];
    let lies = lies.map(|(name, value)| (name.to_owned(), value)).into();
    let mut trial = trial("F15", &setup()).await;
    trial.set("LOG__LEVEL", "debug");
    let cluster = Cluster::with_an_odd_one(trial, lies).await;
    leave_nothing_of_the_library(cluster.gateway(0).id());
    let trial = &cluster.trial;
    let traffic = Traffic::at(trial, 4);
    for lie in ["+3600", "-3600", "+3600", "+0"]
        .into_iter()
        .cycle()
        .take(either(4, 40))
    {
        // Some attempts are under way, some have failed, while the time of day changes.
        trial
            .ats
            .answer_with(Answer::conduct(Conduct::Hang).times(2));
        trial.ats.answer_with(Answer::status(503).times(4));
        traffic.until_more(trial, 5).await;
        fs::write(&file, lie).unwrap();
        let seconds: i64 = lie.parse().unwrap();
        let believed = async || {
            let ahead = ahead(&cluster.gateway(0).log()).unwrap_or(i64::MAX / 2);
            (ahead - seconds).abs() < MINUTES
        };
        trial.until("the lie is believed", believed).await;
        traffic.until_more(trial, 5).await;
        // Longer than the first pause of the schedule, so that it ends under another time of day.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let orders = traffic.stop().await;
    trial.until_at_rest(LEASES_END).await;
    checker::check(trial, 0).await;
    println!("F15: {orders} orders");
}
