//! What other client accounts feel of an ATS that takes webhooks and never answers, while ten
//! thousand wait for it: from callback to webhook, at 100 a second.

use std::sync::Arc;

use crate::figures::{Figures, Target, Times};
use crate::isolation::Hanging;
use crate::postgres::Postgres;
use crate::stand::{Stand, Unusual};
use crate::{Effort, load, processes};

/// Callbacks a second of the account whose ATS answers.
const RATE: u32 = 100;
/// Webhooks that wait for the other.
const WAITING: u32 = 10_000;
/// Orders of the two accounts take turns by number.
const ACCOUNTS: u32 = 2;

pub(crate) async fn measure(effort: &Effort, postgres: &str, figures: &mut Figures) {
    processes::keep_to_none();
    let database = Postgres::given(postgres).create("bench_waiting").await;
    let hanging = Hanging::start().await;
    let unusual = Unusual {
        webhooks: vec![hanging.addr],
        ..Unusual::default()
    };
    let stand = Stand::of(&effort.program, &database.url, None, ACCOUNTS, unusual).await;
    let stand = Arc::new(stand);
    let mut first = stand.warm_up().await;
    let total = RATE * u32::try_from(effort.lasting.as_secs()).expect("seconds");
    let mut alone = Vec::new();
    for _ in 0..effort.rounds {
        alone.push(p99(&stand, first, total).await);
        first += total * ACCOUNTS;
    }
    let waiting = if effort.rounds == 1 { 500 } else { WAITING };
    first = wait_for_it(&stand, &hanging, first, waiting).await;
    for alone in alone {
        let beside = p99(&stand, first, total).await;
        first += total * ACCOUNTS;
        figures.take(
            "waiting: callback to webhook, p99 alone",
            "ms",
            Target::None,
            alone,
        );
        let what = "waiting: p99 beside 10,000 that wait for an ATS that hangs / p99 alone";
        figures.take(what, "times", Target::AtMost(2.0), beside / alone);
    }
}

/// Of the account whose ATS answers: its orders have even numbers.
async fn p99(stand: &Arc<Stand>, first: u32, total: u32) -> f64 {
    let placing = Arc::clone(stand);
    let place = move |number| {
        let stand = Arc::clone(&placing);
        async move { stand.place(first + number * ACCOUNTS).await }
    };
    load::closed_loop(8, move |number, _| number >= total, place).await;
    let before = stand.sink.count();
    let sent = load::open_loop(RATE, total, |number, due| {
        let (stand, number) = (Arc::clone(stand), first + number * ACCOUNTS);
        async move {
            stand.call_back(number).await;
            (number, due)
        }
    });
    let sent = sent.await;
    stand.sink.wait_for(before + total as usize).await;
    let took = sent.iter().map(|(number, due)| {
        let arrival = stand.sink.arrival(*number);
        arrival.first.saturating_duration_since(*due)
    });
    Times::new(took).percentile(99.0)
}

/// Has so many webhooks wait for the ATS that hangs; returns the next number that is even.
async fn wait_for_it(stand: &Arc<Stand>, hanging: &Hanging, first: u32, waiting: u32) -> u32 {
    let (stand, addr) = (Arc::clone(stand), hanging.addr);
    let work = move |number: u32| {
        let (stand, number) = (Arc::clone(&stand), first + 1 + number * ACCOUNTS);
        async move {
            stand.place_for(addr, number).await;
            stand.call_back(number).await;
        }
    };
    load::closed_loop(16, move |number, _| number >= waiting, work).await;
    first + waiting * ACCOUNTS
}
