//! IBR (Interstate Background Research), written from a customer's transcription of the vendor's
//! XML specification and from that customer's working client.
//!
//! Two addresses, each with a test twin: `POST /webservices/post[_dev].cgi` takes a batch of
//! orders, `POST /webservices/post_status[_dev].cgi` tells where many orders stand, or gives the
//! bytes of one report. The vendor calls nobody back. Not faked: `attach.cgi` and the SOAP twin.
//!
//! With the default [`super::Pace`] an order is processing after 0.5 s and has passed after 1.5 s.
//! [`Simulator::advance`] takes an `IBR_ID` or a `CLIENTID`, and a status word, which is said as it
//! is: one word is status and result. A result is ignored.

mod documents;
mod orders;
#[cfg(test)]
mod tests;

use subtle::ConstantTimeEq;

use self::orders::Order;
use super::faults::Faults;
use super::timeline::Timeline;
use super::xml::Element;
use super::{Arrived, FaultOrder, HeldOrder, Outgoing, Pace, Response, Simulator};
use crate::vocabulary::Millis;

/// An account at IBR.
#[derive(Clone)]
pub struct Account {
    /// The user in every document.
    pub username: String,
    /// Its password.
    pub password: String,
    /// The package names that were agreed.
    pub packages: Vec<String>,
    /// How fast orders move; a step is a third of an order's life.
    pub pace: Pace,
    /// On: statuses are told as `REPORTSTATUS` with an `id`, not as `RESPONSE`s. Both exist.
    pub tells_report_status: bool,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            username: "ibr-test-user".to_owned(),
            password: "ibr-test-password".to_owned(),
            packages: ["Package 1", "Package 2", "Credit"]
                .map(str::to_owned)
                .into(),
            pace: Pace::default(),
            tells_report_status: false,
        }
    }
}

/// The fake vendor.
pub struct Ibr {
    account: Account,
    orders: Vec<Order>,
    faults: Faults,
    timeline: Timeline,
}

impl Ibr {
    /// A fake vendor with this account and no orders.
    pub fn new(account: Account) -> Self {
        Self {
            timeline: Timeline::new(account.pace),
            account,
            orders: Vec::new(),
            faults: Faults::default(),
        }
    }

    fn answer(&mut self, request: &Arrived, now: Millis) -> Response {
        let is_submit = match request.path() {
            "/webservices/post.cgi" | "/webservices/post_dev.cgi" => true,
            "/webservices/post_status.cgi" | "/webservices/post_status_dev.cgi" => false,
            _ => return Response::plain(404, "Not Found"),
        };
        let mime = request.header("content-type").unwrap_or_default();
        let essence = mime.split(';').next().unwrap_or_default().trim();
        if request.method != "POST" || !essence.eq_ignore_ascii_case("text/xml") {
            return documents::refused("Content-Type must be text/xml", now);
        }
        let Ok(root) = Element::parse(&request.body) else {
            return documents::refused("The document is not well-formed", now);
        };
        if let Err(why) = self.authorize(&root) {
            return documents::refused(why, now);
        }
        if is_submit {
            self.submit(&root, now)
        } else {
            self.tell(&root, now)
        }
    }

    /// Credentials are the first child of the root (IBR, section 2).
    fn authorize(&self, root: &Element) -> Result<(), &'static str> {
        let first = root.children.first();
        let given = first.filter(|first| first.name == "AUTH" && root.name == "IBR");
        let given = given.ok_or("AUTH is missing")?;
        let fits = |name: &str, expected: &str| {
            let text = given.text_of(name).unwrap_or_default();
            bool::from(text.as_bytes().ct_eq(expected.as_bytes()))
        };
        let is_user = fits("USERNAME", &self.account.username);
        let knows = fits("PASSWORD", &self.account.password);
        (is_user & knows).then_some(()).ok_or(DENIED)
    }

    /// Lets happen what was due by `now`.
    fn settle(&mut self, now: Millis) {
        while let Some(due) = self.timeline.next(now) {
            self.orders[due.order].move_to(due.status, due.at);
        }
    }
}

/// The vendor's own words are not known.
const DENIED: &str = "Invalid username or password";

impl Default for Ibr {
    fn default() -> Self {
        Self::new(Account::default())
    }
}

impl Simulator for Ibr {
    fn name(&self) -> &'static str {
        "ibr"
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![
            ("username", self.account.username.clone()),
            ("password", self.account.password.clone()),
        ]
    }

    fn handle(&mut self, request: &Arrived, now: Millis) -> Response {
        self.settle(now);
        let strike = self.faults.strike(request);
        let denied = || documents::refused(DENIED, now);
        let too_many = || Response::plain(429, "Too Many Requests");
        strike.around(denied, too_many, || self.answer(request, now))
    }

    /// Nobody is called back.
    fn due(&mut self, now: Millis) -> Vec<Outgoing> {
        self.settle(now);
        Vec::new()
    }

    fn answered(&mut self, _id: u64, _status: Option<u16>, _body: &[u8], _now: Millis) {}

    fn orders(&self) -> Vec<HeldOrder> {
        self.orders.iter().map(Order::held).collect()
    }

    fn advance(&mut self, key: &str, status: &str, _result: Option<&str>, now: Millis) -> bool {
        self.settle(now);
        let found = self.orders.iter().rposition(|order| order.is_known_by(key));
        let Some(index) = found else {
            return false;
        };
        self.timeline.forget(index);
        self.orders[index].move_to(status, now);
        true
    }

    fn fault(&mut self, fault: FaultOrder) {
        self.faults.order(fault);
    }

    /// Changes nothing: nobody is called back.
    fn set_callback_url(&mut self, _url: &str) {}
}
