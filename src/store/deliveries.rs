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

use adapters::vocabulary::Millis;
use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{Columns, Store, StoreError, new_id};
use crate::domain::delivery::{Claimed, Next};
use crate::domain::order::Order;

/// Lanes that are looked at, and perhaps held, at once: many fewer statements than lanes, and a
/// transaction that keeps others waiting for some milliseconds.
const HELD_AT_ONCE: i64 = 1_000;

/// An update to be sent, made in the transaction that changes its order.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// The bytes that are sent, and signed, in every attempt.
    pub body: String,
    /// Where they go, without the path: attempts to one origin share a cap.
    pub origin: String,
}

/// How an attempt ended, to be settled.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// What follows.
    pub next: Next,
    /// A phrase for operators, without path or body.
    pub outcome: String,
    /// How long it took, in milliseconds.
    pub took: i64,
    /// When it began.
    pub began_at: Millis,
}

/// Whether a settlement still counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It did.
    InTime,
    /// It did, and a newer update of the order is due at once.
    Followed,
    /// The lease had run out and somebody else has the lane: recorded, and nothing else changed.
    Late,
}

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
        supersede(connection, &order.id, head, last, now).await?;
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
async fn supersede(
    connection: &mut AnyConnection,
    order_id: &str,
    head: i64,
    last: i64,
    now: Millis,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deliveries SET state = 'superseded', ended_at = $4 \
         WHERE order_id = $1 AND state = 'pending' AND sequence < $3 AND sequence <> $2",
    )
    .bind(order_id)
    .bind(head)
    .bind(last)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

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
            "WITH due AS MATERIALIZED (SELECT order_id FROM lanes WHERE due_at <= $3 ORDER BY due_at LIMIT $4 {skip_locked}) \
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
        rows.iter().map(read_claimed).collect()
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
        let mut transaction = self.begin().await?;
        release(&mut transaction, claimed, due_at, false, now).await?;
        transaction.commit().await?;
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
        let mut transaction = self.begin().await?;
        release(&mut transaction, claimed, until, true, now).await?;
        // Only the first so many are looked at, so this costs no more where others have much due; and
        // with `+ 0` nobody plans to go through all that is due instead of these.
        let sql = self.claim(
            "WITH due AS MATERIALIZED (SELECT order_id FROM \
             (SELECT order_id, tenant_id, origin FROM lanes WHERE due_at <= $3 ORDER BY due_at LIMIT $5) AS waiting \
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
             AND due_at IS NOT NULL AND lease_token IS NULL ORDER BY due_at LIMIT $4 {skip_locked}) \
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

    /// Records how an attempt ended and moves the lane on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle_attempt(
        &self,
        claimed: &Claimed,
        settlement: &Settlement,
        now: Millis,
    ) -> Result<Settled, StoreError> {
        let mut transaction = self.begin().await?;
        let due_again = match settlement.next {
            Next::Again(at) => Some(at),
            Next::Delivered | Next::Dead(_) => None,
        };
        let closes = matches!(
            settlement.next,
            Next::Dead(crate::domain::delivery::DeadReason::Gone)
        );
        // What waits behind the head goes next, in the place of the head where that has failed:
        // a newer update always overtakes an older one.
        let lane = sqlx::query(
            "UPDATE lanes SET lease_token = NULL, head = last, \
             attempts = CASE WHEN last > head OR $4 = 0 THEN 0 ELSE attempts END, \
             closed = CASE WHEN $5 = 1 THEN 1 ELSE closed END, \
             due_at = CASE WHEN $5 = 1 THEN NULL WHEN $4 = 1 THEN $3 WHEN last > head THEN $6 ELSE NULL END \
             WHERE order_id = $1 AND lease_token = $2 RETURNING last",
        )
        .bind(&claimed.order_id)
        .bind(&claimed.token)
        .bind(due_again.unwrap_or(0))
        .bind(i64::from(due_again.is_some()))
        .bind(i64::from(closes))
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?;
        let mut settled = Settled::Late;
        if let Some(lane) = lane {
            let last = lane.number("last")?;
            end_head(&mut transaction, claimed, settlement, last, closes, now).await?;
            let follows = last > claimed.sequence && due_again.is_none() && !closes;
            settled = if follows {
                Settled::Followed
            } else {
                Settled::InTime
            };
        }
        record_attempt(&mut transaction, claimed, settlement, settled).await?;
        transaction.commit().await?;
        Ok(settled)
    }

    /// Makes a dead delivery's lane due again. An older update is never sent in the place of a
    /// newer one: the newest of the order goes out. `false`: the order has no dead delivery as its
    /// newest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn redeliver(&self, order_id: &str, now: Millis) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
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
        Ok(true)
    }

    /// Ends an order's dead and waiting deliveries for good; what comes later is sent again. One that
    /// is being sent may arrive, so it cannot be said to be discarded.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn discard(&self, order_id: &str, now: Millis) -> Result<Discarded, StoreError> {
        let mut transaction = self.begin().await?;
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
        Ok(Discarded::Done(ended))
    }

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
            supersede(connection, &claimed.order_id, last, last, now).await?;
        }
    }
    Ok(())
}

async fn end_head(
    connection: &mut AnyConnection,
    claimed: &Claimed,
    settlement: &Settlement,
    last: i64,
    closes: bool,
    now: Millis,
) -> Result<(), StoreError> {
    let (state, reason) = match &settlement.next {
        Next::Delivered => ("delivered", None),
        Next::Dead(reason) => ("dead", Some(reason.as_str())),
        Next::Again(_) if last > claimed.sequence => ("superseded", None),
        Next::Again(_) => return Ok(()),
    };
    sqlx::query("UPDATE deliveries SET state = $3, reason = $4, ended_at = $5 WHERE order_id = $1 AND sequence = $2")
        .bind(&claimed.order_id)
        .bind(claimed.sequence)
        .bind(state)
        .bind(reason)
        .bind(now)
        .execute(&mut *connection)
        .await?;
    if last > claimed.sequence {
        supersede(connection, &claimed.order_id, claimed.sequence, last, now).await?;
    }
    if closes {
        sqlx::query("UPDATE deliveries SET state = 'dead', reason = 'gone', ended_at = $2 WHERE order_id = $1 AND state = 'pending'")
            .bind(&claimed.order_id)
            .bind(now)
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn record_attempt(
    connection: &mut AnyConnection,
    claimed: &Claimed,
    settlement: &Settlement,
    settled: Settled,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO attempts (order_id, sequence, at, lease_token, took_ms, outcome, late) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (order_id, sequence, lease_token) DO NOTHING",
    )
    .bind(&claimed.order_id)
    .bind(claimed.sequence)
    .bind(settlement.began_at)
    .bind(&claimed.token)
    .bind(settlement.took)
    .bind(&settlement.outcome)
    .bind(i64::from(settled == Settled::Late))
    .execute(connection)
    .await?;
    Ok(())
}

fn read_claimed(row: &AnyRow) -> Result<Claimed, StoreError> {
    Ok(Claimed {
        order_id: row.text("order_id")?,
        tenant_id: row.text("tenant_id")?,
        origin: row.text("origin")?,
        sequence: row.number("head")?,
        attempt: row.number("attempts")?,
        token: row.text("lease_token")?,
        webhook_id: row.text("webhook_id")?,
        body: row.text("body")?,
        webhook_url: row.text("webhook_url")?,
    })
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
