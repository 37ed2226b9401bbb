//! Opening a database: what is said where it cannot be used, and how its connections are kept.

mod postgres;
mod sqlite;

use sqlx::{AnyConnection, Connection as _};

use super::connections::ACQUIRE_WITHIN;
use super::{Dialect, Store, StoreError};

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

impl Store {
    /// Opens the database and checks its schema.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] says in a sentence what to change: another process serves this
    /// file, the schema is older (and `migrate` is off) or newer than this program.
    /// [`StoreError::Unreached`]: it is away.
    pub async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let dialect = Self::check_url(&options.url)
            .map_err(|wrong| StoreError::Unusable(format!("`store.url` {wrong}")))?;
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
        if options.serving {
            store.wake_all_parked().await?;
        }
        Ok(store)
    }

    /// Whether `url` can be that of a database, as far as it shows without asking anybody.
    ///
    /// # Errors
    /// What is wrong and what would be right, without the password.
    pub fn check_url(url: &str) -> Result<Dialect, String> {
        let dialect = Dialect::of(url).ok_or_else(|| {
            let scheme = scheme(url);
            format!("is `{scheme}`; it has to begin with sqlite:// or postgres://")
        })?;
        match dialect {
            Dialect::Sqlite => sqlite::check_url(url)?,
            Dialect::Postgres => postgres::check_url(url)?,
        }
        Ok(dialect)
    }
}

fn scheme(url: &str) -> &str {
    url.split(':').next().unwrap_or(url)
}

/// Connects, runs a statement, and disconnects.
async fn connect_once(url: &str, statement: &'static str) -> Result<(), sqlx::Error> {
    let connecting = async {
        let mut connection = AnyConnection::connect(url).await?;
        sqlx::query(statement).execute(&mut connection).await?;
        connection.close().await
    };
    let connected = tokio::time::timeout(ACQUIRE_WITHIN, connecting).await;
    connected.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
