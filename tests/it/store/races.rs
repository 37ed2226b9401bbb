//! Transactions that run into each other on PostgreSQL, where statements really run at once. Each
//! is held at the one point where it could go wrong.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cleargate::domain::delivery::{DeadReason, Next};
use cleargate::store::{Settled, new_id};
use sqlx::{Connection, Executor, PgConnection, Row};
use tokio::task::JoinSet;

use super::deliveries::{settle, settlement};
use super::*;
use crate::support::PATIENCE;

/// Makes every statement of a session named `held` wait, when it has begun and seen which lanes
/// there are but has locked none, for as long as somebody has the advisory lock 1.
const HOLD_CLAIMS: &str = "
    ALTER TABLE lanes RENAME TO all_lanes;
    CREATE FUNCTION hold() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        IF current_setting('application_name') = 'held' THEN
            PERFORM pg_advisory_lock_shared(1);
            PERFORM pg_advisory_unlock_shared(1);
        END IF;
        RETURN true;
    END $$;
    CREATE VIEW lanes AS SELECT * FROM all_lanes WHERE hold()";

#[tokio::test]
async fn a_head_that_is_settled_while_its_lane_is_claimed_is_not_sent_again() {
    let base = Base::on(Database::Postgres).await;
    let mut operator = connect(&base).await;
    execute(&mut operator, HOLD_CLAIMS).await;
    let url = format!("{}?application_name=held", base.options.url);
    let options = StoreOptions {
        url,
        ..base.options.clone()
    };
    let claimer = Store::open(&options).await.expect("the database opens");
    let mut order = base.inserted("a").await;
    base.enqueue(&mut order, "1", NOW).await;
    let slow = base.claim_one("slow", NOW, NOW + 100).await;
    base.enqueue(&mut order, "2", NOW).await;

    execute(&mut operator, "SELECT pg_advisory_lock(1)").await;
    let mut claiming = JoinSet::new();
    claiming.spawn(async move { claimer.claim_lanes("next", NOW + 100, MUCH_LATER, 9).await });
    until_waiting(&base, 1).await;
    assert_eq!(
        settle(&base, &slow, Next::Delivered).await,
        Settled::Followed
    );
    execute(&mut operator, "SELECT pg_advisory_unlock(1)").await;

    let claimed = claiming.join_next().await.expect("it claims");
    let claimed = claimed.expect("it ends").expect("the database works");
    let bodies: Vec<_> = claimed.iter().map(|lane| lane.body.as_str()).collect();
    assert_eq!(bodies, ["2"], "the head before has been delivered");
    assert_eq!(base.states(&order).await, ["delivered", "pending"]);
}

#[tokio::test]
async fn a_lane_that_is_being_settled_is_passed_over() {
    let base = Base::on(Database::Postgres).await;
    let mut order = base.inserted("a").await;
    base.enqueue(&mut order, "1", NOW).await;
    let slow = base.claim_one("slow", NOW, NOW + 100).await;
    base.enqueue(&mut order, "2", NOW).await;

    let mut operator = connect(&base).await;
    execute(&mut operator, "BEGIN").await;
    execute(&mut operator, "SELECT 1 FROM deliveries FOR UPDATE").await;
    let store = base.store.clone();
    let mut settling = JoinSet::new();
    settling.spawn(async move {
        store
            .settle_attempt(&slow, &settlement(Next::Delivered), NOW)
            .await
    });
    until_waiting(&base, 1).await;
    assert!(base.claim("next", NOW + 100, MUCH_LATER).await.is_empty());
    execute(&mut operator, "COMMIT").await;
    let settled = settling.join_next().await.expect("it settles");
    let settled = settled.expect("it ends").expect("the database works");
    assert_eq!(settled, Settled::Followed);
    assert_eq!(base.claim_one("next", NOW, MUCH_LATER).await.body, "2");
}

#[tokio::test]
async fn a_redelivery_and_a_newer_update_leave_one_of_them_waiting() {
    let base = Base::on(Database::Postgres).await;
    let mut order = base.inserted("a").await;
    base.enqueue(&mut order, "1", NOW).await;
    let head = base.claim_one("t1", NOW, NOW + 100).await;
    settle(&base, &head, Next::Dead(DeadReason::Exhausted)).await;

    let mut operator = connect(&base).await;
    execute(&mut operator, "BEGIN").await;
    execute(&mut operator, "SELECT 1 FROM deliveries FOR UPDATE").await;
    let store = base.store.clone();
    let mut running = JoinSet::new();
    running.spawn(async move { store.redeliver("ord_a", NOW).await.map(drop) });
    until_waiting(&base, 1).await;
    let (store, mut newer) = (base.store.clone(), order.clone());
    running.spawn(async move {
        let change = Change {
            webhook: Some(update("2")),
            ..Change::default()
        };
        store.save_order(&mut newer, &change, NOW).await.map(drop)
    });
    until_waiting(&base, 2).await;
    execute(&mut operator, "COMMIT").await;
    while let Some(ended) = running.join_next().await {
        ended.expect("it ends").expect("nobody waits in a circle");
    }
    assert_eq!(base.states(&order).await, ["superseded", "pending"]);
    assert_eq!(base.claim_one("t2", NOW, MUCH_LATER).await.body, "2");
}

/// Workers of two replicas that do everything at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_no_lane_is_held_twice_and_no_update_is_sent_before_an_older_one() {
    const LANES: usize = 4;
    const STEPS: usize = 40;
    let base = Base::on(Database::Postgres).await;
    for lane in 0..LANES {
        base.inserted(&lane.to_string()).await;
    }
    let other = base.another().await;
    let sent: Arc<Mutex<HashMap<String, Sent>>> = Arc::default();
    let mut workers = JoinSet::new();
    for worker in 0..4 {
        let store = if worker % 2 == 0 {
            base.store.clone()
        } else {
            other.clone()
        };
        let sent = Arc::clone(&sent);
        workers.spawn(async move {
            for step in 0..STEPS {
                enqueue_somehow(&store, (worker + step) % LANES).await;
                send_one(&store, &sent, step).await;
            }
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended.expect("every promise was kept");
    }
    for lane in 0..LANES {
        let states = base.states(&order(&lane.to_string())).await;
        assert_eq!(states.len(), STEPS, "each update is there");
        let waiting = states.iter().filter(|state| *state == "pending").count();
        assert!(
            waiting <= 1,
            "nothing is in flight, so only the newest waits: {states:?}"
        );
    }
}

/// What has been sent on a lane.
#[derive(Default)]
struct Sent {
    held: bool,
    newest: i64,
}

/// Saves an update of the order, reading it again for as long as others save it.
async fn enqueue_somehow(store: &Store, lane: usize) {
    loop {
        let read = store.order(&format!("ord_{lane}")).await;
        let mut order = read.expect("the database works").expect("it is there");
        let change = Change {
            webhook: Some(update("{}")),
            ..Change::default()
        };
        let saved = store.save_order(&mut order, &change, NOW).await;
        if saved.expect("the database works") == Saved::Done {
            return;
        }
    }
}

async fn send_one(store: &Store, sent: &Mutex<HashMap<String, Sent>>, step: usize) {
    let claimed = store
        .claim_lanes(&new_id("token"), NOW, MUCH_LATER, 1)
        .await;
    for lane in claimed.expect("the database works") {
        {
            let mut sent = sent.lock().expect("nobody panics here");
            let seen = sent.entry(lane.order_id.clone()).or_default();
            assert!(!seen.held, "the lane is in flight already");
            assert!(lane.sequence >= seen.newest, "a newer one went out before");
            (seen.held, seen.newest) = (true, lane.sequence);
        }
        tokio::task::yield_now().await;
        let next = match step % 3 {
            0 => Next::Again(NOW),
            _ => Next::Delivered,
        };
        sent.lock()
            .expect("nobody panics here")
            .entry(lane.order_id.clone())
            .or_default()
            .held = false;
        let settled = store.settle_attempt(&lane, &settlement(next), NOW).await;
        assert_ne!(settled.expect("the database works"), Settled::Late);
    }
}

async fn connect(base: &Base) -> PgConnection {
    PgConnection::connect(&base.options.url)
        .await
        .expect("the database takes connections")
}

async fn execute(connection: &mut PgConnection, sql: &'static str) {
    connection
        .execute(sqlx::raw_sql(sql))
        .await
        .expect("the statement is right");
}

/// Polls until so many sessions of this database wait for a lock.
async fn until_waiting(base: &Base, sessions: i64) {
    let mut observer = connect(base).await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let row = observer
            .fetch_one(
                "SELECT COUNT(*) AS n FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
            .await;
        if row.expect("the database works").get::<i64, _>("n") == sessions {
            return;
        }
        assert!(Instant::now() < deadline, "nobody waits for a lock");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
