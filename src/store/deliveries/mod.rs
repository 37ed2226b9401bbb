//! Deliveries to the ATS. The order is the lane: its updates go out one at a time, in their
//! sequence, and a waiting one that a newer one has overtaken is never sent.
//!
//! The lane's row is what is claimed, never an item: that would skip a locked head and take what
//! stands behind it. The head is read after the claim, in a statement of its own, where the lane's
//! row says it is: the statement that claims sees the items as they were when it began, so the head
//! it would find may be one that somebody has ended in between.
//!
//! A lane whose destination is full or left alone is held: due again late, so that claims do not meet
//! it over and over, and called earlier by whoever knows of a place.
//!
//! Everybody locks the lane's row before the items, so that nobody waits in a circle.

mod claims;
mod dead_letters;
mod listing;
mod settling;

use adapters::vocabulary::Millis;
use sqlx::AnyConnection;

use super::batch::Part;
use super::{Columns, StoreError, new_id};
use crate::domain::order::Order;
pub use dead_letters::Discarded;
pub use listing::{AttemptRow, DeliveryRow, LaneRow};
pub use settling::{Settled, Settlement};

/// An update to be sent, made in the transaction that changes its order.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// The bytes that are sent, and signed, in every attempt.
    pub body: String,
    /// Where they go, without the path: attempts to one origin share a cap.
    pub origin: String,
}

/// Puts an update at the end of its order's lane. Waiting updates before it are superseded; one
/// that is being sent now is not. Where something was waiting or backing off, the lane's due time
/// stays: moving it could make a leased lane claimable.
pub(super) async fn enqueue(
    connection: &mut AnyConnection,
    order: &Order,
    new: &NewDelivery,
    now: Millis,
) -> Result<(), StoreError> {
    let lane = sqlx::query(
        "INSERT INTO lanes (order_id, tenant_id, origin, head, last, attempts, due_at) VALUES ($1, $2, $3, 1, 1, 0, $4) \
         ON CONFLICT (order_id) DO UPDATE SET last = lanes.last + 1, origin = excluded.origin, \
         head = CASE WHEN lanes.lease_token IS NULL THEN lanes.last + 1 ELSE lanes.head END, \
         attempts = CASE WHEN lanes.lease_token IS NULL THEN 0 ELSE lanes.attempts END, \
         due_at = CASE WHEN lanes.closed = 1 THEN NULL WHEN lanes.due_at IS NULL THEN excluded.due_at ELSE lanes.due_at END \
         RETURNING head, last, closed",
    )
    .bind(&order.id)
    .bind(&order.tenant_id)
    .bind(&new.origin)
    .bind(now)
    .fetch_one(&mut *connection)
    .await?;
    let (head, last, closed) = (
        lane.number("head")?,
        lane.number("last")?,
        lane.number("closed")? == 1,
    );
    if last > 1 {
        supersede(&order.id, head, last, now)
            .run(connection)
            .await?;
    }
    let (state, reason, ended_at) = if closed {
        ("dead", Some("gone"), Some(now))
    } else {
        ("pending", None, None)
    };
    sqlx::query(
        "INSERT INTO deliveries (order_id, sequence, tenant_id, webhook_id, body, state, reason, created_at, ended_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&order.id)
    .bind(last)
    .bind(&order.tenant_id)
    .bind(new_id("msg"))
    .bind(&new.body)
    .bind(state)
    .bind(reason)
    .bind(now)
    .bind(ended_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the waiting updates before `last`, but not the head that is being sent.
fn supersede(order_id: &str, head: i64, last: i64, now: Millis) -> Part {
    Part::new(
        "deliveries",
        "UPDATE deliveries SET state = 'superseded', ended_at = $4 \
         WHERE order_id = $1 AND state = 'pending' AND sequence < $3 AND sequence <> $2",
    )
    .bind(order_id)
    .bind(head)
    .bind(last)
    .bind(now)
}
