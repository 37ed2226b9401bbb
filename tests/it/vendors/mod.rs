//! Calling vendors, over real sockets: what the gateway makes of vendors that are slow, broken,
//! hostile or tired, and what it does not do to them.
//!
//! The cast: a [`Peer`] is a vendor of raw sockets; a [`Desk`] has the one [`Caller`], a held
//! clock, and the vendor and connection that calls are for.

mod broken;
mod patience;
pub(crate) mod peer;
mod tls;
mod tokens;
mod verifying;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use adapters::contract::Method;
use adapters::vocabulary::Private;
use adapters::{Effect, Piece, Reply, Request, Vendor};
use cleargate::cache::Cache;
use cleargate::clock::Clock;
use cleargate::config::Settings;
use cleargate::domain::tenant::{Connection, Credentials};
use cleargate::seal::{Keyring, new_key};
use cleargate::vendors::{Caller, CallerOptions, Sent};
use peer::Peer;

use crate::support::NOON;

const SHEET: &str = include_str!("../../../adapters/sheets/sandbox.toml");
const STATIC: &str = "auth = { header = \"Authorization: Bearer {secret.api_key}\" }";

/// A vendor that authorises like that.
fn vendor(name: &str, auth: &str) -> Vendor {
    let sheet = SHEET
        .replacen("name = \"sandbox\"", &format!("name = \"{name}\""), 1)
        .replacen(STATIC, auth, 1);
    adapters::sheet::load("acme.toml", &sheet).expect("the sheet is right")
}

/// A connection to `base_url`.
fn connection(id: &str, base_url: &str) -> Connection {
    let secret = |name: &str, value: &str| (name.to_owned(), vec![Private::from(value)]);
    Connection {
        id: id.to_owned(),
        tenant_id: "tenant".to_owned(),
        name: id.to_owned(),
        label: id.to_owned(),
        vendor: "acme".to_owned(),
        base_url: base_url.to_owned(),
        prefix: String::new(),
        settings: BTreeMap::new(),
        overlay: Vec::new(),
        credentials: Credentials::from_iter([
            secret("api_key", "k3y"),
            secret("callback_secret", "s3cret"),
        ]),
        callback_token: Private::from("token"),
        retired: false,
    }
}

/// The same credentials with another API key.
fn with_api_key(credentials: &Credentials, key: &str) -> Credentials {
    let secrets = credentials.iter();
    let secrets = secrets.map(|(name, values)| match name {
        "api_key" => (name.to_owned(), vec![Private::from(key)]),
        _ => (name.to_owned(), values.to_vec()),
    });
    secrets.collect()
}

const READ: Effect = Effect::Read;
const ONCE: Effect = Effect::Once;
const REPEATABLE: Effect = Effect::Repeatable {
    within: Duration::from_secs(24 * 3600),
};

/// A request to `/orders`.
fn request(effect: Effect) -> Request {
    Request {
        step: "order".to_owned(),
        method: Method::Post,
        path: "/orders".to_owned(),
        query: Vec::new(),
        headers: Vec::new(),
        mime: Some("application/json".to_owned()),
        body: vec![Piece::text("{}")],
        effect,
    }
}

/// Whoever calls vendors.
struct Desk {
    caller: Caller,
    clock: Clock,
    vendor: Vendor,
    connection: Connection,
}

/// Settings of `[vendors.calls]` in TOML.
fn options(calls: &str) -> CallerOptions {
    let settings = format!("[vendors]\nreply_limit = \"64KiB\"\n[vendors.calls]\n{calls}");
    let settings = Settings::from_sources(Some(("test.toml", &settings)), []).expect("right");
    CallerOptions {
        attempt_timeout: Duration::from_secs(5),
        settings: settings.vendors,
    }
}

/// One key for all, as replicas have it.
static KEYS: OnceLock<String> = OnceLock::new();

fn caller(options: CallerOptions, clock: &Clock, cache: Cache) -> Caller {
    let key = Private::new(KEYS.get_or_init(new_key).clone());
    let keys = Arc::new(Keyring::new(&key, &[]).expect("a key"));
    Caller::new(options, clock.clone(), cache, keys).expect("its settings can be used")
}

impl Desk {
    /// One that calls `peer`, with settings of `[vendors.calls]` in TOML.
    fn of(peer: &Peer, calls: &str) -> Self {
        Self::with(&peer.url(), STATIC, calls, Duration::from_secs(5))
    }

    /// One with an attempt time-out that a test waits for.
    fn hasty(peer: &Peer) -> Self {
        Self::with(&peer.url(), STATIC, "", Duration::from_millis(300))
    }

    fn with(base_url: &str, auth: &str, calls: &str, attempt_timeout: Duration) -> Self {
        let clock = Clock::held(NOON);
        let options = CallerOptions {
            attempt_timeout,
            ..options(calls)
        };
        Self {
            caller: caller(options, &clock, Cache::default()),
            clock,
            vendor: vendor("acme", auth),
            connection: connection("one", base_url),
        }
    }

    async fn send(&self, effect: Effect) -> Sent {
        self.send_from(&self.connection, effect).await
    }

    async fn send_from(&self, connection: &Connection, effect: Effect) -> Sent {
        let request = request(effect);
        self.caller
            .send(&self.vendor, connection, &request, Instant::now())
            .await
    }
}

/// The answer.
#[track_caller]
fn answered(sent: Sent) -> Reply {
    match sent {
        Sent::Answered(reply) => reply,
        Sent::Never(unsent) => panic!("never sent: {}", unsent.why),
        Sent::Maybe(why) => panic!("maybe sent: {why}"),
    }
}

/// Why not a byte left.
#[track_caller]
fn never(sent: Sent) -> String {
    match sent {
        Sent::Never(unsent) => unsent.why,
        Sent::Maybe(why) => panic!("maybe sent: {why}"),
        Sent::Answered(reply) => panic!("answered {}", reply.status),
    }
}

/// Why it may have arrived.
#[track_caller]
fn maybe(sent: Sent) -> String {
    match sent {
        Sent::Maybe(why) => why,
        Sent::Never(unsent) => panic!("never sent: {}", unsent.why),
        Sent::Answered(reply) => panic!("answered {}", reply.status),
    }
}
