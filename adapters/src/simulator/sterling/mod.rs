//! Sterling's API v2, as a customer's account sees it, written from its documentation.
//!
//! Faked below `/v2`, and below the root for a base URL that holds it already: `POST oauth`,
//! `GET packages`, `POST|GET candidates`, `GET|PUT candidates/{id}`, `POST screenings`,
//! `GET screenings/{id}` and `POST screenings/{id}/report-links`. Everything else is 404. Add-ons
//! (`alacarte`, `drug`) are refused, because their inner members are documented nowhere.
//!
//! One screening is one order. Sterling keeps no reference of ours with it, so control knows it by
//! its id, by the last query parameter of its callback address, and by its candidate's
//! `clientReferenceId`. With the default [`super::Pace`] an invited applicant submits the form
//! after 0.5 s and the screening is `Complete` and `Clear` after 1.5 s.
//!
//! [`Simulator::advance`] takes any words: they become the screening's `status` and `result` as
//! they stand, `null` or no result at all being `null`, and the callback says them. The status
//! `type=WORD` changes nothing and sends a callback of that type.

mod account;
mod callbacks;
mod candidates;
mod forms;
mod screenings;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

pub use self::account::{Account, Package};
use self::candidates::Candidate;
use self::screenings::Screening;
use super::faults::Faults;
use super::idempotency::{Keys, Recalled};
use super::outbox::Outbox;
use super::timeline::Timeline;
use super::wire::iso8601_seconds as iso8601;
use super::{Arrived, FaultOrder, HeldOrder, Manner, Outgoing, Response, Simulator};
use crate::vocabulary::Millis;

/// The fake vendor.
pub struct Sterling {
    account: Account,
    tokens: Vec<account::Issued>,
    candidates: Vec<Candidate>,
    screenings: Vec<Screening>,
    links: u64,
    keys: Keys,
    faults: Faults,
    outbox: Outbox,
    timeline: Timeline,
}

/// An answer, or the refusal that takes its place.
type Answer = Result<Response, Response>;

impl Sterling {
    /// A fake vendor with this account and no orders.
    pub fn new(account: Account) -> Self {
        Self {
            timeline: Timeline::new(account.pace),
            account,
            tokens: Vec::new(),
            candidates: Vec::new(),
            screenings: Vec::new(),
            links: 0,
            keys: Keys::default(),
            faults: Faults::default(),
            outbox: Outbox::new(callbacks::RETRIES),
        }
    }

    fn answer(&mut self, request: &Arrived, now: Millis) -> Answer {
        let segments = request.segments();
        let path = match segments.as_slice() {
            ["v2", rest @ ..] => rest,
            path => path,
        };
        if let ("POST", ["oauth"]) = (request.method.as_str(), path) {
            return self.issue_token(request, now);
        }
        self.authorize(request, now)?;
        match (request.method.as_str(), path) {
            ("GET", ["packages"]) => Ok(self.list_packages()),
            ("POST", ["candidates"]) => self.create_candidate(&document(request)?, now),
            ("GET", ["candidates"]) => Ok(self.list_candidates(request, now)),
            ("GET", ["candidates", id]) => self.show_candidate(request, id, now),
            ("PUT", ["candidates", id]) => self.update_candidate(id, &document(request)?),
            ("POST", ["screenings"]) => self.screen_once(request, now),
            ("GET", ["screenings", id]) => self.show_screening(id),
            ("POST", ["screenings", id, "report-links"]) => self.link_report(id),
            (_, ["screenings", _, "report-links"]) => Err(refusal("405", "Method not allowed")),
            _ => Err(refusal("404", "Not found")),
        }
    }

    /// A repeated key brings the first screening back. How long a key is remembered, and what
    /// another body or an unfinished first request leads to, is documented nowhere; a key is all
    /// that counts here.
    fn screen_once(&mut self, request: &Arrived, now: Millis) -> Answer {
        match self.keys.recall(request, now) {
            Some(Recalled::Same(stored) | Recalled::OtherBody(stored)) => Ok(stored),
            Some(Recalled::InFlight) | None => {
                let answer = self.create_screening(&document(request)?, now)?;
                self.keys.remember(request, &answer, Manner::Plainly, now);
                Ok(answer)
            }
        }
    }

    /// Lets happen what was due by `now`.
    fn settle(&mut self, now: Millis) {
        while let Some(due) = self.timeline.next(now) {
            self.move_screening(due.order, due.status, due.result, due.at);
        }
    }
}

impl Default for Sterling {
    fn default() -> Self {
        Self::new(Account::default())
    }
}

impl Simulator for Sterling {
    fn name(&self) -> &'static str {
        "sterling"
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![
            ("client_id", self.account.client_id.clone()),
            ("client_secret", self.account.client_secret.clone()),
        ]
    }

    fn handle(&mut self, request: &Arrived, now: Millis) -> Response {
        self.settle(now);
        let strike = self.faults.strike(request);
        let too_many = || refusal("429", "Too many requests");
        let act = || self.answer(request, now).unwrap_or_else(|refused| refused);
        strike.around(account::denied, too_many, act)
    }

    fn due(&mut self, now: Millis) -> Vec<Outgoing> {
        self.settle(now);
        self.send_callbacks(now)
    }

    /// Only 200 counts as received (Sterling, section 6).
    fn answered(&mut self, id: u64, status: Option<u16>, _body: &[u8], now: Millis) {
        self.outbox
            .answered(id, status.filter(|status| *status == 200), now);
    }

    fn orders(&self) -> Vec<HeldOrder> {
        let held = |screening: &Screening| screening.held(&self.candidates);
        self.screenings.iter().map(held).collect()
    }

    fn advance(&mut self, key: &str, status: &str, result: Option<&str>, now: Millis) -> bool {
        self.settle(now);
        let known = |screening: &Screening| screening.is_known_by(key, &self.candidates);
        let Some(index) = self.screenings.iter().rposition(known) else {
            return false;
        };
        if let Some(kind) = status.strip_prefix("type=") {
            self.call_back(index, kind, now);
            return true;
        }
        self.timeline.forget(index);
        let result = result.filter(|word| *word != "null");
        self.move_screening(index, status, result, now);
        true
    }

    fn fault(&mut self, fault: FaultOrder) {
        self.faults.order(fault);
    }

    /// Sterling has no address per account: each order brings its own.
    fn set_callback_url(&mut self, _url: &str) {}
}

/// The request's body as a JSON object.
fn document(request: &Arrived) -> Result<Value, Response> {
    request
        .json_object()
        .ok_or_else(|| refusal("400", "The body is not a JSON object"))
}

/// The body of Sterling, section 8. A code begins with its HTTP status.
fn refusal(code: &str, message: &str) -> Response {
    let status = code.get(..3).and_then(|digits| digits.parse().ok());
    let body = json!({ "errors": [{ "code": code, "message": message }] });
    Response::json(status.unwrap_or(400), &body)
}
