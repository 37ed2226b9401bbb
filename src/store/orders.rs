//! Changing orders, with their history and their references at vendors.
//!
//! Every change of an order goes through [`Store::save_order`]: the row, its history lines, its
//! calls, its references, the webhook it causes and the callback it settles, in one transaction.

use adapters::vocabulary::{Millis, TheirRef};
use sqlx::any::AnyQueryResult;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::calls::{CallChange, write_call};
use super::deliveries::NewDelivery;
use super::order_rows::{INSERT, UPDATE, bind_mutable};
use super::{Columns, Store, StoreError, callbacks, contacts, deliveries};
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
        let mut transaction = self.begin().await?;
        let insert = sqlx::query(INSERT)
            .bind(&order.id)
            .bind(&order.tenant_id)
            .bind(&order.background_check_id)
            .bind(&order.tracking_id);
        let inserted = bind_mutable(insert, order, order.version)
            .execute(&mut *transaction)
            .await;
        if unless_person_is_busy(order, inserted)? == 0 {
            transaction.rollback().await?;
            return Ok(Placement::Exists);
        }
        write_details(&mut transaction, order, order.version, change, now).await?;
        transaction.commit().await?;
        Ok(Placement::Inserted)
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
        let mut transaction = self.begin().await?;
        let update = sqlx::query(UPDATE).bind(&order.id).bind(order.version);
        let updated = bind_mutable(update, order, version)
            .execute(&mut *transaction)
            .await;
        if unless_person_is_busy(order, updated)? == 0 {
            transaction.rollback().await?;
            return Ok(Saved::Stale);
        }
        let gained = match write_references(&mut transaction, order, &change.references).await? {
            References::Given { gained } => gained,
            References::Taken(taken) => {
                transaction.rollback().await?;
                return Ok(Saved::Taken(taken));
            }
        };
        write_details(&mut transaction, order, version, change, now).await?;
        transaction.commit().await?;
        if gained {
            self.gained.note(&order.connection_id);
        }
        order.version = version;
        Ok(Saved::Done)
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

/// How many rows a statement wrote: none also where another order for the same person was just being
/// placed, which whoever asked before could not know yet.
fn unless_person_is_busy(
    order: &Order,
    written: Result<AnyQueryResult, sqlx::Error>,
) -> Result<u64, StoreError> {
    match written {
        Ok(written) => Ok(written.rows_affected()),
        Err(sqlx::Error::Database(refused))
            if order.person.is_some() && refused.is_unique_violation() =>
        {
            Ok(0)
        }
        Err(error) => Err(error.into()),
    }
}

/// What became of an order's new references.
enum References {
    /// The order has them; `gained`: one of them only now.
    Given { gained: bool },
    /// This one belongs to another order, be it of another tenant with an account at the vendor.
    Taken(TheirRef),
}

async fn write_references(
    connection: &mut AnyConnection,
    order: &Order,
    references: &[TheirRef],
) -> Result<References, StoreError> {
    let mut gained = false;
    for theirs in references {
        let inserted = sqlx::query(
            "INSERT INTO order_references (connection_id, their_ref, order_id) \
             SELECT own.id, $2, $3 FROM connections AS own WHERE own.id = $1 AND NOT EXISTS \
             (SELECT 1 FROM order_references AS taken JOIN connections AS other ON other.id = taken.connection_id \
             WHERE taken.their_ref = $2 AND taken.order_id <> $3 \
             AND other.vendor = own.vendor AND other.base_url = own.base_url) \
             ON CONFLICT (connection_id, their_ref) DO NOTHING",
        )
        .bind(&order.connection_id)
        .bind(&theirs.0)
        .bind(&order.id)
        .execute(&mut *connection)
        .await?;
        if inserted.rows_affected() == 1 {
            gained = true;
        } else if !is_owner(connection, order, theirs).await? {
            return Ok(References::Taken(theirs.clone()));
        }
    }
    Ok(References::Given { gained })
}

/// Whether a reference that could not be given to the order is the order's already.
async fn is_owner(
    connection: &mut AnyConnection,
    order: &Order,
    theirs: &TheirRef,
) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT order_id FROM order_references WHERE connection_id = $1 AND their_ref = $2 AND order_id = $3",
    )
    .bind(&order.connection_id)
    .bind(&theirs.0)
    .bind(&order.id)
    .fetch_optional(connection)
    .await?;
    Ok(row.is_some())
}

async fn write_details(
    connection: &mut AnyConnection,
    order: &Order,
    version: i64,
    change: &Change,
    now: Millis,
) -> Result<(), StoreError> {
    write_lines(connection, order, version, &change.lines, now).await?;
    for (number, line) in (change.lines.len()..).zip(&change.once) {
        write_once(connection, order, (version, number), line, now).await?;
    }
    for contact in &change.contacts {
        contacts::write_contact(connection, &order.id, contact).await?;
    }
    for call in &change.calls {
        write_call(connection, order, call).await?;
    }
    if let Some(webhook) = &change.webhook {
        deliveries::enqueue(connection, order, webhook, now).await?;
    }
    if let Some(callback) = &change.settles {
        callbacks::settle(connection, &callback.id, callback.reason, now).await?;
    }
    Ok(())
}

/// Writes all history lines of a change in one statement.
async fn write_lines(
    connection: &mut AnyConnection,
    order: &Order,
    version: i64,
    lines: &[Line],
    now: Millis,
) -> Result<(), StoreError> {
    if lines.is_empty() {
        return Ok(());
    }
    let rows: Vec<String> = (0..lines.len())
        .map(|line| {
            let (kind, detail) = (4 + 2 * line, 5 + 2 * line);
            format!("($1, $2, {line}, $3, ${kind}, ${detail})")
        })
        .collect();
    let sql = AssertSqlSafe(format!(
        "INSERT INTO history (order_id, version, line, at, kind, detail) VALUES {}",
        rows.join(", ")
    ));
    let mut query = sqlx::query(sql).bind(&order.id).bind(version).bind(now);
    for line in lines {
        query = query.bind(&line.kind).bind(&line.detail);
    }
    query.execute(connection).await?;
    Ok(())
}

/// Writes a history line of that version and number, unless the history has it.
async fn write_once(
    connection: &mut AnyConnection,
    order: &Order,
    (version, number): (i64, usize),
    line: &Line,
    now: Millis,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO history (order_id, version, line, at, kind, detail) SELECT $1, $2, $3, $4, $5, $6 \
         WHERE NOT EXISTS (SELECT 1 FROM history WHERE order_id = $1 AND kind = $5 AND detail = $6)",
    )
    .bind(&order.id)
    .bind(version)
    .bind(i64::try_from(number).unwrap_or(i64::MAX))
    .bind(now)
    .bind(&line.kind)
    .bind(&line.detail)
    .execute(connection)
    .await?;
    Ok(())
}
