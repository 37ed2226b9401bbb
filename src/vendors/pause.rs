//! A connection is left alone while its vendor asks for that, or has refused its credentials.
//!
//! A 429, a `Retry-After`, and rate limit headers that say that nothing is left pause the one
//! connection they were said to. So does a 401, because a vendor that is asked again and again
//! with bad credentials locks the account; new credentials are tried at once. By the time a 401
//! comes here, a token has been renewed already.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use adapters::Reply;
use adapters::vocabulary::Millis;
use tower::Service;

use super::call::{Call, Cause, Failure, Outcome, Outcoming, Refusal, Target};
use super::keyed::Keyed;
use super::wishes;
use crate::clock::{Clock, millis};

/// The pause after a 429 that names none.
const AFTER_429: Duration = Duration::from_secs(1);

/// The pauses of all connections; clones share them.
#[derive(Clone)]
pub(super) struct Pauses {
    by_connection: Keyed<Mutex<Option<Pause>>>,
    clock: Clock,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    until: Millis,
    /// The credentials that were refused, if that is why.
    denied: Option<u64>,
}

impl Pauses {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            by_connection: Keyed::new(),
            clock,
        }
    }

    /// The vendor has refused this connection's credentials.
    pub(super) fn deny(&self, target: &Target) {
        let (pause, credentials) = (target.settings.denied_pause, Some(target.credentials));
        let now = self.clock.now();
        let slot = self.slot(target);
        let mut slot = lock(&slot);
        let known = slot.is_some_and(|pause| pause.denied == credentials && now < pause.until);
        if known {
            return;
        }
        *slot = Some(Pause {
            until: now + millis(pause),
            denied: credentials,
        });
        tracing::error!(
            vendor = %target.vendor, connection = %target.connection, pause_seconds = pause.as_secs(),
            "the vendor refuses this connection's credentials; it is left alone for a while, or until they are changed"
        );
    }

    /// Why a call is not let through now, if it is not.
    pub(super) fn refusal(&self, target: &Target) -> Option<Refusal> {
        let slot = self.slot(target);
        let pause = (*lock(&slot))?;
        let left = u64::try_from(pause.until - self.clock.now())
            .ok()
            .filter(|left| *left > 0)?;
        let why = match pause.denied {
            Some(credentials) if credentials != target.credentials => return None,
            Some(_) => "it refuses this connection's credentials",
            None => "it asked this connection to wait",
        };
        Some(Refusal {
            cause: Cause::Paused,
            why: why.to_owned(),
            again_in: Duration::from_millis(left),
        })
    }

    fn hear(&self, target: &Target, outcome: &Outcome) {
        match outcome {
            Ok(reply) if reply.status == 401 => self.deny(target),
            Err(Failure::Denied(_)) => self.deny(target),
            Err(Failure::Busy(wish)) => self.lengthen(target, wish.unwrap_or(AFTER_429)),
            Ok(reply) => {
                if let Some(wish) = wish(reply, self.clock.now()) {
                    self.lengthen(target, wish);
                }
            }
            Err(_) => {}
        }
    }

    fn lengthen(&self, target: &Target, by: Duration) {
        let until = self.clock.now() + millis(by.min(target.settings.longest_pause));
        let slot = self.slot(target);
        let mut slot = lock(&slot);
        if slot.is_none_or(|pause| pause.until < until) {
            *slot = Some(Pause {
                until,
                denied: None,
            });
        }
    }

    fn slot(&self, target: &Target) -> Arc<Mutex<Option<Pause>>> {
        self.by_connection.of(&target.connection, Mutex::default)
    }
}

fn lock(slot: &Mutex<Option<Pause>>) -> std::sync::MutexGuard<'_, Option<Pause>> {
    // A pause is whole at every moment, whoever panicked.
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long the vendor wants to be left alone.
fn wish(reply: &Reply, now: Millis) -> Option<Duration> {
    let said = wishes::retry_after(reply, now);
    match reply.status {
        429 => Some(
            said.or_else(|| wishes::reset(reply, now))
                .unwrap_or(AFTER_429),
        ),
        503 => said,
        _ if wishes::is_spent(reply) => wishes::reset(reply, now),
        _ => None,
    }
}

/// Leaves connections alone.
#[derive(Clone)]
pub(super) struct Pausing<S> {
    inner: S,
    pauses: Pauses,
}

impl<S> Pausing<S> {
    pub(super) fn new(inner: S, pauses: &Pauses) -> Self {
        Self {
            inner,
            pauses: pauses.clone(),
        }
    }
}

impl<S> Service<Call> for Pausing<S>
where
    S: Service<Call, Response = Reply, Error = Failure, Future: Send + 'static>,
{
    type Response = Reply;
    type Error = Failure;
    type Future = Outcoming;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Outcoming {
        if let Some(refusal) = self.pauses.refusal(&call.target) {
            return Box::pin(async { Err(Failure::Refused(refusal)) });
        }
        let (pauses, target) = (self.pauses.clone(), Arc::clone(&call.target));
        let outcome = self.inner.call(call);
        Box::pin(async move {
            let outcome = outcome.await;
            pauses.hear(&target, &outcome);
            outcome
        })
    }
}
