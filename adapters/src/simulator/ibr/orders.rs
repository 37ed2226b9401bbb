//! Orders: what the specification's DTD and its checks let in (IBR, section 4).

use jiff::civil::Date;

use super::Ibr;
use super::documents;
use crate::simulator::xml::Element;
use crate::simulator::{HeldOrder, Response};
use crate::vocabulary::Millis;

/// One order.
pub(super) struct Order {
    pub(super) id: String,
    pub(super) client_id: String,
    pub(super) batch: String,
    pub(super) status: String,
    pub(super) submitted: Millis,
    pub(super) completed: Option<Millis>,
}

impl Order {
    pub(super) fn is_known_by(&self, key: &str) -> bool {
        self.id == key || self.client_id == key
    }

    pub(super) fn held(&self) -> HeldOrder {
        HeldOrder {
            reference: self.client_id.clone(),
            id: self.id.clone(),
            status: self.status.clone(),
            result: None,
        }
    }

    /// One word is status and result; every one but the first two is final.
    pub(super) fn move_to(&mut self, status: &str, at: Millis) {
        status.clone_into(&mut self.status);
        let is_open = ["Pending", "Processing"].contains(&status);
        self.completed = (!is_open).then_some(at);
    }
}

/// The children an element may have, in the order in which they must stand; `!` marks those that
/// must be there.
const DTD: &[(&[&str], &[&str])] = &[
    (
        &[],
        &[
            "TYPE!",
            "NAME!",
            "ALIASES",
            "DOB",
            "SSN!",
            "EMAIL",
            "EMAIL_REPORT",
            "PHONE",
            "ADDRESS",
            "GENDER",
            "PREVADDRESSES",
            "DRIVERS_LICENSE",
            "EDUCATION",
            "EMPLOYMENT",
        ],
    ),
    (&["NAME"], &["LAST!", "MIDDLE", "FIRST"]),
    (
        &["ADDRESS"],
        &["ADDR1!", "ADDR2", "CITY!", "STATE!", "COUNTY", "ZIPCODE!"],
    ),
];

#[rustfmt::skip]
const STATES: &[&str] = &[
    "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "HI", "ID", "IL", "IN", "IA",
    "KS", "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM",
    "NY", "NC", "ND", "OH", "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VT", "VA", "WA",
    "WV", "WI", "WY",
];

impl Ibr {
    /// Takes a batch: a document that the DTD refuses is refused as a whole, else each request is
    /// answered by itself.
    pub(super) fn submit(&mut self, root: &Element, now: Millis) -> Response {
        let requests = root.child("REQUESTS").map(|list| &list.children);
        let requests = requests.filter(|list| !list.is_empty());
        let Some(requests) = requests else {
            return documents::refused("REQUESTS is missing", now);
        };
        if let Some(why) = requests.iter().find_map(against_dtd) {
            return documents::refused(&why, now);
        }
        let batch = root.text_of("BATCHID").unwrap_or_default();
        let mut answers = Vec::new();
        for (nth, request) in requests.iter().enumerate() {
            let client_id = request.at(&["TYPE", "CLIENTID"]).map(Element::text);
            let client_id = client_id.unwrap_or_default();
            let taken = self.take(request, (batch, client_id), now);
            let said = taken.unwrap_or_else(|wrong| Element::saying("ERROR", wrong.join("\n")));
            let head = [
                Element::saying("BATCHID", batch),
                Element::saying("SEQUENCE", (nth + 1).to_string()),
                Element::saying("CLIENTID", client_id),
            ];
            answers.push(Element::new("RESPONSE").holding(head).holding([said]));
        }
        documents::answer("ibr_loader1.dtd", documents::responses(answers, now))
    }

    /// The id of an order, or everything that is wrong with it.
    fn take(
        &mut self,
        request: &Element,
        (batch, client_id): (&str, &str),
        now: Millis,
    ) -> Result<Element, Vec<String>> {
        let wrong = self.mistakes(request);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let index = self.orders.len();
        let id = (2_048 + index).to_string();
        self.orders.push(Order {
            id: id.clone(),
            client_id: client_id.to_owned(),
            batch: batch.to_owned(),
            status: "Pending".to_owned(),
            submitted: now,
            completed: None,
        });
        self.timeline.plan(index, now, (1, "Processing", None));
        self.timeline.plan(index, now, (3, "P", None));
        Ok(Element::saying("IBR_ID", id))
    }

    fn mistakes(&self, request: &Element) -> Vec<String> {
        let text = |way: &[&str]| request.at(way).map_or("", Element::text);
        let mut wrong = Vec::new();
        let package = text(&["TYPE", "ORDER"]);
        if !self.account.packages.iter().any(|name| name == package) {
            let names = self.account.packages.join("', '");
            wrong.push(format!(
                "Invalid ORDER '{package}' given, valid are '{names}'"
            ));
        }
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let ssn = text(&["SSN"]);
        if ssn.len() != 9 || !is_digits(ssn) {
            wrong.push("Invalid SSN given".to_owned());
        }
        if text(&["NAME", "LAST"]).is_empty() {
            wrong.push("LAST is missing".to_owned());
        }
        let birth = text(&["DOB"]);
        if !birth.is_empty() && !is_date(birth) {
            wrong.push(format!("Invalid DOB '{birth}' given"));
        }
        let state = text(&["ADDRESS", "STATE"]);
        if request.child("ADDRESS").is_some() && !STATES.contains(&state) {
            wrong.push(format!("Invalid STATE '{state}' given"));
        }
        if !is_digits(text(&["PHONE"])) {
            wrong.push("Invalid PHONE given".to_owned());
        }
        if !["", "Y", "N"].contains(&text(&["EMAIL_REPORT"])) {
            wrong.push("Invalid EMAIL_REPORT given".to_owned());
        }
        wrong
    }
}

/// `MMDDYYYY`.
fn is_date(text: &str) -> bool {
    let is_digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let part = |range: std::ops::Range<usize>| text[range].parse::<i16>().unwrap_or(-1);
    is_digits && {
        let whole = |part: i16| i8::try_from(part).unwrap_or(-1);
        Date::new(part(4..8), whole(part(0..2)), whole(part(2..4))).is_ok()
    }
}

/// What the DTD has against a `REQUEST`.
fn against_dtd(request: &Element) -> Option<String> {
    if request.name != "REQUEST" {
        return Some(format!("Unexpected element {}", request.name));
    }
    let known = DTD
        .iter()
        .filter_map(|(way, allowed)| Some((request.at(way)?, *allowed)));
    known
        .into_iter()
        .find_map(|(element, allowed)| misplaced(element, allowed))
}

fn misplaced(element: &Element, allowed: &[&str]) -> Option<String> {
    let mut given = element.names().into_iter().peekable();
    for name in allowed {
        let (name, is_needed) = match name.strip_suffix('!') {
            Some(name) => (name, true),
            None => (*name, false),
        };
        let stands_here = given.next_if_eq(&name).is_some();
        if is_needed && !stands_here {
            return Some(format!(
                "{name} is missing or misplaced in {}",
                element.name
            ));
        }
    }
    let rest = given.next()?;
    Some(format!("{rest} is misplaced in {}", element.name))
}
