//! Callers that order as an ATS does, until they are stopped, and what befalls their vendor and
//! their webhooks meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use adapters::simulator::{FaultKind, FaultOrder};
use cleargate::sandbox::Answer;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::task::JoinSet;

use super::form::random;
use crate::support::trial::Trial;

/// Who is ordered for: the sandbox takes its last name for what shall happen.
const LAST_NAMES: [&str; 12] = [
    "Doe", "Doe", "Doe", "Doe", "Doe", "Doe", "Review", "Fail", "Refused", "Lost", "Odd", "Hang",
];
/// What befalls a vendor now and then.
const FAULTS: [FaultKind; 6] = [
    FaultKind::ActAndReset,
    FaultKind::ActAndHang,
    FaultKind::ActAndBadGateway,
    FaultKind::Hang,
    FaultKind::Reset,
    FaultKind::Unavailable,
];
/// Of ten callers that got no 201, one asks no more.
const PATIENT: f64 = 0.9;

/// Callers that are at it.
pub(super) struct Traffic {
    callers: JoinSet<()>,
    stop: Arc<AtomicBool>,
    placed: Arc<AtomicU32>,
}

impl Traffic {
    /// So many callers, each of whom orders again a moment after it was answered, for all kinds of
    /// people.
    pub(super) fn at(trial: &Arc<Trial>, callers: u64) -> Self {
        Self::of(trial, callers, &LAST_NAMES)
    }

    /// The same for people for whom nothing goes wrong.
    pub(super) fn at_good_times(trial: &Arc<Trial>, callers: u64) -> Self {
        Self::of(trial, callers, &["Doe", "Review", "Refused"])
    }

    fn of(trial: &Arc<Trial>, callers: u64, last_names: &'static [&'static str]) -> Self {
        let (stop, placed) = (Arc::default(), Arc::default());
        let mut traffic = Self {
            callers: JoinSet::new(),
            stop,
            placed,
        };
        for caller in 0..callers {
            let (stop, placed) = (Arc::clone(&traffic.stop), Arc::clone(&traffic.placed));
            let trial = Arc::clone(trial);
            traffic.callers.spawn(async move {
                let mut random = random(100 + caller);
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    let mut order = trial.order(&format!("{caller}-{number}"), "John");
                    let last_name = last_names[random.random_range(0..last_names.len())];
                    order["applicant"]["last_name"] = last_name.into();
                    order_as_an_ats_does(&trial, &order, &mut random).await;
                    number += 1;
                    placed.fetch_add(1, Ordering::Relaxed);
                    pause(&mut random, 50..400).await;
                }
            });
        }
        traffic
    }

    /// Waits until so many orders more were answered for good.
    pub(super) async fn until_more(&self, trial: &Trial, number: u32) {
        let wanted = self.placed.load(Ordering::Relaxed) + number;
        let answered = async || self.placed.load(Ordering::Relaxed) >= wanted;
        trial.until("orders flow", answered).await;
    }

    /// Lets everybody finish what they are at; how many orders there were.
    pub(super) async fn stop(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.callers.join_all().await;
        self.placed.load(Ordering::Relaxed)
    }
}

/// Sends an order again until it is taken or refused; now and then it is given up instead.
async fn order_as_an_ats_does(trial: &Trial, order: &Value, random: &mut StdRng) {
    loop {
        match trial.place(order).await {
            Some(201 | 422) => return,
            None | Some(502..=504) if random.random_bool(PATIENT) => {
                pause(random, 50..200).await;
            }
            None | Some(502..=504) => return,
            Some(other) => panic!("{}: an order was answered {other}", trial.name),
        }
    }
}

/// Lets the vendor fail once, or the ATS.
pub(super) fn misfortune(trial: &Trial, random: &mut StdRng) {
    if random.random_bool(0.5) {
        trial.vendor.fault(FaultOrder {
            kind: FAULTS[random.random_range(0..FAULTS.len())],
            path: "/orders".to_owned(),
            method: "POST".to_owned(),
            times: 1,
        });
    }
    if random.random_bool(0.5) {
        trial.ats.answer_with(Answer::status(503).times(1));
    }
}

/// Waits for as many milliseconds as chance wants.
pub(super) async fn pause(random: &mut StdRng, range: std::ops::Range<u64>) {
    tokio::time::sleep(Duration::from_millis(random.random_range(range))).await;
}
