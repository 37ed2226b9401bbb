//! The real servers that tests use: a PostgreSQL and a Redis that belong to the tests alone.
//!
//! `tests/run` starts both and names them in `CLEARGATE_TEST_POSTGRES_URL` and
//! `CLEARGATE_TEST_REDIS_URL`. Under a plain `cargo test` the first test that wants one has that
//! script start them; they stop when this process, and with it the script's input, ends. No test
//! is skipped where they cannot be had: it fails and says what to do.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

/// A new, empty PostgreSQL database that no other test knows.
pub(crate) async fn postgres_url() -> String {
    static CREATED: AtomicUsize = AtomicUsize::new(0);
    let server = &servers().postgres;
    let number = CREATED.fetch_add(1, Ordering::Relaxed);
    let name = format!("it_{}_{number}", std::process::id());
    let mut connection = PgConnection::connect(server)
        .await
        .expect("the tests' PostgreSQL takes connections");
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await
        .expect("the tests' PostgreSQL creates databases");
    connection.close().await.expect("PostgreSQL says goodbye");
    with_path(server, &name)
}

/// A Redis database that no other test knows, in a Redis that all share.
pub(crate) fn redis_url() -> String {
    let server = &servers().redis;
    let client = redis::Client::open(server.as_str()).expect("the URL of a Redis");
    let mut connection = client
        .get_connection()
        .expect("the tests' Redis takes connections");
    // Database 0 only counts, for all test processes; `tests/run` gives Redis 1024 of them.
    let number: usize = redis::cmd("INCR")
        .arg("databases")
        .query(&mut connection)
        .expect("the tests' Redis counts");
    with_path(server, &(1 + number % 1023).to_string())
}

struct Servers {
    postgres: String,
    redis: String,
    /// Ends when this process does, because that ends its input.
    _script: Option<Child>,
}

fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Result<Servers, String>> = OnceLock::new();
    let servers = SERVERS.get_or_init(|| {
        let given = (
            variable("CLEARGATE_TEST_POSTGRES_URL"),
            variable("CLEARGATE_TEST_REDIS_URL"),
        );
        match given {
            (Some(postgres), Some(redis)) => Ok(Servers {
                postgres,
                redis,
                _script: None,
            }),
            _ => start(Path::new("tests/run")),
        }
    });
    servers.as_ref().unwrap_or_else(|problem| {
        panic!("this test needs a PostgreSQL and a Redis; run it by tests/run: {problem}")
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "what a test runner says is no setting of the gateway"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn start(script: &Path) -> Result<Servers, String> {
    let spawned = Command::new(script)
        .arg("--servers")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = spawned.map_err(|error| format!("it could not be started: {error}"))?;
    let output = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    match (lines.next(), lines.next()) {
        (Some(postgres), Some(redis)) => Ok(Servers {
            postgres,
            redis,
            _script: Some(child),
        }),
        _ => Err("it could not start them; what it said stands above".to_owned()),
    }
}

fn with_path(server: &str, path: &str) -> String {
    let mut url = Url::parse(server).expect("the URL of a server");
    url.set_path(path);
    url.into()
}

#[tokio::test]
async fn every_test_has_databases_of_its_own() {
    let (first, second) = (postgres_url().await, postgres_url().await);
    assert_ne!(first, second);
    for url in [first, second] {
        let mut connection = PgConnection::connect(&url).await.expect("it exists");
        let creation = sqlx::query("CREATE TABLE mine (id int)");
        creation
            .execute(&mut connection)
            .await
            .expect("it is empty");
    }
    assert_ne!(redis_url(), redis_url());
}

#[test]
fn a_script_that_starts_nothing_is_no_reason_to_skip() {
    let problem = start(Path::new("/nowhere/run"))
        .err()
        .expect("there is none");
    assert!(problem.contains("could not be started"), "{problem}");
    let problem = start(Path::new("/bin/false")).err().expect("it fails");
    assert!(problem.contains("could not start them"), "{problem}");
}
