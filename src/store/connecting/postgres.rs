//! A PostgreSQL server. It is tried once beside the pool, which would try again until its time is up
//! and then not say why; what is wrong is told in a sentence, without the password.

use std::str::FromStr as _;

use sqlx::any::AnyPoolOptions;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use super::{StoreOptions, connect_once};
use crate::store::connections::{ACQUIRE_WITHIN, Connections, still_lives};
use crate::store::{Dialect, Gained, Store, StoreError};

const POSTGRES_SETTINGS: &[&str] = &[
    // A replica that is frozen or cut off in the middle of a transaction keeps its row locks; the
    // server ends its session then, so that nobody waits for them for long.
    "SET idle_in_transaction_session_timeout = '10s'",
    // Every statement is carried out in one way, whatever its values: to plan a placing anew takes
    // longer than to carry it out, and the server would at times do so for each.
    "SET plan_cache_mode = force_generic_plan",
];

impl Store {
    /// Opens a database on a server, where there is one that lets us in.
    pub(super) async fn open_postgres(options: &StoreOptions) -> Result<Self, StoreError> {
        check_postgres(&options.url).await?;
        let pool = AnyPoolOptions::new()
            .max_connections(options.connections.max(2))
            .acquire_timeout(ACQUIRE_WITHIN)
            // The pool could ask every connection before it gives it out, which is a round trip more
            // for each statement. Where they come and go quickly nothing is asked: the pool has
            // heard from each as it came back.
            .test_before_acquire(false)
            .before_acquire(|connection, known| {
                Box::pin(async move {
                    still_lives(connection, known.idle_for).await?;
                    Ok(true)
                })
            })
            .after_connect(|connection, _| {
                Box::pin(async move {
                    for setting in POSTGRES_SETTINGS {
                        sqlx::query(*setting).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .connect(&options.url)
            .await?;
        let connections = Connections::of(pool);
        Ok(Self {
            dialect: Dialect::Postgres,
            writer: connections.clone(),
            reader: connections,
            gained: Gained::default(),
            _serving: None,
        })
    }
}

/// Whether a URL can be read as that of a PostgreSQL.
pub(super) fn check_url(url: &str) -> Result<(), String> {
    let Err(error) = PgConnectOptions::from_str(url) else {
        return Ok(());
    };
    let why = match error {
        sqlx::Error::Configuration(why) => why.to_string(),
        other => other.to_string(),
    };
    Err(format!(
        "cannot be read ({why}); it has to be like postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    ))
}

/// Whether a PostgreSQL is there and lets us in.
async fn check_postgres(url: &str) -> Result<(), StoreError> {
    let connected = connect_once(url, "SELECT 1").await;
    connected.map_err(|error| {
        let told = sentence(url, &error);
        if is_outage(&error) {
            StoreError::Unreached(told)
        } else {
            StoreError::Unusable(told)
        }
    })
}

/// Whether it may pass by itself. PostgreSQL's classes 08 (connection), 53 (resources) and 57
/// (starting, stopping).
fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            ["08", "53", "57"]
                .iter()
                .any(|class| code.starts_with(class))
        }
        _ => false,
    }
}

fn sentence(url: &str, error: &sqlx::Error) -> String {
    let parsed = Url::parse(url).ok();
    let part = |of: fn(&Url) -> Option<&str>| parsed.as_ref().and_then(of).unwrap_or("").to_owned();
    let (user, name) = (
        part(|url| Some(url.username())),
        part(|url| Some(url.path().trim_start_matches('/'))),
    );
    let host = parsed.as_ref().map_or_else(String::new, |url| {
        let host = url.host_str().unwrap_or("localhost");
        format!("{host}:{}", url.port().unwrap_or(5432))
    });
    match error {
        sqlx::Error::PoolTimedOut => format!(
            "no PostgreSQL has answered at {host} within {} s; is it running, and is the host in `store.url` right?",
            ACQUIRE_WITHIN.as_secs()
        ),
        sqlx::Error::Io(error) => format!(
            "no PostgreSQL is reached at {host} ({error}); is it running, and are host and port in `store.url` right?"
        ),
        sqlx::Error::Database(error) => refused(&**error, &host, &user, &name),
        error => format!("the PostgreSQL at {host} cannot be used ({error}); see `store.url`"),
    }
}

/// The codes are of PostgreSQL's Appendix A.
fn refused(error: &dyn DatabaseError, host: &str, user: &str, name: &str) -> String {
    let (code, said) = (error.code().unwrap_or_default(), error.message());
    match &*code {
        "3D000" => format!(
            "the PostgreSQL at {host} has no database `{name}`; create it, or name another one in `store.url`"
        ),
        code if code.starts_with("28") => format!(
            "the PostgreSQL at {host} does not let `{user}` in ({said}); check user and password in `store.url`"
        ),
        "53300" => format!(
            "the PostgreSQL at {host} has no connection left ({said}); raise its max_connections, or lower `store.connections` of the replicas"
        ),
        _ => format!("the PostgreSQL at {host} refuses to work ({said}); see `store.url`"),
    }
}
