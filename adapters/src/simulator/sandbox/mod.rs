//! The `sandbox` vendor: ours, and fake on purpose, so that the whole gateway can be tried out
//! without a real one. The applicant's last name chooses what happens:
//!
//! | last name (ASCII case does not matter) | what happens |
//! | --- | --- |
//! | `Review`, `Fail` | ends with that result |
//! | `Slow` | the placing is answered after 3 s; passes after 60 s |
//! | `Refused` | 422 `refused`; there is no order |
//! | `Hang` | taken, and the placing is never answered; goes on and passes |
//! | `Lost` | passes after 2 s, and nobody is ever called back |
//! | `Odd` | ends with the result `gremlins` |
//! | any other | in progress after 0.5 s, passes after 1.5 s |
//!
//! The times of moves are those of the default [`Pace`].
//!
//! Its interface, `Authorization: Bearer KEY` on every call:
//!
//! | call | answer |
//! | --- | --- |
//! | `GET /account` | `{"name"}` |
//! | `GET /packages` | `{"packages": [...], "add_ons": [...]}` |
//! | `POST /orders`, with `Idempotency-Key` | 201 and the order; the same for a repeat within 24 h |
//! | `GET /orders/{id}` | the order |
//! | `GET /orders?reference=X` | `{"orders": [...]}` |
//! | `POST /orders/{id}/cancel` | the order, canceled; 409 `already_ended` |
//!
//! Errors are `{"error": {"code", "message", "field"?}}`: 400, 401, 404, 405, 409, 422.
//!
//! A callback is a POST to the order's `callback_url` with
//! `{"event", "order": {id, reference, status, result, report_url, updated_at}}`, signed in
//! `X-Sandbox-Signature: t=SECONDS,v1=HEX` over `t.body`. Any 2xx acknowledges it; otherwise it
//! comes again after 1 s, 5 s, 30 s and then every minute, ten times in all.

mod catalog;
mod orders;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::{Value, json};

use self::orders::Order;
use super::faults::Faults;
use super::idempotency::Keys;
use super::outbox::{Outbox, Schedule};
use super::timeline::Timeline;
use super::{Arrived, FaultOrder, HeldOrder, Outgoing, Pace, Response, Simulator};
use crate::callback::hmac_sha256_hex;
use crate::vocabulary::Millis;

const RETRIES: Schedule = &[
    (1, Duration::from_secs(1)),
    (1, Duration::from_secs(5)),
    (1, Duration::from_secs(30)),
    (6, Duration::from_mins(1)),
];

/// An account at the sandbox vendor.
#[derive(Clone)]
pub struct Account {
    /// The bearer key of every call.
    pub key: String,
    /// What callbacks are signed with.
    pub callback_secret: String,
    /// Where reports are read; an order's id is put behind it.
    pub report_base: String,
    /// How fast orders move; a step is a third of an ordinary order's life.
    pub pace: Pace,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            key: "sandbox-key".to_owned(),
            callback_secret: "sandbox-callback-secret".to_owned(),
            report_base: "https://reports.sandbox.example".to_owned(),
            pace: Pace::default(),
        }
    }
}

/// The fake vendor.
pub struct Sandbox {
    account: Account,
    orders: Vec<Order>,
    keys: Keys,
    faults: Faults,
    outbox: Outbox,
    timeline: Timeline,
    last_event: u64,
}

/// An answer, or the refusal that takes its place.
type Answer = Result<Response, Response>;

impl Sandbox {
    /// A fake vendor with this account and no orders.
    pub fn new(account: Account) -> Self {
        Self {
            timeline: Timeline::new(account.pace),
            account,
            orders: Vec::new(),
            keys: Keys::default(),
            faults: Faults::default(),
            outbox: Outbox::new(RETRIES),
            last_event: 0,
        }
    }

    fn answer(&mut self, request: &Arrived, now: Millis) -> Answer {
        self.authorize(request)?;
        let segments = request.segments();
        match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["account"]) => Ok(Response::json(200, &json!({"name": "Sandbox Screening"}))),
            ("GET", ["packages"]) => Ok(Response::json(200, &catalog::document())),
            ("POST", ["orders"]) => self.place(request, now),
            ("GET", ["orders"]) => Ok(self.list(request, now)),
            ("GET", ["orders", id]) => self.show(id),
            ("POST", ["orders", id, "cancel"]) => self.cancel(id, now),
            (
                _,
                ["account"] | ["packages"] | ["orders"] | ["orders", _] | ["orders", _, "cancel"],
            ) => Err(refusal(
                405,
                "method_not_allowed",
                "this path has another method",
                None,
            )),
            _ => Err(not_found()),
        }
    }

    fn authorize(&self, request: &Arrived) -> Result<(), Response> {
        let fits = request.is_authorized("Bearer", &self.account.key);
        fits.then_some(()).ok_or_else(denied)
    }

    /// Lets happen what was due by `now`.
    fn settle(&mut self, now: Millis) {
        while let Some(due) = self.timeline.next(now) {
            self.say(due.order, due.status, due.result, due.at);
        }
    }

    /// Gives an order its words and calls back about it.
    fn say(&mut self, index: usize, status: &str, result: Option<&str>, at: Millis) {
        let order = &mut self.orders[index];
        order.move_to(status, result, at);
        if order.is_quiet() {
            return;
        }
        self.last_event += 1;
        let body = json!({
            "event": format!("evt_{}", self.last_event),
            "order": order.announced(&self.account.report_base),
        });
        let body = body.to_string().into_bytes();
        self.outbox
            .hold(order.callback_url(), &body, at, &mut self.faults);
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new(Account::default())
    }
}

impl Simulator for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![
            ("api_key", self.account.key.clone()),
            ("callback_secret", self.account.callback_secret.clone()),
        ]
    }

    fn handle(&mut self, request: &Arrived, now: Millis) -> Response {
        self.settle(now);
        let strike = self.faults.strike(request);
        if let Some(instead) = strike.instead_of_acting(denied, too_many) {
            return instead;
        }
        let answer = self.answer(request, now).unwrap_or_else(|refused| refused);
        let sent = strike.spoil(answer.clone());
        if request.method == "POST" && request.path() == "/orders" {
            self.keys.remember(request, &answer, sent.manner, now);
        }
        sent
    }

    fn due(&mut self, now: Millis) -> Vec<Outgoing> {
        self.settle(now);
        let secret = self.account.callback_secret.as_bytes();
        self.outbox.due(now, &|body, now| {
            let stamp = now.div_euclid(1000).to_string();
            let v1 = hmac_sha256_hex(secret, &[stamp.as_bytes(), b".", body]);
            vec![(
                "X-Sandbox-Signature".to_owned(),
                format!("t={stamp},v1={v1}"),
            )]
        })
    }

    fn answered(&mut self, id: u64, status: Option<u16>, _body: &[u8], now: Millis) {
        self.outbox.answered(id, status, now);
    }

    fn orders(&self) -> Vec<HeldOrder> {
        self.orders.iter().map(Order::held).collect()
    }

    fn advance(&mut self, key: &str, status: &str, result: Option<&str>, now: Millis) -> bool {
        self.settle(now);
        let Some(index) = self.orders.iter().rposition(|order| order.is_known_by(key)) else {
            return false;
        };
        self.timeline.forget(index);
        self.say(index, status, result, now);
        true
    }

    fn fault(&mut self, fault: FaultOrder) {
        self.faults.order(fault);
    }

    /// Changes nothing: every order brings its own address.
    fn set_callback_url(&mut self, _url: &str) {}
}

fn refusal(status: u16, code: &str, message: &str, field: Option<&str>) -> Response {
    let mut error = json!({"code": code, "message": message});
    if let Some(field) = field {
        error["field"] = Value::from(field);
    }
    Response::json(status, &json!({ "error": error }))
}

fn denied() -> Response {
    refusal(401, "unauthorized", "the key is not known", None)
}

fn too_many() -> Response {
    refusal(429, "too_many_requests", "too many requests", None)
}

fn not_found() -> Response {
    refusal(404, "not_found", "there is nothing of that name", None)
}
