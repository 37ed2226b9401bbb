//! What is really in the database, read past the gateway: whoever steals a disk or a dump reads it
//! like this.

use std::collections::BTreeSet;

use cleargate::config::Settings;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};

/// A connection of the test's own.
pub(crate) struct Rows {
    connection: AnyConnection,
    is_sqlite: bool,
}

impl Rows {
    /// The database of these settings.
    pub(crate) async fn of(settings: &Settings) -> Self {
        Self::at(settings.store.url.expose()).await
    }

    /// The database there.
    pub(crate) async fn at(url: &str) -> Self {
        sqlx::any::install_default_drivers();
        Self {
            connection: AnyConnection::connect(url).await.unwrap(),
            is_sqlite: url.starts_with("sqlite"),
        }
    }

    /// How many rows a query such as `orders WHERE stage = 'failed'` finds.
    pub(crate) async fn count(&mut self, from: &str) -> i64 {
        let rows = self.all(&format!("SELECT COUNT(*) FROM {from}")).await;
        rows[0].get(0)
    }

    /// Changes rows behind the gateway's back.
    pub(crate) async fn run(&mut self, sql: &str) {
        let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
        query.execute(&mut self.connection).await.unwrap();
    }

    /// Copies every row of a table so many times, each with `columns` as these expressions say, in
    /// which `n.i` counts from 1.
    pub(crate) async fn copy(&mut self, table: &str, times: usize, columns: &[(&str, String)]) {
        let all = self.columns().await;
        let names = all
            .iter()
            .filter(|(of, _)| of == table)
            .map(|(_, name)| name.as_str());
        let names: Vec<&str> = names.collect();
        let values = names.iter().map(|name| {
            let changed = columns.iter().find(|(column, _)| column == name);
            changed.map_or(*name, |(_, value)| value.as_str())
        });
        let (values, names) = (values.collect::<Vec<_>>().join(", "), names.join(", "));
        self.run(&format!(
            "INSERT INTO {table} ({names}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times}) \
             SELECT {values} FROM {table}, n"
        ))
        .await;
    }

    /// From now on every change of a row of `table` is counted, as a row of `{table}_changes`.
    pub(crate) async fn count_changes(&mut self, table: &str) {
        self.run(&format!("CREATE TABLE {table}_changes (one BIGINT)"))
            .await;
        let note = format!("INSERT INTO {table}_changes VALUES (1)");
        if self.is_sqlite {
            self.run(&format!(
                "CREATE TRIGGER count_changes AFTER UPDATE ON {table} BEGIN {note}; END"
            ))
            .await;
        } else {
            self.run(&format!(
                "CREATE FUNCTION count_changes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {note}; RETURN NEW; END $$"
            ))
            .await;
            self.run(&format!(
                "CREATE TRIGGER count_changes AFTER UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION count_changes()"
            ))
            .await;
        }
    }

    /// `table.column` of every value that has `text` in it, in clear or as bytes.
    pub(crate) async fn places_of(&mut self, text: &str) -> Vec<String> {
        let mut places = Vec::new();
        for (table, column) in self.columns().await {
            let holds = self.holds(&column, text);
            if self.count(&format!("{table} WHERE {holds}")).await > 0 {
                places.push(format!("{table}.{column}"));
            }
        }
        places
    }

    /// The sealed values of a column, as they lie there.
    pub(crate) async fn sealed(&mut self, table: &str, column: &str) -> Vec<Vec<u8>> {
        let sql = format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL");
        let rows = self.all(&sql).await;
        rows.iter().map(|row| row.get(0)).collect()
    }

    fn holds(&self, column: &str, text: &str) -> String {
        let hex = hex::encode(text);
        if self.is_sqlite {
            format!("instr(hex({column}), upper('{hex}')) > 0")
        } else {
            format!(
                "position('{text}' in {column}::text) > 0 OR position('{hex}' in {column}::text) > 0"
            )
        }
    }

    /// The names of all tables.
    pub(crate) async fn tables(&mut self) -> BTreeSet<String> {
        let columns = self.columns().await;
        columns.into_iter().map(|(table, _)| table).collect()
    }

    /// Every table with each of its columns.
    pub(crate) async fn columns(&mut self) -> Vec<(String, String)> {
        let sql = if self.is_sqlite {
            "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'"
        } else {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns WHERE table_schema = 'public'"
        };
        let columns = self.all(sql).await;
        assert!(columns.len() > 50, "the tables were not found");
        columns.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    async fn all(&mut self, sql: &str) -> Vec<AnyRow> {
        let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
        query.fetch_all(&mut self.connection).await.unwrap()
    }
}
