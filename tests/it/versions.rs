//! An old and a new version of the program run beside each other while replicas are replaced: a
//! migration only adds, and nothing that runs stumbles over what was added.

use std::collections::BTreeSet;
use std::fs;

use cleargate::store::{SCHEMA_VERSION, Store, StoreError, StoreOptions};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tempfile::TempDir;

use crate::support::rows::Rows;
use crate::support::{Database, Plan, on_both_databases, services};

/// Stands behind the `-- statement` of what SQLite does not do.
const POSTGRES_ONLY: &str = " for PostgreSQL";

/// Every migration with its name, oldest first.
fn migrations() -> Vec<(String, String)> {
    let folder = fs::read_dir("src/store/migrations").expect("tests run in the project's folder");
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: std::path::PathBuf| {
        (
            path.display().to_string(),
            fs::read_to_string(path).unwrap(),
        )
    };
    files.into_iter().map(read).collect()
}

/// Its statements, each in one line of capitals.
fn statements(migration: &str) -> Vec<String> {
    let statements = migration.split("-- statement").skip(1);
    let statements = statements.map(|sql| sql.trim_start_matches(POSTGRES_ONLY));
    let plain = statements.map(|sql| sql.split_whitespace().collect::<Vec<_>>().join(" "));
    plain.map(|sql| sql.to_uppercase()).collect()
}

/// What is wrong with a statement, where a version that does not know of it still runs. `new` are
/// the tables that the same migration makes.
fn harm(sql: &str, new: &BTreeSet<String>) -> Option<&'static str> {
    let words: Vec<&str> = sql.split([' ', '(']).collect();
    let table_of = |word: &str| words.iter().skip_while(|it| **it != word).nth(1).copied();
    let is_new = |word| table_of(word).is_some_and(|table| new.contains(table));
    match words[..] {
        ["CREATE", "TABLE" | "INDEX", ..] => None,
        ["CREATE", "UNIQUE", "INDEX", ..] if is_new("ON") => None,
        ["CREATE", "UNIQUE", ..] => Some("an older version may write what is no longer unique"),
        ["INSERT", "INTO", ..] if is_new("INTO") => None,
        // What an older version writes keeps to it all the same.
        ["ALTER", "TABLE", _, "DROP", "CONSTRAINT", _] => None,
        ["ALTER", "TABLE", _, "ADD", "COLUMN", ref rest @ ..] => {
            let has = |word| rest.contains(&word);
            let harmless = !has("NOT") || has("DEFAULT");
            let constrained = ["UNIQUE", "CHECK", "REFERENCES", "PRIMARY"]
                .into_iter()
                .any(has);
            match (harmless, constrained) {
                (false, _) => {
                    Some("an older version cannot write rows without it; give it a DEFAULT")
                }
                (_, true) => {
                    Some("an older version does not keep to a constraint that it does not know")
                }
                (true, false) => None,
            }
        }
        _ => Some("it is none of the statements that only add"),
    }
}

fn new_tables(statements: &[String]) -> BTreeSet<String> {
    let created = statements
        .iter()
        .filter_map(|sql| sql.strip_prefix("CREATE TABLE "));
    let names = created.filter_map(|rest| rest.split([' ', '(']).next());
    names.map(str::to_owned).collect()
}

#[test]
fn a_migration_only_adds() {
    let migrations = migrations();
    assert_eq!(i64::try_from(migrations.len()).unwrap(), SCHEMA_VERSION);
    for (name, migration) in migrations {
        let statements = statements(&migration);
        assert!(!statements.is_empty(), "{name}");
        let new = new_tables(&statements);
        for sql in &statements {
            assert_eq!(harm(sql, &new), None, "{name}: {sql}");
        }
    }
}

#[test]
fn a_migration_that_would_harm_an_older_version_is_noticed() {
    for sql in [
        "DROP TABLE orders",
        "ALTER TABLE orders DROP COLUMN memo",
        "ALTER TABLE orders RENAME COLUMN memo TO notes",
        "ALTER TABLE orders ALTER COLUMN memo TYPE BYTEA",
        "ALTER TABLE orders ADD COLUMN colour TEXT NOT NULL",
        "ALTER TABLE orders ADD COLUMN colour TEXT UNIQUE",
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (accepted IN (0, 1))",
        "ALTER TABLE orders DROP CONSTRAINT c, ADD COLUMN colour TEXT NOT NULL",
        "CREATE UNIQUE INDEX i ON orders (memo)",
        "UPDATE orders SET stage = 'done' WHERE stage = 'complete'",
        "DELETE FROM attempts",
        "INSERT INTO leases (name) VALUES ('x')",
    ] {
        let sql = sql.to_uppercase();
        assert!(harm(&sql, &BTreeSet::new()).is_some(), "{sql}");
    }
}

/// A database with the first so many migrations, as an older version has left it.
async fn older(database: Database, steps: usize) -> (StoreOptions, TempDir) {
    let folder = TempDir::new().unwrap();
    let url = match database {
        Database::Sqlite => format!(
            "sqlite://{}?mode=rwc",
            folder.path().join("old.db").display()
        ),
        Database::Postgres => services::postgres_url().await,
    };
    let blob = if database == Database::Sqlite {
        "BLOB"
    } else {
        "BYTEA"
    };
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    let mut run = async |sql: String| {
        let statement = sqlx::query(AssertSqlSafe(sql));
        statement.execute(&mut connection).await.unwrap();
    };
    run("CREATE TABLE schema_version (id BIGINT PRIMARY KEY, value BIGINT NOT NULL)".into()).await;
    run(format!(
        "INSERT INTO schema_version (id, value) VALUES (1, {steps})"
    ))
    .await;
    for (_, migration) in migrations().into_iter().take(steps) {
        for sql in migration.split("-- statement").skip(1) {
            let ours = sql.strip_prefix(POSTGRES_ONLY);
            if ours.is_none() || database == Database::Postgres {
                run(ours.unwrap_or(sql).replace("{blob}", blob)).await;
            }
        }
    }
    connection.close().await.unwrap();
    let options = StoreOptions {
        url,
        connections: 2,
        migrate: true,
        serving: true,
    };
    (options, folder)
}

on_both_databases! {
    async fn every_earlier_schema_is_brought_up_to_the_same_one(database) {
        let mut schemas = Vec::new();
        for steps in 0..migrations().len() {
            let (options, _folder) = older(database, steps).await;
            let store = Store::open(&options).await.unwrap();
            assert_eq!(store.migrate().await.unwrap(), 0, "all is done");
            store.close().await;
            schemas.push(Rows::at(&options.url).await.columns().await.into_iter().collect::<BTreeSet<_>>());
        }
        assert!(schemas.windows(2).all(|pair| pair[0] == pair[1]));
    }

    async fn a_replica_that_runs_goes_on_when_a_newer_version_migrates(database) {
        let world = Plan::sandbox(database).start().await;
        world.passed(&["before"]).await;
        let mut rows = Rows::of(&world.settings).await;
        // What any later version may add: columns to every table, a table, an index.
        for table in rows.tables().await {
            rows.run(&format!("ALTER TABLE {table} ADD COLUMN later_a TEXT")).await;
            rows.run(&format!("ALTER TABLE {table} ADD COLUMN later_b BIGINT NOT NULL DEFAULT 7")).await;
        }
        rows.run("CREATE TABLE later (id TEXT PRIMARY KEY)").await;
        rows.run("CREATE INDEX later_lanes ON lanes (later_b, due_at)").await;
        rows.run(&format!("UPDATE schema_version SET value = {}", SCHEMA_VERSION + 1)).await;

        world.settle().await;
        assert_eq!(world.ends("before").await, ["delivered"]);
        world.passed(&["after"]).await;
        world.settle().await;
        assert_eq!(world.ends("after").await, ["delivered"]);
        assert_eq!(world.tenant().packages().await.status, 200);
        assert_eq!(world.tenant().order("after").await.body["stage"], "complete");
        world.app().measure_backlog().await.unwrap();
        world.import_changed(|file| file.replace("requests_per_second = 100000", "requests_per_second = 99999")).await;
        world.app().reseal().await.unwrap();
        assert_eq!(rows.count("orders WHERE later_b = 7").await, 2);

        let options = StoreOptions {
            url: world.settings.store.url.expose().to_owned(),
            connections: 2,
            migrate: true,
            serving: false,
        };
        match Store::open(&options).await {
            Err(StoreError::Unusable(sentence)) => assert!(sentence.contains("start the newer program"), "{sentence}"),
            _ => panic!("a fresh start does not know what the newer version writes"),
        }
    }
}
