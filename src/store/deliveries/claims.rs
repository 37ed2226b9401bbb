//! Claiming lanes, and giving them back without an attempt: at a time, or held until somebody knows
//! of a place.

use adapters::vocabulary::Millis;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::supersede;
use crate::domain::delivery::Claimed;
use crate::store::{Columns, Store, StoreError};

/// Lanes that are looked at, and perhaps held, at once: many fewer statements than lanes, and a
/// transaction that keeps others waiting for some milliseconds.
const HELD_AT_ONCE: i64 = 1_000;

impl Store {
    /// Claims due lanes until `until`, with their heads. `token` is new with each claim. A lane whose lease runs out is due again by itself.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_lanes(
        &self,
        token: &str,
        now: Millis,
        until: Millis,
        most: i64,
    ) -> Result<Vec<Claimed>, StoreError> {
        let sql = self.claim(
            "WITH due AS MATERIALIZED (SELECT order_id FROM lanes WHERE due_at <= $3 ORDER BY due_at LIMIT CAST($4 AS BIGINT) {skip_locked}) \
             UPDATE lanes SET lease_token = $1, due_at = $2, attempts = attempts + 1, held = 0 \
             WHERE order_id IN (SELECT order_id FROM due) AND due_at <= $3",
        );
        let leased = sqlx::query(sql)
            .bind(token)
            .bind(until)
            .bind(now)
            .bind(most)
            .execute(&self.writer)
            .await?;
        if leased.rows_affected() == 0 {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(
            "SELECT lanes.order_id, lanes.tenant_id, lanes.origin, lanes.head, lanes.attempts, lanes.lease_token, \
             deliveries.webhook_id, deliveries.body, orders.webhook_url FROM lanes \
             JOIN deliveries ON deliveries.order_id = lanes.order_id AND deliveries.sequence = lanes.head \
             JOIN orders ON orders.id = lanes.order_id WHERE lanes.lease_token = $1",
        )
        .bind(token)
        .fetch_all(&self.writer)
        .await?;
        rows.iter()
            .map(|row| read_claimed(row, now, until))
            .collect()
    }

    /// Gives a claimed lane back without an attempt.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_lane(
        &self,
        claimed: &Claimed,
        due_at: Millis,
        now: Millis,
    ) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        release(&mut transaction, claimed, due_at, false, now).await?;
        transaction.commit().await?;
        connection.give_back();
        Ok(())
    }

    /// Gives a claimed lane back without an attempt and holds it until `until`, and with it what
    /// else goes there among the lanes that would be claimed next, but not what was called.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hold_lanes(
        &self,
        claimed: &Claimed,
        until: Millis,
        now: Millis,
    ) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        release(&mut transaction, claimed, until, true, now).await?;
        // Only the first so many are looked at, so this costs no more where others have much due; and
        // with `+ 0` nobody plans to go through all that is due instead of these.
        let sql = self.claim(
            "WITH due AS MATERIALIZED (SELECT order_id FROM \
             (SELECT order_id, tenant_id, origin FROM lanes WHERE due_at <= $3 ORDER BY due_at LIMIT CAST($5 AS BIGINT)) AS waiting \
             WHERE tenant_id = $1 AND origin = $2), \
             there AS MATERIALIZED (SELECT order_id FROM lanes WHERE order_id IN (SELECT order_id FROM due) \
             AND due_at + 0 <= $3 AND lease_token IS NULL AND held < 2 {skip_locked}) \
             UPDATE lanes SET held = 1, due_at = $4 WHERE order_id IN (SELECT order_id FROM there)",
        );
        sqlx::query(sql)
            .bind(&claimed.tenant_id)
            .bind(&claimed.origin)
            .bind(now)
            .bind(until)
            .bind(HELD_AT_ONCE)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        connection.give_back();
        Ok(())
    }

    /// Makes held lanes of a destination due at `at`, those first that are held longest; returns
    /// how many. A replica of an older version knows of no holds: it may have settled a lane, or be
    /// sending it, and have left the mark.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn call_lanes(
        &self,
        tenant_id: &str,
        origin: &str,
        at: Millis,
        most: usize,
    ) -> Result<usize, StoreError> {
        let sql = self.claim(
            "WITH longest AS MATERIALIZED (SELECT order_id FROM lanes WHERE tenant_id = $1 AND origin = $2 AND held = 1 \
             AND due_at IS NOT NULL AND lease_token IS NULL ORDER BY due_at LIMIT CAST($4 AS BIGINT) {skip_locked}) \
             UPDATE lanes SET held = 2, due_at = $3 WHERE order_id IN (SELECT order_id FROM longest)",
        );
        let called = sqlx::query(sql)
            .bind(tenant_id)
            .bind(origin)
            .bind(at)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .execute(&self.writer)
            .await?;
        Ok(usize::try_from(called.rows_affected()).unwrap_or(usize::MAX))
    }
}

/// Takes a lane's lease away as if it had not been claimed. Where a newer update has come in the
/// meantime, that one is the next.
async fn release(
    connection: &mut AnyConnection,
    claimed: &Claimed,
    due_at: Millis,
    is_held: bool,
    now: Millis,
) -> Result<(), StoreError> {
    let lane = sqlx::query(
        "UPDATE lanes SET lease_token = NULL, head = last, \
         attempts = CASE WHEN last > head THEN 0 ELSE attempts - 1 END, due_at = $3, held = $4 \
         WHERE order_id = $1 AND lease_token = $2 RETURNING last",
    )
    .bind(&claimed.order_id)
    .bind(&claimed.token)
    .bind(due_at)
    .bind(i64::from(is_held))
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(lane) = lane {
        let last = lane.number("last")?;
        if last > claimed.sequence {
            supersede(&claimed.order_id, last, last, now)
                .run(connection)
                .await?;
        }
    }
    Ok(())
}

fn read_claimed(row: &AnyRow, at: Millis, until: Millis) -> Result<Claimed, StoreError> {
    Ok(Claimed {
        order_id: row.text("order_id")?,
        tenant_id: row.text("tenant_id")?,
        origin: row.text("origin")?,
        sequence: row.number("head")?,
        attempt: row.number("attempts")?,
        token: row.text("lease_token")?,
        at,
        until,
        webhook_id: row.text("webhook_id")?,
        body: row.text("body")?,
        webhook_url: row.text("webhook_url")?,
    })
}
