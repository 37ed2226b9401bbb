//! Deliveries, attempts and lanes as operators see them.

use adapters::vocabulary::Millis;
use serde::Serialize;
use sqlx::any::AnyRow;

use crate::store::{Columns, Store, StoreError};

/// A delivery, as operators see it.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct DeliveryRow {
    pub order_id: String,
    pub sequence: i64,
    pub webhook_id: String,
    pub state: String,
    pub reason: Option<String>,
    pub created_at: Millis,
    pub ended_at: Option<Millis>,
    #[serde(skip)]
    pub body: String,
}

/// An attempt, as operators see it.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct AttemptRow {
    pub sequence: i64,
    pub at: Millis,
    pub took_ms: i64,
    pub outcome: String,
    pub late: bool,
}

/// Where an order's lane stands, as operators see it.
#[derive(Clone, Debug, Serialize)]
pub struct LaneRow {
    /// The update that is sent next.
    pub head: i64,
    /// Attempts on it so far.
    pub attempts: i64,
    /// When it is attempted next; `None`: nothing waits.
    pub due_at: Option<Millis>,
    /// It is being sent now.
    pub is_sending: bool,
}

impl Store {
    /// Deliveries in a state, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn deliveries_in(
        &self,
        state: &str,
        most: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT order_id, sequence, webhook_id, state, reason, created_at, ended_at, body FROM deliveries \
             WHERE state = $1 ORDER BY created_at DESC LIMIT $2",
        )
        .bind(state)
        .bind(most)
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read_delivery).collect()
    }

    /// An order's deliveries in their sequence.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn order_deliveries(&self, order_id: &str) -> Result<Vec<DeliveryRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT order_id, sequence, webhook_id, state, reason, created_at, ended_at, body FROM deliveries \
             WHERE order_id = $1 ORDER BY sequence",
        )
        .bind(order_id)
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read_delivery).collect()
    }

    /// Where an order's lane stands; `None`: nothing was ever to be sent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lane(&self, order_id: &str) -> Result<Option<LaneRow>, StoreError> {
        let row = sqlx::query(
            "SELECT head, attempts, due_at, lease_token FROM lanes WHERE order_id = $1",
        )
        .bind(order_id)
        .fetch_optional(&self.reader)
        .await?;
        row.map(|row| {
            Ok(LaneRow {
                head: row.number("head")?,
                attempts: row.number("attempts")?,
                due_at: row.number_or_null("due_at")?,
                is_sending: row.text_or_null("lease_token")?.is_some(),
            })
        })
        .transpose()
    }

    /// An order's delivery attempts, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attempts(&self, order_id: &str) -> Result<Vec<AttemptRow>, StoreError> {
        let rows = sqlx::query("SELECT sequence, at, took_ms, outcome, late FROM attempts WHERE order_id = $1 ORDER BY at, sequence")
            .bind(order_id)
            .fetch_all(&self.reader)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(AttemptRow {
                    sequence: row.number("sequence")?,
                    at: row.number("at")?,
                    took_ms: row.number("took_ms")?,
                    outcome: row.text("outcome")?,
                    late: row.number("late")? == 1,
                })
            })
            .collect()
    }
}

fn read_delivery(row: &AnyRow) -> Result<DeliveryRow, StoreError> {
    Ok(DeliveryRow {
        order_id: row.text("order_id")?,
        sequence: row.number("sequence")?,
        webhook_id: row.text("webhook_id")?,
        state: row.text("state")?,
        reason: row.text_or_null("reason")?,
        created_at: row.number("created_at")?,
        ended_at: row.number_or_null("ended_at")?,
        body: row.text("body")?,
    })
}
