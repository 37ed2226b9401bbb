//! The only SQL. One database is the truth: SQLite in a file, or PostgreSQL for many replicas.
//!
//! One SQL text serves both, over sqlx's `Any` driver: ids as text, times as milliseconds, JSON as
//! text. What differs stands in [`Dialect`]. What a change writes goes to PostgreSQL as one
//! statement where it can (`batch`): an order that is placed costs two round trips, its intent and
//! its acceptance.
//!
//! Rows are changed by version: read, decide, `UPDATE ... WHERE version = ...`. Nobody holds a row
//! lock while thinking, and the same text is right on both databases.

mod backlog;
mod batch;
mod callbacks;
mod calls;
mod catalogs;
mod columns;
mod connecting;
mod connections;
mod contacts;
mod deliveries;
mod dialect;
mod error;
mod leases;
mod migrations;
mod order_rows;
mod orders;
mod sealed;
mod tenants;

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use adapters::vocabulary::Millis;
use sqlx::{Any, AssertSqlSafe, Connection as _, Row as _, Transaction};

pub use backlog::Backlog;
pub use callbacks::Inserted;
pub use calls::{Call, CallChange};
pub use catalogs::{OfferRow, StoredCatalog};
use columns::{Columns, to_json, unreadable};
pub use connecting::StoreOptions;
use connections::{Borrowed, Connections};
pub use deliveries::{
    AttemptRow, DeliveryRow, Discarded, LaneRow, NewDelivery, Settled, Settlement,
};
pub use dialect::Dialect;
pub use error::StoreError;
pub use migrations::SCHEMA_VERSION;
pub use orders::{CallbackEnd, Change, Placement, Saved};
pub use sealed::{SEALED_COLUMNS, SealedColumn, SealedValue};
pub use tenants::{ConnectionRow, SecretRow, TenantChange, TenantRow};

/// The database. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    dialect: Dialect,
    writer: Connections,
    reader: Connections,
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

    async fn begin<'a>(
        &self,
        connection: &'a mut Borrowed,
    ) -> Result<Transaction<'a, Any>, StoreError> {
        Ok(match self.dialect {
            // Taking the write lock at once: a transaction that reads first and writes later
            // fails with "database is locked" whatever the busy time-out.
            Dialect::Sqlite => connection.begin_with("BEGIN IMMEDIATE").await?,
            Dialect::Postgres => connection.begin().await?,
        })
    }

    /// A statement with this dialect's way to claim rows in the place of `{skip_locked}`.
    ///
    /// What is due is chosen in a CTE, because a subquery may be run again for each row it is joined
    /// with, and then locks more rows than its LIMIT. The condition on the due time stands in the
    /// UPDATE again, so that nobody gets a row twice even where choosing it has not locked it.
    ///
    /// The LIMIT is cast, because SQLite plans a statement anew for each value of a bare parameter
    /// there.
    fn claim(&self, sql: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(sql.replace("{skip_locked}", self.dialect.skip_locked()))
    }
}

/// A new id with a prefix that says what it names, in order of time.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::now_v7().simple())
}
