//! Leases by name, for work that one replica does for all.

use adapters::vocabulary::Millis;

use super::{Store, StoreError};

impl Store {
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
