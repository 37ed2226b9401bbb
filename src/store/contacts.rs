//! Contacts about orders with their vendors: a ring of the newest of each kind, so that an order
//! that is open for months takes no more room than one that is open for a day.

use sqlx::any::AnyRow;

use super::batch::Part;
use super::{Columns, Store, StoreError, unreadable};
use crate::domain::contact::{Contact, ContactKind, ContactRow, KEPT};

impl Store {
    /// An order's contacts that are kept, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn contacts(&self, order_id: &str) -> Result<Vec<ContactRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT kind, number, at, step, effect, took_ms, outcome, detail FROM contacts \
             WHERE order_id = $1 ORDER BY at, kind, number",
        )
        .bind(order_id)
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read_contact).collect()
    }

    /// Notes a contact that changes nothing of its order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_contact(&self, order_id: &str, contact: &Contact) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire().await?;
        write(order_id, contact).run(&mut connection).await?;
        connection.give_back();
        Ok(())
    }
}

/// Writes a contact into the place of the oldest of its kind. Two at the same time, which only
/// contacts beside a change of the order can be, may get one place: one of them is not told then.
pub(super) fn write(order_id: &str, contact: &Contact) -> Part {
    Part::new(
        "contacts",
        "INSERT INTO contacts (order_id, kind, slot, number, at, step, effect, took_ms, outcome, detail) \
         SELECT $1, $2, next.number % $3, next.number, $4, $5, $6, $7, $8, $9 FROM \
         (SELECT COALESCE(MAX(number), 0) + 1 AS number FROM contacts WHERE order_id = $1 AND kind = $2) AS next \
         WHERE {allowed} ON CONFLICT (order_id, kind, slot) DO UPDATE SET number = excluded.number, \
         at = excluded.at, step = excluded.step, effect = excluded.effect, took_ms = excluded.took_ms, \
         outcome = excluded.outcome, detail = excluded.detail",
    )
    .bind(order_id)
    .bind(contact.kind.as_str())
    .bind(KEPT)
    .bind(contact.at)
    .bind(&contact.step)
    .bind(contact.effect)
    .bind(contact.took_ms)
    .bind(contact.outcome)
    .bind(&contact.detail)
}

fn read_contact(row: &AnyRow) -> Result<ContactRow, StoreError> {
    let kind = row.text("kind")?;
    Ok(ContactRow {
        kind: ContactKind::parse(&kind)
            .ok_or_else(|| unreadable("contacts", &format!("kind {kind}")))?,
        number: row.number("number")?,
        at: row.number("at")?,
        step: row.text("step")?,
        effect: row.text("effect")?,
        took_ms: row.number("took_ms")?,
        outcome: row.text("outcome")?,
        detail: row.text("detail")?,
    })
}
