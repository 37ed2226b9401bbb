//! Tokens that requests carry, one for each connection: in memory, and behind it in the cache,
//! sealed, where other replicas find them.
//!
//! However many calls want a token, one request fetches it, and its end does not depend on any of
//! them: it runs on its own, so that a caller who gave up leaves a token to the next. A token that
//! nears its end is renewed while calls still use it. A token that is lost is fetched anew, which
//! costs one request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adapters::Token;
use adapters::vocabulary::Millis;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::authorise::TokenPlan;
use super::call::{Failure, Target};
use super::keyed::Keyed;
use crate::cache::{Cache, Kind};
use crate::clock::{Clock, millis};
use crate::seal::{Keyring, Purpose};

/// A token that is being fetched.
pub(super) type Flight = Shared<BoxFuture<'static, Result<Arc<Held>, Failure>>>;

/// A token, and the header value that carries it.
pub(super) struct Held {
    pub(super) value: http::HeaderValue,
    ends_at: Millis,
}

/// What there is of a connection's token.
#[derive(Default)]
struct Slot {
    /// The credentials it was fetched with.
    credentials: u64,
    held: Option<Arc<Held>>,
    renew_at: Millis,
    flight: Option<Flight>,
    /// The vendor has refused the last token, which may well be the one in the cache.
    distrusts_cache: bool,
}

/// A token that can be had.
pub(super) enum Had {
    Now(Arc<Held>),
    Soon(Flight),
}

/// All tokens; clones share them.
#[derive(Clone)]
pub(super) struct Tokens {
    by_connection: Keyed<Mutex<Slot>>,
    clock: Clock,
    shared: SharedTokens,
    flights: TaskTracker,
}

impl Tokens {
    pub(super) fn new(clock: Clock, shared: SharedTokens) -> Self {
        Self {
            by_connection: Keyed::new(),
            clock,
            shared,
            flights: TaskTracker::new(),
        }
    }

    /// The token for `target`; `fetch` makes the request for one, should it be needed.
    pub(super) fn get<F>(
        &self,
        target: &Target,
        plan: &Arc<TokenPlan>,
        fetch: impl FnOnce() -> F,
    ) -> Had
    where
        F: Future<Output = Result<Token, Failure>> + Send + 'static,
    {
        let slot = self.slot(target);
        let mut this = lock(&slot);
        if this.credentials != target.credentials {
            *this = Slot {
                credentials: target.credentials,
                ..Slot::default()
            };
        }
        let now = self.clock.now();
        let alive = this.held.clone().filter(|held| now < held.ends_at);
        if let Some(held) = alive.clone().filter(|_| now < this.renew_at) {
            return Had::Now(held);
        }
        let flight = match &this.flight {
            Some(flight) => flight.clone(),
            None => {
                let trusts = !std::mem::take(&mut this.distrusts_cache);
                let flight = self.fly(target, plan, Arc::clone(&slot), trusts, fetch());
                this.flight = Some(flight.clone());
                self.flights.spawn(flight.clone().in_current_span());
                flight
            }
        };
        alive.map_or(Had::Soon(flight), Had::Now)
    }

    /// The vendor refuses that token: it is not used again.
    pub(super) fn drop_token(&self, target: &Target, refused: &Arc<Held>) {
        let slot = self.slot(target);
        let mut slot = lock(&slot);
        if slot
            .held
            .as_ref()
            .is_some_and(|held| Arc::ptr_eq(held, refused))
        {
            slot.held = None;
            slot.distrusts_cache = true;
        }
    }

    fn fly(
        &self,
        target: &Target,
        plan: &Arc<TokenPlan>,
        slot: Arc<Mutex<Slot>>,
        trusts_cache: bool,
        fetch: impl Future<Output = Result<Token, Failure>> + Send + 'static,
    ) -> Flight {
        let (clock, plan) = (self.clock.clone(), Arc::clone(plan));
        let (shared, target) = (self.shared.clone(), target.clone());
        let credentials = target.credentials;
        let flight = async move {
            let cached = match trusts_cache {
                true => shared.get(&target, plan.renew_before, clock.now()).await,
                false => None,
            };
            let (held, now) = match cached {
                Some(cached) => (Ok(cached), clock.now()),
                None => {
                    let fetched = fetch.await;
                    let now = clock.now();
                    let held = fetched.and_then(|token| {
                        let life = token.lifetime.unwrap_or(plan.default_lifetime);
                        let held = Held {
                            value: plan.carried(&token)?,
                            ends_at: now + millis(life),
                        };
                        Ok((Arc::new(held), life))
                    });
                    if let Ok((held, life)) = &held {
                        shared.put(&target, held, *life).await;
                    }
                    (held, now)
                }
            };
            let mut slot = lock(&slot);
            // New credentials have begun a slot of their own meanwhile.
            if slot.credentials == credentials {
                slot.flight = None;
                slot.take(&held, plan.renew_before, now);
            }
            held.map(|(held, _)| held)
        };
        flight.boxed().shared()
    }

    fn slot(&self, target: &Target) -> Arc<Mutex<Slot>> {
        self.by_connection.of(&target.connection, Mutex::default)
    }
}

/// The tokens in the cache.
#[derive(Clone)]
pub(super) struct SharedTokens {
    pub(super) cache: Cache,
    pub(super) keys: Arc<Keyring>,
}

/// A token as it is sealed: what its header says, and when it ends.
type Sealed = (Vec<u8>, Millis);

impl SharedTokens {
    /// A token that need not be renewed yet, and how long it lives.
    async fn get(
        &self,
        target: &Target,
        renew_before: Duration,
        now: Millis,
    ) -> Option<(Arc<Held>, Duration)> {
        let owner = owner(target);
        let sealed = self.cache.get(Kind::Token, &target.tenant, &owner).await?;
        // One that was sealed with another key, or by a later version, is as good as none.
        let plain = self.keys.open(Purpose::Token, &owner, &sealed).ok()?;
        let (value, ends_at): Sealed = serde_json::from_slice(&plain).ok()?;
        let life = Duration::from_millis(u64::try_from(ends_at - now).ok()?);
        let mut value = http::HeaderValue::from_bytes(&value).ok()?;
        value.set_sensitive(true);
        (life > renew_before).then(|| (Arc::new(Held { value, ends_at }), life))
    }

    async fn put(&self, target: &Target, held: &Held, life: Duration) {
        let owner = owner(target);
        let plain: Sealed = (held.value.as_bytes().to_vec(), held.ends_at);
        let plain = serde_json::to_vec(&plain).map(zeroize::Zeroizing::new);
        let plain = plain.expect("bytes and a number always serialize");
        let sealed = self.keys.seal(Purpose::Token, &owner, &plain);
        let tenant = &target.tenant;
        self.cache
            .put(Kind::Token, tenant, &owner, &sealed, life)
            .await;
    }
}

/// Other credentials are another owner.
fn owner(target: &Target) -> String {
    format!("{}:{:016x}", target.connection, target.credentials)
}

impl Slot {
    fn take(
        &mut self,
        fetched: &Result<(Arc<Held>, Duration), Failure>,
        renew_before: Duration,
        now: Millis,
    ) {
        match (fetched, &self.held) {
            (Ok((held, life)), _) => {
                // A margin that is most of its life would have it renewed all the time.
                self.renew_at = held.ends_at - millis(renew_before.min(*life / 2));
                self.held = Some(Arc::clone(held));
            }
            // What is left of the old one is time to try again, ever sooner.
            (Err(_), Some(old)) => self.renew_at = now + ((old.ends_at - now) / 2).max(1000),
            (Err(_), None) => {}
        }
    }
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    // A slot is whole at every moment, whoever panicked.
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
