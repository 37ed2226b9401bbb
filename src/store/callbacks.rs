//! The inbox of vendor callbacks: sealed when they arrive, erased when they are settled.

use adapters::vocabulary::Millis;
use sqlx::any::AnyRow;

use super::batch::Part;
use super::{Columns, Store, StoreError, to_json};
use crate::domain::callback::{CallbackRow, CallbackState};

/// How taking a callback in ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is in the inbox.
    New,
    /// The same bytes are there and not settled: nothing to do.
    Repeated,
    /// The same bytes were settled before: only a hint.
    SettledBefore,
}

impl Store {
    /// Takes a verified callback in, once per connection and digest.
    ///
    /// # Errors
    /// [`StoreError`]; the vendor is then told to try again.
    pub async fn insert_callback(
        &self,
        id: &str,
        connection_id: &str,
        digest: &str,
        sealed_body: &[u8],
        now: Millis,
    ) -> Result<Inserted, StoreError> {
        let inserted = sqlx::query(
            "INSERT INTO callbacks (id, connection_id, digest, sealed_body, state, due_at, received_at) \
             VALUES ($1, $2, $3, $4, 'new', $5, $5) ON CONFLICT (connection_id, digest) DO NOTHING",
        )
        .bind(id)
        .bind(connection_id)
        .bind(digest)
        .bind(sealed_body)
        .bind(now)
        .execute(&self.writer)
        .await?;
        if inserted.rows_affected() == 1 {
            return Ok(Inserted::New);
        }
        let row =
            sqlx::query("SELECT state FROM callbacks WHERE connection_id = $1 AND digest = $2")
                .bind(connection_id)
                .bind(digest)
                .fetch_one(&self.writer)
                .await?;
        Ok(match CallbackState::parse(&row.text("state")?) {
            CallbackState::Settled => Inserted::SettledBefore,
            CallbackState::New | CallbackState::Parked => Inserted::Repeated,
        })
    }

    /// Claims due callbacks until `until`, with those that were parked for a reference which an order
    /// has gained here; one whose worker dies is due again then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_callbacks(
        &self,
        now: Millis,
        until: Millis,
        most: i64,
    ) -> Result<Vec<CallbackRow>, StoreError> {
        self.wake_parked(now).await?;
        let sql = self.claim(
            "WITH due AS MATERIALIZED (SELECT id FROM callbacks WHERE due_at <= $2 ORDER BY due_at LIMIT CAST($3 AS BIGINT) {skip_locked}) \
             UPDATE callbacks SET state = 'new', due_at = $1 \
             WHERE id IN (SELECT id FROM due) AND due_at <= $2 RETURNING id, connection_id, sealed_body, state, reason, applied_notes, received_at, settled_at",
        );
        let rows = sqlx::query(sql)
            .bind(until)
            .bind(now)
            .bind(most)
            .fetch_all(&self.writer)
            .await?;
        let mut callbacks: Vec<_> = rows.iter().map(read_callback).collect::<Result<_, _>>()?;
        callbacks.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(callbacks)
    }

    /// Makes parked callbacks of connections due whose orders have gained references: theirs may
    /// be among them. Many orders share one such statement, which none of their callers waits for;
    /// if this process dies before it, the next that starts wakes them.
    pub(super) async fn wake_parked(&self, now: Millis) -> Result<(), StoreError> {
        while let Some(connection_id) = self.gained.take_one() {
            let woken = sqlx::query(
                "UPDATE callbacks SET state = 'new', due_at = $2 WHERE connection_id = $1 AND state = 'parked'",
            )
            .bind(&connection_id)
            .bind(now)
            .execute(&self.writer)
            .await;
            if let Err(error) = woken {
                self.gained.note(&connection_id);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Makes all parked callbacks due, when a process begins to serve: one that was killed may have
    /// saved what they wait for and not have woken them.
    pub(super) async fn wake_all_parked(&self) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE callbacks SET state = 'new', due_at = received_at WHERE state = 'parked'",
        )
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Settles a callback that changed no order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle_callback(
        &self,
        id: &str,
        reason: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire().await?;
        settle(id, reason, now).run(&mut connection).await?;
        connection.give_back();
        Ok(())
    }

    /// Parks a callback until an order gains a reference, an operator retries it, or it expires; in
    /// any case until `due_at`, because its order may gain its reference while it is being parked.
    /// `applied_notes`: the notes in it that have been applied, their numbers and orders.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn park_callback(
        &self,
        id: &str,
        reason: &str,
        applied_notes: &[(usize, String)],
        due_at: Millis,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE callbacks SET state = 'parked', reason = $2, applied_notes = $3, due_at = $4 WHERE id = $1 AND state <> 'settled'")
            .bind(id)
            .bind(reason)
            .bind(to_json(&applied_notes))
            .bind(due_at)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Makes parked callbacks due again: one, or all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retry_parked(&self, id: Option<&str>, now: Millis) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "UPDATE callbacks SET state = 'new', due_at = $2 WHERE state = 'parked' AND ($1 = '' OR id = $1)",
        )
        .bind(id.unwrap_or_default())
        .bind(now)
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected())
    }

    /// Settles what has been parked since before `before`, erasing the bodies.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn expire_parked(&self, before: Millis, now: Millis) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "UPDATE callbacks SET state = 'settled', reason = 'expired', sealed_body = NULL, due_at = NULL, settled_at = $2 \
             WHERE state = 'parked' AND received_at < $1",
        )
        .bind(before)
        .bind(now)
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected())
    }

    /// Callbacks in a state, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn callbacks_in(
        &self,
        state: &str,
        most: i64,
    ) -> Result<Vec<CallbackRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, connection_id, sealed_body, state, reason, applied_notes, received_at, settled_at FROM callbacks \
             WHERE state = $1 ORDER BY received_at DESC LIMIT $2",
        )
        .bind(state)
        .bind(most)
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read_callback).collect()
    }
}

/// Settles a callback and erases its body.
pub(super) fn settle(id: &str, reason: &str, now: Millis) -> Part {
    Part::new(
        "callbacks",
        "UPDATE callbacks SET state = 'settled', reason = $2, sealed_body = NULL, due_at = NULL, settled_at = $3 \
         WHERE id = $1 AND state <> 'settled' AND {allowed}",
    )
    .bind(id)
    .bind(reason)
    .bind(now)
}

fn read_callback(row: &AnyRow) -> Result<CallbackRow, StoreError> {
    Ok(CallbackRow {
        id: row.text("id")?,
        connection_id: row.text("connection_id")?,
        sealed_body: row.bytes_or_null("sealed_body")?,
        state: CallbackState::parse(&row.text("state")?),
        reason: row.text_or_null("reason")?,
        applied_notes: match row.text_or_null("applied_notes")? {
            Some(_) => row.json("applied_notes")?,
            None => Vec::new(),
        },
        received_at: row.number("received_at")?,
        settled_at: row.number_or_null("settled_at")?,
    })
}
