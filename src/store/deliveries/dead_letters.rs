//! What an operator does about deliveries that ended without having arrived: sent again, the newest
//! only, or discarded.

use adapters::vocabulary::Millis;

use crate::store::{Columns, Store, StoreError};

/// What became of a lane that was to be discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discarded {
    /// So many deliveries ended.
    Done(u64),
    /// One is being sent at this moment, so nothing was changed.
    BeingSent,
    /// There was nothing to discard.
    Nothing,
}

impl Store {
    /// Makes a dead delivery's lane due again. An older update is never sent in the place of a
    /// newer one: the newest of the order goes out. `false`: the order has no dead delivery as its
    /// newest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn redeliver(&self, order_id: &str, now: Millis) -> Result<bool, StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        let lane = sqlx::query(
            "UPDATE lanes SET head = last, attempts = 0, due_at = $2, closed = 0, held = 0 \
             WHERE order_id = $1 RETURNING last",
        )
        .bind(order_id)
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(lane) = lane else {
            transaction.rollback().await?;
            return Ok(false);
        };
        let revived = sqlx::query(
            "UPDATE deliveries SET state = 'pending', reason = NULL, ended_at = NULL \
             WHERE order_id = $1 AND sequence = $2 AND state = 'dead'",
        )
        .bind(order_id)
        .bind(lane.number("last")?)
        .execute(&mut *transaction)
        .await?;
        if revived.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
        transaction.commit().await?;
        connection.give_back();
        Ok(true)
    }

    /// Ends an order's dead and waiting deliveries for good; what comes later is sent again. One that
    /// is being sent may arrive, so it cannot be said to be discarded.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn discard(&self, order_id: &str, now: Millis) -> Result<Discarded, StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        let lane = sqlx::query(
            "UPDATE lanes SET lease_token = NULL, head = last, attempts = 0, due_at = NULL, held = 0 \
             WHERE order_id = $1 AND (lease_token IS NULL OR due_at <= $2)",
        )
        .bind(order_id)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        let ended = sqlx::query(
            "UPDATE deliveries SET state = 'discarded', ended_at = $2 \
             WHERE order_id = $1 AND state IN ('pending', 'dead')",
        )
        .bind(order_id)
        .bind(now)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if ended == 0 {
            transaction.rollback().await?;
            return Ok(Discarded::Nothing);
        }
        if lane.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(Discarded::BeingSent);
        }
        transaction.commit().await?;
        connection.give_back();
        Ok(Discarded::Done(ended))
    }
}
