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
    at_hand: Arc<Mutex<Vec<AtHand>>>,
}

/// A connection that waits for its next use.
#[derive(Debug)]
struct AtHand {
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
            Some(at_hand) => (at_hand.connection, at_hand.taken),
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
    async fn take_at_hand(&self) -> Option<AtHand> {
        loop {
            let mut last = self.lock().pop()?;
            match still_lives(&mut last.connection, last.since.elapsed()).await {
                Ok(()) => return Some(last),
                Err(_) => last.connection.close_on_drop(),
            }
        }
    }

    /// Closes all of them, as soon as they are free.
    pub(super) async fn close(&self) {
        self.free.close();
        let at_hand = std::mem::take(&mut *self.lock());
        drop(at_hand);
        self.pool.close().await;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<AtHand>> {
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
    /// Gives it back for its next use: its last statement was answered, and no transaction is open.
    pub(super) fn give_back(self) {
        let Self {
            connection,
            taken,
            owner,
            _permit: permit,
        } = self;
        let now = Instant::now();
        if owner.pool.is_closed() || now.duration_since(taken) > OUT_FOR {
            return;
        }
        let mut at_hand = owner.lock();
        at_hand.push(AtHand {
            connection,
            since: now,
            taken,
        });
        // Of those that nobody needed for a while the pool gets one back each time.
        let rested = at_hand
            .first()
            .is_some_and(|first| now.duration_since(first.since) > TRUSTED_FOR);
        let rested = rested.then(|| at_hand.remove(0));
        drop(at_hand);
        // Now others may take what is at hand.
        drop(permit);
        drop(rested);
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
