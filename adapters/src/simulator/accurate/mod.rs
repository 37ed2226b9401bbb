//! Accurate Background's API v3, as one client's account sees it, written from its guides, its
//! answers to developers and public client code.
//!
//! Faked under `/v3`: `GET alive` (without credentials), `GET packages`, `GET package/{type}`,
//! `POST|GET candidate`, `GET|PUT candidate/{id}`, `POST order`, `GET orders`, `GET order/{id}`,
//! `GET order/{id}/invitation-link`, `POST order/{id}/invitation`, `POST order/{id}/reinitiate`
//! and `GET report/{id}`. Everything else is 404; there is no way to cancel, because none is
//! documented. Bodies are JSON, or forms with keys such as `jobLocation.city`.
//!
//! With the default [`Pace`](super::Pace) the applicant has submitted the form after 0.5 s, half of
//! the searches are done after 1 s, and the order is complete after 1.5 s and meets requirements.
//! Every change of the percentage is an event of its own.
//!
//! [`Simulator::advance`] takes an order's id or one of its reference codes. The status is
//! `WORD[%PERCENT]` with any word, such as `PENDING%40`; a finished order has 100. The result is
//! any word, or `null`; left out, a finished order has the account's own word for a good one, or
//! nothing where the account has no scoring.
//!
//! The vendor's retry schedule for webhooks is not documented, so a callback that is not
//! acknowledged is lost here: nobody can come to rely on a second one.

mod account;
mod candidates;
mod forms;
mod orders;
mod reports;
#[cfg(test)]
mod tests;
mod webhooks;

use serde_json::json;

pub use self::account::{Account, Package};
use self::candidates::Candidate;
use self::orders::Order;
use super::faults::Faults;
use super::outbox::Outbox;
use super::timeline::Timeline;
use super::{Arrived, FaultOrder, HeldOrder, Outgoing, Response, Simulator};
use crate::vocabulary::Millis;

/// The fake vendor.
pub struct Accurate {
    account: Account,
    candidates: Vec<Candidate>,
    orders: Vec<Order>,
    last_id: u64,
    faults: Faults,
    outbox: Outbox,
    timeline: Timeline,
    callback_url: Option<String>,
}

/// An answer, or the refusal that takes its place.
type Answer = Result<Response, Response>;

impl Accurate {
    /// A fake vendor with this account and no orders.
    pub fn new(account: Account) -> Self {
        Self {
            timeline: Timeline::new(account.pace),
            account,
            candidates: Vec::new(),
            orders: Vec::new(),
            last_id: 0,
            faults: Faults::default(),
            outbox: Outbox::new(&[]),
            callback_url: None,
        }
    }

    fn answer(&mut self, request: &Arrived, now: Millis) -> Answer {
        let segments = request.segments();
        let ["v3", rest @ ..] = segments.as_slice() else {
            return Err(not_found());
        };
        if let ("GET", ["alive"]) = (request.method.as_str(), rest) {
            return Ok(Response::json(200, &json!({"status": "alive"})));
        }
        self.authorize(request)?;
        match (request.method.as_str(), rest) {
            ("GET", ["packages"]) => Ok(self.list_packages()),
            ("GET", ["package", kind]) => self.show_package(kind),
            ("POST", ["candidate"]) => self.create_candidate(&forms::document(request)?),
            ("GET", ["candidate"]) => Ok(self.list_candidates()),
            ("GET", ["candidate", id]) => self.show_candidate(request, id, now),
            ("PUT", ["candidate", id]) => self.replace_candidate(id, &forms::document(request)?),
            ("POST", ["order"]) => self.create_order(&forms::document(request)?, now),
            ("GET", ["orders"]) => Ok(self.list_orders(request, now)),
            ("GET", ["order", id]) => self.show_order(id),
            ("GET", ["order", id, "invitation-link"]) => self.show_link(id),
            ("POST", ["order", id, "invitation"]) => self.invite_again(id),
            ("POST", ["order", id, "reinitiate"]) => self.reinitiate(id, now),
            ("GET", ["report", id]) => self.show_report(id),
            _ => Err(not_found()),
        }
    }

    /// HTTP Basic on every call (Accurate, section 2).
    fn authorize(&self, request: &Arrived) -> Result<(), Response> {
        let Account {
            client_id,
            client_secret,
            ..
        } = &self.account;
        let fits = request.is_basic(client_id, client_secret);
        fits.then_some(()).ok_or_else(denied)
    }

    /// Lets happen what was due by `now`.
    fn settle(&mut self, now: Millis) {
        while let Some(due) = self.timeline.next(now) {
            self.move_order(due.order, due.status, due.result, due.at);
        }
    }

    /// An id of 24 hexadecimal digits. `kind` is the two in its middle, so that a person can tell
    /// them apart; a client must not.
    fn next_id(&mut self, kind: &str) -> String {
        self.last_id += 1;
        format!("65f0c0ffee{kind}{:012x}", self.last_id)
    }
}

impl Default for Accurate {
    fn default() -> Self {
        Self::new(Account::default())
    }
}

impl Simulator for Accurate {
    fn name(&self) -> &'static str {
        "accurate"
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
        let act = || self.answer(request, now).unwrap_or_else(|refused| refused);
        strike.around(denied, too_many, act)
    }

    fn due(&mut self, now: Millis) -> Vec<Outgoing> {
        self.settle(now);
        self.outbox.due(now, &|_, _| Vec::new())
    }

    fn answered(&mut self, id: u64, status: Option<u16>, _body: &[u8], now: Millis) {
        self.outbox.answered(id, status, now);
    }

    fn orders(&self) -> Vec<HeldOrder> {
        self.orders.iter().map(Order::held).collect()
    }

    fn advance(&mut self, key: &str, status: &str, result: Option<&str>, now: Millis) -> bool {
        self.settle(now);
        let found = self.orders.iter().rposition(|order| order.is_known_by(key));
        let Some(index) = found.filter(|_| orders::is_readable(status)) else {
            return false;
        };
        self.timeline.forget(index);
        self.move_order(index, status, result, now);
        true
    }

    fn fault(&mut self, fault: FaultOrder) {
        self.faults.order(fault);
    }

    fn set_callback_url(&mut self, url: &str) {
        self.callback_url = Some(url.to_owned());
    }
}

/// The recorded form of an error. Its `code` is a text; only `102` is documented (Accurate,
/// section 8).
fn refusal(status: u16, code: &str, message: &str, param: Option<&str>) -> Response {
    let error = json!({"code": code, "message": message, "param": param});
    Response::json(status, &json!({"errors": [error]}))
}

/// A mistake in the member `param` of a body.
fn invalid(param: &str, message: &str) -> Response {
    refusal(400, "102", message, Some(param))
}

/// A body that cannot be read at all.
fn unreadable() -> Response {
    refusal(400, "102", "invalid request data", None)
}

fn not_found() -> Response {
    refusal(404, "404", "not found", None)
}

fn denied() -> Response {
    refusal(401, "401", "unauthorized", None)
}

fn too_many() -> Response {
    refusal(429, "429", "too many requests", None)
}
