//! What the gateway itself costs an order, at 200 orders a second, its vendor answering at once.
//!
//! Once from outside: what the client waited from when the order was due, less what the vendor
//! says it took. That includes both connections and every stall. And once as the gateway sees it,
//! from its own histogram, between whose bounds the percentile is interpolated.

use std::sync::Arc;

use crate::figures::{Figures, Target, Times};
use crate::postgres::Postgres;
use crate::stand::Stand;
use crate::{Effort, load};

/// Orders a second.
const RATE: u32 = 200;
/// The gateway's processor, and ours.
const GATEWAY: usize = 0;
const OURS: usize = 1;
const TARGETS: [(f64, Target); 2] = [(50.0, Target::AtMost(1.5)), (99.0, Target::AtMost(8.0))];

pub(crate) async fn measure(effort: &Effort, postgres: &str, figures: &mut Figures) {
    for (name, url) in Postgres::and_sqlite(postgres, "bench_orders").await {
        on_database(effort, name, &url, figures).await;
    }
}

async fn on_database(effort: &Effort, name: &str, url: &str, figures: &mut Figures) {
    crate::processes::keep_to(OURS);
    let stand = Arc::new(Stand::start(&effort.program, url, Some(GATEWAY), 1).await);
    let mut first = stand.warm_up().await;
    let total = RATE * u32::try_from(effort.lasting.as_secs()).expect("seconds");
    for _ in 0..effort.rounds {
        let before = Histogram::of(&stand.gateway.metrics().await);
        let own = load::open_loop(RATE, total, |number, due| {
            let (stand, number) = (Arc::clone(&stand), first + number);
            async move {
                stand.place(number).await;
                due.elapsed().saturating_sub(stand.vendor.own_time(number))
            }
        })
        .await;
        first += total;
        let inside = Histogram::of(&stand.gateway.metrics().await).since(&before);
        let what = format!("orders, {name}: client's wait less the vendor's time");
        figures.take_times(&what, &Times::new(own), &TARGETS);
        for (percent, target) in TARGETS {
            let what = format!("orders, {name}: order_own_seconds, p{percent}");
            figures.take(&what, "ms", target, inside.percentile(percent));
        }
    }
}

/// `order_own_seconds`, as it is at a moment: bounds in milliseconds, and how many are not above.
struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    fn of(metrics: &str) -> Self {
        let bucket = |line: &str| {
            let rest = line.strip_prefix("order_own_seconds_bucket{le=\"")?;
            let (bound, count) = rest.split_once("\"} ")?;
            let bound = bound.parse::<f64>().ok()? * 1000.0;
            Some((bound, count.trim().parse().ok()?))
        };
        let buckets: Vec<_> = metrics.lines().filter_map(bucket).collect();
        assert!(!buckets.is_empty(), "there is such a histogram");
        Self(buckets)
    }

    fn since(mut self, before: &Self) -> Self {
        for (now, then) in self.0.iter_mut().zip(&before.0) {
            now.1 -= then.1;
        }
        self
    }

    /// Interpolated within its bucket.
    fn percentile(&self, percent: f64) -> f64 {
        let all = self.0.last().map_or(0.0, |last| last.1);
        let wanted = all * percent / 100.0;
        let (mut bound, mut below) = (0.0, 0.0);
        for (upper, count) in &self.0 {
            if *count >= wanted && *count > below {
                return bound + (upper - bound) * (wanted - below) / (count - below);
            }
            (bound, below) = (*upper, *count);
        }
        bound
    }
}
