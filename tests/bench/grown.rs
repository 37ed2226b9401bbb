//! A database that has grown: a million ended orders and 200,000 webhooks that wait. What claiming
//! and placing cost there, beside an empty one, and how soon a gateway is back on it.

use std::sync::Arc;
use std::time::Instant;

use cleargate::seal::random_text;
use cleargate::store::{Store, StoreOptions};

use crate::figures::{Figures, Target, Times};
use crate::postgres::Postgres;
use crate::stand::Stand;
use crate::{Effort, processes};

const ENDED: u32 = 1_000_000;
const WAITING: u32 = 200_000;
/// Orders of one round, one after the other.
const PLACED: u32 = 300;
/// Claims of one round, and lanes of one claim: a gateway's own batch.
const CLAIMS: u32 = 100;
const BATCH: i64 = 64;
/// A moment when all that waits is due, in milliseconds: the year 2100.
const ALL_DUE: i64 = 4_102_444_800_000;

pub(crate) async fn measure(effort: &Effort, postgres: &str, figures: &mut Figures) {
    processes::keep_to_none();
    let postgres = Postgres::given(postgres);
    let empty = postgres.create("bench_empty").await;
    let grown = postgres.create("bench_grown").await;
    let empty = Stand::start(&effort.program, &empty.url, None, 1).await;
    let mut stand = Stand::start(&effort.program, &grown.url, None, 1).await;
    for stand in [&empty, &stand] {
        stand.place(0).await;
        stand.call_back(0).await;
        stand.sink.wait_for(1).await;
    }
    let (ended, waiting) = if effort.rounds == 1 {
        (ENDED / 10, WAITING / 10)
    } else {
        (ENDED, WAITING)
    };
    grow(&grown, ended, waiting).await;
    figures.note(format!(
        "grown: {ended} ended orders, {waiting} waiting webhooks"
    ));
    let took = stand.gateway.restart().await.as_secs_f64() * 1000.0;
    figures.take(
        "grown: ready again after a kill",
        "ms",
        Target::AtMost(2000.0),
        took,
    );
    let (empty, stand) = (Arc::new(empty), Arc::new(stand));
    let options = StoreOptions {
        url: grown.url.clone(),
        connections: 2,
        migrate: false,
        serving: false,
    };
    let store = Store::open(&options).await.expect("the database opens");
    let mut first = 1;
    for _ in 0..effort.rounds {
        let (base, there) = (placing(&empty, first).await, placing(&stand, first).await);
        first += PLACED;
        figures.take(
            "grown: placing on an empty database, p50",
            "ms",
            Target::None,
            base,
        );
        let what = "grown: placing with a million ended orders / on an empty database, p50";
        figures.take(what, "times", Target::AtMost(1.2), there / base);
        let claims = claims(&store).await;
        let targets = [(50.0, Target::None), (99.0, Target::AtMost(10.0))];
        figures.take_times("grown: a claim of 64 webhooks", &claims, &targets);
    }
}

/// How long an order takes, in milliseconds: the middle one of those placed one after the other.
async fn placing(stand: &Arc<Stand>, first: u32) -> f64 {
    let mut took = Vec::new();
    for number in first..first + PLACED {
        let began = Instant::now();
        stand.place(number).await;
        took.push(began.elapsed());
    }
    Times::new(took).percentile(50.0)
}

/// Claims that find more than they take. They are made at a time of their own, so that the gateway
/// beside them sends nothing.
async fn claims(store: &Store) -> Times {
    let mut took = Vec::new();
    for _ in 0..CLAIMS {
        let token = random_text();
        let began = Instant::now();
        let claimed = store.claim_lanes(&token, ALL_DUE, ALL_DUE + 1_000_000, BATCH);
        let claimed = claimed.await.expect("the database works");
        took.push(began.elapsed());
        assert!(!claimed.is_empty(), "they wait");
    }
    Times::new(took)
}

/// Copies all rows of the one order that is there.
async fn grow(database: &Postgres, ended: u32, waiting: u32) {
    let mut sql = String::from("SET session_replication_role = replica;\n");
    for (table, id, numbered) in [
        (
            "orders",
            "id",
            &["background_check_id", "tracking_id", "our_ref", "their_ref"][..],
        ),
        ("history", "order_id", &[]),
        ("calls", "order_id", &[]),
        ("contacts", "order_id", &[]),
        ("order_references", "order_id", &["their_ref"]),
        ("deliveries", "order_id", &["webhook_id"]),
        ("attempts", "order_id", &[]),
        ("lanes", "order_id", &[]),
    ] {
        let columns = database
            .text(&format!(
                "SELECT string_agg(column_name, ',') FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name = '{table}'"
            ))
            .await;
        let values: Vec<String> = columns
            .split(',')
            .map(|column| match column {
                column if column == id || numbered.contains(&column) => {
                    format!("{column} || '-' || n")
                }
                column => column.to_owned(),
            })
            .collect();
        sql += &format!(
            "INSERT INTO {table} ({columns}) SELECT {} FROM {table}, generate_series(1, {ended}) AS n;\n",
            values.join(", ")
        );
    }
    // They wait for years, each for a moment of its own.
    sql += &format!(
        "WITH chosen AS (SELECT order_id, row_number() OVER () AS n FROM lanes WHERE due_at IS NULL LIMIT {waiting}) \
         UPDATE lanes SET due_at = {ALL_DUE} - 1000000000 + n * 7 FROM chosen WHERE lanes.order_id = chosen.order_id;\n\
         UPDATE deliveries SET state = 'pending', ended_at = NULL FROM lanes \
         WHERE lanes.order_id = deliveries.order_id AND lanes.due_at IS NOT NULL;\n"
    );
    database.run(&sql).await;
    // As the server does by itself in time; it would do so while something is measured.
    database.run("VACUUM ANALYZE").await;
}
