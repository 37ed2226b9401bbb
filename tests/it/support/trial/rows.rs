//! What a trial's database holds, read and changed past the gateway.

use cleargate::app::story::Story;
use cleargate::domain::order::Order;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row as _};

use super::Trial;

impl Trial {
    /// An order as it is stored, if it is.
    pub(crate) async fn stored(&self, background_check_id: &str) -> Option<Order> {
        let tenant = self.app.tenant_named("ACCT123").expect("it was imported");
        self.app
            .tenant_order(&tenant.id, background_check_id)
            .await
            .ok()
    }

    /// An order's whole story.
    pub(crate) async fn story(&self, background_check_id: &str) -> Option<Story> {
        let order = self.stored(background_check_id).await?;
        Some(self.app.story(order).await.expect("the database works"))
    }

    /// Changes rows by hand; how many.
    pub(crate) async fn sql(&self, statement: &str) -> u64 {
        let mut connection = AnyConnection::connect(&self.store_url)
            .await
            .expect("the database takes connections");
        let done = sqlx::query(AssertSqlSafe(statement.to_owned()))
            .execute(&mut connection)
            .await
            .expect("the statement is right");
        connection.close().await.expect("the database says goodbye");
        done.rows_affected()
    }

    /// Makes `copies` more rows of a table's rows that `WHERE` finds. `changes` are columns and what
    /// stands in them instead, as SQL over the row `model` and the copy's number `n`. PostgreSQL only.
    pub(crate) async fn multiply(
        &self,
        table: &str,
        found: &str,
        copies: u32,
        changes: &[(&str, &str)],
    ) {
        let changes: Vec<String> = changes
            .iter()
            .map(|(column, value)| format!("'{column}', {value}"))
            .collect();
        let statement = format!(
            "INSERT INTO {table} SELECT (jsonb_populate_record(model, jsonb_build_object({}))).* \
             FROM {table} AS model, generate_series(1, {copies}) AS n WHERE {found}",
            changes.join(", ")
        );
        self.sql(&statement).await;
    }

    /// How many rows a query such as `orders WHERE stage = 'failed'` finds.
    pub(crate) async fn count(&self, from: &str) -> i64 {
        let mut connection = AnyConnection::connect(&self.store_url)
            .await
            .expect("the database takes connections");
        let statement = AssertSqlSafe(format!("SELECT COUNT(*) FROM {from}"));
        let row = sqlx::query(statement).fetch_one(&mut connection).await;
        connection.close().await.expect("the database says goodbye");
        row.expect("the statement is right").get(0)
    }

    /// Attempts to tell the ATS something that are under way, or were when their process died.
    pub(crate) async fn under_way(&self) -> usize {
        let leased = "lanes WHERE lease_token IS NOT NULL AND due_at IS NOT NULL";
        usize::try_from(self.count(leased).await).expect("a number of rows")
    }

    /// The orders anybody asked for, as far as they are stored.
    pub(crate) async fn orders(&self) -> Vec<Order> {
        let told = self.told().into_iter();
        let mut ids: Vec<String> = told.map(|told| told.background_check_id).collect();
        ids.sort();
        ids.dedup();
        let mut orders = Vec::new();
        for id in ids {
            orders.extend(self.stored(&id).await);
        }
        orders
    }
}
