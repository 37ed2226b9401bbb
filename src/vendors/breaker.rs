//! A base URL whose calls fail again and again is not called for a while; then one call probes it.
//!
//! A dead vendor then costs its callers nothing, and a struggling one is not trampled as it comes
//! back. It is kept per base URL, because vendors have regions and environments that fail alone.
//! A failure is no answer, or a 5xx; any other answer proves that the vendor lives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use adapters::Reply;
use adapters::vocabulary::Millis;
use tower::Service;

use super::call::{Call, Cause, Failure, Outcome, Outcoming, Refusal, Target};
use super::keyed::Keyed;
use super::wishes;
use crate::clock::{Clock, millis};

/// One base URL's breaker.
pub(super) struct Breaker {
    vendor: String,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Calls pass; so many failed in a row.
    Closed(usize),
    /// No call passes until then.
    Open(Millis),
    /// One call is on its way to find out.
    Probing,
}

impl State {
    /// How long no call passes, if none does now.
    fn held_for(self, now: Millis) -> Option<Duration> {
        match self {
            Self::Open(until) if now < until => {
                Some(Duration::from_millis((until - now).unsigned_abs()))
            }
            // As long as the probe runs; a second is soon enough to ask again.
            Self::Probing => Some(Duration::from_secs(1)),
            Self::Open(_) | Self::Closed(_) => None,
        }
    }
}

fn refusal(again_in: Duration) -> Refusal {
    Refusal {
        cause: Cause::Breaker,
        why: "its last calls failed".to_owned(),
        again_in,
    }
}

/// What became of a call, as far as the vendor's health goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Lives,
    /// With the wait it asks for.
    Failed(Option<Duration>),
    /// The call never got that far.
    Unknown,
}

impl Breaker {
    fn new(vendor: &str) -> Self {
        Self {
            vendor: vendor.to_owned(),
            state: Mutex::new(State::Closed(0)),
        }
    }

    /// The breaker of a call's base URL.
    pub(super) fn of(breakers: &Keyed<Self>, target: &Target) -> Arc<Self> {
        breakers.of(&target.origin(), || Self::new(&target.vendor))
    }

    /// Why a call is not let through now, if it is not.
    pub(super) fn refusal(&self, now: Millis) -> Option<Refusal> {
        self.state().held_for(now).map(refusal)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A state is whole at every moment, whoever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a call through; the one that probes holds the breaker until it is settled.
    fn admit(self: Arc<Self>, now: Millis) -> Result<Admitted, Duration> {
        let mut state = self.state();
        if let Some(again_in) = state.held_for(now) {
            return Err(again_in);
        }
        let is_probe = is_open(*state);
        if is_probe {
            *state = State::Probing;
        }
        drop(state);
        Ok(Admitted {
            breaker: self,
            is_probe,
            verdict: Verdict::Unknown,
            open_until: now,
            threshold: usize::MAX,
        })
    }

    fn settle(&self, admitted: &Admitted) {
        let mut state = self.state();
        let next = match (*state, admitted.verdict) {
            (State::Closed(_), Verdict::Lives) => State::Closed(0),
            (State::Closed(failures), Verdict::Failed(_)) => match failures + 1 {
                failures if failures >= admitted.threshold => State::Open(admitted.open_until),
                failures => State::Closed(failures),
            },
            (State::Probing, verdict) if admitted.is_probe => match verdict {
                Verdict::Lives => State::Closed(0),
                // A probe that was given up leaves the next call to find out.
                Verdict::Failed(_) | Verdict::Unknown => State::Open(admitted.open_until),
            },
            // Calls that left before it opened say nothing about now.
            (state, _) => state,
        };
        let (before, after) = (is_open(*state), is_open(next));
        *state = next;
        drop(state);
        if before != after {
            self.tell(after);
        }
    }

    fn tell(&self, open: bool) {
        let gauge = metrics::gauge!("vendor_breakers_open", "vendor" => self.vendor.clone());
        if open {
            gauge.increment(1.0);
            tracing::warn!(vendor = %self.vendor, "a vendor fails; it is not called for a while");
        } else {
            gauge.decrement(1.0);
            tracing::info!(vendor = %self.vendor, "a vendor that failed answers again");
        }
    }
}

fn is_open(state: State) -> bool {
    !matches!(state, State::Closed(_))
}

impl Drop for Breaker {
    fn drop(&mut self) {
        if is_open(*self.state()) {
            metrics::gauge!("vendor_breakers_open", "vendor" => self.vendor.clone()).decrement(1.0);
        }
    }
}

/// A call that was let through. It is settled when dropped, also where its caller hung up.
struct Admitted {
    breaker: Arc<Breaker>,
    is_probe: bool,
    verdict: Verdict,
    /// Until when it is open if this call failed.
    open_until: Millis,
    threshold: usize,
}

impl Admitted {
    fn hear(&mut self, target: &Target, outcome: &Outcome, now: Millis) {
        let settings = &target.settings;
        self.verdict = verdict(outcome, now);
        self.threshold = settings.breaker_failures;
        self.open_until = match self.verdict {
            Verdict::Failed(wish) => {
                let wish = wish.unwrap_or_default().min(settings.longest_pause);
                now + millis(wish.max(settings.breaker_pause))
            }
            _ => now,
        };
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.breaker.settle(self);
    }
}

fn verdict(outcome: &Outcome, now: Millis) -> Verdict {
    match outcome {
        Ok(reply) if reply.status >= 500 => Verdict::Failed(wishes::retry_after(reply, now)),
        Ok(_) | Err(Failure::Denied(_) | Failure::Busy(_)) => Verdict::Lives,
        Err(Failure::Unreached(..) | Failure::Unanswered(_)) => Verdict::Failed(None),
        Err(Failure::Refused(_) | Failure::Unsendable(_)) => Verdict::Unknown,
    }
}

/// Spares vendors that fail.
#[derive(Clone)]
pub(super) struct Breaking<S> {
    inner: S,
    breakers: Keyed<Breaker>,
    clock: Clock,
}

impl<S> Breaking<S> {
    pub(super) fn new(inner: S, breakers: &Keyed<Breaker>, clock: &Clock) -> Self {
        Self {
            inner,
            breakers: breakers.clone(),
            clock: clock.clone(),
        }
    }
}

impl<S> Service<Call> for Breaking<S>
where
    S: Service<Call, Response = Reply, Error = Failure, Future: Send + 'static>,
{
    type Response = Reply;
    type Error = Failure;
    type Future = Outcoming;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: Call) -> Outcoming {
        let target = Arc::clone(&call.target);
        let breaker = Breaker::of(&self.breakers, &target);
        let mut admitted = match breaker.admit(self.clock.now()) {
            Ok(admitted) => admitted,
            Err(again_in) => {
                return Box::pin(async move { Err(Failure::Refused(refusal(again_in))) });
            }
        };
        if admitted.is_probe {
            call.copies_left = 0;
        }
        let (clock, outcome) = (self.clock.clone(), self.inner.call(call));
        Box::pin(async move {
            let outcome = outcome.await;
            admitted.hear(&target, &outcome, clock.now());
            outcome
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(breaker: &Arc<Breaker>, now: Millis) -> Result<Admitted, Duration> {
        Arc::clone(breaker).admit(now)
    }

    /// Makes a call that ends like that, with a threshold of three and pauses of ten seconds.
    fn call(breaker: &Arc<Breaker>, now: Millis, verdict: Verdict) -> Result<(), Duration> {
        let mut admitted = admit(breaker, now)?;
        admitted.verdict = verdict;
        admitted.threshold = 3;
        if let Verdict::Failed(_) = verdict {
            admitted.open_until = now + 10_000;
        }
        Ok(())
    }

    const FAILED: Verdict = Verdict::Failed(None);

    fn opened() -> Arc<Breaker> {
        let breaker = Arc::new(Breaker::new("acme"));
        for _ in 0..3 {
            assert_eq!(call(&breaker, 0, FAILED), Ok(()));
        }
        breaker
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row() {
        let breaker = Arc::new(Breaker::new("acme"));
        for verdict in [
            FAILED,
            FAILED,
            Verdict::Lives,
            FAILED,
            FAILED,
            Verdict::Unknown,
        ] {
            assert_eq!(call(&breaker, 0, verdict), Ok(()));
        }
        assert_eq!(call(&breaker, 0, FAILED), Ok(()));
        assert_eq!(call(&breaker, 1, FAILED), Err(Duration::from_millis(9_999)));
    }

    #[test]
    fn one_call_probes_and_closes_it() {
        let breaker = opened();
        let probe = admit(&breaker, 10_000).ok();
        assert!(probe.as_ref().is_some_and(|probe| probe.is_probe));
        assert!(admit(&breaker, 10_000).is_err(), "one probe at a time");
        let mut probe = probe.unwrap();
        probe.verdict = Verdict::Lives;
        drop(probe);
        assert!(admit(&breaker, 10_000).is_ok_and(|admitted| !admitted.is_probe));
    }

    #[test]
    fn a_probe_that_fails_opens_it_again_and_one_that_is_given_up_leaves_it_to_the_next() {
        let breaker = opened();
        drop(admit(&breaker, 10_000));
        assert_eq!(
            call(&breaker, 10_000, FAILED),
            Ok(()),
            "the next one probes"
        );
        assert_eq!(
            call(&breaker, 10_001, FAILED),
            Err(Duration::from_millis(9_999))
        );
    }

    #[test]
    fn calls_that_left_before_it_opened_change_nothing() {
        let breaker = Arc::new(Breaker::new("acme"));
        let mut early = admit(&breaker, 0).ok().unwrap();
        for _ in 0..3 {
            assert_eq!(call(&breaker, 0, FAILED), Ok(()));
        }
        early.verdict = Verdict::Lives;
        drop(early);
        assert!(admit(&breaker, 1).is_err());
    }
}
