//! Conditions: `{ status = 409, ".error" = { starts = "Duplicate" } }`. All of them must hold.
//!
//! ```text
//! test = value | [value, ...] | { contains = value(s) } | { starts = text(s) }
//!      | { has = template } | { among = template } | { before = template }
//!      | { after = template } | { every = test } | { not = test } | { present = true | false }
//! ```
//!
//! Words of the sheet are compared as tables compare them (without case, blanks, `_` and `-`);
//! values of ours, in templates, exactly. What is absent fulfils only `present = false`, so that a
//! condition never holds by accident.

use serde_json::Value;

use super::expression::{Expression, Word};
use super::functions::{flat, plain, scalar, time};
use super::loader::Loader;
use super::scope::{Scope, Sight};
use super::source::{Raw, Section, Spot};
use super::template::Template;

/// What must be so; empty: always.
#[derive(Clone, Debug, Default)]
pub(super) struct When(pub(super) Vec<(Expression, Test)>);

/// What a value must be.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// One of these.
    Is(Vec<Operand>),
    /// An HTTP status of this hundred: `4xx`.
    Class(u64),
    /// It is there, and not that.
    Not(Box<Test>),
    /// It is a list of which every item is that.
    Every(Box<Test>),
    /// One of these is in it: words whatever their case, values of ours exactly.
    Contains(Vec<Operand>),
    /// It begins with one of these texts, whatever their case.
    Starts(Vec<String>),
    /// It is a list that has exactly this.
    Has(Template),
    /// It is exactly one of this text's words, between commas.
    Among(Template),
    /// It is a moment before that one.
    Before(Template),
    /// It is a moment not before that one.
    After(Template),
    Present(bool),
}

/// One value that a test compares with.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// A word of the sheet, as tables compare it.
    Word(String),
    /// A value of ours, exactly.
    Exactly(Template),
}

impl When {
    pub(super) fn holds(&self, scope: &Scope<'_>) -> bool {
        self.0.iter().all(|(expression, test)| {
            let value = expression.read(scope);
            test.holds(value.as_deref(), scope)
        })
    }

    /// The first expression that is not as it must be.
    pub(super) fn fails(&self, scope: &Scope<'_>) -> Option<&Expression> {
        let holds = |one: &Expression, test: &Test| test.holds(one.read(scope).as_deref(), scope);
        let failing = self.0.iter().find(|(one, test)| !holds(one, test));
        failing.map(|(one, _)| one)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>, scope: &Scope<'_>) -> bool {
        let Some(value) = value else {
            return matches!(self, Self::Present(false));
        };
        match self {
            Self::Present(present) => *present,
            Self::Not(test) => !test.holds(Some(value), scope),
            Self::Every(test) => value.as_array().is_some_and(|items| {
                let there = |item: &Value| Some(item).filter(|item| !item.is_null()).cloned();
                let holds = |item: &Value| test.holds(there(item).as_ref(), scope);
                // Of nothing nobody can say that all of it is well.
                !items.is_empty() && items.iter().all(holds)
            }),
            Self::Is(operands) => operands.iter().any(|one| one.equals(value, scope)),
            Self::Class(hundred) => value
                .as_u64()
                .is_some_and(|status| status / 100 == *hundred),
            Self::Contains(operands) => {
                let value = flat(value);
                operands.iter().any(|one| one.is_in(&value, scope))
            }
            Self::Starts(texts) => {
                let value = flat(value).to_lowercase();
                texts.iter().any(|text| value.starts_with(text))
            }
            Self::Among(template) => {
                let words = template.text(scope).ok().flatten();
                let value = scalar(value);
                words.is_some_and(|words| {
                    words.split(',').any(|word| Some(word) == value.as_deref())
                })
            }
            Self::Before(template) => moments(value, template, scope).is_some_and(|(a, b)| a < b),
            Self::After(template) => moments(value, template, scope).is_some_and(|(a, b)| a >= b),
            Self::Has(template) => {
                let ours = template.text(scope).ok().flatten();
                let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
                ours.is_some_and(|ours| {
                    items
                        .iter()
                        .any(|item| scalar(item).as_ref() == Some(&ours))
                })
            }
        }
    }
}

/// Two moments to be compared; `None` where either is none.
fn moments(value: &Value, template: &Template, scope: &Scope<'_>) -> Option<(i64, i64)> {
    let then = template.text(scope).ok().flatten()?;
    Some((time(&scalar(value)?)?, time(&then)?))
}

impl Operand {
    fn is_in(&self, value: &str, scope: &Scope<'_>) -> bool {
        match self {
            Self::Word(word) => value.to_lowercase().contains(&word.to_lowercase()),
            Self::Exactly(template) => {
                let ours = template.text(scope).ok().flatten();
                ours.is_some_and(|ours| !ours.is_empty() && value.contains(&ours))
            }
        }
    }

    fn equals(&self, value: &Value, scope: &Scope<'_>) -> bool {
        let Some(value) = scalar(value) else {
            return false;
        };
        match self {
            Self::Word(word) => plain(word) == plain(&value),
            Self::Exactly(template) => template.text(scope).ok().flatten() == Some(value),
        }
    }
}

impl When {
    /// Loads a condition from a table of expressions and tests.
    pub(super) fn load(loader: &Loader<'_>, section: Option<Section<'_>>, sight: Sight) -> Self {
        let entries = section.iter().flat_map(Section::entries);
        let conditions = entries.filter_map(|(text, spot)| {
            let expression = loader.expression(text, spot.line, sight)?;
            let test = Test::load(loader, spot, sight, expression.is_word(Word::Status))?;
            if expression.gives_several() && !test.is_of_several() {
                let wrong = format!("`{text}` stands in several places and is compared as one");
                let right = "{ every = ... } asks all of them, { not = { every = ... } } any, and \
                             `| first` makes one of them";
                loader.mistakes.add(spot.line, wrong, right);
            }
            Some((expression, test))
        });
        Self(conditions.collect())
    }

    /// Adds one more thing that must be so.
    pub(super) fn and(&mut self, word: &str, test: Test) {
        let expression = Expression::parse(word).expect("only words of the language are given");
        self.0.push((expression, test));
    }

    /// True where it asks for that word.
    pub(super) fn asks_for(&self, word: Word) -> bool {
        self.0
            .iter()
            .any(|(expression, _)| expression.is_word(word))
    }
}

impl Test {
    /// True for a test of lists, or of whatever is there.
    fn is_of_several(&self) -> bool {
        match self {
            Self::Not(test) => test.is_of_several(),
            Self::Every(_) | Self::Contains(_) | Self::Has(_) | Self::Present(_) => true,
            _ => false,
        }
    }

    /// Loads a test. For the HTTP status, `4xx` means that hundred.
    pub(super) fn load(
        loader: &Loader<'_>,
        spot: &Spot,
        sight: Sight,
        of_status: bool,
    ) -> Option<Self> {
        if let (true, Raw::Text(text)) = (of_status, &spot.raw)
            && let Some(hundred) = text.strip_suffix("xx")
            && let Ok(hundred) = hundred.parse()
        {
            return Some(Self::Class(hundred));
        }
        match &spot.raw {
            Raw::Table(_) => Self::load_table(loader, spot, sight),
            Raw::List(items) => items
                .iter()
                .map(|item| operand(loader, item, sight))
                .collect::<Option<_>>()
                .map(Self::Is),
            _ => Some(Self::Is(vec![operand(loader, spot, sight)?])),
        }
    }

    fn load_table(loader: &Loader<'_>, spot: &Spot, sight: Sight) -> Option<Self> {
        let section = Section::new("a test", spot, loader.mistakes)?;
        let lower = |key| {
            let texts = section.texts(key).into_iter();
            texts
                .map(|(text, _)| text.to_lowercase())
                .collect::<Vec<_>>()
        };
        let starts = lower("starts");
        let mut tests = Vec::new();
        if let Some(contains) = section.get("contains") {
            let one = std::slice::from_ref(contains);
            let items = match &contains.raw {
                Raw::List(items) => items.as_slice(),
                _ => one,
            };
            let operands = items.iter().filter_map(|item| operand(loader, item, sight));
            tests.push(Self::Contains(operands.collect()));
        }
        if !starts.is_empty() {
            tests.push(Self::Starts(starts));
        }
        let ours = |key| loader.template_at(&section, key, sight);
        tests.extend(ours("has").map(Self::Has));
        tests.extend(ours("among").map(Self::Among));
        tests.extend(ours("before").map(Self::Before));
        tests.extend(ours("after").map(Self::After));
        if let Some(present) = section.truth("present") {
            tests.push(Self::Present(present));
        }
        if let Some(inner) = section.get("every") {
            let inner = Self::load(loader, inner, sight, false)?;
            tests.push(Self::Every(Box::new(inner)));
        }
        if let Some(inner) = section.get("not") {
            let inner = Self::load(loader, inner, sight, false)?;
            tests.push(Self::Not(Box::new(inner)));
        }
        section.close();
        if tests.len() != 1 {
            let wrong = format!("a test has {} conditions", tests.len());
            loader.mistakes.add(spot.line, wrong, "it has exactly one");
        }
        tests.pop()
    }
}

fn operand(loader: &Loader<'_>, spot: &Spot, sight: Sight) -> Option<Operand> {
    match &spot.raw {
        Raw::Text(text) => {
            let template = loader.template(text, spot.line, sight)?;
            Some(match template.literal() {
                Some(word) => Operand::Word(word.to_owned()),
                None => Operand::Exactly(template),
            })
        }
        Raw::Whole(number) => Some(Operand::Word(number.to_string())),
        Raw::Truth(truth) => Some(Operand::Word(truth.to_string())),
        other => {
            let wrong = format!("a value is compared with {}", other.kind());
            let right = "compare it with a text, a number, true or false";
            loader.mistakes.add(spot.line, wrong, right);
            None
        }
    }
}
