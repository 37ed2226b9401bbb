//! Accio Data ("researcherxml"), as one agency's host answers an XML user, written from the
//! vendor's two manuals and from recorded traffic.
//!
//! One path, `POST /c/p/researcherxml`; the child of the root says what is wanted: `getPackages`,
//! `placeOrder` (one or several, in document order, up to the first error) or `getOrderResults`
//! (also `format="pdf"`). Errors stand in the body under HTTP 200. Not faked: `addToOrder`, images,
//! `RenewApplicantPortalURL`, orders for another user, SFTP, and the directives but
//! `IncludeDefaultProducts`, `IncludePreselectedProducts` and `SuppressApplicantPortalEmail`.
//!
//! With the default [`super::Pace`] an applicant fills in the portal after 0.5 s, which gives the
//! order a new number, and the order is complete and clear after 1.5 s. An applicant with the last
//! name `Hits` gets a second order from the address history, with hits. An applicant whom nobody
//! wrote to (the mail suppressed) never answers.
//!
//! [`Simulator::advance`] takes an order number, our `number` or a `quoteback_1`, and these words:
//!
//! | status | what happens |
//! | --- | --- |
//! | `inprogress candidate` | the applicant is (again) to fill in the portal |
//! | `inprogress recruiter` | the applicant has, and the client must look |
//! | `inprogress vendor` | the order is active: a hosted one has a new number |
//! | `order completion` | all components are filled |
//! | `expired`, `deleted` | the order ends so, and is no longer active |
//! | any other | the order says so of itself |
//!
//! The result is `CODE[+MODIFIER]...`, the first component's `filledCode`; the others are clear.
//! Modifiers: `generated=CODE`, a second order with that component; `held`, the first component is
//! held for review; `failed`, it was abandoned. A code without a colour is the order's status too.

mod account;
mod orders;
mod placing;
mod posts;
mod products;
mod results;
#[cfg(test)]
mod tests;

use subtle::ConstantTimeEq;

pub use self::account::{Account, Package};
use self::orders::Order;
use super::faults::Faults;
use super::outbox::Outbox;
use super::timeline::Timeline;
use super::xml::Element;
use super::{Arrived, FaultOrder, HeldOrder, Manner, Outgoing, Response, Simulator};
use crate::vocabulary::Millis;

/// The one path there is.
const PATH: &str = "/c/p/researcherxml";

/// The fake vendor.
pub struct Accio {
    account: Account,
    orders: Vec<Order>,
    last_number: u64,
    faults: Faults,
    outbox: Outbox,
    timeline: Timeline,
    failed_posts: u32,
}

/// An answer, or the refusal that takes its place.
type Answer = Result<Response, Refusal>;

/// What stands in an `error` element (Accio, section 8).
#[derive(Debug)]
struct Refusal {
    number: u16,
    text: String,
    additional: Option<String>,
}

impl Refusal {
    fn new(number: u16, text: impl Into<String>) -> Self {
        Self {
            number,
            text: text.into(),
            additional: None,
        }
    }

    fn element(&self) -> Element {
        let additional = self.additional.as_ref();
        Element::new("error")
            .with("n", self.number.to_string())
            .holding([Element::saying("errortext", self.text.as_str())])
            .holding(additional.map(|text| Element::saying("additionalinfo", text.as_str())))
    }
}

impl Accio {
    /// A fake vendor with this account and no orders.
    pub fn new(account: Account) -> Self {
        Self {
            timeline: Timeline::new(account.pace),
            account,
            orders: Vec::new(),
            last_number: 70_000,
            faults: Faults::default(),
            outbox: Outbox::new(posts::RETRIES),
            failed_posts: 0,
        }
    }

    fn answer(&mut self, request: &Arrived, now: Millis) -> Answer {
        headers_are_right(request)?;
        let root = Element::parse(&request.body)
            .map_err(|_| Refusal::new(1, "The document could not be parsed"))?;
        self.authorize(&root)?;
        if root.child("getPackages").is_some() {
            return Ok(self.list_packages());
        }
        if root.child("placeOrder").is_some() {
            return self.place_orders(&root, now);
        }
        match root.child("getOrderResults") {
            Some(query) => self.show_results(query),
            None => Err(Refusal::new(14, "There is nothing to do")),
        }
    }

    /// Credentials stand in every document (Accio, section 2).
    fn authorize(&self, root: &Element) -> Result<(), Refusal> {
        let login = root
            .child("login")
            .ok_or_else(|| Refusal::new(6, "The login is missing"))?;
        let account = &self.account;
        let mut fits = true;
        for (name, number, expected) in [
            ("account", 7, &account.account),
            ("username", 8, &account.username),
            ("password", 9, &account.password),
        ] {
            let given = login
                .text_of(name)
                .ok_or_else(|| Refusal::new(number, format!("The {name} is missing")))?;
            fits &= bool::from(given.as_bytes().ct_eq(expected.as_bytes()));
        }
        fits.then_some(()).ok_or_else(denied)
    }

    /// Names alone (Accio, section 3).
    fn list_packages(&self) -> Response {
        let packages = self.account.packages.iter();
        let names = packages.map(|package| Element::saying("package", package.name.as_str()));
        document(Element::new("XML").holding(names))
    }

    /// Lets happen what was due by `now`.
    fn settle(&mut self, now: Millis) {
        while let Some(due) = self.timeline.next(now) {
            self.move_order(due.order, due.status, due.result, due.at);
        }
    }

    fn next_number(&mut self) -> String {
        self.last_number += 1;
        self.last_number.to_string()
    }
}

impl Default for Accio {
    fn default() -> Self {
        Self::new(Account::default())
    }
}

impl Simulator for Accio {
    fn name(&self) -> &'static str {
        "accio"
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![
            ("account", self.account.account.clone()),
            ("username", self.account.username.clone()),
            ("password", self.account.password.clone()),
            // Chosen by the client, told with every order, and sent back with every post.
            ("callback_user", "accio-test-callback".to_owned()),
            ("callback_password", "accio-test-callback-secret".to_owned()),
        ]
    }

    fn handle(&mut self, request: &Arrived, now: Millis) -> Response {
        self.settle(now);
        let strike = self.faults.strike(request);
        let denied = || refused(&denied());
        if let Some(instead) = strike.instead_of_acting(denied, too_many) {
            return instead;
        }
        if request.method != "POST" || request.path() != PATH {
            return Response::plain(404, "Not Found");
        }
        let answer = self.answer(request, now);
        let answer = answer.unwrap_or_else(|refusal| refused(&refusal));
        strike.spoil(answer)
    }

    fn due(&mut self, now: Millis) -> Vec<Outgoing> {
        self.settle(now);
        self.send_posts(now)
    }

    fn answered(&mut self, id: u64, status: Option<u16>, body: &[u8], now: Millis) {
        let is_taken = status.is_some_and(|status| status < 300) && posts::acknowledges(body);
        if !is_taken {
            self.failed_posts += 1;
        }
        self.outbox.settled(id, is_taken, now);
    }

    fn orders(&self) -> Vec<HeldOrder> {
        self.orders.iter().map(Order::held).collect()
    }

    fn advance(&mut self, key: &str, status: &str, result: Option<&str>, now: Millis) -> bool {
        self.settle(now);
        let found = self.orders.iter().rposition(|order| order.is_known_by(key));
        let Some(index) = found else {
            return false;
        };
        if !orders::can_read(result) {
            return false;
        }
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

/// Accio, section 2. A body without a length is refused, so nothing may be sent in chunks.
fn headers_are_right(request: &Arrived) -> Result<(), Refusal> {
    let mime = request
        .header("content-type")
        .ok_or_else(|| Refusal::new(2, "Content-Type is missing"))?;
    request
        .header("content-length")
        .ok_or_else(|| Refusal::new(3, "Content-Length is missing"))?;
    let essence = mime.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("text/xml") {
        return Err(Refusal::new(4, "Content-Type must be text/xml"));
    }
    Ok(())
}

fn document(root: Element) -> Response {
    Response {
        status: 200,
        headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
        body: root.document(),
        manner: Manner::Plainly,
    }
}

fn refused(refusal: &Refusal) -> Response {
    document(Element::new("XML").holding([refusal.element()]))
}

fn denied() -> Refusal {
    Refusal::new(10, "Login failed")
}

/// No limit is documented; what stands in front of the platform may have one.
fn too_many() -> Response {
    Response::plain(429, "Too Many Requests")
}
