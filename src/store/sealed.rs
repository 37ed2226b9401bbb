//! Every column that holds something sealed, so that a new key can be brought to all of it and a
//! start with the wrong key be refused.

use sqlx::{AssertSqlSafe, Row as _};

use super::{Columns, Store, StoreError};
use crate::seal::Purpose;

/// A column with sealed values.
#[derive(Clone, Copy, Debug)]
pub struct SealedColumn {
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub column: &'static str,
    /// The column with the id that a value was sealed for.
    owner: &'static str,
    /// What it was sealed for.
    pub purpose: Purpose,
}

/// A sealed value, and whose it is.
#[derive(Clone, Debug)]
pub struct SealedValue {
    /// The id it was sealed for.
    pub owner: String,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
}

const fn column(
    table: &'static str,
    column: &'static str,
    owner: &'static str,
    purpose: Purpose,
) -> SealedColumn {
    SealedColumn {
        table,
        column,
        owner,
        purpose,
    }
}

/// All of them. A migration that adds one adds it here.
pub const SEALED_COLUMNS: &[SealedColumn] = &[
    column(
        "tenants",
        "sealed_signing_secret",
        "id",
        Purpose::WebhookSecret,
    ),
    column(
        "tenants",
        "sealed_webhook_basic",
        "id",
        Purpose::WebhookSecret,
    ),
    column(
        "connections",
        "sealed_credentials",
        "id",
        Purpose::Credentials,
    ),
    column(
        "connections",
        "sealed_callback_token",
        "id",
        Purpose::CallbackToken,
    ),
    column("orders", "sealed_order", "id", Purpose::AtsOrder),
    column("orders", "sealed_report", "id", Purpose::Report),
    column(
        "calls",
        "sealed_request",
        "order_id",
        Purpose::VendorRequest,
    ),
    column("callbacks", "sealed_body", "id", Purpose::Callback),
    column("old_keys", "sealed_signers", "id", Purpose::OldSigners),
];

impl Store {
    /// The ids of all keys that sealed values name (their first bytes), but for what grows with
    /// orders.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sealing_keys(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let columns = SEALED_COLUMNS.iter();
        let selects: Vec<String> = columns
            .filter(|column| !["orders", "calls", "callbacks"].contains(&column.table))
            .map(|SealedColumn { table, column, .. }| {
                format!(
                    "SELECT substr({column}, 1, 4) AS id FROM {table} WHERE {column} IS NOT NULL"
                )
            })
            .collect();
        let rows = sqlx::query(AssertSqlSafe(selects.join(" UNION ")))
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }

    /// Whether something that grows with orders is sealed with a key. Each of these is found by an
    /// index, however many orders there are; an order's calls are sealed with the order, and erased
    /// with it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_sealed_with(&self, key_id: &[u8]) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT 1 AS one WHERE \
             EXISTS (SELECT 1 FROM orders WHERE sealed_report IS NOT NULL AND substr(sealed_report, 1, 4) = $1) \
             OR EXISTS (SELECT 1 FROM orders WHERE sealed_order IS NOT NULL AND substr(sealed_order, 1, 4) = $1) \
             OR EXISTS (SELECT 1 FROM orders JOIN calls ON calls.order_id = orders.id \
             WHERE sealed_order IS NOT NULL AND substr(sealed_request, 1, 4) = $1) \
             OR EXISTS (SELECT 1 FROM callbacks WHERE due_at IS NOT NULL AND substr(sealed_body, 1, 4) = $1)",
        )
        .bind(key_id)
        .fetch_optional(&self.reader)
        .await?;
        Ok(row.is_some())
    }

    /// What all keys sign with that were ever in use, by their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn old_keys(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let rows = sqlx::query("SELECT id, sealed_signers FROM old_keys ORDER BY id")
            .fetch_all(&self.reader)
            .await?;
        rows.iter()
            .map(|row| Ok((row.text("id")?, row.try_get("sealed_signers")?)))
            .collect()
    }

    /// Keeps what a key signs with, so that it may be left out one day. From then on the database
    /// also holds something that is sealed, so a start with another key is refused.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_key(&self, id: &str, sealed_signers: &[u8]) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO old_keys (id, sealed_signers) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
        )
        .bind(id)
        .bind(sealed_signers)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Values of a column that are sealed with another key than `key_id`, of owners from `from` on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sealed_with_others(
        &self,
        column: &SealedColumn,
        key_id: &[u8],
        from: &str,
        most: i64,
    ) -> Result<Vec<SealedValue>, StoreError> {
        let SealedColumn {
            table,
            column,
            owner,
            ..
        } = column;
        let sql = format!(
            "SELECT {owner} AS owner, {column} AS sealed FROM {table} \
             WHERE {column} IS NOT NULL AND substr({column}, 1, 4) <> $1 AND {owner} >= $2 \
             ORDER BY {owner} LIMIT $3"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(key_id.to_vec())
            .bind(from)
            .bind(most)
            .fetch_all(&self.reader)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(SealedValue {
                    owner: row.text("owner")?,
                    sealed: row.try_get("sealed")?,
                })
            })
            .collect()
    }

    /// Puts a newly sealed value in the place of an old one, unless that has changed or gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reseal(
        &self,
        column: &SealedColumn,
        old: &SealedValue,
        sealed: Vec<u8>,
    ) -> Result<(), StoreError> {
        let SealedColumn {
            table,
            column,
            owner,
            ..
        } = column;
        let sql = format!("UPDATE {table} SET {column} = $1 WHERE {owner} = $2 AND {column} = $3");
        sqlx::query(AssertSqlSafe(sql))
            .bind(sealed)
            .bind(&old.owner)
            .bind(&old.sealed[..])
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}
