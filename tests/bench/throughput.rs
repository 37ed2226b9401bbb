//! What it carries on PostgreSQL, nothing pinned: orders through the whole path beside what pgbench
//! reaches with the same statements and nothing around them, and callbacks to webhooks as fast as
//! they go. Where the time goes is told by processor time and by statements.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::figures::{Figures, Target};
use crate::gateway::Gateway;
use crate::postgres::{Postgres, statements};
use crate::stand::Stand;
use crate::{Effort, load, processes};

/// Callers of the gateway at once.
const CLIENTS: u32 = 32;
/// Client accounts, so that the caps of one tenant are not what is measured.
const TENANTS: u32 = 8;
/// Callbacks of one round.
const CALLBACKS: u32 = 4000;
/// Orders whose statements are counted.
const COUNTED: u32 = 50;

pub(crate) async fn measure(effort: &Effort, postgres: &str, figures: &mut Figures) {
    processes::keep_to_none();
    let postgres = Postgres::given(postgres);
    let database = postgres.create("bench_throughput").await;
    let stand = Arc::new(Stand::start(&effort.program, &database.url, None, TENANTS).await);
    let mut first = stand.warm_up().await;
    first = count_statements("throughput", &stand, &[], &database, first, figures).await;
    for _ in 0..effort.rounds {
        let best = pgbench(&database, effort.lasting).await;
        figures.take(
            "throughput: pgbench, placing's statements",
            "orders/s",
            Target::None,
            best,
        );
        let rate;
        (rate, first) = orders(&stand, &database, effort, first, figures).await;
        let what = "throughput: orders, whole path / pgbench";
        figures.take(what, "times", Target::AtLeast(0.35), rate / best);
        first = callbacks(&stand, &database, first, effort, figures).await;
    }
}

/// Places orders as fast as they are answered; returns the rate and the next number.
async fn orders(
    stand: &Arc<Stand>,
    database: &Postgres,
    effort: &Effort,
    first: u32,
    figures: &mut Figures,
) -> (f64, u32) {
    let used = Used::now(stand, database).await;
    let placing = Arc::clone(stand);
    let place = move |number| {
        let stand = Arc::clone(&placing);
        async move { stand.place(first + number).await }
    };
    let lasting = effort.lasting;
    let (placed, took) = load::closed_loop(CLIENTS, move |_, time| time >= lasting, place).await;
    let rate = f64::from(placed) / took.as_secs_f64();
    figures.take(
        "throughput: orders, whole path",
        "orders/s",
        Target::None,
        rate,
    );
    used.take(stand, database, placed, "order", figures).await;
    // Numbers that were taken by clients who then saw that it was enough are never used.
    (rate, first + placed + CLIENTS)
}

/// Sends callbacks of placed orders as fast as they are acknowledged, and waits for all webhooks.
async fn callbacks(
    stand: &Arc<Stand>,
    database: &Postgres,
    first: u32,
    effort: &Effort,
    figures: &mut Figures,
) -> u32 {
    let total = if effort.rounds == 1 { 1000 } else { CALLBACKS };
    stand.place_all(first, total).await;
    let before = stand.sink.count();
    let used = Used::now(stand, database).await;
    let calling = Arc::clone(stand);
    let call_back = move |number| {
        let stand = Arc::clone(&calling);
        async move { stand.call_back(first + number).await }
    };
    let start = Instant::now();
    load::closed_loop(CLIENTS, move |number, _| number >= total, call_back).await;
    stand.sink.wait_for(before + total as usize).await;
    let last = (first..first + total)
        .map(|number| stand.sink.arrival(number))
        .inspect(|arrival| assert_eq!(arrival.copies, 1, "each webhook comes once"))
        .map(|arrival| arrival.first)
        .max();
    let took = last.expect("there were some") - start;
    let rate = f64::from(total) / took.as_secs_f64();
    let what = "throughput: callback to webhook, all unique, none lost";
    figures.take(what, "per s", Target::AtLeast(1000.0), rate);
    used.take(stand, database, total, "callback", figures).await;
    first + total
}

/// Processor time, at a moment.
struct Used {
    gateway: Duration,
    postgres: Duration,
    load: Duration,
}

impl Used {
    async fn now(stand: &Stand, database: &Postgres) -> Self {
        Self {
            gateway: processes::cpu(stand.gateway.pid()),
            postgres: processes::cpu_of_family(database.pid().await),
            load: processes::cpu(std::process::id()),
        }
    }

    async fn take(
        self,
        stand: &Stand,
        database: &Postgres,
        count: u32,
        of: &str,
        figures: &mut Figures,
    ) {
        let now = Self::now(stand, database).await;
        for (who, then, now) in [
            ("gateway", self.gateway, now.gateway),
            ("PostgreSQL", self.postgres, now.postgres),
            ("load, vendor and receiver", self.load, now.load),
        ] {
            let each = (now.saturating_sub(then)).as_secs_f64() * 1e6 / f64::from(count);
            let what = format!("throughput: processor time per {of}, {who}");
            figures.take(&what, "us", Target::None, each);
        }
    }
}

/// What pgbench reaches with the statements of a placing: the best of several numbers of clients.
async fn pgbench(database: &Postgres, lasting: Duration) -> f64 {
    let seconds = lasting.as_secs().div_ceil(2).to_string();
    let mut best = 0.0_f64;
    for clients in ["1", "8", "32"] {
        let said = database.pgbench(&["-c", clients, "-T", &seconds]).await;
        best = best.max(said.number("tps = "));
    }
    best
}

/// Counts what PostgreSQL is asked for an order and for a callback that becomes a webhook, one
/// after the other, so that what is batched under load is not. Where there are more replicas, they
/// take turns.
pub(crate) async fn count_statements(
    part: &str,
    stand: &Arc<Stand>,
    others: &[Gateway],
    database: &Postgres,
    first: u32,
    figures: &mut Figures,
) -> u32 {
    let log = database.log().await;
    let length = || fs::metadata(&log).map_or(0, |it| usize::try_from(it.len()).unwrap_or(0));
    // Open connections keep their settings, so all of the server is told, and told back.
    database.run("ALTER SYSTEM SET log_statement = 'all'").await;
    database.run("SELECT pg_reload_conf()").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    for (of, calls_back) in [("order", false), ("callback", true)] {
        let began = length();
        let mut turns = std::iter::once(&stand.gateway).chain(others).cycle();
        for (number, gateway) in (first..first + COUNTED).zip(&mut turns) {
            if calls_back {
                let before = stand.sink.count();
                stand.call_back_at(gateway, number).await;
                stand.sink.wait_for(before + 1).await;
            } else {
                stand.place_at(gateway, number).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let text = fs::read(&log).expect("the server that tests/run started logs there");
        let asked = statements(&String::from_utf8_lossy(&text[began..]));
        tell(part, &asked, of, figures);
    }
    database.run("ALTER SYSTEM RESET log_statement").await;
    database.run("SELECT pg_reload_conf()").await;
    first + COUNTED
}

/// Tells how many statements there were for each, and which. What polls ask now and then is left
/// out by being too rare.
fn tell(part: &str, asked: &[String], of: &str, figures: &mut Figures) {
    let each = |count: usize| f64::from(u32::try_from(count).unwrap_or(0)) / f64::from(COUNTED);
    let mut kinds = BTreeMap::<String, usize>::new();
    for statement in asked {
        *kinds
            .entry(statement.chars().take(60).collect())
            .or_default() += 1;
    }
    kinds.retain(|_, count| each(*count) >= 0.5);
    let what = format!("{part}: statements per {of}, polls not counted");
    figures.take(&what, "", Target::None, each(kinds.values().sum()));
    for (kind, count) in kinds {
        figures.note(format!("  {part}, per {of} {:>5.2}  {kind}", each(count)));
    }
}
