//! The vendor calls of an order that could change something: what was sent, and what came of it.

use adapters::Effect;
use adapters::vocabulary::Millis;
use sqlx::any::AnyRow;

use super::batch::Part;
use super::{Columns, Store, StoreError, to_json};
use crate::domain::order::Order;

/// A call to a vendor that could change something. Its row is the intent: it is committed before
/// the first byte leaves, and stays open until we know what came of it.
#[derive(Clone, Debug)]
pub struct Call {
    /// Of which generation of the order.
    pub generation: i64,
    /// Counted from 1 in a generation.
    pub turn: i64,
    /// The step of placing.
    pub step: String,
    /// The idempotency key.
    pub key: String,
    /// What a second copy would do.
    pub effect: Effect,
    /// The request, sealed, while it may have to be sent again.
    pub sealed_request: Option<Vec<u8>>,
    /// When the first copy may have left.
    pub first_sent_at: Millis,
    /// When the last copy may have left.
    pub sent_at: Millis,
    /// How many copies may have left.
    pub copies: i64,
    /// How long the vendor was waited for the last time, in milliseconds; `None` while nobody knows.
    pub took_ms: Option<i64>,
    /// What came of it, a stable word; `None` while we do not know.
    pub outcome: Option<String>,
    /// More of it, for operators.
    pub detail: Option<String>,
    /// When we knew.
    pub ended_at: Option<Millis>,
}

/// What a change does to an order's calls.
#[derive(Clone, Debug)]
pub enum CallChange {
    /// A new intent.
    Begin(Call),
    /// Another copy of an open one is about to leave.
    Repeat {
        /// Which.
        turn: i64,
        /// When.
        at: Millis,
    },
    /// What we know of an open one, which stays open.
    Note {
        /// Which.
        turn: i64,
        /// What is known.
        detail: String,
        /// How long the last copy took, in milliseconds.
        took_ms: Option<i64>,
    },
    /// What came of all that are still open. Their requests are erased.
    EndAll {
        /// A stable word.
        outcome: &'static str,
        /// How long the last copy took, in milliseconds, where that is known.
        took_ms: Option<i64>,
        /// When.
        at: Millis,
    },
    /// What came of one. Its request is erased.
    End {
        /// Which.
        turn: i64,
        /// A stable word.
        outcome: &'static str,
        /// More of it.
        detail: String,
        /// How long the last copy took, in milliseconds, where that is known.
        took_ms: Option<i64>,
        /// When.
        at: Millis,
    },
}

impl Store {
    /// An order's vendor calls, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn calls(&self, order_id: &str) -> Result<Vec<Call>, StoreError> {
        let rows = sqlx::query(
            "SELECT generation, turn, step, call_key, effect, sealed_request, first_sent_at, sent_at, copies, took_ms, \
             outcome, detail, ended_at FROM calls WHERE order_id = $1 ORDER BY generation, turn",
        )
        .bind(order_id)
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read_call).collect()
    }
}

/// Writes one change of an order's calls.
pub(super) fn write(order: &Order, change: &CallChange) -> Part {
    let of_order = |sql: &str| {
        Part::new("calls", sql)
            .bind(&order.id)
            .bind(order.generation)
    };
    match change {
        CallChange::Begin(call) => Part::new(
            "calls",
            "INSERT INTO calls (order_id, generation, turn, step, call_key, effect, sealed_request, first_sent_at, \
             sent_at, copies) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 WHERE {allowed}",
        )
        .bind(&order.id)
        .bind(call.generation)
        .bind(call.turn)
        .bind(&call.step)
        .bind(&call.key)
        .bind(to_json(&call.effect))
        .bind(call.sealed_request.clone())
        .bind(call.first_sent_at)
        .bind(call.sent_at)
        .bind(call.copies),
        CallChange::Repeat { turn, at } => of_order(
            "UPDATE calls SET copies = copies + 1, sent_at = $4 \
             WHERE order_id = $1 AND generation = $2 AND turn = $3 AND {allowed}",
        )
        .bind(*turn)
        .bind(*at),
        CallChange::Note { turn, detail, took_ms } => of_order(
            "UPDATE calls SET detail = $4, took_ms = COALESCE($5, took_ms) \
             WHERE order_id = $1 AND generation = $2 AND turn = $3 AND {allowed}",
        )
        .bind(*turn)
        .bind(detail)
        .bind(*took_ms),
        CallChange::EndAll { outcome, took_ms, at } => of_order(
            "UPDATE calls SET outcome = $3, ended_at = $4, sealed_request = NULL, took_ms = COALESCE($5, took_ms) \
             WHERE order_id = $1 AND generation = $2 AND outcome IS NULL AND {allowed}",
        )
        .bind(*outcome)
        .bind(*at)
        .bind(*took_ms),
        CallChange::End { turn, outcome, detail, took_ms, at } => of_order(
            "UPDATE calls SET outcome = $4, detail = $5, ended_at = $6, sealed_request = NULL, \
             took_ms = COALESCE($7, took_ms) \
             WHERE order_id = $1 AND generation = $2 AND turn = $3 AND {allowed}",
        )
        .bind(*turn)
        .bind(*outcome)
        .bind(detail)
        .bind(*at)
        .bind(*took_ms),
    }
}

fn read_call(row: &AnyRow) -> Result<Call, StoreError> {
    Ok(Call {
        generation: row.number("generation")?,
        turn: row.number("turn")?,
        step: row.text("step")?,
        key: row.text("call_key")?,
        effect: row.json("effect")?,
        sealed_request: row.bytes_or_null("sealed_request")?,
        first_sent_at: row.number("first_sent_at")?,
        sent_at: row.number("sent_at")?,
        copies: row.number("copies")?,
        took_ms: row.number_or_null("took_ms")?,
        outcome: row.text_or_null("outcome")?,
        detail: row.text_or_null("detail")?,
        ended_at: row.number_or_null("ended_at")?,
    })
}
