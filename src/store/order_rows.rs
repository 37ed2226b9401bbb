//! Orders as rows: how they are read and written, found and claimed.

use adapters::vocabulary::{Millis, OurRef, TheirRef};
use sqlx::any::AnyRow;

use super::batch::Part;
use super::{Columns, Store, StoreError, to_json, unreadable};
use crate::domain::order::{Order, Stage, Waiting, parse_result, result_word};

const COLUMNS: &str = "id, tenant_id, background_check_id, tracking_id, connection_id, package_id, \
    vendor_package, vendor_add_ons, webhook_url, fingerprint, generation, our_ref, their_ref, stage, \
    result, detail, accepted, version, memo, sealed_order, sealed_report, link_generation, lease_token, \
    lease_until, due_at, look_at, looked_at, idle_looks, waiting, created_at, updated_at, ended_at, \
    add_on_ids, person";

const INSERT: &str = "INSERT INTO orders (id, tenant_id, background_check_id, tracking_id, \
    connection_id, package_id, vendor_package, vendor_add_ons, webhook_url, fingerprint, generation, \
    our_ref, their_ref, stage, result, detail, accepted, version, memo, sealed_order, sealed_report, \
    link_generation, lease_token, lease_until, due_at, look_at, looked_at, idle_looks, waiting, \
    updated_at, ended_at, created_at, add_on_ids, person) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
    $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34) \
    ON CONFLICT (tenant_id, background_check_id) DO NOTHING";

const UPDATE: &str = "UPDATE orders SET connection_id = $3, package_id = $4, vendor_package = $5, \
    vendor_add_ons = $6, webhook_url = $7, fingerprint = $8, generation = $9, our_ref = $10, \
    their_ref = $11, stage = $12, result = $13, detail = $14, accepted = $15, version = $16, memo = $17, \
    sealed_order = $18, sealed_report = $19, link_generation = $20, lease_token = $21, lease_until = $22, \
    due_at = $23, look_at = $24, looked_at = $25, idle_looks = $26, waiting = $27, updated_at = $28, \
    ended_at = $29, created_at = $30, add_on_ids = $31, person = $32 WHERE id = $1 AND version = $2";

impl Store {
    /// The tenant's order of that id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tenant_order(
        &self,
        tenant_id: &str,
        background_check_id: &str,
    ) -> Result<Option<Order>, StoreError> {
        self.one_order(
            "tenant_id = $1 AND background_check_id = $2",
            &[tenant_id, background_check_id],
        )
        .await
    }

    /// The order of that internal id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn order(&self, id: &str) -> Result<Option<Order>, StoreError> {
        self.one_order("id = $1", &[id]).await
    }

    /// The order of that tracking id. The id is a capability of its own: whoever asks must hold a
    /// signed link.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tracked_order(&self, tracking_id: &str) -> Result<Option<Order>, StoreError> {
        self.one_order("tracking_id = $1", &[tracking_id]).await
    }

    /// The order that owns a vendor's reference at a connection.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn order_by_their_ref(
        &self,
        connection_id: &str,
        theirs: &TheirRef,
    ) -> Result<Option<Order>, StoreError> {
        let owner = "id = (SELECT order_id FROM order_references WHERE connection_id = $1 AND their_ref = $2)";
        self.one_order(owner, &[connection_id, &theirs.0]).await
    }

    /// The order that has that reference of ours at a connection.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn order_by_our_ref(
        &self,
        connection_id: &str,
        ours: &OurRef,
    ) -> Result<Option<Order>, StoreError> {
        self.one_order(
            "connection_id = $1 AND our_ref = $2",
            &[connection_id, &ours.0],
        )
        .await
    }

    /// Whether a vendor's reference belongs to this order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn owns_reference(
        &self,
        order_id: &str,
        theirs: &TheirRef,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT order_id FROM order_references WHERE order_id = $1 AND their_ref = $2",
        )
        .bind(order_id)
        .bind(&theirs.0)
        .fetch_optional(&self.reader)
        .await?;
        Ok(row.is_some())
    }

    /// Whether another order of the connection for that person is being placed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn person_is_busy(&self, order: &Order) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT id FROM orders WHERE connection_id = $1 AND person = $2 \
             AND NOT (tenant_id = $3 AND background_check_id = $4)",
        )
        .bind(&order.connection_id)
        .bind(order.person.as_deref())
        .bind(&order.tenant_id)
        .bind(&order.background_check_id)
        .fetch_optional(&self.reader)
        .await?;
        Ok(row.is_some())
    }

    async fn one_order(
        &self,
        condition: &str,
        values: &[&str],
    ) -> Result<Option<Order>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM orders WHERE {condition}"));
        let mut query = sqlx::query(sql);
        for value in values {
            query = query.bind((*value).to_owned());
        }
        let row = query.fetch_optional(&self.reader).await?;
        row.as_ref().map(read_order).transpose()
    }

    /// Claims orders whose placing is due: queued ones, and ones whose placing was broken off. Each
    /// is leased to `token` until `until`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_due_orders(
        &self,
        token: &str,
        now: Millis,
        until: Millis,
        most: i64,
    ) -> Result<Vec<Order>, StoreError> {
        let sql = self.claim(&format!(
            "WITH due AS MATERIALIZED (SELECT id FROM orders WHERE due_at <= $3 ORDER BY due_at LIMIT CAST($4 AS BIGINT) {{skip_locked}}) \
             UPDATE orders SET lease_token = $1, lease_until = $2, due_at = $2, version = version + 1 \
             WHERE id IN (SELECT id FROM due) AND due_at <= $3 RETURNING {COLUMNS}"
        ));
        let rows = sqlx::query(sql)
            .bind(token)
            .bind(until)
            .bind(now)
            .bind(most)
            .fetch_all(&self.writer)
            .await?;
        rows.iter().map(read_order).collect()
    }

    /// Claims orders whose next look is due. Their next look moves to `until`, so that a look that
    /// is broken off is made again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_looks(
        &self,
        now: Millis,
        until: Millis,
        most: i64,
    ) -> Result<Vec<Order>, StoreError> {
        let sql = self.claim(&format!(
            "WITH due AS MATERIALIZED (SELECT id FROM orders WHERE look_at <= $2 ORDER BY look_at LIMIT CAST($3 AS BIGINT) {{skip_locked}}) \
             UPDATE orders SET look_at = $1, version = version + 1 \
             WHERE id IN (SELECT id FROM due) AND look_at <= $2 RETURNING {COLUMNS}"
        ));
        let rows = sqlx::query(sql)
            .bind(until)
            .bind(now)
            .bind(most)
            .fetch_all(&self.writer)
            .await?;
        rows.iter().map(read_order).collect()
    }

    /// Claims further orders of a connection whose look is due by `by`, for a call that is made
    /// anyway. Their next look moves to `until`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_looks_along(
        &self,
        connection_id: &str,
        by: Millis,
        until: Millis,
        most: i64,
    ) -> Result<Vec<Order>, StoreError> {
        let sql = self.claim(&format!(
            "WITH due AS MATERIALIZED (SELECT id FROM orders WHERE connection_id = $4 AND look_at <= $2 \
             AND their_ref IS NOT NULL ORDER BY look_at LIMIT CAST($3 AS BIGINT) {{skip_locked}}) \
             UPDATE orders SET look_at = $1, version = version + 1 \
             WHERE id IN (SELECT id FROM due) AND look_at <= $2 RETURNING {COLUMNS}"
        ));
        let rows = sqlx::query(sql)
            .bind(until)
            .bind(by)
            .bind(most)
            .bind(connection_id)
            .fetch_all(&self.writer)
            .await?;
        rows.iter().map(read_order).collect()
    }

    /// Makes an order's next look due at `at`, if that is sooner. This is a change like any other:
    /// whoever saves the order as it was before is stale, and cannot put the look off again. True
    /// where it was not as soon before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn look_by(&self, order_id: &str, at: Millis) -> Result<bool, StoreError> {
        let moved = sqlx::query(
            "UPDATE orders SET look_at = $2, version = version + 1 WHERE id = $1 AND (look_at IS NULL OR look_at > $2)",
        )
        .bind(order_id)
        .bind(at)
        .execute(&self.writer)
        .await?;
        Ok(moved.rows_affected() == 1)
    }

    /// Orders that wait for a person, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting_orders(&self, most: i64) -> Result<Vec<Order>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM orders WHERE waiting IS NOT NULL ORDER BY updated_at LIMIT $1"
        ));
        let rows = sqlx::query(sql).bind(most).fetch_all(&self.reader).await?;
        rows.iter().map(read_order).collect()
    }

    /// Open orders at a vendor that have not changed since `before` and wait for nobody, those that
    /// have been silent for longest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn silent_orders(
        &self,
        vendor: &str,
        before: Millis,
        most: i64,
    ) -> Result<Vec<Order>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM orders WHERE ended_at IS NULL AND waiting IS NULL AND updated_at <= $2 \
             AND stage IN ('invited', 'in_progress', 'on_hold') \
             AND connection_id IN (SELECT id FROM connections WHERE vendor = $1) ORDER BY updated_at LIMIT $3"
        ));
        let rows = sqlx::query(sql)
            .bind(vendor)
            .bind(before)
            .bind(most)
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(read_order).collect()
    }

    /// How many orders wait for a person.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_waiting_orders(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) AS n FROM orders WHERE waiting IS NOT NULL")
            .fetch_one(&self.reader)
            .await?;
        row.number("n")
    }

    /// How many orders of a connection are still open.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_open_orders(&self, connection_id: &str) -> Result<i64, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n FROM orders WHERE connection_id = $1 AND ended_at IS NULL",
        )
        .bind(connection_id)
        .fetch_one(&self.reader)
        .await?;
        row.number("n")
    }

    /// Orders that still hold applicant data and were placed before `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn orders_sealed_before(
        &self,
        before: Millis,
        most: i64,
    ) -> Result<Vec<Order>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM orders WHERE sealed_order IS NOT NULL AND created_at < $1 ORDER BY created_at LIMIT $2"
        ));
        let rows = sqlx::query(sql)
            .bind(before)
            .bind(most)
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(read_order).collect()
    }

    /// Steps that open placings of a vendor's connections still name, with the vendor's name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_placing_steps(&self) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query(
            "SELECT connections.vendor, orders.memo FROM orders JOIN connections ON connections.id = orders.connection_id \
             WHERE orders.due_at IS NOT NULL",
        )
        .fetch_all(&self.reader)
        .await?;
        let mut steps = Vec::new();
        for row in &rows {
            let memo: adapters::Memo = row.json("memo")?;
            if !memo.step.is_empty() {
                steps.push((row.text("vendor")?, memo.step));
            }
        }
        steps.sort();
        steps.dedup();
        Ok(steps)
    }
}

/// Inserts a row, unless the tenant has an order of that id.
pub(super) fn insert(order: &Order) -> Part {
    let part = Part::new("orders", INSERT)
        .bind(&order.id)
        .bind(&order.tenant_id)
        .bind(&order.background_check_id)
        .bind(&order.tracking_id);
    bind_mutable(part, order, order.version)
}

/// Makes the row as the order shall be, if it still has the version that the order was read with.
pub(super) fn update(order: &Order, version: i64) -> Part {
    let part = Part::new("orders", UPDATE)
        .bind(&order.id)
        .bind(order.version);
    bind_mutable(part, order, version)
}

/// Binds everything that may change, beginning with the connection and ending with the person, in
/// the order both [`INSERT`] (from $5) and [`UPDATE`] (from $3) name it.
fn bind_mutable(part: Part, order: &Order, version: i64) -> Part {
    part.bind(&order.connection_id)
        .bind(&order.package_id)
        .bind(&order.vendor_package)
        .bind(to_json(&order.vendor_add_ons))
        .bind(&order.webhook_url)
        .bind(&order.fingerprint)
        .bind(order.generation)
        .bind(&order.our_ref.0)
        .bind(order.their_ref.as_ref().map(|theirs| theirs.0.clone()))
        .bind(order.stage.as_str())
        .bind(result_word(order.result))
        .bind(order.detail.clone())
        .bind(i64::from(order.accepted))
        .bind(version)
        .bind(to_json(&order.memo))
        .bind(order.sealed_order.clone())
        .bind(order.sealed_report.clone())
        .bind(order.link_generation)
        .bind(order.lease_token.clone())
        .bind(order.lease_until)
        .bind(order.due_at)
        .bind(order.look_at)
        .bind(order.looked_at)
        .bind(order.idle_looks)
        .bind(order.waiting.map(Waiting::as_str))
        .bind(order.updated_at)
        .bind(order.ended_at)
        .bind(order.created_at)
        .bind(to_json(&order.add_on_ids))
        .bind(order.sealed_order.as_ref().and(order.person.clone()))
}

fn read_order(row: &AnyRow) -> Result<Order, StoreError> {
    let id = row.text("id")?;
    let stage = row.text("stage")?;
    let stage = Stage::parse(&stage).ok_or_else(|| unreadable(&id, &format!("stage {stage}")))?;
    let waiting = row.text_or_null("waiting")?;
    let waiting = waiting
        .map(|word| {
            Waiting::parse(&word).ok_or_else(|| unreadable(&id, &format!("waiting {word}")))
        })
        .transpose()?;
    Ok(Order {
        id,
        tenant_id: row.text("tenant_id")?,
        background_check_id: row.text("background_check_id")?,
        tracking_id: row.text("tracking_id")?,
        connection_id: row.text("connection_id")?,
        package_id: row.text("package_id")?,
        vendor_package: row.text("vendor_package")?,
        vendor_add_ons: row.json("vendor_add_ons")?,
        add_on_ids: row.json("add_on_ids")?,
        webhook_url: row.text("webhook_url")?,
        fingerprint: row.text("fingerprint")?,
        generation: row.number("generation")?,
        our_ref: OurRef(row.text("our_ref")?),
        their_ref: row.text_or_null("their_ref")?.map(TheirRef),
        stage,
        result: parse_result(&row.text("result")?),
        detail: row.text_or_null("detail")?,
        accepted: row.number("accepted")? == 1,
        version: row.number("version")?,
        memo: row.json("memo")?,
        person: row.text_or_null("person")?,
        sealed_order: row.bytes_or_null("sealed_order")?,
        sealed_report: row.bytes_or_null("sealed_report")?,
        link_generation: row.number("link_generation")?,
        lease_token: row.text_or_null("lease_token")?,
        lease_until: row.number_or_null("lease_until")?,
        due_at: row.number_or_null("due_at")?,
        look_at: row.number_or_null("look_at")?,
        looked_at: row.number_or_null("looked_at")?,
        idle_looks: row.number("idle_looks")?,
        waiting,
        created_at: row.number("created_at")?,
        updated_at: row.number("updated_at")?,
        ended_at: row.number_or_null("ended_at")?,
    })
}
