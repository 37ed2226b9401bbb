//! Checkr, as a direct customer's account sees it, written from its documentation.
//!
//! Faked under `/v1`: `GET account`, `GET packages[/{id}]`, `GET nodes[/{custom_id}]`,
//! `POST|GET candidates`, `GET candidates/{id}`, `POST|GET invitations`,
//! `GET|DELETE invitations/{id}`, `GET reports/{id}` and `POST reports/{id}/complete`. Everything
//! else is 404; the partner's OAuth calls are not faked. Bodies must be JSON and say so: form
//! encoding, the server's default, is refused rather than read.
//!
//! One invitation with the report that follows from it is one order. With the default [`super::Pace`] its
//! form is completed after 0.5 s and its report is complete and clear after 1.5 s.
//!
//! [`Simulator::advance`] takes an invitation id, a report id, a tag or a `custom_id`, and these
//! words:
//!
//! | status | what happens |
//! | --- | --- |
//! | `expired`, `deleted` | the invitation ends so |
//! | `completed` | the form is submitted; a pending report exists |
//! | `pending`, `suspended`, `paused`, `dispute`, `complete`, `canceled` | the report's status, after the form was submitted where it was not yet |
//! | `clear`, `consider` | the same, as reports from before 2022 have them |
//! | any other | the report's status, announced as `report.WORD` |
//!
//! The result is `WORD[+MODIFIER]...`; the word `null`, or no result at all, is `null`. Modifiers:
//! `includes_canceled`; `partly_done` (a screening has finished, so that completing the report now
//! leaves it `complete` instead of `canceled`); `adjudication=WORD` and `assessment=WORD`, where
//! `null` takes them away. So `clear+includes_canceled` is a partial clear.

mod account;
mod candidates;
mod invitations;
mod moves;
mod packages;
mod paging;
mod places;
mod rate;
mod reports;
#[cfg(test)]
mod tests;
mod webhooks;

use serde_json::{Value, json};

pub use self::account::{Account, Node};
use self::candidates::Candidate;
use self::invitations::Invitation;
pub use self::packages::Package;
use self::rate::Rate;
pub use self::webhooks::Webhooks;
use super::faults::Faults;
use super::idempotency::{Keys, Recalled};
use super::outbox::Outbox;
use super::timeline::Timeline;
use super::wire::iso8601_seconds as iso8601;
use super::{Arrived, FaultOrder, HeldOrder, Outgoing, Response, Simulator};
use crate::vocabulary::Millis;

/// The fake vendor.
pub struct Checkr {
    account: Account,
    candidates: Vec<Candidate>,
    invitations: Vec<Invitation>,
    last_id: u64,
    rate: Rate,
    keys: Keys,
    faults: Faults,
    outbox: Outbox,
    timeline: Timeline,
    callback_url: Option<String>,
}

/// An answer, or the refusal that takes its place.
type Answer = Result<Response, Response>;

impl Checkr {
    /// A fake vendor with this account and no orders.
    pub fn new(account: Account) -> Self {
        Self {
            rate: Rate::new(account.requests_per_minute),
            timeline: Timeline::new(account.pace),
            account,
            candidates: Vec::new(),
            invitations: Vec::new(),
            last_id: 0,
            keys: Keys::default(),
            faults: Faults::default(),
            outbox: Outbox::new(webhooks::RETRIES),
            callback_url: None,
        }
    }

    fn answer(&mut self, request: &Arrived, now: Millis) -> Answer {
        self.authorize(request)?;
        if request.method == "POST" {
            match self.keys.recall(request, now) {
                Some(Recalled::InFlight) => {
                    let text = "A request with this Idempotency-Key is still in progress";
                    return Err(refusal(409, text));
                }
                // What another body under the same key does is not documented; a key is all that
                // is promised to count.
                Some(Recalled::Same(stored) | Recalled::OtherBody(stored)) => return Ok(stored),
                None => {}
            }
        }
        self.route(request, now)
    }

    fn route(&mut self, request: &Arrived, now: Millis) -> Answer {
        let segments = request.segments();
        match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["v1", "account"]) => Ok(self.show_account()),
            ("GET", ["v1", "packages"]) => self.list_packages(request),
            ("GET", ["v1", "packages", id]) => self.show_package(id),
            ("GET", ["v1", "nodes"]) => self.list_nodes(request),
            ("GET", ["v1", "nodes", custom_id]) => self.show_node(request, custom_id),
            ("POST", ["v1", "candidates"]) => self.create_candidate(&document(request)?, now),
            ("GET", ["v1", "candidates"]) => self.list_candidates(request, now),
            ("GET", ["v1", "candidates", id]) => self.show_candidate(request, id),
            ("POST", ["v1", "invitations"]) => self.create_invitation(&document(request)?, now),
            ("GET", ["v1", "invitations"]) => self.list_invitations(request, now),
            ("GET", ["v1", "invitations", id]) => self.show_invitation(request, id),
            ("DELETE", ["v1", "invitations", id]) => self.delete_invitation(id, now),
            ("GET", ["v1", "reports", id]) => self.show_report(id),
            ("POST", ["v1", "reports", id, "complete"]) => self.complete_report(id, now),
            _ => Err(not_found()),
        }
    }

    /// HTTP Basic with the key as user and an empty password (Checkr, section 2).
    fn authorize(&self, request: &Arrived) -> Result<(), Response> {
        let fits = request.is_basic(&self.account.key, "");
        fits.then_some(()).ok_or_else(denied)
    }

    /// Lets happen what was due by `now`.
    fn settle(&mut self, now: Millis) {
        while let Some(due) = self.timeline.next(now) {
            let verdict = moves::Verdict::of(due.result);
            self.move_order(due.order, due.status, verdict, due.at);
        }
    }

    /// An id of 24 hexadecimal digits. `kind` is the first four, so that a person can tell them
    /// apart; a client must not.
    fn next_id(&mut self, kind: &str) -> String {
        self.last_id += 1;
        format!("{kind}{:020x}", self.last_id)
    }

    /// An object's type name as this account sees it.
    fn object_name(&self, name: &str) -> String {
        let prefix = if self.account.test_names { "test_" } else { "" };
        format!("{prefix}{name}")
    }
}

impl Default for Checkr {
    fn default() -> Self {
        Self::new(Account::default())
    }
}

impl Simulator for Checkr {
    fn name(&self) -> &'static str {
        "checkr"
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![("api_key", self.account.key.clone())]
    }

    fn handle(&mut self, request: &Arrived, now: Millis) -> Response {
        self.settle(now);
        self.rate.count(now);
        let strike = self.faults.strike(request);
        let stamp = |response| self.rate.stamp(response, now);
        let instead = strike.instead_of_acting(|| stamp(denied()), || self.rate.exhausted(now));
        if let Some(instead) = instead {
            return instead;
        }
        if self.rate.is_exceeded() {
            return self.rate.exhausted(now);
        }
        let answer = self.answer(request, now).unwrap_or_else(|refused| refused);
        let stamped = self.rate.stamp(answer.clone(), now);
        let sent = strike.spoil(stamped);
        if request.method == "POST" {
            self.keys.remember(request, &answer, sent.manner, now);
        }
        sent
    }

    fn due(&mut self, now: Millis) -> Vec<Outgoing> {
        self.settle(now);
        self.send_webhooks(now)
    }

    fn answered(&mut self, id: u64, status: Option<u16>, _body: &[u8], now: Millis) {
        self.outbox.answered(id, status, now);
    }

    fn orders(&self) -> Vec<HeldOrder> {
        let held = |invitation: &Invitation| invitation.held(&self.candidates);
        self.invitations.iter().map(held).collect()
    }

    fn advance(&mut self, key: &str, status: &str, result: Option<&str>, now: Millis) -> bool {
        self.settle(now);
        let found = self
            .invitations
            .iter()
            .rposition(|invitation| invitation.is_known_by(key, &self.candidates));
        let (Some(index), Some(verdict)) = (found, moves::Verdict::read(result)) else {
            return false;
        };
        self.timeline.forget(index);
        self.move_order(index, status, verdict, now);
        true
    }

    fn fault(&mut self, fault: FaultOrder) {
        self.faults.order(fault);
    }

    fn set_callback_url(&mut self, url: &str) {
        self.callback_url = Some(url.to_owned());
    }
}

/// The request's body as a JSON object.
fn document(request: &Arrived) -> Result<Value, Response> {
    if !request.is_json() {
        let text = "Content-Type must be application/json: this simulator reads no forms";
        return Err(refusal(400, text));
    }
    serde_json::from_slice(&request.body)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| refusal(400, "The body is not a JSON object"))
}

fn refusal(status: u16, text: &str) -> Response {
    Response::json(status, &json!({ "error": text }))
}

/// Checkr, section 2, "Authentication".
fn denied() -> Response {
    refusal(401, "Bad authentication error")
}

fn not_found() -> Response {
    refusal(404, "Resource not found")
}
