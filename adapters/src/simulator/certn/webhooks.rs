//! Events to the account's address, and the challenge that comes before the first (Certn,
//! section 6).

use std::time::Duration;

use serde_json::json;

use super::account::EventForm;
use super::{Certn, iso8601};
use crate::callback::hmac_sha256_hex;
use crate::simulator::Outgoing;
use crate::simulator::outbox::Schedule;
use crate::vocabulary::Millis;

/// Unverified: that there are retries at all is an assumption, three of them is the legacy API's.
pub(super) const RETRIES: Schedule = &[(3, Duration::from_mins(1))];

/// The number of a challenge, which no event reaches.
const CHALLENGE: u64 = u64::MAX;

/// The text to be echoed.
const VALUE: &str = "certn-challenge-7f3a";

/// Where events go.
pub(super) struct Address {
    url: String,
    state: State,
}

/// Whether the address has shown that it is ours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Asked,
    Verified,
    Disabled,
}

impl Address {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            state: State::New,
        }
    }

    /// The challenge, once.
    fn challenge(&mut self) -> Option<Outgoing> {
        if self.state != State::New {
            return None;
        }
        self.state = State::Asked;
        let mark = if self.url.contains('?') { '&' } else { '?' };
        Some(Outgoing {
            id: CHALLENGE,
            url: format!("{}{mark}challenge={VALUE}", self.url),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        })
    }
}

impl Certn {
    /// Sends an event about the object of that type and id.
    pub(super) fn announce(
        &mut self,
        kind: &str,
        (object_type, object_id): (&str, &str),
        status: &str,
        at: Millis,
    ) {
        let Some(address) = &self.address else {
            return;
        };
        if address.state == State::Disabled {
            return;
        }
        let url = address.url.clone();
        self.events += 1;
        let id = format!("e50b8c4f-9a95-40a0-886a-{:012x}", self.events);
        let body = match self.account.events {
            EventForm::Documented => json!({
                "id": id, "event_type": kind, "object_id": object_id, "object_type": object_type,
            }),
            EventForm::Implemented => json!({
                "created": iso8601(at), "event_id": id, "event_type": kind,
                "object_id": object_id, "object_type": object_type, "case_status": status,
            }),
        };
        let body = body.to_string().into_bytes();
        self.outbox.hold(&url, &body, at, &mut self.faults);
    }

    /// The challenge while the address is new; events once it has been echoed.
    pub(super) fn send_webhooks(&mut self, now: Millis) -> Vec<Outgoing> {
        let Some(address) = &mut self.address else {
            return Vec::new();
        };
        if let Some(challenge) = address.challenge() {
            return vec![challenge];
        }
        if address.state != State::Verified {
            return Vec::new();
        }
        let key = self.account.webhook_secret.as_bytes();
        let prefix = self.account.signature_prefix;
        self.outbox.due(now, &|body, _| {
            let signature = format!("{prefix}{}", hmac_sha256_hex(key, &[body]));
            vec![("X-Signature".to_owned(), signature)]
        })
    }

    /// True where `id` was the challenge. Anything but 200 with the value itself disables delivery.
    pub(super) fn challenge_answered(&mut self, id: u64, status: Option<u16>, body: &[u8]) -> bool {
        if id != CHALLENGE {
            return false;
        }
        if let Some(address) = &mut self.address {
            let echoed = status == Some(200) && body == VALUE.as_bytes();
            address.state = if echoed {
                State::Verified
            } else {
                State::Disabled
            };
        }
        true
    }
}
