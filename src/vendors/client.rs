//! One request to a vendor and back, and whole operations that order nothing.
//!
//! What matters most is what a failure means: [`Sent::Never`] only where not a byte left, so that the order certainly does not exist, and [`Sent::Maybe`] everywhere else.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters::vocabulary::Millis;
use adapters::{
    Context, Effect, Fault, Memo, Operation, Reply, Request, Translate, Turn, Unfit, Vendor,
};
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt as _};
use zeroize::Zeroizing;

use super::attempt::Attempting;
use super::authorise::Authorising;
use super::breaker::{Breaker, Breaking};
use super::bulkhead::Bulkhead;
use super::call::{Call, Target};
use super::exchange::Exchange;
use super::fail_fast::{FailFast, HeldBack};
use super::keyed::Keyed;
use super::meter::Meter;
use super::pause::{Pauses, Pausing};
use super::prepare::{authorisation, outgoing};
use super::rate::Rated;
use super::retry::{Copies, MORE_COPIES};
use super::tokens::{SharedTokens, Tokens};
use super::unsent::{Obstacle, Unsent};
use super::wishes;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::config::{CallSettings, VendorSettings};
use crate::domain::tenant::Connection;
use crate::seal::Keyring;

/// Turns of an operation that orders nothing; a catalog of more pages is not believed.
const MOST_TURNS: usize = 100;

/// How often a later step that is not ready yet is asked for once more while a person waits.
const MOST_WAITS: u32 = 6;
/// Before it is.
const NOT_READY_PAUSE: Duration = Duration::from_secs(1);

/// How vendors are called.
#[derive(Clone, Debug)]
pub struct CallerOptions {
    /// One attempt, from connecting to the last byte of the answer.
    pub attempt_timeout: Duration,
    /// Everything else.
    pub settings: VendorSettings,
}

/// What came of sending one request.
#[derive(Clone)]
pub enum Sent {
    /// Not a byte left.
    Never(Unsent),
    /// A byte may have left, and no whole answer came.
    Maybe(String),
    /// A whole answer.
    Answered(Reply),
}

/// The last step of an operation so far.
struct Last {
    /// How often it may still wait for what is not ready.
    waits_left: u32,
    step: String,
    effect: Effect,
    answer: Option<Heard>,
}

/// Why an operation has no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallFailure {
    /// It could not be said.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// No answer.
    #[error("{0}")]
    NoAnswer(String),
    /// Nothing was asked.
    #[error("{}", .0.why)]
    NotSent(Unsent),
    /// An answer that is no success.
    #[error("the vendor answered: {}", fault_word(.0))]
    Fault(Fault),
}

/// What came of a whole operation, and what it cost.
#[derive(Debug)]
pub struct Asked<T> {
    /// Its result.
    pub result: Result<T, CallFailure>,
    /// The step that it ended with; empty where none could be said.
    pub step: String,
    /// What a second copy of that step would do.
    pub effect: Effect,
    /// How long it took, with everything it waited for.
    pub took: Duration,
    /// The last answer, without what it says.
    pub answer: Option<Heard>,
}

/// What an answer tells of its vendor, whatever it means.
#[derive(Clone, Debug)]
pub struct Heard {
    /// HTTP status.
    pub status: u16,
    /// The vendor's clock when it answered, where it says so.
    pub date: Option<Millis>,
}

impl<T> Asked<T> {
    /// Nothing was asked, because it cannot be.
    pub fn nothing(why: &str) -> Self {
        Self {
            result: Err(CallFailure::NoAnswer(why.to_owned())),
            step: String::new(),
            effect: Effect::Read,
            took: Duration::ZERO,
            answer: None,
        }
    }

    /// The same, with what `choose` makes of its result.
    pub fn map<U>(&self, choose: impl FnOnce(&T) -> Result<U, CallFailure>) -> Asked<U> {
        Asked {
            result: self.result.as_ref().map_err(Clone::clone).and_then(choose),
            step: self.step.clone(),
            effect: self.effect,
            took: self.took,
            answer: self.answer.clone(),
        }
    }
}

/// A fault in one stable word, for logs, metrics and history.
pub fn fault_word(fault: &Fault) -> &'static str {
    match fault {
        Fault::Refused { .. } => "refused",
        Fault::Busy(_) => "busy",
        Fault::NotReady(_) => "not_ready",
        Fault::Duplicate(_) => "duplicate",
        Fault::Denied => "denied",
        Fault::Unclear(_) => "unclear",
    }
}

/// Sends requests to vendors, through the one stack that this process has.
#[derive(Clone)]
pub struct Caller {
    stack: BoxCloneSyncService<Call, Sent, Infallible>,
    pauses: Pauses,
    breakers: Keyed<Breaker>,
    clock: Clock,
    options: Arc<CallerOptions>,
    keys: Arc<Keyring>,
}

impl Caller {
    /// Puts the stack together. `clock` is what pauses and tokens are measured by, `cache` is
    /// where tokens are shared, sealed with `keys`.
    ///
    /// # Errors
    /// One sentence for each certificate, key or proxy that cannot be used.
    pub fn new(
        options: CallerOptions,
        clock: Clock,
        cache: Cache,
        keys: Arc<Keyring>,
    ) -> Result<Self, Vec<String>> {
        let exchange = Exchange::new(&options.settings, options.attempt_timeout)?;
        let pauses = Pauses::new(clock.clone());
        let shared = SharedTokens {
            cache,
            keys: Arc::clone(&keys),
        };
        let tokens = Tokens::new(clock.clone(), shared);
        let breakers = Keyed::new();
        let timeout = options.attempt_timeout;
        Ok(Self {
            stack: stack(exchange, &pauses, &breakers, &tokens, timeout, &clock),
            pauses,
            breakers,
            clock,
            options: Arc::new(options),
            keys,
        })
    }

    /// Sends one request, whose intent was committed at `committed`.
    pub async fn send(
        &self,
        vendor: &Vendor,
        connection: &Connection,
        request: &Request,
        committed: Instant,
    ) -> Sent {
        let call = match self.call(vendor, connection, request, committed) {
            Ok(call) => call,
            Err(why) => {
                let obstacle = Obstacle::Ours;
                return Sent::Never(Unsent { why, obstacle });
            }
        };
        let Ok(sent) = self.stack.clone().oneshot(call).await;
        sent
    }

    /// Why a call of this connection would be held back now by what its earlier ones met, if it
    /// would. Its rate is not asked: that lets calls through one by one.
    pub fn held_back(&self, vendor: &Vendor, connection: &Connection) -> Option<HeldBack> {
        let target = self.target(vendor, connection);
        let refusal = self.pauses.refusal(&target).or_else(|| {
            let breaker = Breaker::of(&self.breakers, &target);
            breaker.refusal(self.clock.now())
        })?;
        let vendor = target.vendor.clone();
        Some(HeldBack { vendor, refusal })
    }

    /// How that vendor is called.
    pub fn settings_of(&self, vendor: &str) -> &CallSettings {
        self.options.settings.calls_of(vendor)
    }

    /// The vendor has refused this connection's credentials in an answer that only its adapter
    /// understands. The stack understands a 401 by itself.
    pub fn deny(&self, vendor: &Vendor, connection: &Connection) {
        self.pauses.deny(&self.target(vendor, connection));
    }

    /// Runs a whole operation that orders nothing, step after step.
    pub async fn ask<O: Operation>(
        &self,
        vendor: &Vendor,
        connection: &Connection,
        translate: &dyn Translate<O>,
        operation: &O,
        memo: Memo,
    ) -> Asked<O::Output> {
        self.ask_waiting(0, vendor, connection, translate, operation, memo)
            .await
    }

    /// The same for a person who waits: what an earlier step has begun and is not ready yet is
    /// waited for a little, because whoever comes back begins it anew.
    pub async fn ask_for_a_person<O: Operation>(
        &self,
        vendor: &Vendor,
        connection: &Connection,
        translate: &dyn Translate<O>,
        operation: &O,
        memo: Memo,
    ) -> Asked<O::Output> {
        self.ask_waiting(MOST_WAITS, vendor, connection, translate, operation, memo)
            .await
    }

    async fn ask_waiting<O: Operation>(
        &self,
        waits_left: u32,
        vendor: &Vendor,
        connection: &Connection,
        translate: &dyn Translate<O>,
        operation: &O,
        memo: Memo,
    ) -> Asked<O::Output> {
        let began = Instant::now();
        let mut last = Last {
            waits_left,
            step: String::new(),
            effect: Effect::Read,
            answer: None,
        };
        let result = self
            .take_steps(vendor, connection, translate, operation, memo, &mut last)
            .await;
        Asked {
            result,
            step: last.step,
            effect: last.effect,
            took: began.elapsed(),
            answer: last.answer,
        }
    }

    async fn take_steps<O: Operation>(
        &self,
        vendor: &Vendor,
        connection: &Connection,
        translate: &dyn Translate<O>,
        operation: &O,
        mut memo: Memo,
        last: &mut Last,
    ) -> Result<O::Output, CallFailure> {
        for _ in 0..MOST_TURNS {
            let cx = Context {
                settings: &connection.settings,
                key: "",
                base_url: &connection.base_url,
            };
            let request = translate.encode(operation, &memo, &cx)?;
            last.step.clone_from(&request.step);
            last.effect = request.effect;
            let reply = match self
                .send(vendor, connection, &request, Instant::now())
                .await
            {
                Sent::Answered(reply) => reply,
                Sent::Never(unsent) => return Err(CallFailure::NotSent(unsent)),
                Sent::Maybe(why) => return Err(CallFailure::NoAnswer(why)),
            };
            last.answer = Some(Heard {
                status: reply.status,
                date: wishes::date(&reply),
            });
            match translate.decode(operation, &memo, &cx, &reply) {
                Ok(Turn::Done(output)) => return Ok(output),
                Ok(Turn::Next(next)) => memo = next,
                Err(Fault::NotReady(_)) if !memo.step.is_empty() && last.waits_left > 0 => {
                    last.waits_left -= 1;
                    tokio::time::sleep(NOT_READY_PAUSE).await;
                }
                Err(fault) => {
                    if fault == Fault::Denied {
                        self.deny(vendor, connection);
                    }
                    return Err(CallFailure::Fault(fault));
                }
            }
        }
        Err(CallFailure::NoAnswer(format!(
            "gave up after {MOST_TURNS} steps"
        )))
    }

    fn call(
        &self,
        vendor: &Vendor,
        connection: &Connection,
        request: &Request,
        committed: Instant,
    ) -> Result<Call, String> {
        let (begin_by, until) = Call::times(committed, self.options.attempt_timeout);
        Ok(Call {
            outgoing: outgoing(connection, request)?,
            authorisation: authorisation(vendor, connection)?,
            target: Arc::new(self.target(vendor, connection)),
            step: request.step.clone(),
            effect: request.effect,
            begin_by,
            until,
            copies_left: MORE_COPIES,
            waited: Default::default(),
        })
    }

    fn target(&self, vendor: &Vendor, connection: &Connection) -> Target {
        Target {
            vendor: vendor.name.clone(),
            tenant: connection.tenant_id.clone(),
            connection: connection.id.clone(),
            base_url: connection.base_url.clone(),
            credentials: self.fingerprint(connection),
            settings: self.settings_of(&vendor.name).clone(),
        }
    }

    /// The same on every replica, and keyed, so that it says nothing to anybody else.
    fn fingerprint(&self, connection: &Connection) -> u64 {
        let mut text = Zeroizing::new(String::new());
        for (name, values) in connection.credentials.iter() {
            for value in values {
                text.push_str(name);
                text.push('\n');
                text.push_str(value.expose());
                text.push('\n');
            }
        }
        self.keys.short_fingerprint(text.as_bytes())
    }
}

/// The stack, outermost layer first.
fn stack(
    exchange: Exchange,
    pauses: &Pauses,
    breakers: &Keyed<Breaker>,
    tokens: &Tokens,
    timeout: Duration,
    clock: &Clock,
) -> BoxCloneSyncService<Call, Sent, Infallible> {
    let (pauses, breakers, clock) = (pauses.clone(), breakers.clone(), clock.clone());
    let (paces, permits) = (Keyed::new(), Keyed::new());
    let (copies, tokens) = (Copies::new(), tokens.clone());
    let layers = ServiceBuilder::new()
        .layer_fn(Meter)
        .layer_fn(FailFast)
        .layer_fn(|inner| Pausing::new(inner, &pauses))
        .layer_fn(|inner| Rated::new(inner, &paces, &clock))
        .layer_fn(|inner| Breaking::new(inner, &breakers, &clock))
        .retry(copies)
        .layer_fn(|inner| Authorising::new(inner, &tokens))
        .layer_fn(|inner| Bulkhead::new(inner, &permits))
        .layer_fn(|inner| Attempting { inner, timeout });
    BoxCloneSyncService::new(layers.service(exchange))
}
