//! `placeOrder` (Accio, section 4).

use jiff::civil::Date;

use super::orders::{CANDIDATE, COMPLETION, Component, Order, RECRUITER, VENDOR};
use super::posts::PostBack;
use super::{Accio, Answer, Package, Refusal, document, products};
use crate::simulator::xml::Element;
use crate::vocabulary::Millis;

/// What becomes of the orders of a document.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// They are placed.
    Prod,
    /// They are kept and wait for a person.
    Draft,
    /// They are answered as if they had been placed.
    Test,
}

impl Accio {
    pub(super) fn place_orders(&mut self, root: &Element, now: Millis) -> Answer {
        let mode = match root.text_of("mode") {
            Some("PROD") => Mode::Prod,
            Some("DRAFT") => Mode::Draft,
            Some("TEST") | None => Mode::Test,
            Some(_) => return Err(Refusal::new(124, "The mode is invalid")),
        };
        let mut answer = Element::new("XML");
        for wanted in root.all("placeOrder") {
            match self.place(wanted, mode, now) {
                Ok(order) => answer = answer.holding([order]),
                // The orders before it stand, those after it are not looked at.
                Err(refusal) => {
                    answer = answer.holding([refusal.element()]);
                    break;
                }
            }
        }
        Ok(document(answer))
    }

    fn place(&mut self, wanted: &Element, mode: Mode, now: Millis) -> Result<Element, Refusal> {
        let subject = wanted
            .child("subject")
            .ok_or_else(|| Refusal::new(32, "There is no subject"))?;
        let package = self.package(wanted)?.clone();
        let form = Form::read(subject)?;
        let kinds = kinds(wanted, &package, &form)?;
        let number = self.next_number();
        let components = kinds
            .iter()
            .map(|(kind, _)| Component::new(self.next_number(), kind))
            .collect();
        let text = |name: &str| subject.text_of(name).unwrap_or_default().to_owned();
        let order = Order {
            numbers: vec![number],
            ours: wanted.attribute("number").unwrap_or_default().to_owned(),
            quoteback: text("quoteback_1"),
            package: package.name,
            first_name: text("name_first"),
            last_name: text("name_last"),
            components,
            generated: Vec::new(),
            post_back: PostBack::read(wanted).filter(|_| !self.account.ignores_post_backs),
            is_hosted: form.is_hosted,
            is_signed: form.is_signed,
            state: String::new(),
            is_active: true,
            placed_at: now,
            filled_at: None,
        };
        let answer = self.answered_order(&order, &kinds);
        if mode != Mode::Test {
            let is_mailed = wanted.child("SuppressApplicantPortalEmail").is_none();
            self.keep(order, mode, is_mailed, now);
        }
        Ok(answer)
    }

    fn package(&self, wanted: &Element) -> Result<&Package, Refusal> {
        let packages = &self.account.packages;
        let Some(name) = wanted.text_of("package") else {
            return packages
                .first()
                .ok_or_else(|| Refusal::new(26, "Ordering is not allowed"));
        };
        let found = packages.iter().find(|package| package.name == name);
        found.ok_or_else(|| {
            let names: Vec<_> = packages.iter().map(|one| one.name.as_str()).collect();
            let names = names.join(", ");
            Refusal::new(45, format!("Invalid package. Valid packages: {names}"))
        })
    }

    fn answered_order(&self, order: &Order, kinds: &[(String, bool)]) -> Element {
        let mut answer = Element::new("order").with("orderID", order.number());
        if self.account.repeats_number && !order.ours.is_empty() {
            answer = answer.with("number", order.ours.as_str());
        }
        let components = order.components.iter().zip(kinds);
        let answer = answer.holding(components.map(|(component, (kind, was_asked_for))| {
            let shown = Element::new("subOrder")
                .with("type", kind.as_str())
                .with("suborderID", component.number.as_str());
            match was_asked_for {
                true => shown,
                false => shown.with("comments", "added by IncludeDefaultProducts"),
            }
        }));
        if !order.is_hosted {
            return answer;
        }
        let host = &self.account.host;
        let link = format!(
            "{host}/c/p/collect_information?guikey=key-{}",
            order.number()
        );
        answer.holding([Element::saying("applicantPortalURL", link).in_cdata()])
    }

    fn keep(&mut self, order: Order, mode: Mode, is_mailed: bool, now: Millis) {
        let index = self.orders.len();
        let asks_applicant = order.is_hosted || order.is_signed;
        let ends = if order.last_name == "Hits" {
            "clear+generated=hits"
        } else {
            "clear"
        };
        self.orders.push(order);
        if mode == Mode::Draft {
            RECRUITER.clone_into(&mut self.orders[index].state);
            return;
        }
        let first = if asks_applicant { CANDIDATE } else { VENDOR };
        self.move_order(index, first, None, now);
        // An applicant whom nobody has written to does not answer.
        if is_mailed || !asks_applicant {
            self.timeline.plan(index, now, (1, VENDOR, None));
            self.timeline.plan(index, now, (3, COMPLETION, Some(ends)));
        }
    }
}

/// How an order's applicant takes part.
struct Form {
    is_hosted: bool,
    is_signed: bool,
}

impl Form {
    fn read(subject: &Element) -> Result<Self, Refusal> {
        let flag = |name: &str| subject.text_of(name).map(|text| text == "Y");
        let is_hosted = flag("portalfromapplicant") == Some(true)
            || flag("piifromapplicant") == Some(true)
            || flag("applicantdocupload") == Some(true);
        if let Some(birth) = subject.text_of("dob").filter(|text| !is_date(text)) {
            return Err(Refusal::new(36, format!("Bad date: {birth}")));
        }
        // Which of the numbers for a field's content it is, is unverified.
        if let Some(state) = subject.text_of("state").filter(|text| !is_state(text)) {
            return Err(Refusal::new(35, format!("Invalid state: {state}")));
        }
        if is_hosted && subject.text_of("email").is_none() {
            return Err(Refusal::new(107, "The applicant's email is missing"));
        }
        Ok(Self {
            is_hosted,
            // It is asked for by itself where the applicant fills in the portal.
            is_signed: flag("require_ews").unwrap_or(is_hosted),
        })
    }
}

/// The product types that are ordered, and whether the order asked for each.
fn kinds(wanted: &Element, package: &Package, form: &Form) -> Result<Vec<(String, bool)>, Refusal> {
    let mut kinds: Vec<(String, bool)> = Vec::new();
    for sub_order in wanted.all("subOrder") {
        let kind = products::of(sub_order)?;
        let lacks = |name: &&&str| sub_order.text_of(name).is_none();
        let missing = products::needs(kind).iter().find(lacks);
        if let Some(name) = missing.filter(|_| !form.is_hosted) {
            return Err(Refusal::new(35, format!("{kind} needs {name}")));
        }
        kinds.push((kind.to_owned(), true));
        let allowed = package.products.iter().find(|(name, _)| name == kind);
        let count = kinds.iter().filter(|(name, _)| name == kind).count();
        if allowed.is_none_or(|(_, most)| count > *most) {
            return Err(not_in_package(package, allowed.is_some()));
        }
    }
    let adds = ["IncludeDefaultProducts", "IncludePreselectedProducts"];
    if adds.iter().any(|name| wanted.child(name).is_some()) {
        let simple = |kind: &&String| products::needs(kind).is_empty();
        let defaults = package.defaults.iter().filter(simple);
        let news = defaults.filter(|kind| !kinds.iter().any(|(known, _)| known == *kind));
        kinds.extend(news.map(|kind| (kind.clone(), false)).collect::<Vec<_>>());
    }
    if kinds.is_empty() {
        return Err(Refusal::new(31, "There is no subOrder"));
    }
    Ok(kinds)
}

fn not_in_package(package: &Package, is_too_many: bool) -> Refusal {
    let why = if is_too_many {
        "Too many of a product"
    } else {
        "Not in the package"
    };
    let allowed = package.products.iter();
    let allowed: Vec<_> = allowed
        .map(|(kind, most)| format!("{kind}:{most}"))
        .collect();
    let allowed = allowed.join("\n");
    Refusal {
        additional: Some(format!(
            "Component errors: {why}; Allowable product types/quantites:\n{allowed}"
        )),
        ..Refusal::new(77, "This order has one or more problems")
    }
}

/// `YYYYMMDD`, with zeros for what is not known.
fn is_date(text: &str) -> bool {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let part = |range: std::ops::Range<usize>| text[range].parse::<i16>().unwrap_or(-1);
    let (year, month, day) = (part(0..4), part(4..6), part(6..8));
    let whole = |part: i16| i8::try_from(part.max(1)).unwrap_or(-1);
    Date::new(year, whole(month), whole(day)).is_ok()
}

/// Two letters, or a name, which the platform turns into them.
fn is_state(text: &str) -> bool {
    let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_name = text.len() > 3 && text.chars().all(|c| c.is_alphabetic() || c == ' ');
    is_code || is_name
}
