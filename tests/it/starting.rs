//! What is set up wrongly is told in a sentence at start: what is wrong, and what would be right.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::program::Program;
use crate::support::{Database, on_both_databases, services};

async fn program_on(database: Database) -> Program {
    let program = Program::new();
    if database == Database::Postgres {
        program.set("CLEARGATE__STORE__URL", &services::postgres_url().await);
        program.set("CLEARGATE__STORE__MIGRATE", "true");
    }
    program
}

#[tokio::test]
async fn a_postgres_that_is_away_is_1_and_one_that_lets_nobody_in_78_and_named_without_its_password()
 {
    let program = Program::new();
    let url = url::Url::parse(&services::postgres_url().await).unwrap();
    let at = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let refuses = |url: &str, code: i32, told: &str| {
        program.set("CLEARGATE__STORE__URL", url);
        for command in [&["serve"][..], &["migrate"], &["tenant", "list"]] {
            let done = program.fails(command, code, told);
            assert!(!done.err.contains("s3cret"), "{done:?}");
            assert!(done.err.contains("`store.url`"), "{done:?}");
            assert_eq!(done.err.lines().count(), 1, "{done:?}");
        }
    };
    refuses(
        "postgres://cleargate:s3cret@127.0.0.1:1/gate",
        1,
        "no PostgreSQL is reached at 127.0.0.1:1 (",
    );
    refuses(
        "postgres://cleargate:s3cret@nowhere.invalid/gate",
        1,
        "no PostgreSQL is reached at nowhere.invalid:5432 (",
    );
    refuses(
        &format!("postgres://cleargate:s3cret@{at}/nowhere"),
        78,
        &format!("the PostgreSQL at {at} has no database `nowhere`; create it"),
    );
    refuses(
        &format!("postgres://nobody:s3cret@{at}/postgres"),
        78,
        &format!(
            "the PostgreSQL at {at} does not let `nobody` in (role \"nobody\" does not exist)"
        ),
    );
    refuses(
        "postgres://cleargate:s3cret@127.0.0.1:many/gate",
        78,
        "cannot be read (invalid port number)",
    );
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off_is_told_and_a_right_one_is_not() {
    let program = program_on(Database::Postgres).await;
    let right = program.serve().log();
    assert!(
        !right.iter().any(|line| line.contains("clocks_differ")),
        "{right:?}"
    );
    let url = services::postgres_url().await;
    program.set("CLEARGATE__STORE__URL", &url);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let name = url.rsplit('/').next().unwrap();
    for sql in [
        "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
         $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$"
            .to_owned(),
        format!("ALTER DATABASE {name} SET search_path = public, pg_catalog"),
    ] {
        let statement = sqlx::query(AssertSqlSafe(sql));
        statement.execute(&mut connection).await.unwrap();
    }
    let (told, running) = program.serve_telling("clocks_differ");
    let sentence = told["message"].as_str().unwrap();
    let begins = "the database's clock and this machine's differ: this machine's is 3600 s behind;";
    assert!(
        sentence.starts_with(begins) || sentence.contains("is 3599 s behind"),
        "{sentence}"
    );
    assert_eq!(told["level"], "WARN");
    assert_eq!(
        running.terminate().code(),
        Some(0),
        "it serves all the same"
    );
}

on_both_databases! {
    async fn a_replica_with_another_key_is_refused_also_where_nothing_is_sealed_yet(database) {
        let program = program_on(database).await;
        let first = program.serve();
        if database == Database::Sqlite {
            first.terminate();
        }
        let key = program.done(&["key", "new"]);
        program.set("KEY", key.trim());
        for _ in 0..2 {
            program.fails(&["serve"], 78, "give the key the data were sealed with");
        }
    }
}
