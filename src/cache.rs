//! What may be lost: catalogs and vendors' tokens, shared by all replicas where there is a Redis.
//!
//! Nothing here is needed. Whatever Redis does not say in time is a miss, and what reads a cache
//! always knows another way. A Redis that failed once is left alone until a probe in the background
//! has been answered, so that an outage costs each caller the time-out once at most.
//!
//! A key carries the form of its value: replicas of another version neither read nor overwrite it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncTypedCommands as _, Client, ErrorKind, RedisError, ServerErrorKind};
use tokio_util::task::TaskTracker;

/// How long a Redis that failed is left alone before it is probed.
const PROBE_PAUSE: Duration = Duration::from_secs(1);
/// A value that is larger is not worth its way.
const LARGEST_VALUE: usize = 4 << 20;

/// What a value is, and in which form it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A connection's catalog, as JSON.
    Catalog,
    /// A connection's token, sealed.
    Token,
}

impl Kind {
    /// The name and the version of the form. Raise the version with the form.
    fn form(self) -> &'static str {
        match self {
            Self::Catalog => "catalog:1",
            Self::Token => "token:1",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Token => "token",
        }
    }
}

/// What may be lost; clones share it.
#[derive(Clone, Default)]
pub struct Cache(Option<Arc<Shared>>);

struct Shared {
    redis: ConnectionManager,
    timeout: Duration,
    is_down: AtomicBool,
    probes: TaskTracker,
}

impl Cache {
    /// A cache at `url`: `memory:` shares nothing, `redis://...` and `rediss://...` share it with
    /// all replicas. `timeout`: how long Redis may take before it is done without.
    ///
    /// A Redis that is not there is waited for in the background. One that is there and does not
    /// let us in is a mistake.
    ///
    /// # Errors
    /// A sentence that names `cache.url`.
    pub async fn open(url: &str, timeout: Duration) -> Result<Self, String> {
        if url == "memory:" {
            return Ok(Self(None));
        }
        let client = client(url).map_err(|wrong| format!("`cache.url` {wrong}"))?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout))
            .set_number_of_retries(0);
        let redis = ConnectionManager::new_lazy_with_config(client, config)
            .map_err(|error| format!("`cache.url` cannot be used: {}", word(&error)))?;
        let shared = Arc::new(Shared {
            redis,
            timeout,
            is_down: AtomicBool::new(false),
            probes: TaskTracker::new(),
        });
        match shared.within(async |redis| redis.ping().await).await {
            Ok(_) => metrics::gauge!("cache_up").set(1.0),
            Err(Failure::Refused(why)) => {
                return Err(format!(
                    "the Redis of `cache.url` does not let us in ({why}); the URL takes a user and a password: redis://USER:PASSWORD@HOST:PORT"
                ));
            }
            Err(failure) => shared.fell(&failure),
        }
        Ok(Self(Some(shared)))
    }

    /// Whether `url` can be that of a cache, as far as it shows without asking anybody.
    ///
    /// # Errors
    /// What is wrong and what would be right, without the password.
    pub fn check_url(url: &str) -> Result<(), String> {
        if url == "memory:" {
            return Ok(());
        }
        client(url).map(|_| ())
    }

    /// The value of that kind and owner; `None` where there is none or Redis does not say.
    pub async fn get(&self, kind: Kind, tenant: &str, owner: &str) -> Option<Vec<u8>> {
        let shared = self.0.as_ref()?;
        let key = key(kind, tenant, owner);
        let got: Option<Option<Vec<u8>>> = shared
            .ask(kind, async |redis| {
                redis::cmd("GET").arg(&key).query_async(redis).await
            })
            .await;
        let got = got?;
        count(kind, if got.is_some() { "hit" } else { "miss" });
        got
    }

    /// Keeps a value for so long at most.
    pub async fn put(&self, kind: Kind, tenant: &str, owner: &str, value: &[u8], lives: Duration) {
        let (Some(shared), Ok(lives)) = (self.0.as_ref(), u64::try_from(lives.as_millis())) else {
            return;
        };
        if lives == 0 || value.len() > LARGEST_VALUE {
            return;
        }
        let key = key(kind, tenant, owner);
        shared
            .ask(kind, async |redis| redis.pset_ex(&key, value, lives).await)
            .await;
    }

    /// Forgets a value.
    pub async fn remove(&self, kind: Kind, tenant: &str, owner: &str) {
        if let Some(shared) = &self.0 {
            let key = key(kind, tenant, owner);
            shared.ask(kind, async |redis| redis.del(&key).await).await;
        }
    }
}

/// Why Redis said nothing of use.
enum Failure {
    /// It does not let us in.
    Refused(String),
    /// It is not there, or too slow.
    Absent(String),
}

impl Shared {
    /// Asks, unless Redis is known to be down; `None` where it does not say.
    async fn ask<T>(
        self: &Arc<Self>,
        kind: Kind,
        question: impl AsyncFnOnce(&mut ConnectionManager) -> Result<T, RedisError>,
    ) -> Option<T> {
        if self.is_down.load(Ordering::Relaxed) {
            count(kind, "skipped");
            return None;
        }
        match self.within(question).await {
            Ok(answer) => Some(answer),
            Err(failure) => {
                count(kind, "failed");
                self.fell(&failure);
                None
            }
        }
    }

    async fn within<T>(
        &self,
        question: impl AsyncFnOnce(&mut ConnectionManager) -> Result<T, RedisError>,
    ) -> Result<T, Failure> {
        let mut redis = self.redis.clone();
        match tokio::time::timeout(self.timeout, question(&mut redis)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if is_refusal(&error) => Err(Failure::Refused(word(&error))),
            Ok(Err(error)) => Err(Failure::Absent(word(&error))),
            Err(_) => Err(Failure::Absent("no answer in time".to_owned())),
        }
    }

    /// Leaves Redis alone until it answers again. Whoever notices first watches for that.
    fn fell(self: &Arc<Self>, failure: &Failure) {
        if self.is_down.swap(true, Ordering::Relaxed) {
            return;
        }
        let (Failure::Refused(why) | Failure::Absent(why)) = failure;
        tracing::warn!(
            event = "cache_down",
            why,
            "Redis does not answer; it is done without"
        );
        metrics::gauge!("cache_up").set(0.0);
        // Weak, so that a closed gateway's probe ends with it.
        let watched = Arc::downgrade(self);
        self.probes.spawn(async move {
            loop {
                tokio::time::sleep(PROBE_PAUSE).await;
                let Some(shared) = watched.upgrade() else {
                    return;
                };
                if shared
                    .within(async |redis| redis.ping().await)
                    .await
                    .is_ok()
                {
                    shared.is_down.store(false, Ordering::Relaxed);
                    tracing::info!(event = "cache_up", "Redis answers again");
                    metrics::gauge!("cache_up").set(1.0);
                    return;
                }
            }
        });
    }
}

/// Asks nobody yet.
fn client(url: &str) -> Result<Client, String> {
    Client::open(url).map_err(|error| {
        let why = word(&error);
        format!("cannot be read ({why}); it has to be like redis://USER:PASSWORD@HOST:PORT")
    })
}

fn key(kind: Kind, tenant: &str, owner: &str) -> String {
    format!("cleargate:{}:{tenant}:{owner}", kind.form())
}

fn count(kind: Kind, result: &'static str) {
    metrics::counter!("cache_requests_total", "kind" => kind.name(), "result" => result)
        .increment(1);
}

fn is_refusal(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm)
    ) || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"))
}

/// What went wrong, without the URL, which may hold a password.
fn word(error: &RedisError) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.category()),
        None => error.category().to_owned(),
    }
}
