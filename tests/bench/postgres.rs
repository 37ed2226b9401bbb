//! PostgreSQL: databases of our own, what it was asked to do, and what it did for that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tempfile::TempDir;

/// The server, with the rights of whoever made it.
pub(crate) struct Postgres {
    pub(crate) url: String,
}

impl Postgres {
    /// A new, empty database.
    pub(crate) async fn create(&self, name: &str) -> Self {
        self.run(&format!("CREATE DATABASE {name}")).await;
        let mut url = url::Url::parse(&self.url).expect("the URL of a server");
        url.set_path(name);
        Self { url: url.into() }
    }

    /// The server of `CLEARGATE_TEST_POSTGRES_URL`.
    pub(crate) fn given(url: &str) -> Self {
        assert!(
            !url.is_empty(),
            "there is no PostgreSQL; run this by tests/bench/run, which starts one"
        );
        Self {
            url: url.to_owned(),
        }
    }

    /// A new database of each kind: its name in a table, and its `store.url`, which is empty for the
    /// SQLite file that every gateway has by itself.
    pub(crate) async fn and_sqlite(url: &str, name: &str) -> [(&'static str, String); 2] {
        let database = Self::given(url).create(name).await;
        [("SQLite", String::new()), ("PostgreSQL", database.url)]
    }

    pub(crate) async fn run(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// One text.
    pub(crate) async fn text(&self, sql: &str) -> String {
        let mut connection = self.connect().await;
        let row = sqlx::query(AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        row.get(0)
    }

    /// Runs an order's statements with nothing around them.
    pub(crate) async fn pgbench(&self, arguments: &[&str]) -> Said {
        let folder = TempDir::new().expect("a temporary folder");
        let script = folder.path().join("placing.sql");
        fs::write(&script, include_str!("placing.sql")).expect("a file is written");
        let tenant = self.text("SELECT min(id) FROM tenants").await;
        let connection = format!("SELECT min(id) FROM connections WHERE tenant_id = '{tenant}'");
        let connection = self.text(&connection).await;
        let done = Command::new("pgbench")
            .args(["-n", "-M", "prepared", "-j", "2"])
            .args(arguments)
            .args(["-D", &format!("tenant={tenant}")])
            .args(["-D", &format!("connection={connection}")])
            .args(["-D", &format!("sealed_order=\\x{}", "5a".repeat(640))])
            .args(["-D", &format!("sealed_request=\\x{}", "5a".repeat(620))])
            .arg("-f")
            .arg(&script)
            .arg(&self.url)
            .output()
            .expect("pgbench is there");
        let said = [done.stdout, done.stderr].concat();
        Said(String::from_utf8_lossy(&said).into_owned())
    }

    /// The server's first process.
    pub(crate) async fn pid(&self) -> u32 {
        let file = Path::new(&self.text("SELECT current_setting('data_directory')").await)
            .join("postmaster.pid");
        let text = fs::read_to_string(file).expect("the server runs here");
        let line = text.lines().next().and_then(|line| line.parse().ok());
        line.expect("its first line is the process")
    }

    /// Where the server that `tests/run` started writes its log.
    pub(crate) async fn log(&self) -> PathBuf {
        let data = PathBuf::from(self.text("SELECT current_setting('data_directory')").await);
        data.with_file_name("postgres.log")
    }

    async fn connect(&self) -> PgConnection {
        let connection = PgConnection::connect(&self.url).await;
        connection.expect("PostgreSQL takes connections")
    }
}

/// The statements in a part of a log written with `log_statement = all`, without their values.
pub(crate) fn statements(log: &str) -> Vec<String> {
    let begins = |line: &str| {
        let (_, rest) = line.split_once("LOG:  ")?;
        let rest = rest.strip_prefix("statement: ").or_else(|| {
            rest.strip_prefix("execute ")?
                .split_once(": ")
                .map(|it| it.1)
        })?;
        Some(rest.trim().to_owned())
    };
    log.lines().filter_map(begins).collect()
}

/// What a program has printed.
pub(crate) struct Said(String);

impl Said {
    /// The number behind the words that a line begins with.
    pub(crate) fn number(&self, words: &str) -> f64 {
        let number = self.0.lines().find_map(|line| line.strip_prefix(words));
        let number = number.and_then(|rest| rest.split(' ').next()?.parse().ok());
        number.unwrap_or_else(|| panic!("{words}: {}", self.0))
    }
}
