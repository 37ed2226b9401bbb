//! What an answer means that is not a success: ordered rules, the first that fits decides.
//!
//! A step's own rules come before the sheet's. What no rule names is unclear: the vendor may or
//! may not have acted, and the engine knows what to do with that.

use super::condition::{Operand, Test, When};
use super::expression::Expression;
use super::functions::{clean, flat, plain};
use super::loader::Loader;
use super::reading::reference;
use super::scope::{Scope, Sight};
use super::source::{Raw, Section, Spot};
use super::template::Template;
use super::wait::wait;
use crate::contract::Fault;
use crate::vocabulary::Order;

/// The longest text of a vendor that is shown to a recruiter, in characters.
const LONGEST_SAID: usize = 200;

/// What stands in a message where the vendor gave no words of its own.
const NO_REASON: &str = "no reason given";

/// The sheet's `[errors]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Errors {
    /// Where the vendor says what is wrong.
    text: Option<Expression>,
    /// Where the vendor names the field at fault.
    field: Option<Expression>,
    /// The vendor's names of fields and ours; without `field`, words of its text.
    fields: Vec<(String, String)>,
    /// Where a busy vendor says when to come back, beside `Retry-After`.
    retry_at: Option<Expression>,
    pub(super) rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    when: When,
    is: Meaning,
    pub(super) line: usize,
}

#[derive(Clone, Debug)]
enum Meaning {
    Refused {
        code: String,
        field: Option<String>,
        message: Template,
    },
    Busy,
    NotReady,
    Denied,
    Duplicate(Expression),
    Unclear,
    NotSeen,
    Step(String),
}

/// What a rule leads to.
pub(super) enum Led {
    Fault(Fault),
    /// The order is not there.
    NotSeen,
    /// Another step is to be made.
    Step(String),
}

impl Errors {
    pub(super) fn load(loader: &Loader<'_>, section: Option<Section<'_>>, sight: Sight) -> Self {
        let Some(section) = section else {
            return Self::default();
        };
        let sight = sight.with_answer();
        let fields = section.section("fields", "`fields`");
        let errors = Self {
            text: loader.expression_at(&section, "text", sight),
            field: loader.expression_at(&section, "field", sight),
            fields: canonical_names(loader, fields),
            retry_at: loader.expression_at(&section, "retry_at", sight),
            rules: rules(loader, section.list("rules"), sight),
        };
        section.close();
        errors
    }

    /// What the vendor says is wrong, cut and cleaned; `None` where it says nothing.
    pub(super) fn said(&self, scope: &Scope<'_>) -> Option<String> {
        let said = self.text.as_ref()?.read(scope)?;
        let text = clean(&flat(&said), LONGEST_SAID);
        // A node without words, such as `"errors": []`, is no error; a table or `true` is one.
        match &*said {
            serde_json::Value::Array(items) if items.is_empty() => None,
            serde_json::Value::Bool(false) => None,
            _ if text.is_empty() => Some(NO_REASON.to_owned()),
            _ => Some(text),
        }
    }

    /// What the first rule that fits makes of the answer.
    pub(super) fn judge(&self, own: &[Rule], scope: &Scope<'_>) -> Option<Led> {
        let rule = own
            .iter()
            .chain(&self.rules)
            .find(|rule| rule.when.holds(scope))?;
        scope.note(rule.line, || "this error rule fits".to_owned());
        Some(match &rule.is {
            Meaning::Refused {
                code,
                field,
                message,
            } => Led::Fault(Fault::Refused {
                code: code.clone(),
                field: field.clone().or_else(|| self.field_at_fault(scope)),
                message: sentence(message, scope),
            }),
            Meaning::Busy => Led::Fault(Fault::Busy(wait(scope, self.retry_at.as_ref()))),
            // When a limit ends says nothing of when something is ready.
            Meaning::NotReady => Led::Fault(Fault::NotReady(wait(scope, None))),
            Meaning::Denied => Led::Fault(Fault::Denied),
            Meaning::Duplicate(theirs) => match reference(theirs, scope) {
                Some(theirs) => Led::Fault(Fault::Duplicate(theirs)),
                None => Led::Fault(Fault::Unclear(
                    "the vendor calls it a duplicate and does not say of what".to_owned(),
                )),
            },
            Meaning::Unclear => Led::Fault(Fault::Unclear(
                "the sheet says that this answer tells nothing".to_owned(),
            )),
            Meaning::NotSeen => Led::NotSeen,
            Meaning::Step(name) => Led::Step(name.clone()),
        })
    }

    /// The field of ours that the vendor names: where `field` says, else in its text.
    fn field_at_fault(&self, scope: &Scope<'_>) -> Option<String> {
        let Some(field) = &self.field else {
            let said = plain(scope.said?);
            let mut fields = self.fields.iter();
            let named = fields.find(|(theirs, _)| said.contains(&plain(theirs)));
            return named.map(|(_, ours)| ours.clone());
        };
        let word = field.read_text(scope)?;
        let given = plain(&word);
        let named = self
            .fields
            .iter()
            .find(|(theirs, _)| plain(theirs) == given);
        let own = Order::FIELDS.iter().find(|field| **field == word);
        named
            .map(|(_, ours)| ours.clone())
            .or_else(|| own.map(|field| (*field).to_owned()))
    }
}

impl Rule {
    /// The step that the rule leads to.
    pub(super) fn step(&self) -> Option<&str> {
        match &self.is {
            Meaning::Step(name) => Some(name),
            _ => None,
        }
    }

    /// True where the rule says that the order is not there.
    pub(super) fn is_not_seen(&self) -> bool {
        matches!(self.is, Meaning::NotSeen)
    }
}

fn sentence(message: &Template, scope: &Scope<'_>) -> String {
    // `said` is the only thing a message may name that can be absent; its sentence stands alone.
    let scope = Scope {
        said: scope.said.or(Some(NO_REASON)),
        ..*scope
    };
    message.text(&scope).ok().flatten().unwrap_or_default()
}

/// Loads a list of rules.
pub(super) fn rules(loader: &Loader<'_>, list: &[Spot], sight: Sight) -> Vec<Rule> {
    list.iter()
        .filter_map(|spot| rule(loader, spot, sight))
        .collect()
}

fn rule(loader: &Loader<'_>, spot: &Spot, sight: Sight) -> Option<Rule> {
    let section = Section::new("an error rule", spot, loader.mistakes)?;
    let mut when = When::load(loader, section.section("when", "`when`"), sight);
    if let Some(status) = section.get("status")
        && let Some(test) = Test::load(loader, status, sight, true)
    {
        when.and("status", test);
    }
    let says = section.texts("says");
    if !says.is_empty() {
        let words = says
            .iter()
            .map(|(text, _)| Operand::Word((*text).to_owned()));
        when.and("said", Test::Contains(words.collect()));
    }
    if when.is_empty() {
        let wrong = "an error rule fits every answer";
        let right = "it names a `status`, what the vendor `says`, or a `when`";
        loader.mistakes.add(spot.line, wrong, right);
    }
    let is = meaning(loader, &section, sight);
    section.close();
    Some(Rule {
        when,
        is: is?,
        line: spot.line,
    })
}

fn meaning(loader: &Loader<'_>, section: &Section<'_>, sight: Sight) -> Option<Meaning> {
    let right = "refused, busy, not_ready, denied, duplicate, unclear, not_seen, or `step`";
    // Asked for in any case, so that `close` knows every key a rule may have.
    let (code, message) = (section.text("code"), section.text("message"));
    let field = section.text("field");
    let theirs = loader.expression_at(section, "theirs", sight);
    if let Some(step) = section.text("step") {
        return Some(Meaning::Step(step.to_owned()));
    }
    let line = section.line_of("is");
    Some(match section.need_text("is", right)? {
        "refused" => Meaning::Refused {
            code: code.unwrap_or("refused_by_vendor").to_owned(),
            field: field.and_then(|field| {
                let line = section.line_of("field");
                canonical(loader, field, line).then(|| field.to_owned())
            }),
            message: message_template(loader, section, message, sight)?,
        },
        "busy" => Meaning::Busy,
        "not_ready" => Meaning::NotReady,
        "denied" => Meaning::Denied,
        "duplicate" => match theirs {
            Some(theirs) => Meaning::Duplicate(theirs),
            None => {
                let wrong = "a duplicate without the order it repeats";
                let right = "name where its reference is: theirs = \".order_id\"";
                loader.mistakes.add(line, wrong, right);
                return None;
            }
        },
        "unclear" => Meaning::Unclear,
        "not_seen" => Meaning::NotSeen,
        other => {
            let wrong = format!("`{other}` is not what an answer can be");
            loader
                .mistakes
                .add(line, wrong, format!("it is one of: {right}"));
            return None;
        }
    })
}

fn message_template(
    loader: &Loader<'_>,
    section: &Section<'_>,
    message: Option<&str>,
    sight: Sight,
) -> Option<Template> {
    let Some(message) = message else {
        let wrong = "a refusal has no `message`";
        let right = "write the sentence that a recruiter reads; `{said}` is the vendor's text";
        loader.mistakes.add(section.line, wrong, right);
        return None;
    };
    let line = section.line_of("message");
    let template = loader.template(message, line, sight.without_people())?;
    let only_said = template
        .expressions()
        .all(|expression| expression.is_word(super::expression::Word::Said));
    if !only_said {
        let wrong = "a message names more than `{said}`";
        let right = "only the vendor's own text, cut and cleaned, may stand in it";
        loader.mistakes.add(line, wrong, right);
    }
    Some(template)
}

fn canonical(loader: &Loader<'_>, field: &str, line: usize) -> bool {
    let known = Order::FIELDS.contains(&field) || field.starts_with("settings.");
    if !known {
        let wrong = format!("`{field}` is not a field of an order");
        let right = format!("it is one of: {}", Order::FIELDS.join(", "));
        loader.mistakes.add(line, wrong, right);
    }
    known
}

fn canonical_names(loader: &Loader<'_>, fields: Option<Section<'_>>) -> Vec<(String, String)> {
    let entries = fields.iter().flat_map(Section::entries);
    let named = entries.filter_map(|(theirs, spot)| match &spot.raw {
        Raw::Text(ours) => {
            canonical(loader, ours, spot.line).then(|| (theirs.clone(), ours.clone()))
        }
        _ => loader
            .text(theirs, spot)
            .map(|_| (theirs.clone(), String::new())),
    });
    named.collect()
}
