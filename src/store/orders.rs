//! Changing orders, with their history and their references at vendors.
//!
//! Every change of an order goes through [`Store::save_order`]: the row, its history lines, its
//! calls, its references, the webhook it causes and the callback it settles, in one transaction.

use adapters::vocabulary::{Millis, TheirRef};
use sqlx::AssertSqlSafe;

use super::batch::{Batch, Part};
use super::calls::{self, CallChange};
use super::deliveries::NewDelivery;
use super::{Columns, Store, StoreError, callbacks, contacts, deliveries, order_rows};
use crate::domain::contact::Contact;
use crate::domain::order::{HistoryRow, Line, Order};

/// A change of one order, to be saved as a whole.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// New history lines.
    pub lines: Vec<Line>,
    /// Lines that stand in the history once, however often they are said.
    pub once: Vec<Line>,
    /// Contacts with its vendor that led to this.
    pub contacts: Vec<Contact>,
    /// Changes of its vendor calls.
    pub calls: Vec<CallChange>,
    /// References it gained at its vendor.
    pub references: Vec<TheirRef>,
    /// The update the ATS is to be sent.
    pub webhook: Option<NewDelivery>,
    /// The callback that caused this and is settled by it.
    pub settles: Option<CallbackEnd>,
}

/// The end of a callback.
#[derive(Clone, Debug)]
pub struct CallbackEnd {
    /// Which.
    pub id: String,
    /// What became of it, a phrase.
    pub reason: &'static str,
}

/// How saving an order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is saved, and the order given has its new version.
    Done,
    /// The row has changed since the order was read: read it again and decide again.
    Stale,
    /// Nothing was saved: a reference belongs to another order of the connection, or of another
    /// connection to the same vendor.
    Taken(TheirRef),
}

/// How inserting an order ended.
#[derive(Debug)]
pub enum Placement {
    /// It is there.
    Inserted,
    /// The tenant has an order of that id.
    Exists,
}

impl Store {
    /// Inserts a new order with its first history lines and its first intent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_order(
        &self,
        order: &Order,
        change: &Change,
        now: Millis,
    ) -> Result<Placement, StoreError> {
        debug_assert!(change.references.is_empty() && change.webhook.is_none());
        let mut batch = Batch::led_by(order_rows::insert(order));
        add_details(&mut batch, order, order.version, change, now);
        let written = unless_overtaken(batch.commit(self).await)?;
        Ok(if is_led(&written) {
            Placement::Inserted
        } else {
            Placement::Exists
        })
    }

    /// Saves an order as it shall be, if its row still has the version it was read with.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was saved then, or all of it was where the database was lost at the
    /// commit: saving again then says [`Saved::Stale`].
    pub async fn save_order(
        &self,
        order: &mut Order,
        change: &Change,
        now: Millis,
    ) -> Result<Saved, StoreError> {
        let version = order.version + 1;
        let mut update = order_rows::update(order, version);
        for theirs in &change.references {
            update = update.and(NOT_TAKEN, &theirs.0);
        }
        let mut batch = Batch::led_by(update);
        for theirs in &change.references {
            batch.add(give_reference(order, theirs));
        }
        add_details(&mut batch, order, version, change, now);
        let written = match &change.webhook {
            None => batch.commit(self).await,
            Some(webhook) => self.commit_with(batch, order, webhook, now).await,
        };
        let written = unless_overtaken(written)?;
        if !is_led(&written) {
            return self.why_not_saved(order, &change.references).await;
        }
        if written[1..=change.references.len()].contains(&1) {
            self.gained.note(&order.connection_id);
        }
        order.version = version;
        Ok(Saved::Done)
    }

    async fn commit_with(
        &self,
        batch: Batch,
        order: &Order,
        webhook: &NewDelivery,
        now: Millis,
    ) -> Result<Vec<u64>, StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        let written = batch.run(&mut transaction).await?;
        if is_led(&written) {
            deliveries::enqueue(&mut transaction, order, webhook, now).await?;
        }
        transaction.commit().await?;
        connection.give_back();
        Ok(written)
    }

    async fn why_not_saved(
        &self,
        order: &Order,
        references: &[TheirRef],
    ) -> Result<Saved, StoreError> {
        for theirs in references {
            let is_free = NOT_TAKEN.replace("{value}", "$2");
            let row = sqlx::query(AssertSqlSafe(format!("SELECT 1 AS one WHERE {is_free}")))
                .bind(&order.id)
                .bind(&theirs.0)
                .bind(&order.connection_id)
                .fetch_optional(&self.writer)
                .await?;
            if row.is_none() {
                return Ok(Saved::Taken(theirs.clone()));
            }
        }
        Ok(Saved::Stale)
    }

    /// An order's history, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn history(&self, order_id: &str) -> Result<Vec<HistoryRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT at, kind, detail FROM history WHERE order_id = $1 ORDER BY version, line",
        )
        .bind(order_id)
        .fetch_all(&self.reader)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(HistoryRow {
                    at: row.number("at")?,
                    kind: row.text("kind")?,
                    detail: row.text("detail")?,
                })
            })
            .collect()
    }
}

/// No other order has the reference, be it of another tenant with an account at the vendor. This
/// narrows the statement that updates an order: `$1` is the order, and `$3` its connection.
/// No join, so that nobody plans to go through all connections at the same vendor.
const NOT_TAKEN: &str = "NOT EXISTS (SELECT 1 FROM order_references AS taken \
    WHERE taken.their_ref = {value} AND taken.order_id <> $1 AND \
    (SELECT vendor || ' ' || base_url FROM connections WHERE id = taken.connection_id) = \
    (SELECT vendor || ' ' || base_url FROM connections WHERE id = $3))";

/// Whether the order's row was written, which leads all else.
fn is_led(written: &[u64]) -> bool {
    written.first().is_some_and(|rows| *rows > 0)
}

/// Nothing was written also where another order for the same person was just being placed, or one
/// gained the same reference, which whoever asked before could not know yet.
fn unless_overtaken(written: Result<Vec<u64>, StoreError>) -> Result<Vec<u64>, StoreError> {
    match written {
        Err(StoreError::Statement(sqlx::Error::Database(refused)))
            if refused.is_unique_violation()
                // Both databases name in their message what is not unique.
                && ["person", "order_references"].iter().any(|what| refused.message().contains(what)) =>
        {
            Ok(Vec::new())
        }
        other => other,
    }
}

fn give_reference(order: &Order, theirs: &TheirRef) -> Part {
    Part::new(
        "order_references",
        "INSERT INTO order_references (connection_id, their_ref, order_id) SELECT $1, $2, $3 WHERE {allowed} AND \
         NOT EXISTS (SELECT 1 FROM order_references WHERE connection_id = $1 AND their_ref = $2 AND order_id = $3)",
    )
    .bind(&order.connection_id)
    .bind(&theirs.0)
    .bind(&order.id)
}

fn add_details(batch: &mut Batch, order: &Order, version: i64, change: &Change, now: Millis) {
    if !change.lines.is_empty() {
        batch.add(write_lines(order, version, &change.lines, now));
    }
    for call in &change.calls {
        batch.add(calls::write(order, call));
    }
    for contact in &change.contacts {
        batch.add(contacts::write(&order.id, contact));
    }
    if let Some(callback) = &change.settles {
        batch.add(callbacks::settle(&callback.id, callback.reason, now));
    }
    for (number, line) in (change.lines.len()..).zip(&change.once) {
        batch.add(write_once(order, (version, number), line, now));
    }
}

/// Writes all history lines of a change.
fn write_lines(order: &Order, version: i64, lines: &[Line], now: Millis) -> Part {
    let rows: Vec<String> = (0..lines.len())
        .map(|line| {
            let (kind, detail) = (4 + 2 * line, 5 + 2 * line);
            format!("SELECT $1, $2, {line}, $3, ${kind}, ${detail} WHERE {{allowed}}")
        })
        .collect();
    let sql = format!(
        "INSERT INTO history (order_id, version, line, at, kind, detail) {}",
        rows.join(" UNION ALL ")
    );
    let part = Part::new("history", sql)
        .bind(&order.id)
        .bind(version)
        .bind(now);
    lines.iter().fold(part, |part, line| {
        part.bind(&line.kind[..]).bind(&line.detail)
    })
}

/// Writes a history line of that version and number, unless the history has it.
fn write_once(order: &Order, (version, number): (i64, usize), line: &Line, now: Millis) -> Part {
    Part::new(
        "history",
        "INSERT INTO history (order_id, version, line, at, kind, detail) SELECT $1, $2, $3, $4, $5, $6 \
         WHERE NOT EXISTS (SELECT 1 FROM history WHERE order_id = $1 AND kind = $5 AND detail = $6) AND {allowed}",
    )
    .bind(&order.id)
    .bind(version)
    .bind(i64::try_from(number).unwrap_or(i64::MAX))
    .bind(now)
    .bind(&line.kind[..])
    .bind(&line.detail)
}
