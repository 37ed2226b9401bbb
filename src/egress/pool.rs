//! Connections that wait a moment for the next webhook to the same place.
//!
//! A connection is taken out by origin and by the addresses that the attempt at hand has just
//! judged. So a name that has moved since, inwards or elsewhere, does not get its old connection.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::connection::Connection;

/// The longest a connection waits.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// How often connections that have waited are closed, so that a quiet gateway holds none.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// The most connections that wait at once: as many as attempts are in flight at most.
const MAX_WAITING: usize = 256;

/// The waiting connections. Dropping the pool closes them.
pub(super) struct Pool {
    waiting: Arc<Mutex<Vec<Waiting>>>,
    _sweeper: JoinSet<()>,
}

struct Waiting {
    origin: String,
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// An empty pool; it needs a Tokio runtime to sweep on.
    pub(super) fn new() -> Self {
        let waiting = Arc::default();
        let mut sweeper = JoinSet::new();
        sweeper.spawn(sweep(Arc::clone(&waiting)));
        Self {
            waiting,
            _sweeper: sweeper,
        }
    }

    /// A connection to `origin` whose peer is among `judged`, the latest first. It may have been
    /// closed meanwhile; then it hands the request back.
    pub(super) fn take(&self, origin: &str, judged: &[IpAddr]) -> Option<Connection> {
        let mut waiting = lock(&self.waiting);
        let index = waiting.iter().rposition(|it| {
            it.origin == origin
                && judged.contains(&it.connection.peer().ip())
                && it.since.elapsed() < MAX_IDLE
        })?;
        Some(waiting.remove(index).connection)
    }

    /// Lets `connection` wait for the next webhook, if it can take one and there is room.
    pub(super) fn put(&self, origin: String, mut connection: Connection) {
        if !connection.is_ready() {
            return;
        }
        let mut waiting = lock(&self.waiting);
        if waiting.len() < MAX_WAITING {
            waiting.push(Waiting {
                origin,
                connection,
                since: Instant::now(),
            });
        }
    }
}

async fn sweep(waiting: Arc<Mutex<Vec<Waiting>>>) {
    let mut ticks = interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // What would be too old at the next sweep goes now.
        lock(&waiting).retain(|it| it.since.elapsed() + SWEEP_EVERY <= MAX_IDLE);
    }
}

fn lock(waiting: &Mutex<Vec<Waiting>>) -> MutexGuard<'_, Vec<Waiting>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
