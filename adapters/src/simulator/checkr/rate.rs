//! The rate limit: fixed minutes, told on every response (Checkr, section 2, "Rate limit").

use super::{iso8601, refusal};
use crate::simulator::Response;
use crate::vocabulary::Millis;

const MINUTE: Millis = 60_000;

/// How many requests the present minute has seen.
pub(super) struct Rate {
    limit: u32,
    minute: Millis,
    used: u32,
}

impl Rate {
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit,
            minute: 0,
            used: 0,
        }
    }

    pub(super) fn count(&mut self, now: Millis) {
        let minute = now.div_euclid(MINUTE);
        if minute != self.minute {
            self.minute = minute;
            self.used = 0;
        }
        self.used = self.used.saturating_add(1);
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.used > self.limit
    }

    /// The 429. Its text is not documented, and there is no `Retry-After`.
    pub(super) fn exhausted(&self, now: Millis) -> Response {
        self.stamped(refusal(429, "Rate limit exceeded"), 0, now)
    }

    pub(super) fn stamp(&self, response: Response, now: Millis) -> Response {
        self.stamped(response, self.limit.saturating_sub(self.used), now)
    }

    /// The reset is a moment, not a number of seconds.
    fn stamped(&self, response: Response, remaining: u32, now: Millis) -> Response {
        let reset = (now.div_euclid(MINUTE) + 1) * MINUTE;
        response
            .with_header("X-Ratelimit-Limit", self.limit.to_string())
            .with_header("X-Ratelimit-Remaining", remaining.to_string())
            .with_header("X-Ratelimit-Reset", iso8601(reset))
    }
}
