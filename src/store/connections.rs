//! The connections to a database, of which the one used last is used next.
//!
//! sqlx's pool gives out the connection that has rested longest and asks each as it comes back. A
//! PostgreSQL serves each connection by a process of its own: used in turn they all are cold, and an
//! order takes a fifth longer. So a connection whose last statement has just been answered stays at
//! hand; the pool opens, asks and closes, and gets back every connection of which more is not known.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, TryStreamExt as _};
use futures_util::{FutureExt as _, TryFutureExt as _};
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Connection as _, Either, Execute, Executor, SqlStr};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a caller waits for a free connection before it is told that there is no database.
pub(super) const ACQUIRE_WITHIN: Duration = Duration::from_secs(3);
/// A connection that has been idle for longer is asked whether it still lives before it is used. A
/// server takes longer than this to come back, so none that its restart has cut off fails a request;
/// and a statement that failed halfway is never simply sent again, because it may have been done.
const TRUSTED_FOR: Duration = Duration::from_millis(100);
/// One that has not answered by then is given up, and another one used.
const PING_WITHIN: Duration = Duration::from_millis(500);
/// The pool gets a connection back this long after it gave it, so that it can close one that is old.
const OUT_FOR: Duration = Duration::from_secs(60);

/// Connections, as many at once as the pool may have. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    pool: AnyPool,
    free: Arc<Semaphore>,
    at_hand: Arc<Mutex<AtHand>>,
}

/// What waits for its next use, used last at the end. Nothing is kept any more once it is closed.
#[derive(Debug, Default)]
struct AtHand {
    rested: Vec<Rested>,
    is_closed: bool,
}

#[derive(Debug)]
struct Rested {
    connection: PoolConnection<Any>,
    since: Instant,
    taken: Instant,
}

/// A connection in use. Dropped before it is given back, it goes to the pool, which rolls back what
/// is open, and asks whether it still lives.
#[derive(Debug)]
pub(super) struct Borrowed {
    connection: PoolConnection<Any>,
    taken: Instant,
    owner: Connections,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    pub(super) fn of(pool: AnyPool) -> Self {
        let most = pool.options().get_max_connections();
        Self {
            pool,
            free: Arc::new(Semaphore::new(most as usize)),
            at_hand: Arc::default(),
        }
    }

    /// A connection for statements that are run one after the other.
    ///
    /// # Errors
    /// There is none within [`ACQUIRE_WITHIN`].
    pub(super) async fn acquire(&self) -> Result<Borrowed, sqlx::Error> {
        let acquired = timeout(ACQUIRE_WITHIN, self.acquire_in_time()).await;
        acquired.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn acquire_in_time(&self) -> Result<Borrowed, sqlx::Error> {
        let permit = Arc::clone(&self.free).acquire_owned().await;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        let (connection, taken) = match self.take_at_hand().await {
            Some(rested) => (rested.connection, rested.taken),
            None => (self.pool.acquire().await?, Instant::now()),
        };
        Ok(Borrowed {
            connection,
            taken,
            owner: self.clone(),
            _permit: permit,
        })
    }

    /// The connection that was used last, of those that still live.
    async fn take_at_hand(&self) -> Option<Rested> {
        loop {
            let mut last = self.lock().rested.pop()?;
            match still_lives(&mut last.connection, last.since.elapsed()).await {
                Ok(()) => return Some(last),
                Err(_) => last.connection.close_on_drop(),
            }
        }
    }

    /// Closes all of them, as soon as they are free.
    pub(super) async fn close(&self) {
        self.free.close();
        let rested = {
            let mut at_hand = self.lock();
            at_hand.is_closed = true;
            std::mem::take(&mut at_hand.rested)
        };
        drop(rested);
        self.pool.close().await;
    }

    fn lock(&self) -> MutexGuard<'_, AtHand> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a connection that has been idle for so long still lives.
///
/// # Errors
/// How it failed when it was asked.
pub(super) async fn still_lives(
    connection: &mut AnyConnection,
    idle_for: Duration,
) -> Result<(), sqlx::Error> {
    if idle_for < TRUSTED_FOR {
        return Ok(());
    }
    let answered = timeout(PING_WITHIN, connection.ping()).await;
    answered.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

impl Borrowed {
    /// Gives it back for its next use: its last statement was answered.
    pub(super) fn give_back(self) {
        let Self {
            connection,
            taken,
            owner,
            _permit: permit,
        } = self;
        let now = Instant::now();
        let mut at_hand = owner.lock();
        let is_old = now.duration_since(taken) > OUT_FOR;
        if at_hand.is_closed || is_old || connection.is_in_transaction() {
            return;
        }
        at_hand.rested.push(Rested {
            connection,
            since: now,
            taken,
        });
        // Of those that nobody has needed for a while the pool gets one back each time.
        let longest = at_hand.rested.first();
        let is_idle = longest.is_some_and(|it| now.duration_since(it.since) > TRUSTED_FOR);
        let idle = is_idle.then(|| at_hand.rested.remove(0));
        drop(at_hand);
        // Only now others may come for what is at hand.
        drop(permit);
        drop(idle);
    }
}

impl Drop for AtHand {
    fn drop(&mut self) {
        // The pool takes a connection back in a task, which needs a runtime.
        if Handle::try_current().is_err() {
            for rested in self.rested.drain(..) {
                drop(rested.connection.leak());
            }
        }
    }
}

impl Deref for Borrowed {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.connection
    }
}

impl DerefMut for Borrowed {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}

/// Runs one statement on a connection of its own.
impl<'c> Executor<'c> for &'c Connections {
    type Database = Any;

    /// Reads all rows before it gives the first one.
    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let read = async move {
            let mut connection = self.acquire().await?;
            let read: Vec<_> = connection.fetch_many(query).try_collect().await?;
            connection.give_back();
            Ok(stream::iter(read.into_iter().map(Ok)))
        };
        Box::pin(read.try_flatten_stream())
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let read = async move {
            let mut connection = self.acquire().await?;
            let row = connection.fetch_optional(query).await?;
            connection.give_back();
            Ok(row)
        };
        read.boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        let prepared = async move {
            let mut connection = self.acquire().await?;
            let statement = connection.prepare_with(sql, parameters).await?;
            connection.give_back();
            Ok(statement)
        };
        prepared.boxed()
    }
}

#[cfg(test)]
mod tests {
    use sqlx::any::AnyPoolOptions;
    use tempfile::TempDir;

    use super::*;

    /// Connections to a SQLite file, in whose tables of its own each can be told from the others.
    async fn connections(most: u32) -> (Connections, TempDir) {
        sqlx::any::install_default_drivers();
        let folder = TempDir::new().expect("a temporary folder");
        let url = format!("sqlite://{}/a.db?mode=rwc", folder.path().display());
        let pool = AnyPoolOptions::new().max_connections(most).connect(&url);
        (Connections::of(pool.await.expect("it opens")), folder)
    }

    async fn run(connection: &mut Borrowed, sql: &'static str) -> Result<u64, sqlx::Error> {
        let done = sqlx::query(sql).execute(&mut **connection).await?;
        Ok(done.rows_affected())
    }

    async fn marked(connections: &Connections) -> Borrowed {
        let mut connection = connections.acquire().await.expect("one is free");
        let marked = run(&mut connection, "CREATE TEMP TABLE mark (one INTEGER)").await;
        marked.expect("it had no mark");
        connection
    }

    async fn is_marked(connections: &Connections) -> bool {
        let mut connection = connections.acquire().await.expect("one is free");
        let found = run(&mut connection, "SELECT one FROM mark").await.is_ok();
        connection.give_back();
        found
    }

    fn ago(time: Duration) -> Instant {
        let then = Instant::now().checked_sub(time);
        then.expect("the machine runs for longer")
    }

    #[tokio::test]
    async fn the_connection_that_was_used_last_is_used_next() {
        let (connections, _folder) = connections(3).await;
        let others = [connections.acquire().await, connections.acquire().await];
        let last = marked(&connections).await;
        for other in others {
            other.expect("one is free").give_back();
        }
        last.give_back();
        for _ in 0..3 {
            assert!(is_marked(&connections).await);
        }
    }

    #[tokio::test]
    async fn whoever_waits_gets_what_is_given_back() {
        let (connections, _folder) = connections(1).await;
        let only = marked(&connections).await;
        let (found, ()) = tokio::join!(is_marked(&connections), async { only.give_back() });
        assert!(found);
    }

    #[tokio::test]
    async fn a_connection_is_rolled_back_before_its_next_use() {
        let (connections, _folder) = connections(1).await;
        let created = sqlx::query("CREATE TABLE rows (one INTEGER)");
        created.execute(&connections).await.expect("it is made");
        let mut connection = connections.acquire().await.expect("one is free");
        let mut transaction = connection.begin().await.expect("it begins");
        let written = sqlx::query("INSERT INTO rows VALUES (1)");
        written
            .execute(&mut *transaction)
            .await
            .expect("it is written");
        drop(transaction);
        connection.give_back();
        let rows = sqlx::query("SELECT one FROM rows").fetch_all(&connections);
        assert!(rows.await.expect("it is read").is_empty());
    }

    #[tokio::test]
    async fn the_pool_gets_back_what_is_old_and_what_is_idle() {
        let (connections, _folder) = connections(2).await;
        let mut old = connections.acquire().await.expect("one is free");
        old.taken = ago(OUT_FOR * 2);
        old.give_back();
        assert_eq!(connections.lock().rested.len(), 0);

        let (first, second) = (connections.acquire().await, connections.acquire().await);
        first.expect("one is free").give_back();
        let long_ago = ago(TRUSTED_FOR * 2);
        connections.lock().rested[0].since = long_ago;
        second.expect("one is free").give_back();
        let since = connections.lock().rested[0].since;
        assert_eq!(connections.lock().rested.len(), 1);
        assert!(since > long_ago, "it is the second");
    }

    #[tokio::test]
    async fn closing_waits_for_what_is_in_use_and_gives_out_nothing_more() {
        let (connections, _folder) = connections(2).await;
        let used = connections.acquire().await.expect("one is free");
        let rested = connections.acquire().await.expect("one is free");
        rested.give_back();
        tokio::join!(connections.close(), async { used.give_back() });
        let refused = connections.acquire().await;
        assert!(matches!(refused, Err(sqlx::Error::PoolClosed)));
    }

    #[test]
    fn what_is_at_hand_may_be_dropped_without_a_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("it is built");
        let (connections, _folder) = runtime.block_on(async {
            let (connections, folder) = connections(1).await;
            connections
                .acquire()
                .await
                .expect("one is free")
                .give_back();
            (connections, folder)
        });
        drop(runtime);
        drop(connections);
    }
}
