//! From a vendor's callback to the ATS's webhook, at 200 a second: from when the callback was due
//! to be sent until the webhook's last byte came. Between them lie two commits, a claim and another
//! commit, all durable.

use std::sync::Arc;

use crate::figures::{Figures, Target, Times};
use crate::postgres::Postgres;
use crate::stand::Stand;
use crate::{Effort, load};

/// Callbacks a second.
const RATE: u32 = 200;
/// The gateway's processor, and ours.
const GATEWAY: usize = 0;
const OURS: usize = 1;
const WEBHOOK: [(f64, Target); 3] = [
    (50.0, Target::AtMost(4.0)),
    (95.0, Target::AtMost(8.0)),
    (99.0, Target::AtMost(25.0)),
];
const ACKNOWLEDGED: [(f64, Target); 2] =
    [(50.0, Target::AtMost(3.0)), (99.0, Target::AtMost(15.0))];

pub(crate) async fn measure(effort: &Effort, postgres: &str, figures: &mut Figures) {
    for (name, url) in Postgres::and_sqlite(postgres, "bench_webhooks").await {
        on_database(effort, name, &url, figures).await;
    }
}

async fn on_database(effort: &Effort, name: &str, url: &str, figures: &mut Figures) {
    crate::processes::keep_to(OURS);
    let stand = Arc::new(Stand::start(&effort.program, url, Some(GATEWAY), 1).await);
    let mut first = stand.warm_up().await;
    let total = RATE * u32::try_from(effort.lasting.as_secs()).expect("seconds");
    for _ in 0..effort.rounds {
        stand.place_all(first, total).await;
        let sent = load::open_loop(RATE, total, |number, due| {
            let (stand, number) = (Arc::clone(&stand), first + number);
            async move {
                stand.call_back(number).await;
                (number, due, due.elapsed())
            }
        })
        .await;
        first += total;
        stand.sink.wait_for(first as usize).await;
        let acknowledged = Times::new(sent.iter().map(|(_, _, took)| *took));
        let webhook = Times::new(sent.iter().map(|(number, due, _)| {
            let arrival = stand.sink.arrival(*number);
            assert_eq!(arrival.copies, 1, "each webhook comes once");
            arrival.first.saturating_duration_since(*due)
        }));
        let what = format!("webhooks, {name}: callback to webhook");
        figures.take_times(&what, &webhook, &WEBHOOK);
        let what = format!("webhooks, {name}: callback acknowledged");
        figures.take_times(&what, &acknowledged, &ACKNOWLEDGED);
    }
}
