//! TazWorks' older XML gateway (InstaScreen, "TazAPI Basic"), as one agency's host answers an XML
//! user, written from the vendor's pages and from captured traffic.
//!
//! One path, `POST /send/interchange`, with the document as the body or in the form field
//! `request`; the action of its `BackgroundSearchPackage` is `submit` or `status`. Everything is
//! answered under HTTP 200; an `OrderId` is what tells an order from a refusal.
//!
//! With the default [`super::Pace`] an invited applicant has filled in the form after 0.5 s, the
//! searches run after 1 s, and the order is ready and not flagged after 1.5 s; each change is
//! posted. An order without an applicant's form is ready after 1 s.
//!
//! [`Simulator::advance`] takes an `OrderId` or a `ReferenceId`, and a status word without its
//! `x:`; every word is said as it is. The result is `FLAG[+decision=TEXT]`, the `flag` of
//! `OrderStatus` and the text of `OrderDecision`; an empty or no flag is left out.

mod account;
mod documents;
mod orders;
mod posts;
#[cfg(test)]
mod tests;

use percent_encoding::percent_decode_str;
use subtle::ConstantTimeEq;

pub use self::account::{Account, Product};
use self::orders::Order;
use super::faults::Faults;
use super::outbox::Outbox;
use super::timeline::Timeline;
use super::xml::Element;
use super::{Arrived, FaultOrder, HeldOrder, Outgoing, Response, Simulator};
use crate::vocabulary::Millis;

/// The one path there is.
const PATH: &str = "/send/interchange";

/// The fake vendor.
pub struct TazworksXml {
    account: Account,
    orders: Vec<Order>,
    last_id: u64,
    faults: Faults,
    outbox: Outbox,
    timeline: Timeline,
}

/// What stands in an `ErrorReport`. Of the codes only 4 is known, so the others here are made up.
#[derive(Debug)]
struct Refusal {
    code: u16,
    text: String,
    reference: String,
}

impl Refusal {
    fn new(code: u16, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            reference: String::new(),
        }
    }

    fn of(self, reference: &str) -> Self {
        Self {
            reference: reference.to_owned(),
            ..self
        }
    }
}

impl TazworksXml {
    /// A fake vendor with this account and no orders.
    pub fn new(account: Account) -> Self {
        Self {
            timeline: Timeline::new(account.pace),
            account,
            orders: Vec::new(),
            last_id: 12_357,
            faults: Faults::default(),
            outbox: Outbox::new(posts::RETRIES),
        }
    }

    /// How many searches have been bought, over all orders: a doubled search costs money too.
    pub fn searches_bought(&self) -> usize {
        self.orders.iter().map(|order| order.searches.len()).sum()
    }

    fn answer(&mut self, document: &[u8], now: Millis) -> Result<Response, Refusal> {
        let root = Element::parse(document)
            .map_err(|_| Refusal::new(101, "The request is not well-formed."))?;
        self.authorize(&root)?;
        let package = root
            .child("BackgroundSearchPackage")
            .ok_or_else(|| Refusal::new(102, "There is no BackgroundSearchPackage."))?;
        match package.attribute("action") {
            Some("submit") => self.submit(package, now),
            Some("status") => self.status(package),
            _ => Err(Refusal::new(103, "The action is not known.")),
        }
    }

    /// Credentials are attributes of the root (TazWorks XML, section 2).
    fn authorize(&self, root: &Element) -> Result<(), Refusal> {
        let fits = |name: &str, expected: &str| {
            let given = root.attribute(name).unwrap_or_default();
            bool::from(given.as_bytes().ct_eq(expected.as_bytes()))
        };
        let is_user = fits("userId", &self.account.user_id);
        let knows = fits("password", &self.account.password);
        (is_user & knows & (root.name == "BackgroundCheck"))
            .then_some(())
            .ok_or_else(denied)
    }

    /// Lets happen what was due by `now`.
    fn settle(&mut self, now: Millis) {
        while let Some(due) = self.timeline.next(now) {
            self.move_order(due.order, due.status, due.result, due.at);
        }
    }
}

impl Default for TazworksXml {
    fn default() -> Self {
        Self::new(Account::default())
    }
}

impl Simulator for TazworksXml {
    fn name(&self) -> &'static str {
        "tazworks_xml"
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![
            ("user_id", self.account.user_id.clone()),
            ("password", self.account.password.clone()),
            // Chosen by the client, told with every order, and sent back with every post.
            ("callback_user", "tazworks-test-callback".to_owned()),
            (
                "callback_password",
                "tazworks-test-callback-secret".to_owned(),
            ),
        ]
    }

    fn packages(&self) -> Vec<&'static str> {
        vec!["Employment Basic"]
    }

    fn handle(&mut self, request: &Arrived, now: Millis) -> Response {
        self.settle(now);
        let strike = self.faults.strike(request);
        let denied = || self.refused(&denied());
        if let Some(instead) = strike.instead_of_acting(denied, too_many) {
            return instead;
        }
        if request.method != "POST" || request.path() != PATH {
            return Response::plain(404, "Not Found");
        }
        // What another type is answered with is not documented.
        let Some(document) = document_of(request) else {
            return Response::plain(415, "Unsupported Media Type");
        };
        let answer = self.answer(&document, now);
        let answer = answer.unwrap_or_else(|refusal| self.refused(&refusal));
        strike.spoil(answer)
    }

    fn due(&mut self, now: Millis) -> Vec<Outgoing> {
        self.settle(now);
        self.send_posts(now)
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
        let Some(index) = found.filter(|_| orders::can_read(result)) else {
            return false;
        };
        self.timeline.forget(index);
        self.move_order(index, status, result, now);
        true
    }

    fn fault(&mut self, fault: FaultOrder) {
        self.faults.order(fault);
    }

    /// Changes nothing: every order brings its own address.
    fn set_callback_url(&mut self, _url: &str) {}
}

/// The document in a request: its body, or its form field `request`.
fn document_of(request: &Arrived) -> Option<Vec<u8>> {
    let mime = request.header("content-type").unwrap_or_default();
    let essence = mime.split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/xml" | "text/xml" => Some(request.body.clone()),
        "application/x-www-form-urlencoded" => {
            let form = String::from_utf8_lossy(&request.body);
            let mut fields = form.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = fields.find(|(name, _)| *name == "request")?;
            Some(percent_decode_str(&value.replace('+', " ")).collect())
        }
        _ => None,
    }
}

fn denied() -> Refusal {
    Refusal::new(4, "Invalid username and/or password.")
}

/// No limit is documented; what stands in front of the platform may have one.
fn too_many() -> Response {
    Response::plain(429, "Too Many Requests")
}
