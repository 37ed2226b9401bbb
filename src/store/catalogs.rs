//! The last good catalog of each connection, and what every offered id means.

use adapters::vocabulary::{Catalog, Millis};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{Columns, Store, StoreError, to_json, unreadable};
use crate::domain::catalog::Offer;
use crate::domain::drift::{Drift, DriftKind, DriftRow, KEPT, drift};
use crate::domain::tenant::OfferKind;

/// A connection's last good catalog.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredCatalog {
    /// What the vendor listed.
    pub catalog: Catalog,
    /// When.
    pub fetched_at: Millis,
}

/// What an offered id means. Written when it was first offered, and never pointed elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferRow {
    /// The id the ATS sees.
    pub offered_id: String,
    /// Whose it is.
    pub connection_id: String,
    /// The vendor's id.
    pub vendor_id: String,
    /// Its name when it was last offered.
    pub name: String,
    /// Since when it is not offered any more.
    pub gone_at: Option<Millis>,
}

impl Store {
    /// A connection's last good catalog.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn catalog(&self, connection_id: &str) -> Result<Option<StoredCatalog>, StoreError> {
        let row = sqlx::query("SELECT body, fetched_at FROM catalogs WHERE connection_id = $1")
            .bind(connection_id)
            .fetch_optional(&self.reader)
            .await?;
        row.map(|row| {
            Ok(StoredCatalog {
                catalog: row.json("body")?,
                fetched_at: row.number("fetched_at")?,
            })
        })
        .transpose()
    }

    /// Keeps a catalog as the connection's last good one, and what has changed since the one before,
    /// which it returns. `None`: there is one that was fetched later, and it stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_catalog(
        &self,
        connection_id: &str,
        stored: &StoredCatalog,
    ) -> Result<Option<Vec<Drift>>, StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        // Changing nothing holds the row, so that two at the same time do not note one change twice.
        let before = sqlx::query(
            "UPDATE catalogs SET fetched_at = fetched_at WHERE connection_id = $1 RETURNING body",
        )
        .bind(connection_id)
        .fetch_optional(&mut *transaction)
        .await?;
        let written = sqlx::query(
            "INSERT INTO catalogs (connection_id, body, fetched_at) VALUES ($1, $2, $3) ON CONFLICT (connection_id) \
             DO UPDATE SET body = excluded.body, fetched_at = excluded.fetched_at \
             WHERE catalogs.fetched_at <= excluded.fetched_at",
        )
        .bind(connection_id)
        .bind(to_json(&stored.catalog))
        .bind(stored.fetched_at)
        .execute(&mut *transaction)
        .await?;
        if written.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(None);
        }
        let mut changes = Vec::new();
        if let Some(before) = before {
            changes = drift(&before.json("body")?, &stored.catalog);
            for change in &changes {
                write_change(&mut transaction, connection_id, change, stored.fetched_at).await?;
            }
        }
        transaction.commit().await?;
        connection.give_back();
        Ok(Some(changes))
    }

    /// What has changed in a connection's catalog, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn catalog_changes(&self, connection_id: &str) -> Result<Vec<DriftRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT at, kind, offer, vendor_id, detail FROM catalog_changes WHERE connection_id = $1 \
             ORDER BY number DESC",
        )
        .bind(connection_id)
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read_change).collect()
    }

    /// What an offered id of a tenant means.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tenant_offer(
        &self,
        tenant_id: &str,
        kind: OfferKind,
        offered_id: &str,
    ) -> Result<Option<OfferRow>, StoreError> {
        let row = sqlx::query(
            "SELECT offered_id, connection_id, vendor_id, name, gone_at FROM offers \
             WHERE tenant_id = $1 AND kind = $2 AND offered_id = $3",
        )
        .bind(tenant_id)
        .bind(kind.as_str())
        .bind(offered_id)
        .fetch_optional(&self.reader)
        .await?;
        row.as_ref().map(read_offer).transpose()
    }

    /// All offers ever made to a tenant, of one kind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tenant_offers(
        &self,
        tenant_id: &str,
        kind: OfferKind,
    ) -> Result<Vec<OfferRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT offered_id, connection_id, vendor_id, name, gone_at FROM offers WHERE tenant_id = $1 AND kind = $2",
        )
        .bind(tenant_id)
        .bind(kind.as_str())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read_offer).collect()
    }

    /// Writes what a connection offers now. An id that means something else already stays with its
    /// older meaning; an offer of the connection that is not among these has gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_offers(
        &self,
        tenant_id: &str,
        connection_id: &str,
        offers: &[Offer],
        now: Millis,
    ) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        // Changing nothing holds the tenant's row: two that write its offers at the same time would
        // wait for each other's rows in a circle.
        sqlx::query("UPDATE tenants SET name = name WHERE id = $1")
            .bind(tenant_id)
            .execute(&mut *transaction)
            .await?;
        // The tenant stands in it for the index's sake.
        sqlx::query(
            "UPDATE offers SET gone_at = $3 WHERE tenant_id = $1 AND connection_id = $2 AND gone_at IS NULL",
        )
        .bind(tenant_id)
        .bind(connection_id)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        for offer in offers {
            sqlx::query(
                "INSERT INTO offers (tenant_id, kind, offered_id, connection_id, vendor_id, name, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, kind, offered_id) DO UPDATE \
                 SET name = excluded.name, gone_at = NULL \
                 WHERE offers.connection_id = excluded.connection_id AND offers.vendor_id = excluded.vendor_id",
            )
            .bind(tenant_id)
            .bind(offer.kind.as_str())
            .bind(&offer.id)
            .bind(connection_id)
            .bind(&offer.vendor_id)
            .bind(&offer.name)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        connection.give_back();
        Ok(())
    }
}

/// Writes a change into the place of the oldest.
async fn write_change(
    connection: &mut AnyConnection,
    connection_id: &str,
    change: &Drift,
    now: Millis,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO catalog_changes (connection_id, slot, number, at, kind, offer, vendor_id, detail) \
         SELECT $1, next.number % $2, next.number, $3, $4, $5, $6, $7 FROM \
         (SELECT COALESCE(MAX(number), 0) + 1 AS number FROM catalog_changes WHERE connection_id = $1) AS next \
         WHERE true ON CONFLICT (connection_id, slot) DO UPDATE SET number = excluded.number, at = excluded.at, \
         kind = excluded.kind, offer = excluded.offer, vendor_id = excluded.vendor_id, detail = excluded.detail",
    )
    .bind(connection_id)
    .bind(KEPT)
    .bind(now)
    .bind(change.kind.as_str())
    .bind(change.offer.as_str())
    .bind(&change.vendor_id)
    .bind(&change.detail)
    .execute(connection)
    .await?;
    Ok(())
}

fn read_change(row: &AnyRow) -> Result<DriftRow, StoreError> {
    let kind = row.text("kind")?;
    Ok(DriftRow {
        at: row.number("at")?,
        kind: DriftKind::parse(&kind)
            .ok_or_else(|| unreadable("catalog_changes", &format!("kind {kind}")))?,
        offer: OfferKind::parse(&row.text("offer")?),
        vendor_id: row.text("vendor_id")?,
        detail: row.text("detail")?,
    })
}

fn read_offer(row: &AnyRow) -> Result<OfferRow, StoreError> {
    Ok(OfferRow {
        offered_id: row.text("offered_id")?,
        connection_id: row.text("connection_id")?,
        vendor_id: row.text("vendor_id")?,
        name: row.text("name")?,
        gone_at: row.number_or_null("gone_at")?,
    })
}
