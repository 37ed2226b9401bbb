//! What goes through the stack: a call with everything that its layers ask for, and the ways in
//! which it can fail.
//!
//! One stack serves every vendor. Whom a call is for, its [`Target`], gives each layer its
//! parameters; the layers keep what they remember by target.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use adapters::{Effect, Reply};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method};
use url::Url;

use super::authorise::Authorisation;
use super::unsent::Obstacle;
use crate::config::CallSettings;

/// What a layer of the stack makes of a call.
pub(super) type Outcome = Result<Reply, Failure>;
/// Such an outcome, to come.
pub(super) type Outcoming = BoxFuture<'static, Outcome>;

/// A request's first byte leaves within four seconds of the moment its intent began to be
/// committed, or not at all: this much for the commit and everything that it may have to wait for
/// (its turn, a token, a permit), the rest for connecting. The order's lease outlives both by far,
/// so a disk that takes a second to sync, or a token that must be fetched, costs a second and not
/// the order.
pub(super) const BEGINS_WITHIN: Duration = Duration::from_millis(2500);
/// What connecting may take, with TLS.
pub(super) const CONNECTS_WITHIN: Duration = Duration::from_millis(1500);
/// How much longer than one attempt a call may take, with its waits and copies. A placing lease
/// outlives its commit by one attempt and fifteen seconds.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// Whom a call is for.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) vendor: String,
    /// The tenant's id.
    pub(super) tenant: String,
    /// The connection's id.
    pub(super) connection: String,
    pub(super) base_url: String,
    /// Changes when the connection's credentials do.
    pub(super) credentials: u64,
    pub(super) settings: CallSettings,
}

impl Target {
    /// The key of what all connections to one base URL of a vendor share.
    pub(super) fn origin(&self) -> String {
        format!("{} {}", self.vendor, self.base_url)
    }
}

/// A request as it leaves, its secrets filled in. It has no `Debug`.
#[derive(Clone)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

/// One request on its way through the stack.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) target: Arc<Target>,
    pub(super) step: String,
    pub(super) effect: Effect,
    pub(super) outgoing: Outgoing,
    pub(super) authorisation: Authorisation,
    /// Handed to the network by then, or not at all.
    pub(super) begin_by: Instant,
    /// It has ended by then.
    pub(super) until: Instant,
    /// How often it may still be sent again.
    pub(super) copies_left: u32,
    /// How long the vendor itself was waited for.
    pub(super) waited: Waited,
}

impl Call {
    /// The times of a call that was committed, or begun, at `since`.
    pub(super) fn times(since: Instant, attempt: Duration) -> (Instant, Instant) {
        (since + BEGINS_WITHIN, since + attempt + ENDS_WITHIN)
    }

    /// Allows the call to begin anew after `pause`, within its end.
    pub(super) fn begin_again(&mut self, pause: Duration) {
        self.begin_by = (Instant::now() + pause + BEGINS_WITHIN).min(self.until);
    }
}

/// A stopwatch that all copies of a call share.
#[derive(Clone, Debug, Default)]
pub(super) struct Waited(Arc<AtomicU64>);

impl Waited {
    pub(super) fn add(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_add(micros, Ordering::Relaxed);
    }

    pub(super) fn total(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// Why there is no answer. What matters is whether a byte may have left: only after
/// [`Failure::Unanswered`].
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// We held it back.
    Refused(Refusal),
    /// It could not be sent, for a reason of our own.
    Unsendable(String),
    /// The vendor refused the credentials with which a token is asked for.
    Denied(String),
    /// The vendor is too busy to give a token, and says when to come back.
    Busy(Option<Duration>),
    /// The vendor could not be reached; not a byte of the request left.
    Unreached(Obstacle, String),
    /// A byte may have left, and no whole answer came.
    Unanswered(String),
}

/// A call that was held back.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) cause: Cause,
    /// The sentence's middle: "its calls failed 10 times in a row".
    pub(super) why: String,
    /// When it may be tried again.
    pub(super) again_in: Duration,
}

/// What held a call back; the label of `vendor_refused_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Rate,
    Breaker,
    Bulkhead,
    Paused,
}

impl Cause {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Breaker => "breaker",
            Self::Bulkhead => "bulkhead",
            Self::Paused => "paused",
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! A call for tests of single layers.

    use super::*;
    use crate::config::Settings;

    /// A call that orders, with settings of `[vendors.calls]` in TOML.
    pub(in crate::vendors) fn call(calls: &str) -> Call {
        let text = format!("[vendors.calls]\n{calls}");
        let settings = Settings::from_sources(Some(("test.toml", &text)), []).expect("right");
        let (begin_by, until) = Call::times(Instant::now(), Duration::from_secs(5));
        Call {
            target: Arc::new(Target {
                vendor: "acme".to_owned(),
                tenant: "tenant".to_owned(),
                connection: "one".to_owned(),
                base_url: "https://vendor.example".to_owned(),
                credentials: 1,
                settings: settings.vendors.calls,
            }),
            step: "order".to_owned(),
            effect: Effect::Once,
            outgoing: Outgoing {
                method: Method::POST,
                url: Url::parse("https://vendor.example/orders").expect("a URL"),
                headers: HeaderMap::new(),
                body: None,
            },
            authorisation: Authorisation::None,
            begin_by,
            until,
            copies_left: 0,
            waited: Waited::default(),
        }
    }
}
