//! Orders: what is held of one, and what moves it (Accio, sections 4 and 5).

use super::Accio;
use super::posts::PostBack;
use crate::simulator::HeldOrder;
use crate::vocabulary::Millis;

/// What an order says of itself when it is done.
pub(super) const COMPLETION: &str = "order completion";
/// An order whose applicant has been asked for data.
pub(super) const CANDIDATE: &str = "inprogress candidate";
/// An order that waits for the client.
pub(super) const RECRUITER: &str = "inprogress recruiter";
/// An order that the agency works on.
pub(super) const VENDOR: &str = "inprogress vendor";

/// Codes that are good (Accio, section 5). `canceled` and `expired` are among them.
const GREEN: &[&str] = &[
    "clear",
    "verified",
    "pass",
    "negative",
    "drugnegative",
    "no match",
    "canceled",
    "expired",
];
/// Codes that are bad; `no hits` means that something was expected and not found.
const RED: &[&str] = &[
    "hits",
    "no hits",
    "discrepancy",
    "unable to verify",
    "positive",
    "drugpositive",
    "positive-dilute",
    "negative-dilute",
    "non-contact positive",
    "previous-positive",
    "disqualified",
    "fail",
];
/// Codes that say nothing yet; two are spelled in two ways by the two manuals.
const BLACK: &[&str] = &[
    "unknown",
    "unobtainable",
    "review",
    "see comments",
    "data in review",
    "possible hits found, additional research needed",
    "out of scope",
    "original in progress",
    "complete incomplete",
    "contact MRO",
    "lab-reject",
    "labreject",
    "test-cancelled",
    "test-canceled",
    "expired black",
];

/// One order.
pub(super) struct Order {
    /// Its order numbers; the last is the present one.
    pub(super) numbers: Vec<String>,
    /// `placeOrder/@number`.
    pub(super) ours: String,
    pub(super) quoteback: String,
    pub(super) package: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) components: Vec<Component>,
    /// Orders that the address history of this one has led to.
    pub(super) generated: Vec<Generated>,
    pub(super) post_back: Option<PostBack>,
    /// The applicant fills in the portal.
    pub(super) is_hosted: bool,
    /// The applicant signs the consent there.
    pub(super) is_signed: bool,
    pub(super) state: String,
    pub(super) is_active: bool,
    pub(super) placed_at: Millis,
    pub(super) filled_at: Option<Millis>,
}

/// One product of an order.
#[derive(Clone)]
pub(super) struct Component {
    pub(super) number: String,
    pub(super) kind: String,
    pub(super) filled_status: &'static str,
    pub(super) code: String,
    pub(super) is_held: bool,
}

/// An order that another has led to; it has no number of ours.
pub(super) struct Generated {
    pub(super) number: String,
    pub(super) component: Component,
}

impl Component {
    pub(super) fn new(number: String, kind: &str) -> Self {
        Self {
            number,
            kind: kind.to_owned(),
            filled_status: "unfilled",
            code: String::new(),
            is_held: false,
        }
    }

    fn fill(&mut self, code: &str) {
        code.clone_into(&mut self.code);
        self.filled_status = "filled";
    }
}

/// The overall status: any red makes it `hits`, else any black `unknown`, else it is `clear`.
pub(super) fn status<'c>(components: impl Iterator<Item = &'c Component> + Clone) -> String {
    let colourless = |component: &&Component| {
        let code = component.code.as_str();
        ![GREEN, RED, BLACK].iter().any(|list| list.contains(&code))
    };
    let any = |list: &[&str]| {
        components
            .clone()
            .any(|component| list.contains(&component.code.as_str()))
    };
    match components.clone().find(colourless) {
        Some(component) => component.code.clone(),
        None if any(RED) => "hits".to_owned(),
        None if any(BLACK) => "unknown".to_owned(),
        None => "clear".to_owned(),
    }
}

impl Order {
    pub(super) fn number(&self) -> &str {
        self.numbers.last().map_or("", String::as_str)
    }

    /// True for a number that this order has now, had once, or has led to.
    pub(super) fn is_numbered(&self, number: &str) -> bool {
        let mut generated = self.generated.iter();
        self.numbers.iter().any(|own| own == number)
            || generated.any(|generated| generated.number == number)
    }

    pub(super) fn is_known_by(&self, key: &str) -> bool {
        self.is_numbered(key) || self.ours == key || self.quoteback == key
    }

    pub(super) fn is_complete(&self) -> bool {
        self.filled_at.is_some()
    }

    pub(super) fn held(&self) -> HeldOrder {
        let all = self.components.iter();
        let all = all.chain(self.generated.iter().map(|one| &one.component));
        HeldOrder {
            reference: match self.ours.as_str() {
                "" => self.quoteback.clone(),
                ours => ours.to_owned(),
            },
            id: self.number().to_owned(),
            status: self.state.clone(),
            result: self.is_complete().then(|| status(all)),
        }
    }
}

/// What a move says of the components. The words are those of [`super`].
#[derive(Default)]
struct Verdict<'w> {
    code: &'w str,
    generated: Option<&'w str>,
    is_held: bool,
    has_failed: bool,
}

impl<'w> Verdict<'w> {
    fn read(text: &'w str) -> Option<Self> {
        let mut parts = text.split('+');
        let mut verdict = Self {
            code: parts.next().unwrap_or_default(),
            ..Self::default()
        };
        for modifier in parts {
            match modifier.split_once('=') {
                Some(("generated", code)) => verdict.generated = Some(code),
                None if modifier == "held" => verdict.is_held = true,
                None if modifier == "failed" => verdict.has_failed = true,
                _ => return None,
            }
        }
        Some(verdict)
    }
}

/// Whether a result's words make sense.
pub(super) fn can_read(result: Option<&str>) -> bool {
    result.is_none_or(|result| Verdict::read(result).is_some())
}

impl Accio {
    pub(super) fn move_order(
        &mut self,
        index: usize,
        status: &str,
        result: Option<&str>,
        at: Millis,
    ) {
        let was_hosted = self.orders[index].state == CANDIDATE;
        if [RECRUITER, VENDOR, COMPLETION].contains(&status) {
            self.activate(index);
        }
        status.clone_into(&mut self.orders[index].state);
        self.orders[index].is_active = true;
        self.orders[index].filled_at = None;
        match status {
            CANDIDATE => self.post_order(index, "IPC", at),
            RECRUITER => self.post_order(index, "IPR", at),
            VENDOR => {
                if was_hosted {
                    self.post_order(index, "CNF", at);
                }
                self.post_order(index, "IPV", at);
            }
            COMPLETION => self.complete(index, result.unwrap_or("clear"), at),
            "expired" => self.end(index, "EXP", at),
            "deleted" => self.end(index, "DEL", at),
            _ => self.post_order(index, "RDC", at),
        }
    }

    /// The order gets a new number, and its components do too.
    fn activate(&mut self, index: usize) {
        let order = &self.orders[index];
        if !order.is_hosted || order.numbers.len() > 1 {
            return;
        }
        let number = self.next_number();
        let components = self.orders[index].components.len();
        let numbers: Vec<_> = (0..components).map(|_| self.next_number()).collect();
        let order = &mut self.orders[index];
        order.numbers.push(number);
        for (component, number) in order.components.iter_mut().zip(numbers) {
            component.number = number;
        }
    }

    fn complete(&mut self, index: usize, result: &str, at: Millis) {
        let verdict = Verdict::read(result).unwrap_or_default();
        let generated = verdict.generated.map(|code| {
            let mut component = Component::new(self.next_number(), "County_criminal");
            component.fill(code);
            Generated {
                number: self.next_number(),
                component,
            }
        });
        let order = &mut self.orders[index];
        order.filled_at = Some(at);
        order.generated = generated.into_iter().collect();
        for (nth, component) in order.components.iter_mut().enumerate() {
            component.fill(if nth == 0 { verdict.code } else { "clear" });
            component.is_held = nth == 0 && verdict.is_held;
            if nth == 0 && verdict.has_failed {
                component.filled_status = "failed";
            }
        }
        for nth in 0..order.components.len() {
            self.post_component(index, nth, at);
        }
        self.post_order(index, "OCR", at);
    }

    /// What a query says of an order that ended so is not documented.
    fn end(&mut self, index: usize, kind: &'static str, at: Millis) {
        self.orders[index].is_active = false;
        self.post_order(index, kind, at);
    }
}
