//! A SQLite file: one serving process and one writer.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, Connection as _};

use super::{StoreOptions, connect_once};
use crate::store::connections::{ACQUIRE_WITHIN, Connections};
use crate::store::{Dialect, Gained, Store, StoreError};

const SQLITE_PRAGMAS: &[&str] = &[
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    BUSY_TIMEOUT,
    "PRAGMA foreign_keys = ON",
    // What is erased is overwritten, not only unlinked.
    "PRAGMA secure_delete = ON",
];

const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

/// Whether a URL names a file.
pub(super) fn check_url(url: &str) -> Result<(), String> {
    let path = sqlite_path(url);
    if path.as_os_str().is_empty() || path.as_os_str() == ":memory:" {
        let wrong = "names no file; it has to be like sqlite://cleargate.db, because what is only in memory is lost";
        return Err(wrong.to_owned());
    }
    Ok(())
}

impl Store {
    /// Opens a file, and locks it where this process serves it.
    pub(super) async fn open_sqlite(options: &StoreOptions) -> Result<Self, StoreError> {
        let path = sqlite_path(&options.url);
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
            writer: Connections::of(pool(1).connect(&url).await?),
            reader: Connections::of(pool(options.connections.max(1)).connect(&url).await?),
            gained: Gained::default(),
            _serving: serving.map(Arc::new),
        })
    }

    /// A SQLite file has one serving process, so what an earlier one held is free.
    pub(super) async fn free_all_leases(&self) -> Result<(), StoreError> {
        for sql in [
            "UPDATE orders SET lease_until = 0, due_at = CASE WHEN due_at IS NULL THEN NULL ELSE 0 END, \
             version = version + 1 WHERE lease_until IS NOT NULL AND due_at IS NOT NULL",
            "UPDATE lanes SET due_at = 0, lease_token = NULL WHERE lease_token IS NOT NULL AND due_at IS NOT NULL",
            "UPDATE lanes SET due_at = 0, held = 0 WHERE held = 1",
            "UPDATE callbacks SET due_at = 0 WHERE state = 'new' AND due_at IS NOT NULL",
            "DELETE FROM leases",
        ] {
            sqlx::query(sql).execute(&self.writer).await?;
        }
        Ok(())
    }

    /// Empties SQLite's write-ahead log, in which what was erased could still be read. Writers wait
    /// meanwhile, so where somebody reads just now it is soon left for the next time. PostgreSQL
    /// keeps its log and its dead rows for as long as its administrator says.
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
}

/// Whether a connection can be used again. Where a disk is full or fails, SQLite has rolled back by
/// itself; what then says ROLLBACK fails, and the driver believes for ever that a transaction is
/// open, in which none can be begun.
async fn has_left_its_transaction(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    // A rollback that was left to be done is done before this is answered.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

fn sqlite_path(url: &str) -> PathBuf {
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    PathBuf::from(path.split('?').next().unwrap_or(path))
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
