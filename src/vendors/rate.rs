//! The rate of one connection's requests, by the generic cell rate algorithm: an even pace with a
//! little slack. A vendor that is called too fast answers 429 at best, and blocks the account at
//! worst.
//!
//! A request that is a little early waits its turn; one whose turn comes too late to begin is
//! refused, not sent. The rare copies that `retry` makes below are not counted. `tower::limit::RateLimit` keeps one window for a whole service and lets
//! callers wait for ever before they are called; here each connection has its own pace, and a wait
//! has an end.

use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use adapters::Reply;
use tower::Service;

use super::call::{Call, Cause, Failure, Outcoming, Refusal};
use super::keyed::Keyed;
use crate::clock::Clock;
use crate::config::Rate;

/// Of the requests that a rate allows in its time, this part may come at once.
const AT_ONCE: u32 = 10;

/// When the requests let through so far would have been due at an even pace, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicI64);

impl Pace {
    /// The time until the next request's turn, which is then taken, if it is not more than
    /// `at_most`.
    ///
    /// # Errors
    /// How long it would have to wait.
    fn take(&self, rate: Rate, now: i64, at_most: Duration) -> Result<Duration, Duration> {
        let interval = micros(rate.per) / i64::from(rate.count);
        let slack = interval * i64::from((rate.count / AT_ONCE).max(1) - 1);
        let turn = |due: i64| (due.max(now) - slack - now).max(0);
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |due| {
                (turn(due) <= micros(at_most)).then_some(due.max(now) + interval)
            });
        let wait = |due| Duration::from_micros(turn(due).unsigned_abs());
        taken.map(wait).map_err(wait)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Keeps connections to their rate.
#[derive(Clone)]
pub(super) struct Rated<S> {
    inner: S,
    paces: Keyed<Pace>,
    clock: Clock,
}

impl<S> Rated<S> {
    pub(super) fn new(inner: S, paces: &Keyed<Pace>, clock: &Clock) -> Self {
        Self {
            inner,
            paces: paces.clone(),
            clock: clock.clone(),
        }
    }

    /// How long the call waits for its turn.
    fn turn(&self, call: &Call) -> Result<Duration, Refusal> {
        let Some(rate) = call.target.settings.rate else {
            return Ok(Duration::ZERO);
        };
        let pace = self.paces.of(&call.target.connection, Pace::default);
        let at_most = call.begin_by.saturating_duration_since(Instant::now());
        pace.take(rate, self.clock.now() * 1000, at_most)
            .map_err(|again_in| Refusal {
                cause: Cause::Rate,
                why: "this connection makes as many requests as `rate` allows".to_owned(),
                again_in,
            })
    }
}

impl<S> Service<Call> for Rated<S>
where
    S: Service<Call, Response = Reply, Error = Failure, Future: Send + 'static>
        + Clone
        + Send
        + 'static,
{
    type Response = Reply;
    type Error = Failure;
    type Future = Outcoming;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Outcoming {
        let turn = self.turn(&call);
        let mut inner = self.inner.clone();
        Box::pin(async move {
            let wait = turn.map_err(Failure::Refused)?;
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            inner.call(call).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOURLY: Rate = Rate {
        count: 1440,
        per: Duration::from_secs(3600),
    };
    const INTERVAL: i64 = 2_500_000;

    #[test]
    fn a_tenth_comes_at_once_and_the_rest_at_an_even_pace() {
        let pace = Pace::default();
        let now = 1_700_000_000_000_000;
        for _ in 0..144 {
            assert_eq!(pace.take(HOURLY, now, Duration::ZERO), Ok(Duration::ZERO));
        }
        let refused = pace.take(HOURLY, now, Duration::ZERO);
        assert_eq!(refused, Err(Duration::from_micros(2_500_000)));
        let later = pace.take(HOURLY, now + INTERVAL, Duration::ZERO);
        assert_eq!(later, Ok(Duration::ZERO));
    }

    #[test]
    fn turns_that_are_waited_for_are_apart() {
        let (pace, patience) = (Pace::default(), Duration::from_secs(2));
        let each_second = Rate {
            count: 1,
            per: Duration::from_secs(1),
        };
        let waits: Vec<_> = (0..4)
            .map(|_| pace.take(each_second, 0, patience))
            .collect();
        let seconds = Duration::from_secs;
        assert_eq!(
            waits,
            [
                Ok(seconds(0)),
                Ok(seconds(1)),
                Ok(seconds(2)),
                Err(seconds(3))
            ]
        );
    }
}
