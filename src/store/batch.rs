//! What a change writes, statement by statement.
//!
//! Where nothing in between has to be decided, PostgreSQL takes all of it as one statement, in which
//! each is a writing CTE: an order that is placed costs two round trips so, instead of eleven. In a
//! transaction, and on SQLite, which is in this process, one goes after the other. The texts are the
//! same.

use std::collections::BTreeSet;

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};

use super::{Columns as _, Dialect, Store, StoreError};

/// Stands in a statement's WHERE for the condition that the batch's first has written something.
const ALLOWED: &str = "{allowed}";

/// Statements to be run together, led by their first: where it writes nothing, nothing else is written.
pub(super) struct Batch {
    parts: Vec<Part>,
}

/// One of them, which writes one table.
pub(super) struct Part {
    table: &'static str,
    sql: String,
    values: Vec<Value>,
}

/// A value as columns hold it.
pub(super) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

impl Part {
    pub(super) fn new(table: &'static str, sql: impl Into<String>) -> Self {
        Self {
            table,
            sql: sql.into(),
            values: Vec::new(),
        }
    }

    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Narrows it, which ends with its WHERE, by a condition on one more value, `{value}` there.
    pub(super) fn and(mut self, condition: &str, value: impl Into<Value>) -> Self {
        let number = self.values.len() + 1;
        self.sql += " AND ";
        self.sql += &condition.replace("{value}", &format!("${number}"));
        self.bind(value)
    }

    /// Runs it by itself; how many rows it has written.
    pub(super) async fn run(self, connection: &mut AnyConnection) -> Result<u64, sqlx::Error> {
        let sql = self.sql.replace(ALLOWED, "true");
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)), self.values);
        Ok(query.execute(connection).await?.rows_affected())
    }
}

impl Batch {
    pub(super) fn led_by(first: Part) -> Self {
        Self { parts: vec![first] }
    }

    pub(super) fn add(&mut self, part: Part) {
        debug_assert!(part.sql.contains(ALLOWED), "{}", part.sql);
        self.parts.push(part);
    }

    /// Runs them in a transaction; how many rows each has written.
    pub(super) async fn run(self, connection: &mut AnyConnection) -> Result<Vec<u64>, sqlx::Error> {
        let mut written = vec![0; self.parts.len()];
        for (number, part) in self.parts.into_iter().enumerate() {
            written[number] = part.run(connection).await?;
            if written[0] == 0 {
                break;
            }
        }
        Ok(written)
    }

    /// Runs them in a transaction of their own; how many rows each has written.
    pub(super) async fn commit(self, store: &Store) -> Result<Vec<u64>, StoreError> {
        if store.dialect == Dialect::Postgres && self.can_be_joined() {
            let mut connection = store.writer.acquire().await?;
            let written = self.run_joined(&mut connection).await?;
            connection.give_back();
            return Ok(written);
        }
        let mut connection = store.writer.acquire().await?;
        let mut transaction = store.begin(&mut connection).await?;
        let written = self.run(&mut transaction).await?;
        transaction.commit().await?;
        connection.give_back();
        Ok(written)
    }

    /// PostgreSQL shows each part of a statement the rows as they were before all of it, so no two
    /// may write one table.
    fn can_be_joined(&self) -> bool {
        let tables: BTreeSet<_> = self.parts.iter().map(|part| part.table).collect();
        tables.len() == self.parts.len()
    }

    async fn run_joined(self, connection: &mut AnyConnection) -> Result<Vec<u64>, sqlx::Error> {
        let query = sqlx::query(AssertSqlSafe(self.joined()));
        let count = self.parts.len();
        let values = self.parts.into_iter().flat_map(|part| part.values);
        let row = bind_all(query, values).fetch_one(connection).await?;
        (0..count)
            .map(|part| {
                let written = row.number(&format!("n{part}"));
                let written = written.map_err(|error| sqlx::Error::Decode(error.into()))?;
                Ok(written.unsigned_abs())
            })
            .collect()
    }

    /// One statement that runs all parts and counts what each has written.
    fn joined(&self) -> String {
        let length: usize = self.parts.iter().map(|part| part.sql.len()).sum();
        let (mut sql, mut counts) = (String::with_capacity(2 * length), String::new());
        let mut bound = 0;
        for (number, part) in self.parts.iter().enumerate() {
            let (with, select) = if number == 0 {
                ("WITH", "SELECT")
            } else {
                (",", ",")
            };
            sql += &format!("{with} p{number} AS (");
            add_renumbered(&mut sql, &part.sql, bound);
            sql += " RETURNING 1)";
            counts += &format!("{select} (SELECT COUNT(*) FROM p{number}) AS n{number}");
            bound += part.values.len();
        }
        sql + " " + &counts
    }
}

/// Adds a part's text, whose parameters are counted on from `bound`. In one walk, because this is done
/// for each change of each order.
fn add_renumbered(sql: &mut String, part: &str, bound: usize) {
    let mut rest = part;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'$' | b'{')) {
        *sql += &rest[..at];
        rest = &rest[at..];
        if let Some(behind) = rest.strip_prefix(ALLOWED) {
            *sql += "EXISTS (SELECT 1 FROM p0)";
            rest = behind;
        } else {
            let digits = rest[1..].find(|c: char| !c.is_ascii_digit());
            let (parameter, behind) = rest.split_at(digits.map_or(rest.len(), |digits| 1 + digits));
            let number: usize = parameter[1..].parse().expect("a parameter has a number");
            sql.push('$');
            // Formatting it, as `write!` does, takes longer than all the rest.
            *sql += &(bound + number).to_string();
            rest = behind;
        }
    }
    *sql += rest;
}

fn bind_all(
    query: Query<'_, Any, AnyArguments>,
    values: impl IntoIterator<Item = Value>,
) -> Query<'_, Any, AnyArguments> {
    values.into_iter().fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Number(number) => query.bind(number),
        Value::Bytes(bytes) => query.bind(bytes),
    })
}

macro_rules! from {
    ($($kind:ty => $value:ident, $own:expr;)*) => {$(
        impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self::$value($own(value))
            }
        }
    )*};
}

from! {
    &str => Text, |text: &str| Some(text.to_owned());
    &String => Text, |text: &String| Some(text.clone());
    String => Text, Some;
    Option<&str> => Text, |text: Option<&str>| text.map(str::to_owned);
    Option<String> => Text, |text| text;
    i64 => Number, Some;
    Option<i64> => Number, |number| number;
    Option<Vec<u8>> => Bytes, |bytes| bytes;
}
