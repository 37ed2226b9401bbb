//! Orders, their history, their vendor calls and their references at vendors.
//!
//! Every change of an order goes through [`Store::save_order`]: the row, its history lines, its
//! calls, its references, the webhook it causes and the callback it settles, in one transaction.

use adapters::Effect;
use adapters::vocabulary::{Millis, OurRef, TheirRef};
use sqlx::any::AnyRow;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection};

use super::{Columns, Store, StoreError, deliveries, to_json, unreadable};
use crate::domain::order::{Line, Order, Stage, Waiting, parse_result, result_word};
use crate::store::NewDelivery;

/// A call to a vendor that could change something. Its row is the intent: it is committed before
/// the first byte leaves, and stays open until we know what came of it.
#[derive(Clone, Debug)]
pub struct Call {
    /// Of which generation of the order.
    pub generation: i64,
    /// Counted from 1 in a generation.
    pub turn: i64,
    /// The step of placing.
    pub step: String,
    /// The idempotency key.
    pub key: String,
    /// What a second copy would do.
    pub effect: Effect,
    /// The request, sealed, while it may have to be sent again.
    pub sealed_request: Option<Vec<u8>>,
    /// When the first copy may have left.
    pub first_sent_at: Millis,
    /// When the last copy may have left.
    pub sent_at: Millis,
    /// How many copies may have left.
    pub copies: i64,
    /// What came of it, a stable word; `None` while we do not know.
    pub outcome: Option<String>,
    /// More of it, for operators.
    pub detail: Option<String>,
    /// When we knew.
    pub ended_at: Option<Millis>,
}

/// What a change does to an order's calls.
#[derive(Clone, Debug)]
pub enum CallChange {
    /// A new intent.
    Begin(Call),
    /// Another copy of an open one is about to leave.
    Repeat {
        /// Which.
        turn: i64,
        /// When.
        at: Millis,
    },
    /// What we know of an open one, which stays open.
    Note {
        /// Which.
        turn: i64,
        /// What is known.
        detail: String,
    },
    /// What came of all that are still open. Their requests are erased.
    EndAll {
        /// A stable word.
        outcome: &'static str,
        /// When.
        at: Millis,
    },
    /// What came of one. Its request is erased.
    End {
        /// Which.
        turn: i64,
        /// A stable word.
        outcome: &'static str,
        /// More of it.
        detail: String,
        /// When.
        at: Millis,
    },
}

/// A change of one order, to be saved as a whole.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// New history lines.
    pub lines: Vec<Line>,
    /// Changes of its vendor calls.
    pub calls: Vec<CallChange>,
    /// References it gained at its vendor.
    pub references: Vec<TheirRef>,
    /// The update the ATS is to be sent.
    pub webhook: Option<NewDelivery>,
    /// The callback that caused this and is settled by it.
    pub settles: Option<String>,
}

/// How saving an order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is saved, and the order given has its new version.
    Done,
    /// The row has changed since the order was read: read it again and decide again.
    Stale,
    /// Nothing was saved: a reference belongs to another order of the connection.
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

/// A line of history, as it was saved.
#[derive(Clone, Debug, serde::Serialize)]
pub struct HistoryRow {
    /// When, in milliseconds since the Unix epoch.
    pub at: Millis,
    /// What happened.
    pub kind: String,
    /// More of it.
    pub detail: String,
}

const COLUMNS: &str = "id, tenant_id, background_check_id, tracking_id, connection_id, package_id, \
    vendor_package, vendor_add_ons, webhook_url, fingerprint, generation, our_ref, their_ref, stage, \
    result, detail, accepted, version, memo, sealed_order, report, link_generation, lease_token, \
    lease_until, due_at, look_at, looked_at, idle_looks, waiting, created_at, updated_at, ended_at";

const INSERT: &str = "INSERT INTO orders (id, tenant_id, background_check_id, tracking_id, created_at, \
    connection_id, package_id, vendor_package, vendor_add_ons, webhook_url, fingerprint, generation, \
    our_ref, their_ref, stage, result, detail, accepted, version, memo, sealed_order, report, \
    link_generation, lease_token, lease_until, due_at, look_at, looked_at, idle_looks, waiting, \
    updated_at, ended_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
    $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32) \
    ON CONFLICT (tenant_id, background_check_id) DO NOTHING";

const UPDATE: &str = "UPDATE orders SET connection_id = $3, package_id = $4, vendor_package = $5, \
    vendor_add_ons = $6, webhook_url = $7, fingerprint = $8, generation = $9, our_ref = $10, \
    their_ref = $11, stage = $12, result = $13, detail = $14, accepted = $15, version = $16, memo = $17, \
    sealed_order = $18, report = $19, link_generation = $20, lease_token = $21, lease_until = $22, \
    due_at = $23, look_at = $24, looked_at = $25, idle_looks = $26, waiting = $27, updated_at = $28, \
    ended_at = $29 WHERE id = $1 AND version = $2";

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
            .bind(&order.tracking_id)
            .bind(order.created_at);
        let inserted = bind_mutable(insert, order, order.version)
            .execute(&mut *transaction)
            .await?;
        if inserted.rows_affected() == 0 {
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
    /// [`StoreError`]; nothing was saved then.
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
            .await?;
        if updated.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(Saved::Stale);
        }
        if let Some(taken) =
            write_references(&mut transaction, order, &change.references, now).await?
        {
            transaction.rollback().await?;
            return Ok(Saved::Taken(taken));
        }
        write_details(&mut transaction, order, version, change, now).await?;
        transaction.commit().await?;
        order.version = version;
        Ok(Saved::Done)
    }

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
            "UPDATE orders SET lease_token = $1, lease_until = $2, due_at = $2, version = version + 1 \
             WHERE id IN (SELECT id FROM orders WHERE due_at <= $3 ORDER BY due_at LIMIT $4 {{skip_locked}}) \
             AND due_at <= $3 RETURNING {COLUMNS}"
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
            "UPDATE orders SET look_at = $1, version = version + 1 \
             WHERE id IN (SELECT id FROM orders WHERE look_at <= $2 ORDER BY look_at LIMIT $3 {{skip_locked}}) \
             AND look_at <= $2 RETURNING {COLUMNS}"
        ));
        let rows = sqlx::query(sql)
            .bind(until)
            .bind(now)
            .bind(most)
            .fetch_all(&self.writer)
            .await?;
        rows.iter().map(read_order).collect()
    }

    /// Makes an order's next look due at `at`, if that is sooner. That is a change like any other:
    /// a look that is under way was begun without this reason and must not put it off.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn look_by(&self, order_id: &str, at: Millis) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE orders SET look_at = $2, version = version + 1 WHERE id = $1 AND (look_at IS NULL OR look_at > $2)",
        )
        .bind(order_id)
        .bind(at)
        .execute(&self.writer)
        .await?;
        Ok(())
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

    /// An order's vendor calls, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn calls(&self, order_id: &str) -> Result<Vec<Call>, StoreError> {
        let rows = sqlx::query(
            "SELECT generation, turn, step, call_key, effect, sealed_request, first_sent_at, sent_at, copies, outcome, \
             detail, ended_at FROM calls WHERE order_id = $1 ORDER BY generation, turn",
        )
        .bind(order_id)
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read_call).collect()
    }
}

/// Binds everything that may change, beginning with the connection and ending with `ended_at`, in
/// the order both [`INSERT`] (from $6) and [`UPDATE`] (from $3) name it.
fn bind_mutable<'q>(
    query: Query<'q, Any, sqlx::any::AnyArguments>,
    order: &'q Order,
    version: i64,
) -> Query<'q, Any, sqlx::any::AnyArguments> {
    query
        .bind(&order.connection_id)
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
        .bind(order.report.as_ref().map(to_json))
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
}

/// Gives references to the order; `Some`: one of them belongs to another. Callbacks that were
/// parked because nobody had the reference yet are tried again.
async fn write_references(
    connection: &mut AnyConnection,
    order: &Order,
    references: &[TheirRef],
    now: Millis,
) -> Result<Option<TheirRef>, StoreError> {
    for theirs in references {
        // The update that changes nothing makes RETURNING answer for a row that is there already.
        let row = sqlx::query(
            "INSERT INTO order_references (connection_id, their_ref, order_id) VALUES ($1, $2, $3) \
             ON CONFLICT (connection_id, their_ref) DO UPDATE SET their_ref = excluded.their_ref RETURNING order_id",
        )
        .bind(&order.connection_id)
        .bind(&theirs.0)
        .bind(&order.id)
        .fetch_one(&mut *connection)
        .await?;
        if row.text("order_id")? != order.id {
            return Ok(Some(theirs.clone()));
        }
    }
    if !references.is_empty() {
        sqlx::query("UPDATE callbacks SET state = 'new', due_at = $2 WHERE connection_id = $1 AND state = 'parked'")
            .bind(&order.connection_id)
            .bind(now)
            .execute(connection)
            .await?;
    }
    Ok(None)
}

async fn write_details(
    connection: &mut AnyConnection,
    order: &Order,
    version: i64,
    change: &Change,
    now: Millis,
) -> Result<(), StoreError> {
    for (number, line) in (0i64..).zip(&change.lines) {
        sqlx::query("INSERT INTO history (order_id, version, line, at, kind, detail) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(&order.id)
            .bind(version)
            .bind(number)
            .bind(now)
            .bind(&line.kind)
            .bind(&line.detail)
            .execute(&mut *connection)
            .await?;
    }
    for call in &change.calls {
        write_call(connection, order, call).await?;
    }
    if let Some(webhook) = &change.webhook {
        deliveries::enqueue(connection, order, webhook, now).await?;
    }
    if let Some(callback) = &change.settles {
        super::callbacks::settle(connection, callback, "applied", now).await?;
    }
    Ok(())
}

async fn write_call(
    connection: &mut AnyConnection,
    order: &Order,
    change: &CallChange,
) -> Result<(), StoreError> {
    let open = |sql: &'static str, turn: i64| {
        sqlx::query(sql)
            .bind(&order.id)
            .bind(order.generation)
            .bind(turn)
    };
    let query = match change {
        CallChange::Begin(call) => sqlx::query(
            "INSERT INTO calls (order_id, generation, turn, step, call_key, effect, sealed_request, first_sent_at, \
             sent_at, copies) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(&order.id)
        .bind(call.generation)
        .bind(call.turn)
        .bind(&call.step)
        .bind(&call.key)
        .bind(to_json(&call.effect))
        .bind(call.sealed_request.clone())
        .bind(call.first_sent_at)
        .bind(call.sent_at)
        .bind(call.copies),
        CallChange::Repeat { turn, at } => open(
            "UPDATE calls SET copies = copies + 1, sent_at = $4 WHERE order_id = $1 AND generation = $2 AND turn = $3",
            *turn,
        )
        .bind(at),
        CallChange::Note { turn, detail } => {
            open("UPDATE calls SET detail = $4 WHERE order_id = $1 AND generation = $2 AND turn = $3", *turn).bind(detail)
        }
        CallChange::EndAll { outcome, at } => sqlx::query(
            "UPDATE calls SET outcome = $3, ended_at = $4, sealed_request = NULL \
             WHERE order_id = $1 AND generation = $2 AND outcome IS NULL",
        )
        .bind(&order.id)
        .bind(order.generation)
        .bind(*outcome)
        .bind(at),
        CallChange::End { turn, outcome, detail, at } => open(
            "UPDATE calls SET outcome = $4, detail = $5, ended_at = $6, sealed_request = NULL \
             WHERE order_id = $1 AND generation = $2 AND turn = $3",
            *turn,
        )
        .bind(*outcome)
        .bind(detail)
        .bind(at),
    };
    query.execute(connection).await?;
    Ok(())
}

pub(super) fn read_order(row: &AnyRow) -> Result<Order, StoreError> {
    let id = row.text("id")?;
    let stage = row.text("stage")?;
    let stage = Stage::parse(&stage).ok_or_else(|| unreadable(&id, &format!("stage {stage}")))?;
    let waiting = row.text_or_null("waiting")?;
    let waiting = waiting
        .map(|word| {
            Waiting::parse(&word).ok_or_else(|| unreadable(&id, &format!("waiting {word}")))
        })
        .transpose()?;
    let report = row.text_or_null("report")?;
    let report = report
        .map(|text| {
            serde_json::from_str(&text).map_err(|error| unreadable(&id, &error.to_string()))
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
        sealed_order: row.bytes_or_null("sealed_order")?,
        report,
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

fn read_call(row: &AnyRow) -> Result<Call, StoreError> {
    Ok(Call {
        generation: row.number("generation")?,
        turn: row.number("turn")?,
        step: row.text("step")?,
        key: row.text("call_key")?,
        effect: row.json("effect")?,
        sealed_request: row.bytes_or_null("sealed_request")?,
        first_sent_at: row.number("first_sent_at")?,
        sent_at: row.number("sent_at")?,
        copies: row.number("copies")?,
        outcome: row.text_or_null("outcome")?,
        detail: row.text_or_null("detail")?,
        ended_at: row.number_or_null("ended_at")?,
    })
}
