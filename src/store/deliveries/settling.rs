//! Settling an attempt: what it did to the update that was sent, and what the lane sends next.

use adapters::vocabulary::Millis;
use sqlx::AnyConnection;

use super::supersede;
use crate::domain::delivery::{Claimed, DeadReason, Next};
use crate::store::batch::Part;
use crate::store::{Columns, Store, StoreError};

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

impl Store {
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
        let mut connection = self.writer.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        let due_again = match settlement.next {
            Next::Again(at) => Some(at),
            Next::Delivered | Next::Dead(_) => None,
        };
        let closes = matches!(settlement.next, Next::Dead(DeadReason::Gone));
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
        let attempt = attempt(claimed, settlement, settled);
        attempt.run(&mut transaction).await?;
        transaction.commit().await?;
        connection.give_back();
        Ok(settled)
    }
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
    let head = Part::new(
        "deliveries",
        "UPDATE deliveries SET state = $3, reason = $4, ended_at = $5 WHERE order_id = $1 AND sequence = $2",
    );
    head.bind(&claimed.order_id)
        .bind(claimed.sequence)
        .bind(state)
        .bind(reason)
        .bind(now)
        .run(connection)
        .await?;
    if last > claimed.sequence {
        let waiting = supersede(&claimed.order_id, claimed.sequence, last, now);
        waiting.run(connection).await?;
    }
    if closes {
        let rest = Part::new(
            "deliveries",
            "UPDATE deliveries SET state = 'dead', reason = 'gone', ended_at = $2 WHERE order_id = $1 AND state = 'pending'",
        );
        let rest = rest.bind(&claimed.order_id).bind(now);
        rest.run(connection).await?;
    }
    Ok(())
}

fn attempt(claimed: &Claimed, settlement: &Settlement, settled: Settled) -> Part {
    Part::new(
        "attempts",
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
}
