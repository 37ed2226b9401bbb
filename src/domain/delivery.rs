//! Delivering an update to the ATS: when the next attempt is due and when it is over.

use std::time::Duration;

use adapters::vocabulary::Millis;
use serde::{Deserialize, Serialize};

use crate::clock::millis;

/// Delays after the first, second, ... failed attempt; the last one repeats. Each is spread by a
/// fifth either way, so that what failed together does not come back together.
const DELAYS: [Duration; 11] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(3 * 3600),
    Duration::from_secs(6 * 3600),
    Duration::from_secs(12 * 3600),
    Duration::from_secs(24 * 3600),
    Duration::from_secs(24 * 3600),
];

/// Attempts on a destination that refuses a size or an address: enough for a mistake to be mended.
const FEW_ATTEMPTS: i64 = 3;

/// An address that was refused is tried again at this pace, because DNS may be changing.
const REFUSED_DELAY: Duration = Duration::from_secs(5 * 60);

/// The longest a destination may make us wait.
pub const LONGEST_WISH: Duration = Duration::from_secs(24 * 3600);

/// From this attempt on an operator sees a failing delivery.
pub const ATTEMPTS_BEFORE_NOTICE: i64 = 3;

/// A lane that was claimed, with its head.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The lane.
    pub order_id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// Where it goes.
    pub origin: String,
    /// The head's place in the lane.
    pub sequence: i64,
    /// The number of the attempt that begins now, from 1.
    pub attempt: i64,
    /// The lease.
    pub token: String,
    /// When it began, by the clock that may since have been set back.
    pub at: Millis,
    /// When it ends.
    pub until: Millis,
    /// The head's id, the same over all attempts.
    pub webhook_id: String,
    /// Its bytes.
    pub body: String,
    /// The whole address.
    pub webhook_url: String,
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempted {
    /// An HTTP answer, whole head within the deadline.
    Answered {
        /// Its status.
        status: u16,
        /// What `Retry-After` asked for.
        retry_after: Option<Duration>,
    },
    /// The address may not be called; nothing was connected.
    AddressRefused(String),
    /// No answer. The reason has neither path nor body.
    Failed(String),
}

/// What follows an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The ATS has it.
    Delivered,
    /// Another attempt at this time.
    Again(Millis),
    /// Over, for this reason.
    Dead(DeadReason),
}

impl Next {
    /// What follows in one word, for metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Again(_) => "again",
            Self::Dead(_) => "dead",
        }
    }
}

/// Why a delivery was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadReason {
    /// The ATS answered 410: this order's webhook is closed.
    Gone,
    /// The ATS refuses the size of what we send.
    TooLarge,
    /// The address may not be called.
    DestinationRefused,
    /// Every attempt failed.
    Exhausted,
}

impl DeadReason {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::TooLarge => "too_large",
            Self::DestinationRefused => "destination_refused",
            Self::Exhausted => "exhausted",
        }
    }
}

/// What follows the attempt number `attempt` (1 for the first), of at most `most`. `spread` is a
/// random number in 0..1.
pub fn next(ended: &Attempted, attempt: i64, most: i64, now: Millis, spread: f64) -> Next {
    let scheduled = now + spread_out(delay_after(attempt), spread);
    match ended {
        Attempted::Answered {
            status: 200..=299, ..
        } => Next::Delivered,
        Attempted::Answered { status: 410, .. } => Next::Dead(DeadReason::Gone),
        Attempted::Answered {
            status: 413 | 414 | 431,
            ..
        } => again_or(
            attempt,
            FEW_ATTEMPTS.min(most),
            scheduled,
            DeadReason::TooLarge,
        ),
        Attempted::Answered {
            status: 429 | 502..=504,
            retry_after,
        } => {
            let wished = retry_after.map_or(0, |wish| now + millis(wish.min(LONGEST_WISH)));
            again_or(attempt, most, scheduled.max(wished), DeadReason::Exhausted)
        }
        Attempted::AddressRefused(_) => {
            let due = now + spread_out(REFUSED_DELAY, spread);
            again_or(
                attempt,
                FEW_ATTEMPTS.min(most),
                due,
                DeadReason::DestinationRefused,
            )
        }
        Attempted::Answered { .. } | Attempted::Failed(_) => {
            again_or(attempt, most, scheduled, DeadReason::Exhausted)
        }
    }
}

fn again_or(attempt: i64, most: i64, due: Millis, reason: DeadReason) -> Next {
    if attempt < most {
        Next::Again(due)
    } else {
        Next::Dead(reason)
    }
}

fn delay_after(attempt: i64) -> Duration {
    let index = usize::try_from(attempt - 1).unwrap_or(0);
    DELAYS[index.min(DELAYS.len() - 1)]
}

/// `delay`, shortened or lengthened by up to a fifth.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a day in milliseconds is far within range"
)]
#[expect(
    clippy::cast_precision_loss,
    reason = "a day in milliseconds is far within range"
)]
fn spread_out(delay: Duration, spread: f64) -> Millis {
    (millis(delay) as f64 * (0.8 + 0.4 * spread)) as Millis
}

/// What the ATS receives: exactly its own contract, in the tenant's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Webhook<'a> {
    /// The ATS's key.
    pub background_check_id: &'a str,
    /// The tenant's word for the stage.
    pub status: &'a str,
    /// The tenant's word for the result.
    pub result: &'a str,
    /// Our result page, signed.
    pub result_link_url: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Millis = 60_000;

    fn answered(status: u16, retry_after: Option<u64>) -> Attempted {
        Attempted::Answered {
            status,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn any_2xx_is_delivered_and_410_closes_the_webhook() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(
                next(&answered(status, None), 1, 12, 0, 0.5),
                Next::Delivered
            );
        }
        assert_eq!(
            next(&answered(410, None), 1, 12, 0, 0.5),
            Next::Dead(DeadReason::Gone)
        );
    }

    #[test]
    fn everything_else_follows_the_schedule_until_it_is_exhausted() {
        let schedule = [
            5, 30, 120, 600, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 86_400,
        ];
        for status in [100, 301, 302, 400, 401, 404, 500, 599] {
            for (attempt, seconds) in (1..).zip(schedule) {
                assert_eq!(
                    next(&answered(status, None), attempt, 12, 0, 0.5),
                    Next::Again(seconds * 1000)
                );
            }
            assert_eq!(
                next(&answered(status, None), 12, 12, 0, 0.5),
                Next::Dead(DeadReason::Exhausted)
            );
        }
        assert_eq!(
            next(&Attempted::Failed("reset".into()), 1, 12, 0, 0.0),
            Next::Again(4000)
        );
        assert_eq!(
            next(&Attempted::Failed("reset".into()), 1, 12, 0, 1.0),
            Next::Again(6000)
        );
    }

    #[test]
    fn a_destination_may_ask_for_a_later_time_but_not_for_an_earlier_one_or_a_week() {
        assert_eq!(
            next(&answered(503, Some(60)), 1, 12, 0, 0.5),
            Next::Again(MINUTE)
        );
        assert_eq!(
            next(&answered(429, Some(1)), 1, 12, 0, 0.5),
            Next::Again(5000)
        );
        assert_eq!(
            next(&answered(429, Some(700_000)), 1, 12, 0, 0.5),
            Next::Again(24 * 60 * MINUTE)
        );
        assert_eq!(
            next(&answered(500, Some(60)), 1, 12, 0, 0.5),
            Next::Again(5000)
        );
    }

    #[test]
    fn sizes_and_refused_addresses_get_three_attempts() {
        for status in [413, 414, 431] {
            assert!(matches!(
                next(&answered(status, None), 2, 12, 0, 0.5),
                Next::Again(_)
            ));
            assert_eq!(
                next(&answered(status, None), 3, 12, 0, 0.5),
                Next::Dead(DeadReason::TooLarge)
            );
        }
        let refused = Attempted::AddressRefused("private".into());
        assert_eq!(next(&refused, 1, 12, 0, 0.5), Next::Again(5 * MINUTE));
        assert_eq!(
            next(&refused, 3, 12, 0, 0.5),
            Next::Dead(DeadReason::DestinationRefused)
        );
    }
}
