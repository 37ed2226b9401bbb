//! Tenants, their API Secrets and their connections. Every change raises one revision number that
//! all replicas watch.

use std::future::ready;

use adapters::vocabulary::Millis;
use futures_util::TryStreamExt as _;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection};

use super::{Columns, Store, StoreError, new_id, to_json};
use crate::domain::tenant::{OfferOverlay, TenantOptions};

/// A tenant as it is stored.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns of the table; see domain::tenant")]
pub struct TenantRow {
    pub id: String,
    pub account_id: String,
    pub name: String,
    pub options: TenantOptions,
    pub sealed_signing_secret: Option<Vec<u8>>,
    pub sealed_webhook_basic: Option<Vec<u8>>,
    pub disabled: bool,
}

/// A live API Secret, as its digest.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct SecretRow {
    pub tenant_id: String,
    pub digest: String,
    pub created_at: Millis,
    pub expires_at: Option<Millis>,
    pub last_used_at: Option<Millis>,
}

/// A tenant to be saved.
#[derive(Clone, Debug)]
pub struct TenantChange {
    /// The tenant as it shall be.
    pub row: TenantRow,
    /// Connections of its, as they shall be.
    pub connections: Vec<ConnectionRow>,
    /// A new API Secret, as its digest.
    pub secret_digest: Option<String>,
}

/// A connection as it is stored.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns of the table; see domain::tenant")]
pub struct ConnectionRow {
    pub id: String,
    pub tenant_id: String,
    pub name: String,
    pub label: String,
    pub vendor: String,
    pub base_url: String,
    pub prefix: String,
    pub settings: std::collections::BTreeMap<String, serde_json::Value>,
    pub overlay: Vec<OfferOverlay>,
    pub sealed_credentials: Vec<u8>,
    pub callback_digest: String,
    pub sealed_callback_token: Vec<u8>,
    pub retired: bool,
}

impl Store {
    /// The revision of tenants and connections.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revision(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT value FROM revision WHERE id = 1")
            .fetch_one(&self.reader)
            .await?;
        row.number("value")
    }

    /// The revision of the sheets that processes share.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sheets_revision(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT value FROM revision WHERE id = 2")
            .fetch_one(&self.reader)
            .await?;
        row.number("value")
    }

    /// Raises the revision of the sheets; returns the new one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn raise_sheets_revision(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("UPDATE revision SET value = value + 1 WHERE id = 2 RETURNING value")
            .fetch_one(&self.writer)
            .await?;
        row.number("value")
    }

    /// Every tenant, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tenants(&self) -> Result<Vec<TenantRow>, StoreError> {
        self.read_all(
            sqlx::query(
                "SELECT id, account_id, name, options, sealed_signing_secret, sealed_webhook_basic, disabled FROM tenants ORDER BY id",
            ),
            read_tenant,
        )
        .await
    }

    /// Reads row by row: of tenants there may be many, and a driver's rows are several times as
    /// large as what they hold.
    async fn read_all<T>(
        &self,
        query: Query<'_, Any, AnyArguments>,
        read: fn(&AnyRow) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let rows = query.fetch(&mut *connection).map_err(StoreError::from);
        let all = rows.and_then(|row| ready(read(&row))).try_collect().await?;
        connection.give_back();
        Ok(all)
    }

    /// Every API Secret that has not expired by `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn secrets(&self, now: Millis) -> Result<Vec<SecretRow>, StoreError> {
        let secrets = sqlx::query(
            "SELECT tenant_id, digest, created_at, expires_at, last_used_at FROM secrets WHERE expires_at IS NULL OR expires_at > $1 ORDER BY created_at",
        );
        self.read_all(secrets.bind(now), read_secret).await
    }

    /// Every connection, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn connections(&self) -> Result<Vec<ConnectionRow>, StoreError> {
        let connections = sqlx::query(
            "SELECT id, tenant_id, name, label, vendor, base_url, prefix, settings, overlay, sealed_credentials, \
             callback_digest, sealed_callback_token, retired FROM connections ORDER BY id",
        );
        self.read_all(connections, read_connection).await
    }

    /// Saves tenants with their connections as a whole (those not named stay as they are), all of
    /// them or none.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was saved.
    pub async fn save_tenants(
        &self,
        tenants: &[TenantChange],
        now: Millis,
    ) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        for tenant in tenants {
            save_tenant(&mut transaction, tenant, now).await?;
        }
        raise_revision(&mut transaction).await?;
        transaction.commit().await?;
        connection.give_back();
        Ok(())
    }

    /// Adds a tenant's new API Secret and lets the others live until `others_until`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rotate_secret(
        &self,
        tenant_id: &str,
        digest: &str,
        others_until: Millis,
        sealed_webhook_basic: Vec<u8>,
        now: Millis,
    ) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        sqlx::query("UPDATE secrets SET expires_at = $2 WHERE tenant_id = $1 AND (expires_at IS NULL OR expires_at > $2)")
            .bind(tenant_id)
            .bind(others_until)
            .execute(&mut *transaction)
            .await?;
        insert_secret(&mut transaction, tenant_id, digest, now).await?;
        sqlx::query("UPDATE tenants SET sealed_webhook_basic = $2 WHERE id = $1")
            .bind(tenant_id)
            .bind(sealed_webhook_basic)
            .execute(&mut *transaction)
            .await?;
        raise_revision(&mut transaction).await?;
        transaction.commit().await?;
        connection.give_back();
        Ok(())
    }

    /// Writes down that a secret was used, unless a later use is known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_secret_use(
        &self,
        tenant_id: &str,
        digest: &str,
        at: Millis,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE secrets SET last_used_at = $3 WHERE tenant_id = $1 AND digest = $2 \
             AND (last_used_at IS NULL OR last_used_at < $3)",
        )
        .bind(tenant_id)
        .bind(digest)
        .bind(at)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Turns a tenant off or on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_tenant_disabled(
        &self,
        tenant_id: &str,
        disabled: bool,
    ) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        sqlx::query("UPDATE tenants SET disabled = $2 WHERE id = $1")
            .bind(tenant_id)
            .bind(i64::from(disabled))
            .execute(&mut *transaction)
            .await?;
        raise_revision(&mut transaction).await?;
        transaction.commit().await?;
        connection.give_back();
        Ok(())
    }

    /// Retires a connection: no offers and no orders any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retire_connection(
        &self,
        tenant_id: &str,
        connection_id: &str,
    ) -> Result<(), StoreError> {
        let mut connection = self.writer.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        sqlx::query("UPDATE connections SET retired = 1 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant_id)
            .bind(connection_id)
            .execute(&mut *transaction)
            .await?;
        raise_revision(&mut transaction).await?;
        transaction.commit().await?;
        connection.give_back();
        Ok(())
    }

    /// Writes down what an operator did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit(
        &self,
        who: &str,
        what: &str,
        target: &str,
        note: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO audit (id, at, who, what, target, note) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(new_id("aud"))
        .bind(now)
        .bind(who)
        .bind(what)
        .bind(target)
        .bind(note)
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}

async fn save_tenant(
    connection: &mut AnyConnection,
    tenant: &TenantChange,
    now: Millis,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO tenants (id, account_id, name, options, sealed_signing_secret, sealed_webhook_basic, disabled, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET name = excluded.name, \
         options = excluded.options, sealed_signing_secret = excluded.sealed_signing_secret, \
         sealed_webhook_basic = excluded.sealed_webhook_basic, disabled = excluded.disabled",
    )
    .bind(&tenant.row.id)
    .bind(&tenant.row.account_id)
    .bind(&tenant.row.name)
    .bind(to_json(&tenant.row.options))
    .bind(tenant.row.sealed_signing_secret.clone())
    .bind(tenant.row.sealed_webhook_basic.clone())
    .bind(i64::from(tenant.row.disabled))
    .bind(now)
    .execute(&mut *connection)
    .await?;
    if let Some(digest) = &tenant.secret_digest {
        insert_secret(&mut *connection, &tenant.row.id, digest, now).await?;
    }
    for row in &tenant.connections {
        save_connection(&mut *connection, row, now).await?;
    }
    Ok(())
}

async fn insert_secret(
    connection: &mut AnyConnection,
    tenant_id: &str,
    digest: &str,
    now: Millis,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO secrets (tenant_id, digest, created_at) VALUES ($1, $2, $3) \
         ON CONFLICT (tenant_id, digest) DO UPDATE SET expires_at = NULL",
    )
    .bind(tenant_id)
    .bind(digest)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

async fn save_connection(
    connection: &mut AnyConnection,
    row: &ConnectionRow,
    now: Millis,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO connections (id, tenant_id, name, label, vendor, base_url, prefix, settings, overlay, \
         sealed_credentials, callback_digest, sealed_callback_token, retired, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (id) DO UPDATE \
         SET label = excluded.label, base_url = excluded.base_url, prefix = excluded.prefix, settings = excluded.settings, \
         overlay = excluded.overlay, sealed_credentials = excluded.sealed_credentials, retired = excluded.retired",
    )
    .bind(&row.id)
    .bind(&row.tenant_id)
    .bind(&row.name)
    .bind(&row.label)
    .bind(&row.vendor)
    .bind(&row.base_url)
    .bind(&row.prefix)
    .bind(to_json(&row.settings))
    .bind(to_json(&row.overlay))
    .bind(&row.sealed_credentials[..])
    .bind(&row.callback_digest)
    .bind(&row.sealed_callback_token[..])
    .bind(i64::from(row.retired))
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

async fn raise_revision(connection: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE revision SET value = value + 1 WHERE id = 1")
        .execute(connection)
        .await?;
    Ok(())
}

fn read_tenant(row: &AnyRow) -> Result<TenantRow, StoreError> {
    Ok(TenantRow {
        id: row.text("id")?,
        account_id: row.text("account_id")?,
        name: row.text("name")?,
        options: row.json("options")?,
        sealed_signing_secret: row.bytes_or_null("sealed_signing_secret")?,
        sealed_webhook_basic: row.bytes_or_null("sealed_webhook_basic")?,
        disabled: row.number("disabled")? == 1,
    })
}

fn read_secret(row: &AnyRow) -> Result<SecretRow, StoreError> {
    Ok(SecretRow {
        tenant_id: row.text("tenant_id")?,
        digest: row.text("digest")?,
        created_at: row.number("created_at")?,
        expires_at: row.number_or_null("expires_at")?,
        last_used_at: row.number_or_null("last_used_at")?,
    })
}

fn read_connection(row: &AnyRow) -> Result<ConnectionRow, StoreError> {
    Ok(ConnectionRow {
        id: row.text("id")?,
        tenant_id: row.text("tenant_id")?,
        name: row.text("name")?,
        label: row.text("label")?,
        vendor: row.text("vendor")?,
        base_url: row.text("base_url")?,
        prefix: row.text("prefix")?,
        settings: row.json("settings")?,
        overlay: row.json("overlay")?,
        sealed_credentials: row.bytes_or_null("sealed_credentials")?.unwrap_or_default(),
        callback_digest: row.text("callback_digest")?,
        sealed_callback_token: row
            .bytes_or_null("sealed_callback_token")?
            .unwrap_or_default(),
        retired: row.number("retired")? == 1,
    })
}
