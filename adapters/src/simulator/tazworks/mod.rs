//! TazWorks' REST interface ("TazAPI Advanced"), as one screening agency's client sees it, written
//! from its documentation and recorded traffic.
//!
//! Faked under `/v1/clients`: the list of clients and each client's `products`, `applicants` with
//! their `addresses` and `orders`, and `orders` with `status`, `resultsAsPdf`, `searches` and
//! `searches/{guid}/results`. Everything else is 404; there is no way to cancel, because none is
//! documented: the agency cancels in its portal.
//!
//! With the default [`Pace`](super::Pace) the applicant has finished the hosted form after 0.5 s,
//! searches run after 1 s and the order is complete after 1.5 s. An order is flagged where the
//! applicant is one of the vendor's test persons with records: `Hank Mess`, or any SSN
//! `333-22-1111`.
//!
//! [`Simulator::advance`] takes an order's GUID, its `externalIdentifier` or its file number, and
//! any status word. The result is `clear` (`searchFlagged` is false), `flagged` (it is true) or
//! `null` (it is null); left out, the flag stays as it was.
//!
//! The vendor's retry schedule for webhooks is not documented, so a callback that is not
//! acknowledged is lost here: nobody can come to rely on a second one.

mod account;
mod applicants;
mod documents;
mod orders;
mod paging;
mod searches;
#[cfg(test)]
mod tests;
mod webhooks;

use serde_json::{Value, json};

pub use self::account::{Account, ApiType, Product};
use self::applicants::Applicant;
use self::orders::Order;
use super::faults::Faults;
use super::outbox::Outbox;
use super::timeline::Timeline;
use super::{Arrived, FaultOrder, HeldOrder, Outgoing, Response, Simulator};
use crate::vocabulary::Millis;

/// The fake vendor.
pub struct Tazworks {
    account: Account,
    applicants: Vec<Applicant>,
    orders: Vec<Order>,
    last_id: u64,
    faults: Faults,
    outbox: Outbox,
    timeline: Timeline,
    callback_url: Option<String>,
}

/// An answer, or the refusal that takes its place.
type Answer = Result<Response, Response>;

impl Tazworks {
    /// A fake vendor with this account and no orders.
    pub fn new(account: Account) -> Self {
        Self {
            timeline: Timeline::new(account.pace),
            account,
            applicants: Vec::new(),
            orders: Vec::new(),
            last_id: 0,
            faults: Faults::default(),
            outbox: Outbox::new(&[]),
            callback_url: None,
        }
    }

    fn answer(&mut self, request: &Arrived, now: Millis) -> Answer {
        self.authorize(request)?;
        let segments = request.segments();
        let ["v1", "clients", rest @ ..] = segments.as_slice() else {
            return Err(not_found("Resource"));
        };
        let [client, rest @ ..] = rest else {
            return match request.method.as_str() {
                "GET" => self.list_clients(request),
                _ => Err(not_found("Resource")),
            };
        };
        if *client != self.account.client {
            return Err(not_found("Client"));
        }
        self.route(request, rest, now)
    }

    /// Below one client.
    fn route(&mut self, request: &Arrived, rest: &[&str], now: Millis) -> Answer {
        match (request.method.as_str(), rest) {
            ("GET", []) => self.show_client(),
            ("GET", ["products"]) => self.list_products(request),
            ("GET", ["products", guid]) => self.show_product(guid),
            ("POST", ["applicants"]) => self.create_applicant(&document(request)?, now),
            ("GET", ["applicants"]) => self.list_applicants(request),
            ("GET", ["applicants", guid]) => self.show_applicant(guid),
            ("PUT", ["applicants", guid]) => self.replace_applicant(guid, &document(request)?, now),
            ("POST", ["applicants", guid, "addresses"]) => {
                self.add_address(guid, &document(request)?)
            }
            ("GET", ["applicants", guid, "addresses"]) => self.list_addresses(guid),
            ("GET", ["applicants", guid, "orders"]) => self.list_orders(request, Some(guid), now),
            ("POST", ["orders"]) => self.create_order(&document(request)?, now),
            ("GET", ["orders"]) => self.list_orders(request, None, now),
            ("GET", ["orders", guid]) => self.show_order(guid),
            ("GET", ["orders", guid, "status"]) => self.show_status(guid),
            ("GET", ["orders", guid, "resultsAsPdf"]) => self.show_pdf(guid),
            ("GET", ["orders", guid, "searches"]) => self.list_searches(guid),
            ("GET", ["orders", guid, "searches", search, "results"]) => {
                self.show_results(guid, search)
            }
            _ => Err(not_found("Resource")),
        }
    }

    /// A static token of one API type (TazWorks, section 2).
    fn authorize(&self, request: &Arrived) -> Result<(), Response> {
        let fits = request.is_authorized("Bearer", &self.account.token);
        fits.then_some(()).ok_or_else(denied)
    }

    /// Lets happen what was due by `now`.
    fn settle(&mut self, now: Millis) {
        while let Some(due) = self.timeline.next(now) {
            self.move_order(due.order, due.status, None, due.at);
        }
    }

    /// A GUID. `kind` is its first two digits, so that a person can tell them apart; a client must
    /// not.
    fn next_guid(&mut self, kind: &str) -> String {
        self.last_id += 1;
        guid(kind, self.last_id)
    }
}

impl Default for Tazworks {
    fn default() -> Self {
        Self::new(Account::default())
    }
}

impl Simulator for Tazworks {
    fn name(&self) -> &'static str {
        "tazworks"
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        let account = &self.account;
        vec![
            ("token", account.token.clone()),
            (
                "webhook_authorization",
                account.webhook_authorization.clone(),
            ),
        ]
    }

    fn handle(&mut self, request: &Arrived, now: Millis) -> Response {
        self.settle(now);
        let strike = self.faults.strike(request);
        let stamp = |response| stamped(response, now);
        let instead = strike.instead_of_acting(denied, too_many);
        if let Some(instead) = instead {
            return stamp(instead);
        }
        let answer = self.answer(request, now).unwrap_or_else(|refused| refused);
        strike.spoil(stamp(answer))
    }

    fn due(&mut self, now: Millis) -> Vec<Outgoing> {
        self.settle(now);
        self.send_webhooks(now)
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
        let flag = match result {
            None => None,
            Some("clear") => Some(json!(false)),
            Some("flagged") => Some(json!(true)),
            Some("null") => Some(Value::Null),
            Some(_) => return false,
        };
        let Some(index) = found else {
            return false;
        };
        self.timeline.forget(index);
        self.move_order(index, status, flag, now);
        true
    }

    fn fault(&mut self, fault: FaultOrder) {
        self.faults.order(fault);
    }

    fn set_callback_url(&mut self, url: &str) {
        self.callback_url = Some(url.to_owned());
    }
}

/// The `nth` GUID of a kind.
fn guid(kind: &str, nth: u64) -> String {
    format!("{kind}000000-0000-4000-8000-{nth:012x}")
}

/// The request's body as a JSON object.
fn document(request: &Arrived) -> Result<Value, Response> {
    if !request.is_json() {
        return Err(invalid("Content-Type must be application/json"));
    }
    serde_json::from_slice(&request.body)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| invalid("The body is not a JSON object"))
}

/// What comes with every answer: a session that means nothing, and the server's own time.
fn stamped(response: Response, now: Millis) -> Response {
    let session = "SESSION=; Path=/; Secure; HttpOnly";
    response
        .with_header("Set-Cookie", session)
        .with_header("Date", http_date(now))
}

/// A moment as HTTP has it. A moment that no calendar reaches is the driver's mistake and reads as
/// the epoch.
fn http_date(moment: Millis) -> String {
    let stamp = jiff::Timestamp::from_millisecond(moment).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    printer
        .timestamp_to_rfc9110_string(&stamp)
        .unwrap_or_default()
}

fn refusal(status: u16, code: &str, message: &str) -> Response {
    Response::json(status, &json!({"code": code, "message": message}))
}

fn invalid(message: &str) -> Response {
    refusal(400, "VALIDATION_EXCEPTION", message)
}

/// TazWorks, section 8: the code of a 404 is not documented.
fn not_found(what: &str) -> Response {
    refusal(404, "NOT_FOUND", &format!("{what} not found"))
}

/// TazWorks, section 8: the gateway in front answers, so there is no `code`.
fn denied() -> Response {
    Response::json(401, &json!({"message": "Unauthorized"}))
}

/// TazWorks, section 2, rate limit.
fn too_many() -> Response {
    Response::json(429, &json!({"message": "Too Many Requests"}))
}
