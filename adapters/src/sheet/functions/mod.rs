//! The functions of expressions: `{applicant.phone? | us_phone '###-###-####'}`.
//!
//! A function that cannot make sense of its value gives nothing, so a member that may be left out
//! is left out and one that may not stops the order before it is sent. A new function is one arm
//! here; it must be total and know no vendor.

mod place;
#[cfg(test)]
mod tests;
mod time;
mod words;

use std::time::Duration;

use serde_json::Value;

pub(super) use time::{http_date, time};
pub(super) use words::{clean, flat, plain, scalar};

use super::loader::duration;
use super::scope::Scope;
use super::xml::TEXT;
use crate::contract::Unfit;
use crate::vocabulary::Order;
use place::{APPLICANT, country, own, region, state};
use words::{cents, decimal, digits, each, mapped, part, related, slice, us_phone};

/// Ten digits in a row.
const DIGITS: &str = "##########";

/// A function of the language, with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Function {
    Lower,
    Upper,
    Trim,
    Text,
    Spaced,
    Digits,
    UsPhone(String),
    Cents,
    Decimal,
    Time,
    Date(String),
    /// Later by so many milliseconds, or earlier.
    Shift(i64),
    Region,
    Country,
    State,
    /// The order's own field, for the word `applicant`.
    Own(&'static str),
    /// Followed by a field of the order, where there is one.
    With(String, &'static str),
    First,
    Join(String),
    Split(String),
    Part(String, usize),
    After(String),
    Strip(String),
    Replace(String, String),
    Slice(usize, usize),
    AtMost(usize),
    Only(Vec<String>),
    Map(Vec<(String, String)>, Option<String>),
    From(String),
    Number,
    Keys,
    Json,
    Merged,
    Rel(String),
}

/// Every function by its name in sheets, with its arguments.
const FUNCTIONS: &[(&str, &str)] = &[
    ("lower", ""),
    ("upper", ""),
    ("trim", ""),
    ("text", ""),
    ("spaced", ""),
    ("digits", ""),
    ("us_phone", "['(###) ###-####']"),
    ("cents", ""),
    ("decimal", ""),
    ("time", ""),
    ("date", "['%m/%d/%Y']"),
    ("earlier", "'2m'"),
    ("later", "'2m'"),
    ("region", ""),
    ("country", ""),
    ("state", ""),
    ("own", "applicant.city"),
    ("with", "', ' applicant.address_2"),
    ("first", ""),
    ("join", "','"),
    ("split", "','"),
    ("part", "'/' 2"),
    ("after", "'/report/'"),
    ("strip", "'x:'"),
    ("replace", "'a' 'b'"),
    ("slice", "0 10"),
    ("at_most", "35"),
    ("only", "'yes' ..."),
    ("map", "'from' 'to' ... ['otherwise']"),
    ("from", "settings.NAME"),
    ("number", ""),
    ("keys", ""),
    ("json", ""),
    ("merged", ""),
    ("rel", "'next'"),
];

impl Function {
    /// Reads a function with its arguments; the error says what would be right.
    pub(super) fn parse(words: &[String]) -> Result<Self, String> {
        let (name, rest) = words.split_first().ok_or("a function has no name")?;
        let Some((_, form)) = FUNCTIONS.iter().find(|(known, _)| known == name) else {
            let known: Vec<_> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
            return Err(format!("`{name}` is not a function ({})", known.join(", ")));
        };
        let wrong = || match *form {
            "" => format!("`{name}` takes no arguments"),
            form => format!("`{name}` is written `{name} {form}`"),
        };
        let arguments: Option<Vec<Argument<'_>>> = rest.iter().map(|w| Argument::of(w)).collect();
        Self::with(name, &arguments.ok_or_else(wrong)?).ok_or_else(wrong)
    }

    fn with(name: &str, arguments: &[Argument<'_>]) -> Option<Self> {
        use Argument::{Bare, Quoted};
        let own = |text: &&str| (*text).to_owned();
        Some(match (name, arguments) {
            ("lower", []) => Self::Lower,
            ("upper", []) => Self::Upper,
            ("trim", []) => Self::Trim,
            ("text", []) => Self::Text,
            ("spaced", []) => Self::Spaced,
            ("digits", []) => Self::Digits,
            ("us_phone", []) => Self::UsPhone(DIGITS.to_owned()),
            ("us_phone", [Quoted(picture)]) if picture.matches('#').count() == 10 => {
                Self::UsPhone(own(picture))
            }
            ("cents", []) => Self::Cents,
            ("decimal", []) => Self::Decimal,
            ("time", []) => Self::Time,
            ("date", []) => Self::Date(time::ISO.to_owned()),
            ("date", [Quoted(format)]) if time::is_format(format) => Self::Date(own(format)),
            ("earlier", [Quoted(by)]) => Self::Shift(-millis(duration(by)?)?),
            ("later", [Quoted(by)]) => Self::Shift(millis(duration(by)?)?),
            ("region", []) => Self::Region,
            ("country", []) => Self::Country,
            ("state", []) => Self::State,
            ("own", [Bare(name)]) => Self::Own(field(name)?),
            ("with", [Quoted(between), Bare(name)]) => Self::With(own(between), field(name)?),
            ("first", []) => Self::First,
            ("join", [Quoted(between)]) => Self::Join(own(between)),
            ("split", [Quoted(at)]) if !at.is_empty() => Self::Split(own(at)),
            ("part", [Quoted(at), Bare(nth)]) if !at.is_empty() => {
                Self::Part(own(at), nth.parse().ok()?)
            }
            ("after", [Quoted(text)]) => Self::After(own(text)),
            ("strip", [Quoted(text)]) => Self::Strip(own(text)),
            ("replace", [Quoted(from), Quoted(to)]) if !from.is_empty() => {
                Self::Replace(own(from), own(to))
            }
            ("slice", [Bare(from), Bare(to)]) => Self::Slice(from.parse().ok()?, to.parse().ok()?),
            ("at_most", [Bare(most)]) => Self::AtMost(most.parse().ok()?),
            ("only", [_, ..]) => Self::Only(quoted(arguments)?),
            ("map", [_, _, ..]) => {
                let words = quoted(arguments)?;
                let pairs = words.chunks_exact(2);
                let otherwise = pairs.remainder().first().cloned();
                Self::Map(
                    pairs
                        .map(|pair| (pair[0].clone(), pair[1].clone()))
                        .collect(),
                    otherwise,
                )
            }
            ("from", [Bare(name)]) => Self::From(own(&name.strip_prefix("settings.")?)),
            ("number", []) => Self::Number,
            ("keys", []) => Self::Keys,
            ("json", []) => Self::Json,
            ("merged", []) => Self::Merged,
            ("rel", [Quoted(rel)]) => Self::Rel(own(rel)),
            _ => return None,
        })
    }

    /// What it looks at beside its value, as expressions call it.
    pub(super) fn names(&self) -> Option<String> {
        match self {
            Self::Region | Self::State => Some("applicant.state".to_owned()),
            Self::Own(field) | Self::With(_, field) => Some((*field).to_owned()),
            Self::From(name) => Some(format!("settings.{name}")),
            _ => None,
        }
    }

    /// True where it reads a person's field that the value itself does not name.
    pub(super) fn reads_people(&self) -> bool {
        matches!(self, Self::Own(_) | Self::With(..))
    }

    /// True where no word can become another by it, so that what a vendor's word means is said in
    /// the tables alone.
    pub(super) fn keeps_words(&self) -> bool {
        match self {
            Self::Lower | Self::Upper | Self::Trim | Self::First => true,
            Self::Strip(prefix) => prefix.ends_with(|letter: char| !letter.is_alphanumeric()),
            _ => false,
        }
    }

    /// True where it makes one text of a list.
    pub(super) fn makes_one(&self) -> bool {
        matches!(self, Self::First | Self::Join(_) | Self::Text)
    }

    /// Its value for `value`; `None` where it has none.
    ///
    /// # Errors
    /// [`Unfit`] where the applicant's own data are asked for and are not there.
    pub(super) fn apply(&self, value: &Value, scope: &Scope<'_>) -> Result<Option<Value>, Unfit> {
        let text = || scalar(value);
        let found = match self {
            Self::Country => text().map(|text| Value::from(country(&text))),
            Self::Region => text().map(|text| region(&text, scope)).transpose()?,
            Self::State => match text() {
                Some(text) => state(&text, scope)?.map(Value::from),
                None => None,
            },
            Self::Own(field) => match text() {
                Some(text) if text == APPLICANT => Some(Value::from(own(field, scope)?)),
                text => text.map(Value::from),
            },
            Self::With(between, field) => text().map(|text| {
                let more = scope.order.and_then(|order| order.text(field));
                Value::from(more.map_or(text.clone(), |more| format!("{text}{between}{more}")))
            }),
            Self::From(name) => Some(looked_up(value, name, scope)?),
            plain => plain.change(value),
        };
        Ok(found)
    }

    /// What depends on the value alone.
    fn change(&self, value: &Value) -> Option<Value> {
        let some = |change: &dyn Fn(&str) -> String| each(value, |text| Some(change(text)));
        match self {
            Self::Lower => some(&|text| text.to_lowercase()),
            Self::Upper => some(&|text| text.to_uppercase()),
            Self::Trim => some(&|text| text.trim().to_owned()),
            Self::Spaced => some(&|text| text.replace(['_', '-'], " ")),
            Self::Digits => some(&|text| digits(text)),
            Self::Strip(prefix) => some(&|text| {
                text.strip_prefix(prefix.as_str())
                    .unwrap_or(text)
                    .to_owned()
            }),
            Self::Replace(from, to) => some(&|text| text.replace(from.as_str(), to)),
            Self::UsPhone(picture) => each(value, |text| us_phone(text, picture)),
            Self::Decimal => each(value, decimal),
            Self::Cents => each(value, cents),
            Self::Date(format) => each(value, |text| time::date(text, format)),
            Self::Part(at, nth) => each(value, |text| part(text, at, *nth)),
            Self::After(text) => each(value, |all| {
                Some(all.split_once(text.as_str())?.1.to_owned())
            }),
            Self::Slice(from, to) => each(value, |text| slice(text, *from, *to)),
            Self::AtMost(most) => each(value, |text| {
                (text.chars().count() <= *most).then(|| text.to_owned())
            }),
            Self::Only(words) => each(value, |text| {
                let known = words.iter().any(|word| plain(word) == plain(text));
                known.then(|| text.to_owned())
            }),
            Self::Map(pairs, otherwise) => mapped(value, pairs, otherwise.as_ref()),
            Self::Rel(rel) => each(value, |header| related(header, rel)),
            Self::Text => Some(flat(value))
                .filter(|text| !text.is_empty())
                .map(Value::from),
            Self::Time => Some(Value::from(time(&scalar(value)?)?)),
            Self::Shift(by) => Some(Value::from(time(&scalar(value)?)?.checked_add(*by)?)),
            Self::First => value
                .as_array()
                .map_or(Some(value), |items| items.first())
                .cloned(),
            Self::Join(between) => join(value, between),
            Self::Split(at) => Some(scalar(value)?.split(at.as_str()).map(Value::from).collect()),
            Self::Number => number(value),
            Self::Keys => Some(names(value)?),
            Self::Json => parsed(value),
            Self::Merged => merged(value),
            // These look beyond the value.
            Self::Region
            | Self::Country
            | Self::State
            | Self::Own(_)
            | Self::With(..)
            | Self::From(_) => None,
        }
    }
}

/// An argument of a function.
enum Argument<'t> {
    Quoted(&'t str),
    Bare(&'t str),
}

impl<'t> Argument<'t> {
    fn of(word: &'t str) -> Option<Self> {
        match word.strip_prefix('\'') {
            Some(rest) => rest.strip_suffix('\'').map(Self::Quoted),
            None => Some(Self::Bare(word)),
        }
    }
}

fn quoted(arguments: &[Argument<'_>]) -> Option<Vec<String>> {
    let texts = arguments.iter().map(|argument| match argument {
        Argument::Quoted(text) => Some((*text).to_owned()),
        Argument::Bare(_) => None,
    });
    texts.collect()
}

fn field(name: &str) -> Option<&'static str> {
    Order::FIELDS.iter().find(|field| **field == name).copied()
}

fn millis(length: Duration) -> Option<i64> {
    i64::try_from(length.as_millis()).ok()
}

/// The names of a table's members, or of an element's children and attributes.
fn names(value: &Value) -> Option<Value> {
    let names = value.as_object()?.keys();
    let names = names.filter(|name| *name != TEXT).map(String::as_str);
    Some(
        names
            .map(|name| Value::from(name.trim_start_matches('@')))
            .collect(),
    )
}

/// The number that is written in a text, or in each text of a list.
fn number(value: &Value) -> Option<Value> {
    if let Value::Array(items) = value {
        return items.iter().map(number).collect();
    }
    let number: serde_json::Number = serde_json::from_str(scalar(value)?.trim()).ok()?;
    Some(Value::Number(number))
}

/// What the table of a setting has for a word, or for each word of a list.
fn looked_up(value: &Value, setting: &str, scope: &Scope<'_>) -> Result<Value, Unfit> {
    let table = scope.settings.get(setting);
    let one = |word: &Value| {
        let found = table.and_then(|table| scalar(table.get(&scalar(word)?)?));
        // Without it something else would be ordered, so it is never left out.
        found.map(Value::from).ok_or_else(|| Unfit {
            field: asked_by(word, scope).unwrap_or_else(|| format!("settings.{setting}")),
            why: format!("is not in this connection's `settings.{setting}`"),
        })
    };
    match value {
        Value::Array(items) => items.iter().map(one).collect(),
        word => one(word),
    }
}

/// The field of the order that a word stands in, of those that name what is ordered.
pub(super) fn asked_by(word: &Value, scope: &Scope<'_>) -> Option<String> {
    let (order, word) = (scope.order?, scalar(word)?);
    match word {
        word if order.package == word => Some("order.package".to_owned()),
        word if order.add_ons.contains(&word) => Some("order.add_ons".to_owned()),
        _ => None,
    }
}

fn join(value: &Value, between: &str) -> Option<Value> {
    let one = std::slice::from_ref(value);
    let items = value.as_array().map_or(one, Vec::as_slice);
    let texts: Option<Vec<String>> = items.iter().map(scalar).collect();
    texts.map(|texts| Value::from(texts.join(between)))
}

/// JSON that is written in a text, or in each text of a list.
fn parsed(value: &Value) -> Option<Value> {
    let parse = |text: &Value| serde_json::from_str(text.as_str()?).ok();
    match value {
        Value::Array(items) => items.iter().map(parse).collect(),
        one => parse(one),
    }
}

/// The tables of a list as one; a later member takes the place of an earlier one.
fn merged(value: &Value) -> Option<Value> {
    let one = std::slice::from_ref(value);
    let mut all = serde_json::Map::new();
    for table in value.as_array().map_or(one, Vec::as_slice) {
        all.extend(table.as_object()?.clone());
    }
    (value.as_array() != Some(&Vec::new())).then_some(Value::Object(all))
}
