//! Every mistake of form in a tenants file. A reader that is derived stops at the first; so what it
//! stopped at is taken out, and the rest read again, until nothing is wrong or nothing can be taken out.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::spots::{Mistake, line};

/// Where something stands.
type Span = Range<usize>;

/// Reads a file.
///
/// # Errors
/// Every mistake of form.
pub(super) fn read<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Vec<Mistake>> {
    let mistake = |error: &toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        Mistake::new(name, line(text, at), error.message())
    };
    let mut table = DeTable::parse(text).map_err(|error| vec![mistake(&error)])?;
    let (mut mistakes, mut told) = (Vec::new(), Vec::new());
    loop {
        let error = match T::deserialize(Deserializer::from(table.clone())) {
            Ok(read) if mistakes.is_empty() => return Ok(read),
            Ok(_) => return Err(mistakes),
            Err(error) => error,
        };
        let missing = missing(error.message());
        let wrong = Wrong {
            at: error.span().unwrap_or_default(),
            missing,
            is_told: told.contains(&error.span()) && missing.is_none(),
        };
        if !wrong.is_told {
            mistakes.push(mistake(&error));
        }
        if missing.is_none() {
            told.push(error.span());
        }
        // What was put in has no place, and would be put in again.
        if wrong.at.is_empty() || !wrong.mend_members(table.get_mut()) {
            return Err(mistakes);
        }
    }
}

/// The member that is missing, as serde says it.
fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// What a reader stopped at.
struct Wrong<'a> {
    at: Span,
    missing: Option<&'a str>,
    /// It was stopped at before.
    is_told: bool,
}

impl Wrong<'_> {
    /// Mends what is wrong in a table or below it; whether it was found.
    fn mend_members(&self, table: &mut DeTable<'_>) -> bool {
        let unknown = table.keys().find(|key| key.span() == self.at).cloned();
        if let Some(key) = unknown {
            return table.remove(&key).is_some();
        }
        let stale = table.iter().find(|(_, value)| self.is_stale(value));
        if let Some(key) = stale.map(|(key, _)| key.clone()) {
            return table.remove(&key).is_some();
        }
        table.iter_mut().any(|(_, value)| self.mend(value))
    }

    fn mend(&self, value: &mut Spanned<DeValue<'_>>) -> bool {
        let is_it = value.span() == self.at;
        match (value.get_mut(), self.missing) {
            (DeValue::Table(table), Some(name)) if is_it => add(table, name),
            (value, None) if is_it => {
                // Most that a file must have are texts; what is no text then is taken out.
                *value = text();
                true
            }
            (DeValue::Table(table), _) => self.mend_members(table),
            (DeValue::Array(items), _) => {
                if let Some(number) = items.iter().position(|item| self.is_stale(item)) {
                    let left = items.iter().enumerate().filter(|(at, _)| *at != number);
                    *items = left.map(|(_, item)| item.clone()).collect();
                    return true;
                }
                items.iter_mut().any(|item| self.mend(item))
            }
            _ => false,
        }
    }

    /// Whether a text in its place was wrong as well.
    fn is_stale(&self, value: &Spanned<DeValue<'_>>) -> bool {
        self.is_told && value.span() == self.at
    }
}

/// Stands for a text that is not there.
fn text() -> DeValue<'static> {
    DeValue::String(Cow::Borrowed(""))
}

fn add(table: &mut DeTable<'_>, name: &str) -> bool {
    let name = Spanned::new(0..0, Cow::Owned(name.to_owned()));
    table.insert(name, Spanned::new(0..0, text())).is_none()
}
