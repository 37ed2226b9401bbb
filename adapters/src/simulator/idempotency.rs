//! Idempotency keys as both fake vendors keep them: the first 2xx answer is kept for 24 hours.

use std::collections::BTreeMap;

use super::{Arrived, Manner, Response};
use crate::vocabulary::Millis;

/// How long a key is remembered (Checkr, section 4, "Idempotency").
const REMEMBERED_FOR: Millis = 24 * 3_600_000;

/// How long a request that is never answered counts as still being worked on.
const IN_FLIGHT_FOR: Millis = 5_000;

/// The header that carries the key.
const HEADER: &str = "idempotency-key";

/// Answers by key.
#[derive(Default)]
pub(super) struct Keys {
    kept: BTreeMap<String, Kept>,
}

struct Kept {
    body: Vec<u8>,
    response: Response,
    first_at: Millis,
    answered_at: Millis,
}

/// What a key that was used before leads to.
pub(super) enum Recalled {
    /// The first request with it is still being answered.
    InFlight,
    /// The answer to the same body.
    Same(Response),
    /// The answer that another body got.
    OtherBody(Response),
}

impl Keys {
    /// The key of a request; an empty one is none.
    pub(super) fn key(request: &Arrived) -> Option<&str> {
        request.header(HEADER).filter(|key| !key.is_empty())
    }

    /// What is remembered for the key of this request.
    pub(super) fn recall(&self, request: &Arrived, now: Millis) -> Option<Recalled> {
        let kept = self.kept.get(Self::key(request)?)?;
        if now - kept.first_at >= REMEMBERED_FOR {
            return None;
        }
        Some(if now < kept.answered_at {
            Recalled::InFlight
        } else if kept.body == request.body {
            Recalled::Same(kept.response.clone())
        } else {
            Recalled::OtherBody(kept.response.clone())
        })
    }

    /// Keeps `answer` if it is a 2xx and the key is new. `manner` is how it really travels, which
    /// says how long the request counts as in flight.
    pub(super) fn remember(
        &mut self,
        request: &Arrived,
        answer: &Response,
        manner: Manner,
        now: Millis,
    ) {
        let Some(key) = Self::key(request) else {
            return;
        };
        if !(200..300).contains(&answer.status) || self.recall(request, now).is_some() {
            return;
        }
        let takes = match manner {
            Manner::After(pause) => Millis::try_from(pause.as_millis()).unwrap_or(Millis::MAX),
            Manner::Never => IN_FLIGHT_FOR,
            _ => 0,
        };
        let kept = Kept {
            body: request.body.clone(),
            response: answer.clone().sent(Manner::Plainly),
            first_at: now,
            answered_at: now.saturating_add(takes),
        };
        self.kept.insert(key.to_owned(), kept);
    }
}
