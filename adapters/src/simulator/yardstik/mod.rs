//! Yardstik, as one account's API key sees it, written from its documentation and from what
//! implementers handle.
//!
//! Faked: `GET packages`, `POST|GET candidates`, `GET candidates/{id}`,
//! `PATCH candidates/{id}/approve_by_report`, `POST invitations`, `GET invitations/{id}`,
//! `PATCH invitations/{id}/refresh`, `POST reports`, `GET reports/{id}`,
//! `POST reports/{id}/adverse_actions`, `GET webhook_types`, `POST|GET webhooks` and
//! `GET|PATCH webhooks/{id}`. Everything else is 404; how an invitation is canceled is documented
//! nowhere readable. Error bodies are documented nowhere either: here they are `{"errors": [..]}`.
//!
//! One report is one order. With the default [`super::Pace`] an invited candidate submits the form
//! after 0.5 s and the report is `clear` after 1.5 s.
//!
//! [`Simulator::advance`] takes a report's, an invitation's or an external id. Any word becomes the
//! report's status, and the result its `adjudication`, `null` or no result at all being `null`. The
//! status `monitoring=WORD` leaves the order alone and gives its candidate a second report with that
//! status, as continuous monitoring does.

mod account;
mod candidates;
mod orders;
#[cfg(test)]
mod tests;
mod webhooks;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use self::account::Account;
use self::candidates::Candidate;
use self::orders::{Invitation, Report};
use self::webhooks::Webhook;
use super::faults::Faults;
use super::outbox::Outbox;
use super::timeline::Timeline;
use super::wire::iso8601_seconds as iso8601;
use super::{Arrived, FaultOrder, HeldOrder, Outgoing, Response, Simulator};
use crate::vocabulary::Millis;

/// The fake vendor.
pub struct Yardstik {
    account: Account,
    candidates: Vec<Candidate>,
    invitations: Vec<Invitation>,
    reports: Vec<Report>,
    webhooks: Vec<Webhook>,
    /// How many ids of a kind were given out.
    ids: BTreeMap<&'static str, u64>,
    faults: Faults,
    outbox: Outbox,
    timeline: Timeline,
}

/// An answer, or the refusal that takes its place.
type Answer = Result<Response, Response>;

impl Yardstik {
    /// A fake vendor with this account and no orders.
    pub fn new(account: Account) -> Self {
        Self {
            timeline: Timeline::new(account.pace),
            account,
            candidates: Vec::new(),
            invitations: Vec::new(),
            reports: Vec::new(),
            webhooks: Vec::new(),
            ids: BTreeMap::new(),
            faults: Faults::default(),
            outbox: Outbox::new(webhooks::RETRIES),
        }
    }

    fn answer(&mut self, request: &Arrived, now: Millis) -> Answer {
        self.authorize(request)?;
        let segments = request.segments();
        match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["packages"]) => Ok(self.list_packages()),
            ("POST", ["candidates"]) => self.create_candidate(&document(request)?, now),
            ("GET", ["candidates"]) => self.list_candidates(request, now),
            ("GET", ["candidates", id]) => self.show_candidate(request, id, now),
            ("PATCH", ["candidates", id, "approve_by_report"]) => {
                self.approve(id, &document(request)?, now)
            }
            ("POST", ["invitations"]) => self.create_invitation(&document(request)?, now),
            ("GET", ["invitations", id]) => self.show_invitation(id),
            ("PATCH", ["invitations", id, "refresh"]) => self.refresh_invitation(id, now),
            ("POST", ["reports"]) => self.create_report(&document(request)?, now),
            ("GET", ["reports", id]) => self.show_report(id),
            ("POST", ["reports", id, "adverse_actions"]) => {
                self.begin_adverse_action(id, &document(request)?, now)
            }
            ("GET", ["webhook_types"]) => Ok(webhooks::list_types()),
            ("POST", ["webhooks"]) => self.create_webhook(&document(request)?),
            ("GET", ["webhooks"]) => Ok(self.list_webhooks()),
            ("GET", ["webhooks", id]) => self.show_webhook(id),
            ("PATCH", ["webhooks", id]) => self.change_webhook(id, &document(request)?),
            _ => Err(refusal(404, "Not found")),
        }
    }

    /// The key behind the word `Account`, and `Accept: application/json` with every request.
    fn authorize(&self, request: &Arrived) -> Result<(), Response> {
        if !request.is_authorized("Account", &self.account.key) {
            return Err(denied());
        }
        match request.header("accept") {
            Some("application/json") => Ok(()),
            _ => Err(refusal(400, "Accept must be application/json")),
        }
    }

    /// Lets happen what was due by `now`.
    fn settle(&mut self, now: Millis) {
        while let Some(due) = self.timeline.next(now) {
            self.move_report(due.order, due.status, due.at);
        }
    }

    fn next_id(&mut self, kind: &'static str) -> String {
        let last = self.ids.entry(kind).or_default();
        *last += 1;
        format!("{kind}-6b1d-4a0e-9a2f-{last:012x}")
    }
}

impl Default for Yardstik {
    fn default() -> Self {
        Self::new(Account::default())
    }
}

impl Simulator for Yardstik {
    fn name(&self) -> &'static str {
        "yardstik"
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        let secret = self.account.webhook_signature.clone();
        vec![
            ("api_key", self.account.key.clone()),
            ("webhook_signature", secret.unwrap_or_default()),
        ]
    }

    fn handle(&mut self, request: &Arrived, now: Millis) -> Response {
        self.settle(now);
        let strike = self.faults.strike(request);
        let too_many = || refusal(429, "Too many requests");
        let act = || self.answer(request, now).unwrap_or_else(|refused| refused);
        strike.around(denied, too_many, act)
    }

    fn due(&mut self, now: Millis) -> Vec<Outgoing> {
        self.settle(now);
        self.send_webhooks(now)
    }

    fn answered(&mut self, id: u64, status: Option<u16>, _body: &[u8], now: Millis) {
        self.outbox.answered(id, status, now);
    }

    /// Reports of monitoring are nobody's order.
    fn orders(&self) -> Vec<HeldOrder> {
        let ordered = self.reports.iter().filter(|report| !report.is_monitoring);
        ordered
            .map(|report| report.held(&self.candidates))
            .collect()
    }

    fn advance(&mut self, key: &str, status: &str, result: Option<&str>, now: Millis) -> bool {
        self.settle(now);
        let Some(index) = self.known_report(key) else {
            return false;
        };
        if let Some(word) = status.strip_prefix("monitoring=") {
            self.monitor(index, word, now);
            return true;
        }
        self.timeline.forget(index);
        let adjudication = result.filter(|word| *word != "null");
        self.reports[index].adjudication = adjudication.map(str::to_owned);
        self.move_report(index, status, now);
        true
    }

    fn fault(&mut self, fault: FaultOrder) {
        self.faults.order(fault);
    }

    /// Registers a webhook for every type there is, as an operator has to.
    fn set_callback_url(&mut self, url: &str) {
        self.register_all(url);
    }
}

/// The request's body as a JSON object.
fn document(request: &Arrived) -> Result<Value, Response> {
    request
        .json_object()
        .ok_or_else(|| refusal(400, "The body is not a JSON object"))
}

fn refusal(status: u16, text: &str) -> Response {
    Response::json(status, &json!({ "errors": [text] }))
}

fn denied() -> Response {
    refusal(401, "Unauthorized")
}
