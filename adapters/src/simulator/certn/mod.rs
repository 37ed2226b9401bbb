//! CertnCentric, as a customer's account of one region sees it, written from Certn's documentation
//! and from what implementers handle.
//!
//! Faked below `/api/public/cases`: `POST order/`, `GET ` (the list), `GET {id}/`,
//! `POST {id}/cancel/`, `POST {id}/generate-report/` and `GET report-files/{id}/`. What begins
//! with `/api/v1` is the dead legacy API and answers 410; everything else is 404, also a POST
//! without its closing slash. The body of `order-package/` is documented nowhere, so it is refused.
//!
//! A case is one order. Certn keeps no reference of ours; control knows a case by its ids and by
//! its applicant's e-mail address, the latest first. With the default [`super::Pace`] the applicant
//! has submitted after 1 s and the case is `COMPLETE` and `CLEAR` after 1.5 s.
//!
//! Delivery begins when the address has echoed a challenge, and ends for good when it does not.
//!
//! [`Simulator::advance`] takes any words: they become `overall_status` and `overall_score`, `null`
//! or no result at all being `null`. The result may go on with `+adjudication=WORD`, the score that
//! the customer gave the first check.

mod account;
mod cases;
mod reports;
#[cfg(test)]
mod tests;
mod webhooks;

use serde_json::{Value, json};

pub use self::account::{Account, Envelope, EventForm, Key};
use self::cases::Case;
use self::reports::File;
use self::webhooks::Address;
use super::faults::Faults;
use super::outbox::Outbox;
use super::timeline::Timeline;
use super::wire::iso8601_seconds as iso8601;
use super::{Arrived, FaultOrder, HeldOrder, Outgoing, Response, Simulator};
use crate::vocabulary::Millis;

/// The fake vendor.
pub struct Certn {
    account: Account,
    cases: Vec<Case>,
    files: Vec<File>,
    events: u64,
    /// When the requests of the last day came, oldest first.
    asked_at: Vec<Millis>,
    faults: Faults,
    outbox: Outbox,
    timeline: Timeline,
    address: Option<Address>,
}

/// An answer, or the refusal that takes its place.
type Answer = Result<Response, Response>;

impl Certn {
    /// A fake vendor with this account and no orders.
    pub fn new(account: Account) -> Self {
        Self {
            timeline: Timeline::new(account.pace),
            account,
            cases: Vec::new(),
            files: Vec::new(),
            events: 0,
            asked_at: Vec::new(),
            faults: Faults::default(),
            outbox: Outbox::new(webhooks::RETRIES),
            address: None,
        }
    }

    fn answer(&mut self, request: &Arrived, now: Millis) -> Answer {
        if request.path().starts_with("/api/v1") {
            return Err(refusal(410, "This version of the API has been retired."));
        }
        self.authorize(request, now)?;
        self.count(now)?;
        let segments = request.segments();
        let ["api", "public", "cases", rest @ ..] = segments.as_slice() else {
            return Err(not_found());
        };
        match (request.method.as_str(), rest) {
            ("POST", ["order", ""]) => self.create_case(&document(request)?, now),
            ("POST", ["order-package", ""]) => {
                Err(refusal(400, "This simulator knows no body for packages."))
            }
            ("GET", [] | [""]) => self.list_cases(request, now),
            ("GET", ["report-files", id] | ["report-files", id, ""]) => self.show_file(id, now),
            ("GET", [id] | [id, ""]) => self.show_case(id),
            ("POST", [id, "cancel", ""]) => self.cancel_case(id, now),
            ("POST", [id, "generate-report", ""]) => self.generate_report(id, now),
            _ => Err(not_found()),
        }
    }

    /// Lets happen what was due by `now`.
    fn settle(&mut self, now: Millis) {
        while let Some(due) = self.timeline.next(now) {
            self.move_case(due.order, due.status, due.result, due.at);
        }
        self.announce_files(now);
    }

    /// An id of the form of a UUID. `kind` is its first four digits, so that a person can tell
    /// them apart; a client must not.
    fn id(kind: &str, number: usize) -> String {
        format!("{kind}d134-1c54-4028-8e8b-{number:012x}")
    }
}

impl Default for Certn {
    fn default() -> Self {
        Self::new(Account::default())
    }
}

impl Simulator for Certn {
    fn name(&self) -> &'static str {
        "certn"
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        let key = self.account.keys.first().map(|key| key.value.clone());
        vec![
            ("api_key", key.unwrap_or_default()),
            ("webhook_secret", self.account.webhook_secret.clone()),
        ]
    }

    fn settings(&self) -> Vec<(&'static str, serde_json::Value)> {
        let check = r#"{"IDENTITY_VERIFICATION_1": {}}"#;
        vec![("checks", serde_json::json!({ "identity": check }))]
    }

    fn packages(&self) -> Vec<&'static str> {
        vec!["identity"]
    }

    fn handle(&mut self, request: &Arrived, now: Millis) -> Response {
        self.settle(now);
        let strike = self.faults.strike(request);
        let act = || self.answer(request, now).unwrap_or_else(|refused| refused);
        strike.around(account::denied, account::too_many, act)
    }

    fn due(&mut self, now: Millis) -> Vec<Outgoing> {
        self.settle(now);
        self.send_webhooks(now)
    }

    fn answered(&mut self, id: u64, status: Option<u16>, body: &[u8], now: Millis) {
        if !self.challenge_answered(id, status, body) {
            self.outbox.answered(id, status, now);
        }
    }

    fn orders(&self) -> Vec<HeldOrder> {
        self.cases.iter().map(Case::held).collect()
    }

    fn advance(&mut self, key: &str, status: &str, result: Option<&str>, now: Millis) -> bool {
        self.settle(now);
        let Some(index) = self.cases.iter().rposition(|case| case.is_known_by(key)) else {
            return false;
        };
        let (score, adjudication) = match result.and_then(|text| text.split_once('+')) {
            Some((score, more)) => match more.strip_prefix("adjudication=") {
                Some(word) => (Some(score), Some(word)),
                None => return false,
            },
            None => (result, None),
        };
        self.timeline.forget(index);
        self.cases[index].adjudicate(adjudication);
        let score = score.filter(|word| *word != "null");
        self.move_case(index, status, score, now);
        true
    }

    fn fault(&mut self, fault: FaultOrder) {
        self.faults.order(fault);
    }

    fn set_callback_url(&mut self, url: &str) {
        self.address = Some(Address::new(url));
    }
}

/// The request's body as a JSON object.
fn document(request: &Arrived) -> Result<Value, Response> {
    request
        .json_object()
        .ok_or_else(|| refusal(400, "The body is not a JSON object."))
}

/// One of the forms of an error that were seen (Certn, section 8).
fn refusal(status: u16, detail: &str) -> Response {
    Response::json(status, &json!({ "errors": [{ "detail": detail }] }))
}

fn not_found() -> Response {
    refusal(404, "Not found.")
}
