//! How much waits, for gauges.

use adapters::vocabulary::Millis;

use super::{Columns, Store, StoreError};

/// What waits for somebody or something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Orders that wait for a person.
    pub waiting_orders: i64,
    /// Callbacks that are parked.
    pub parked_callbacks: i64,
    /// Deliveries that are dead and not redelivered.
    pub dead_deliveries: i64,
    /// Lanes with something to send, due or backing off.
    pub open_lanes: i64,
    /// Of these, lanes that are held because their destination is full or left alone.
    pub held_lanes: i64,
    /// When the longest waiting lane was due; `None`: none is.
    pub oldest_due_lane: Option<Millis>,
}

impl Store {
    /// What waits now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM orders WHERE waiting IS NOT NULL) AS waiting_orders, \
             (SELECT COUNT(*) FROM callbacks WHERE state = 'parked') AS parked_callbacks, \
             (SELECT COUNT(*) FROM deliveries WHERE state = 'dead') AS dead_deliveries, \
             (SELECT COUNT(*) FROM lanes WHERE due_at IS NOT NULL) AS open_lanes, \
             (SELECT COUNT(*) FROM lanes WHERE held = 1) AS held_lanes, \
             (SELECT MIN(due_at) FROM lanes WHERE due_at IS NOT NULL) AS oldest_due_lane",
        )
        .fetch_one(&self.reader)
        .await?;
        Ok(Backlog {
            waiting_orders: row.number("waiting_orders")?,
            parked_callbacks: row.number("parked_callbacks")?,
            dead_deliveries: row.number("dead_deliveries")?,
            open_lanes: row.number("open_lanes")?,
            held_lanes: row.number("held_lanes")?,
            oldest_due_lane: row.number_or_null("oldest_due_lane")?,
        })
    }
}
