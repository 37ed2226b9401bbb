//! The only SQL. One database is the truth: SQLite in a file, or PostgreSQL for many replicas.
//!
//! One SQL text serves both, over sqlx's `Any` driver: ids as text, times as milliseconds, JSON as
//! text. What differs stands in [`Dialect`]. PostgreSQL alone could fold a placing into a single
//! statement with writing CTEs and be faster by it; a second text for every query would then have
//! to be kept true, and the statement count here (two small transactions an order) is not where
//! the time goes.
//!
//! Rows are changed by version: read, decide, `UPDATE ... WHERE version = ...`. Nobody holds a row
//! lock while thinking, and the same text is right on both databases.

mod backlog;
mod callbacks;
mod calls;
mod catalogs;
mod connecting;
mod contacts;
mod deliveries;
mod migrations;
mod order_rows;
mod orders;
mod sealed;
mod tenants;

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use adapters::vocabulary::Millis;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Connection as _, Row, Transaction};

use connecting::{check_postgres, connect_once};

pub use backlog::Backlog;
pub use callbacks::Inserted;
pub use calls::{Call, CallChange};
pub use catalogs::{OfferRow, StoredCatalog};
pub use deliveries::{
    AttemptRow, DeliveryRow, Discarded, LaneRow, NewDelivery, Settled, Settlement,
};
pub use migrations::SCHEMA_VERSION;
pub use orders::{CallbackEnd, Change, Placement, Saved};
pub use sealed::{SEALED_COLUMNS, SealedColumn, SealedValue};
pub use tenants::{ConnectionRow, SecretRow, TenantChange, TenantRow};

/// How long a caller waits for a free connection before it is told that there is no database.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(3);

/// A connection that has been idle for longer is asked whether it still lives before it is used. A
/// server takes longer than this to come back, so none that its restart has cut off fails a request;
/// and a statement that failed halfway is never simply sent again, because it may have been done.
const TRUSTED_FOR: Duration = Duration::from_millis(100);
/// One that has not answered by then is given up, and another one used.
const PING_WITHIN: Duration = Duration::from_millis(500);

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or is not writable now.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// It did not answer within the time that its caller had.
    #[error("the database does not answer in time")]
    Slow,
    /// The statement itself failed: a defect of ours, or a database of another schema.
    #[error("the database refused a statement")]
    Statement(#[source] sqlx::Error),
    /// A row holds what no version of this program wrote.
    #[error("row {row} holds a value that cannot be read: {what}")]
    Unreadable {
        /// Which row.
        row: String,
        /// Which value.
        what: String,
    },
    /// The database cannot be used as it is.
    #[error("{0}")]
    Unusable(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if is_permanent(&**database) => Self::Statement(error),
            sqlx::Error::RowNotFound
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::AnyDriverError(_) => Self::Statement(error),
            _ => Self::Unavailable(error),
        }
    }
}

/// A violated constraint or a wrong statement stays wrong; everything else a database says
/// (shutting down, read-only, disk full, locked) may pass.
fn is_permanent(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    match code.parse::<u32>() {
        // SQLite: 1 (error) and 19 (constraint); the bits above the low eight say more of the same.
        Ok(number) if code.len() < POSTGRES_CODE => matches!(number & 0xff, 1 | 19),
        // PostgreSQL: classes 22 (data), 23 (constraint), 42 (syntax, schema).
        _ => ["22", "23", "42"]
            .iter()
            .any(|class| code.len() == POSTGRES_CODE && code.starts_with(class)),
    }
}

/// PostgreSQL's codes have five characters, SQLite's have four digits at most.
const POSTGRES_CODE: usize = 5;

/// What differs between the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// One file, one serving process, one writer.
    Sqlite,
    /// A server, any number of replicas.
    Postgres,
}

impl Dialect {
    fn of(url: &str) -> Option<Self> {
        if url.starts_with("sqlite:") {
            Some(Self::Sqlite)
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Some(Self::Postgres)
        } else {
            None
        }
    }

    fn blob(self) -> &'static str {
        match self {
            Self::Sqlite => "BLOB",
            Self::Postgres => "BYTEA",
        }
    }

    /// Behind the inner SELECT of a claim, so that replicas do not wait for each other's rows.
    fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }

    fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now",
            Self::Postgres => {
                "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now"
            }
        }
    }
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite://FILE` or `postgres://...`.
    pub url: String,
    /// Most connections at once (PostgreSQL), or most readers (SQLite).
    pub connections: u32,
    /// Bring a PostgreSQL schema up to date, or make a SQLite file that is not there; one that is
    /// there is always brought up to date.
    pub migrate: bool,
    /// This process serves: it must be the only one on a SQLite file.
    pub serving: bool,
}

/// The database. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    dialect: Dialect,
    writer: AnyPool,
    reader: AnyPool,
    gained: Gained,
    /// Held while this process serves a SQLite file.
    _serving: Option<Arc<File>>,
}

/// Connections whose orders have gained references since their parked callbacks were last woken.
#[derive(Clone, Default)]
struct Gained(Arc<Mutex<BTreeSet<String>>>);

impl Gained {
    fn note(&self, connection_id: &str) {
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !connections.contains(connection_id) {
            connections.insert(connection_id.to_owned());
        }
    }

    fn take_one(&self) -> Option<String> {
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        connections.pop_first()
    }
}

impl Store {
    /// Opens the database and checks its schema.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] says in a sentence what to change: another process serves this
    /// file, the schema is older (and `migrate` is off) or newer than this program.
    pub async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of(&options.url).ok_or_else(|| {
            StoreError::Unusable(format!(
                "`store.url` is `{}`; it has to begin with sqlite:// or postgres://",
                scheme(&options.url)
            ))
        })?;
        let store = match dialect {
            Dialect::Sqlite => Self::open_sqlite(options).await?,
            Dialect::Postgres => Self::open_postgres(options).await?,
        };
        if dialect == Dialect::Sqlite || options.migrate {
            store.migrate().await?;
        }
        store.check_schema().await?;
        if dialect == Dialect::Sqlite && options.serving {
            store.free_all_leases().await?;
        }
        Ok(store)
    }

    async fn open_sqlite(options: &StoreOptions) -> Result<Self, StoreError> {
        let path = sqlite_path(&options.url);
        if path.as_os_str().is_empty() || path.as_os_str() == ":memory:" {
            return Err(StoreError::Unusable(
                "`store.url` names no file; it has to be like sqlite://cleargate.db, because what is only in memory is lost"
                    .to_owned(),
            ));
        }
        if !options.serving && !options.migrate && !path.exists() {
            return Err(StoreError::Unusable(format!(
                "{}: there is no such database; `cleargate serve` and `cleargate migrate` make it, and `store.url` names another",
                path.display()
            )));
        }
        let serving = options
            .serving
            .then(|| lock_for_serving(&path))
            .transpose()?;
        let url = format!("sqlite://{}?mode=rwc", path.display());
        connect_once(&url, "PRAGMA journal_mode = WAL")
            .await
            .map_err(|error| {
                StoreError::Unusable(format!(
                    "{}: cannot be opened as a SQLite database ({error}); choose another `store.url`",
                    path.display()
                ))
            })?;
        let pool = |connections| {
            AnyPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_WITHIN)
                .after_release(|connection, _| Box::pin(has_left_its_transaction(connection)))
                .after_connect(|connection, _| {
                    Box::pin(async move {
                        for pragma in SQLITE_PRAGMAS {
                            sqlx::query(*pragma).execute(&mut *connection).await?;
                        }
                        Ok(())
                    })
                })
        };
        Ok(Self {
            dialect: Dialect::Sqlite,
            // A second writer would only wait for the first, and fail when it had read before.
            writer: pool(1).connect(&url).await?,
            reader: pool(options.connections.max(1)).connect(&url).await?,
            gained: Gained::default(),
            _serving: serving.map(Arc::new),
        })
    }

    async fn open_postgres(options: &StoreOptions) -> Result<Self, StoreError> {
        check_postgres(&options.url).await?;
        let pool = AnyPoolOptions::new()
            .max_connections(options.connections.max(2))
            .acquire_timeout(ACQUIRE_WITHIN)
            // The pool could ask every connection before it gives it out, which is a round trip more
            // for each statement. Where they come and go quickly nothing is asked: the pool has
            // heard from each as it came back.
            .test_before_acquire(false)
            .before_acquire(|connection, known| {
                Box::pin(async move {
                    if known.idle_for < TRUSTED_FOR {
                        return Ok(true);
                    }
                    let answered = tokio::time::timeout(PING_WITHIN, connection.ping()).await;
                    answered.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
                    Ok(true)
                })
            })
            .after_connect(|connection, _| {
                Box::pin(async move {
                    sqlx::query(POSTGRES_SETTING)
                        .execute(&mut *connection)
                        .await?;
                    Ok(())
                })
            })
            .connect(&options.url)
            .await?;
        Ok(Self {
            dialect: Dialect::Postgres,
            writer: pool.clone(),
            reader: pool,
            gained: Gained::default(),
            _serving: None,
        })
    }

    /// Empties SQLite's write-ahead log, in which what was erased could still be read. Writers wait
    /// meanwhile, so where somebody reads just now it is soon left for the next time. PostgreSQL keeps its log and its dead
    /// rows for as long as its administrator says.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn empty_log(&self) -> Result<(), StoreError> {
        if self.dialect == Dialect::Sqlite {
            let mut connection = self.writer.acquire().await?;
            sqlx::query("PRAGMA busy_timeout = 100")
                .execute(&mut *connection)
                .await?;
            let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(&mut *connection)
                .await;
            sqlx::query(BUSY_TIMEOUT).execute(&mut *connection).await?;
            emptied?;
        }
        Ok(())
    }

    /// The database's own time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn now(&self) -> Result<Millis, StoreError> {
        let row = sqlx::query(self.dialect.now())
            .fetch_one(&self.reader)
            .await?;
        Ok(row.try_get("now")?)
    }

    /// Which database this is, for people.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Closes the connections, so that a SQLite file is left without its journal. Whoever claims
    /// next, here or elsewhere, finds the callbacks that wait for what this process has saved.
    pub async fn close(&self) {
        if let Err(error) = self.wake_parked(0).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "parked callbacks wait for their own time"
            );
        }
        self.writer.close().await;
        self.reader.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        Ok(match self.dialect {
            // Taking the write lock at once: a transaction that reads first and writes later
            // fails with "database is locked" whatever the busy time-out.
            Dialect::Sqlite => self.writer.begin_with("BEGIN IMMEDIATE").await?,
            Dialect::Postgres => self.writer.begin().await?,
        })
    }

    /// A statement with this dialect's way to claim rows in the place of `{skip_locked}`.
    ///
    /// What is due is chosen in a CTE, because a subquery may be run again for each row it is joined
    /// with, and then locks more rows than its LIMIT. The condition on the due time stands in the
    /// UPDATE again, so that nobody gets a row twice even where choosing it has not locked it.
    fn claim(&self, sql: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(sql.replace("{skip_locked}", self.dialect.skip_locked()))
    }

    /// A SQLite file has one serving process, so what an earlier one held is free.
    async fn free_all_leases(&self) -> Result<(), StoreError> {
        for sql in [
            "UPDATE orders SET lease_until = 0, due_at = CASE WHEN due_at IS NULL THEN NULL ELSE 0 END, \
             version = version + 1 WHERE lease_until IS NOT NULL",
            "UPDATE lanes SET due_at = 0, lease_token = NULL WHERE lease_token IS NOT NULL AND due_at IS NOT NULL",
            "UPDATE lanes SET due_at = 0, held = 0 WHERE held = 1",
            "UPDATE callbacks SET due_at = 0 WHERE state = 'new'",
            "DELETE FROM leases",
        ] {
            sqlx::query(sql).execute(&self.writer).await?;
        }
        Ok(())
    }

    /// Takes or keeps a named lease: true when `token` holds it until `until`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lease(
        &self,
        name: &str,
        token: &str,
        now: Millis,
        until: Millis,
    ) -> Result<bool, StoreError> {
        let taken = sqlx::query(
            "INSERT INTO leases (name, token, until) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
             SET token = excluded.token, until = excluded.until \
             WHERE leases.until <= $4 OR leases.token = excluded.token",
        )
        .bind(name)
        .bind(token)
        .bind(until)
        .bind(now)
        .execute(&self.writer)
        .await?;
        Ok(taken.rows_affected() == 1)
    }
}

const SQLITE_PRAGMAS: &[&str] = &[
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    BUSY_TIMEOUT,
    "PRAGMA foreign_keys = ON",
    // What is erased is overwritten, not only unlinked.
    "PRAGMA secure_delete = ON",
];

const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

/// Whether a connection can be used again. Where a disk is full or fails, SQLite has rolled back by
/// itself; what then says ROLLBACK fails, and the driver believes for ever that a transaction is
/// open, in which none can be begun.
async fn has_left_its_transaction(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    // A rollback that was left to be done is done before this is answered.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// A replica that is frozen or cut off in the middle of a transaction keeps its row locks; the
/// server ends its session then, so that nobody waits for them for long.
const POSTGRES_SETTING: &str = "SET idle_in_transaction_session_timeout = '10s'";

fn sqlite_path(url: &str) -> PathBuf {
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    PathBuf::from(path.split('?').next().unwrap_or(path))
}

fn scheme(url: &str) -> &str {
    url.split(':').next().unwrap_or(url)
}

fn lock_for_serving(database: &Path) -> Result<File, StoreError> {
    let mut name = database.as_os_str().to_owned();
    name.push(".serving");
    let path = PathBuf::from(name);
    let unusable = |what: &str| StoreError::Unusable(format!("{}: {what}", database.display()));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| {
            unusable(&format!(
                "no lock file can be written beside it ({error}); choose another `store.url`"
            ))
        })?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => {
            unusable("another process serves this file; stop it, or use PostgreSQL to run several")
        }
        TryLockError::Error(error) => unusable(&format!(
            "the file system locks no files ({error}); choose another `store.url`"
        )),
    })?;
    Ok(file)
}

/// Reading columns with the row named where one cannot be read.
trait Columns {
    fn text(&self, column: &str) -> Result<String, StoreError>;
    fn text_or_null(&self, column: &str) -> Result<Option<String>, StoreError>;
    fn number(&self, column: &str) -> Result<i64, StoreError>;
    fn number_or_null(&self, column: &str) -> Result<Option<i64>, StoreError>;
    fn bytes_or_null(&self, column: &str) -> Result<Option<Vec<u8>>, StoreError>;
    fn json<T: serde::de::DeserializeOwned>(&self, column: &str) -> Result<T, StoreError>;
}

impl Columns for AnyRow {
    fn text(&self, column: &str) -> Result<String, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn text_or_null(&self, column: &str) -> Result<Option<String>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn number(&self, column: &str) -> Result<i64, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn number_or_null(&self, column: &str) -> Result<Option<i64>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn bytes_or_null(&self, column: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn json<T: serde::de::DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|error| unreadable(column, &error.to_string()))
    }
}

fn unreadable(row: &str, what: &str) -> StoreError {
    StoreError::Unreadable {
        row: row.to_owned(),
        what: what.to_owned(),
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("rows are made of values that serialize")
}

/// A new id with a prefix that says what it names, in order of time.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::now_v7().simple())
}
