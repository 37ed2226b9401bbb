//! What the gateway itself adds to an order, at 200 orders a second, its vendor answering at once.
//!
//! Once from outside: what a client waits for an order through the gateway, from when it was due,
//! less what the same client waits at the same rate for the same vendor asked directly. And once as
//! the gateway sees it, from its own histogram, between whose bounds the percentile is interpolated.
//!
//! Beside it stands what PostgreSQL takes for an order's statements at that rate, asked by pgbench.
//!
//! The files of both databases lie in memory: what is measured is the gateway, and not the disk of a
//! machine that others use. SQLite is measured once more on the disk, beside that disk's own time
//! for what two commits write.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::figures::{Figures, Target, Times};
use crate::postgres::Postgres;
use crate::stand::{Stand, Unusual};
use crate::{Effort, load};

/// Orders a second.
const RATE: u32 = 200;
/// The gateway's processor, and ours.
const GATEWAY: usize = 0;
const OURS: usize = 1;
const TARGETS: [(f64, Target); 2] = [(50.0, Target::AtMost(1.5)), (99.0, Target::AtMost(8.0))];
const BESIDE: [(f64, Target); 2] = [(50.0, Target::None), (99.0, Target::None)];
/// Numbers of orders that the vendor gets directly.
const DIRECT: u32 = 1 << 31;
/// What SQLite appends to its log for one of the two commits of an order: 12 pages.
const COMMIT: usize = 12 * (4096 + 24);

pub(crate) async fn measure(effort: &Effort, postgres: &str, figures: &mut Figures) {
    for (name, url) in Postgres::and_sqlite(postgres, "bench_orders").await {
        on_database(effort, name, &url, true, figures).await;
    }
    on_database(effort, "SQLite on this disk", "", false, figures).await;
}

async fn on_database(
    effort: &Effort,
    name: &str,
    url: &str,
    in_memory: bool,
    figures: &mut Figures,
) {
    crate::processes::keep_to(OURS);
    let unusual = Unusual {
        in_memory,
        ..Unusual::default()
    };
    let stand = Stand::of(&effort.program, url, Some(GATEWAY), 1, unusual).await;
    let stand = Arc::new(stand);
    let targets = if in_memory { &TARGETS } else { &BESIDE };
    let mut first = stand.warm_up().await;
    let total = RATE * u32::try_from(effort.lasting.as_secs()).expect("seconds");
    for _ in 0..effort.rounds {
        let direct = load::open_loop(RATE, total, |number, due| {
            let (stand, number) = (Arc::clone(&stand), DIRECT + first + number);
            async move {
                stand.place_at_vendor(number).await;
                due.elapsed()
            }
        });
        let direct = Times::new(direct.await);
        let before = Histogram::of(&stand.gateway.metrics().await);
        let through = load::open_loop(RATE, total, |number, due| {
            let (stand, number) = (Arc::clone(&stand), first + number);
            async move {
                stand.place(number).await;
                due.elapsed()
            }
        });
        let through = Times::new(through.await);
        first += total;
        let inside = Histogram::of(&stand.gateway.metrics().await).since(&before);
        let what = |what: &str| format!("orders, {name}: {what}");
        figures.take_times(&what("client's wait"), &through, &BESIDE);
        figures.take_times(&what("the same, vendor asked directly"), &direct, &BESIDE);
        for (percent, target) in *targets {
            // Less the usual wait, whatever the percentile: a slow moment is not slow twice.
            let added = through.percentile(percent) - direct.percentile(50.0);
            let added_by = what(&format!("added by the gateway, p{percent}"));
            figures.take(&added_by, "ms", target, added);
        }
        for (percent, target) in *targets {
            let own = what(&format!("order_own_seconds, p{percent}"));
            figures.take(&own, "ms", target, inside.percentile(percent));
        }
        if !url.is_empty() {
            let database = Postgres::given(url);
            let seconds = effort.lasting.as_secs().to_string();
            let rate = RATE.to_string();
            let said = database.pgbench(&["-R", &rate, "-T", &seconds]).await;
            let alone = what("pgbench alone, the same statements, average");
            figures.take(
                &alone,
                "ms",
                Target::None,
                said.number("latency average = "),
            );
        }
        if !in_memory {
            let times = Times::new(two_commits_each(total / 10));
            figures.take_times(&what("the disk alone, two commits"), &times, &BESIDE);
        }
    }
}

/// What the disk takes for two commits, so many times, at the pace of orders.
fn two_commits_each(count: u32) -> Vec<Duration> {
    let file: File = tempfile::tempfile().expect("a temporary file");
    let bytes = vec![7; COMMIT];
    let mut end = 0;
    let mut commit = || {
        file.write_all_at(&bytes, end).expect("the disk has room");
        file.sync_data().expect("a disk");
        end += COMMIT as u64;
    };
    let two_commits = |_| {
        std::thread::sleep(Duration::from_secs(1) / RATE);
        let began = Instant::now();
        commit();
        commit();
        began.elapsed()
    };
    (0..count).map(two_commits).collect()
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
