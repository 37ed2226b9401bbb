//! The schema and its versions. A migration only adds, or asks for less, so that an old and a new
//! version of the program can run beside each other while replicas are replaced: what is new has a
//! default or may be missing, and nobody reads or writes columns that he does not name. The version
//! is checked at a start alone, so a replica that runs goes on over the newer schema; a start of
//! the old program is refused, because it may not know the words that the newer one writes.

use sqlx::{AssertSqlSafe, Row};

use super::{Dialect, Store, StoreError};

const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_spine.sql"),
    include_str!("migrations/0002_rotation.sql"),
    include_str!("migrations/0003_held_lanes.sql"),
    include_str!("migrations/0004_applied_notes.sql"),
    include_str!("migrations/0005_report_keys.sql"),
    include_str!("migrations/0006_children.sql"),
];

/// The schema this program was made for.
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// Stands behind the `-- statement` of what SQLite does not do.
const POSTGRES_ONLY: &str = " for PostgreSQL";

/// Any number that no other program is likely to lock.
const POSTGRES_LOCK: &str = "SELECT CAST(pg_advisory_xact_lock(7226834815) AS TEXT)";

impl Store {
    /// Brings the schema up to date; returns how many steps that took. Safe to run on several
    /// replicas at once.
    ///
    /// # Errors
    /// [`StoreError`]; a step that fails leaves the schema as it was before it.
    pub async fn migrate(&self) -> Result<usize, StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        if self.dialect == Dialect::Postgres {
            sqlx::query(POSTGRES_LOCK)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("CREATE TABLE IF NOT EXISTS schema_version (id BIGINT PRIMARY KEY, value BIGINT NOT NULL)")
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO schema_version (id, value) VALUES (1, 0) ON CONFLICT (id) DO NOTHING",
        )
        .execute(&mut *transaction)
        .await?;
        let row = sqlx::query("SELECT value FROM schema_version WHERE id = 1")
            .fetch_one(&mut *transaction)
            .await?;
        let done = usize::try_from(row.try_get::<i64, _>("value")?).unwrap_or(0);
        let pending = MIGRATIONS.iter().skip(done);
        let steps = pending.len();
        for migration in pending {
            for statement in migration.split("-- statement").skip(1) {
                let (sql, is_ours) = match statement.strip_prefix(POSTGRES_ONLY) {
                    Some(sql) => (sql, self.dialect == Dialect::Postgres),
                    None => (statement, true),
                };
                if is_ours {
                    let sql = sql.replace("{blob}", self.dialect.blob());
                    sqlx::query(AssertSqlSafe(sql))
                        .execute(&mut *transaction)
                        .await?;
                }
            }
        }
        if steps > 0 {
            sqlx::query("UPDATE schema_version SET value = $1 WHERE id = 1")
                .bind(SCHEMA_VERSION)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        connection.give_back();
        Ok(steps)
    }

    /// Refuses a database that this program does not fit.
    pub(super) async fn check_schema(&self) -> Result<(), StoreError> {
        let found = match sqlx::query("SELECT value FROM schema_version WHERE id = 1")
            .fetch_one(&self.reader)
            .await
        {
            Ok(row) => row.try_get::<i64, _>("value")?,
            Err(sqlx::Error::Database(error)) if is_missing_table(&*error) => 0,
            Err(error) => return Err(error.into()),
        };
        match found.cmp(&SCHEMA_VERSION) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => Err(StoreError::Unusable(format!(
                "the database has schema {found} and this program needs {SCHEMA_VERSION}; run `cleargate migrate`, or set `store.migrate` to true"
            ))),
            std::cmp::Ordering::Greater => Err(StoreError::Unusable(format!(
                "the database has schema {found}, made by a newer program; this one knows up to {SCHEMA_VERSION}: start the newer program (replicas of this version that are running go on until they are replaced)"
            ))),
        }
    }
}

/// PostgreSQL: `undefined_table`. SQLite has no code of its own for it.
fn is_missing_table(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
}
