//! The first connection to a database, made beside the pool, which would try again until its time
//! is up and then not say why. What is wrong is told in a sentence, without the password.

use sqlx::error::DatabaseError;
use sqlx::{AnyConnection, Connection as _};
use url::Url;

use super::{ACQUIRE_WITHIN, StoreError};

/// Connects, runs a statement, and disconnects.
pub(super) async fn connect_once(url: &str, statement: &'static str) -> Result<(), sqlx::Error> {
    let connecting = async {
        let mut connection = AnyConnection::connect(url).await?;
        sqlx::query(statement).execute(&mut connection).await?;
        connection.close().await
    };
    let connected = tokio::time::timeout(ACQUIRE_WITHIN, connecting).await;
    connected.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// Whether a PostgreSQL is there and lets us in.
pub(super) async fn check_postgres(url: &str) -> Result<(), StoreError> {
    let connected = connect_once(url, "SELECT 1").await;
    connected.map_err(|error| StoreError::Unusable(sentence(url, &error)))
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
        sqlx::Error::Configuration(error) => {
            format!(
                "`store.url` cannot be read ({error}); it has to be like postgres://USER:PASSWORD@HOST:PORT/DATABASE"
            )
        }
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
