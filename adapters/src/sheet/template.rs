//! Templates: texts with expressions in braces, `Bearer {secret.api_key}`.
//!
//! A template that is one expression keeps that value's type, so that a list stays a list and a
//! number a number. `{{` and `}}` are braces.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::expression::{Expression, Word};
use super::functions::flat;
use super::scope::Scope;
use crate::callback::Signed;
use crate::contract::{Escape, Piece, Unfit};

/// What need not be encoded in a path: the unreserved characters of RFC 3986.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A text with expressions in it.
#[derive(Clone, Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Expression(Expression),
}

impl Template {
    /// Reads a template; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or(from.strip_prefix("}}")) {
                plain.push_str(&from[..1]);
                rest = after;
                continue;
            }
            let inside = from
                .strip_prefix('{')
                .ok_or("`}` closes nothing (write `}}` for a brace)")?;
            let (inside, after) = inside
                .split_once('}')
                .ok_or("`{` is not closed (write `{{` for a brace)")?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Expression(Expression::parse(inside)?));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    pub(super) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression(expression) => Some(expression),
            Part::Text(_) => None,
        })
    }

    /// The text, where there is no expression in it.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text that a callback's signature covers; `None` where it names anything but the body and
    /// headers.
    pub(super) fn signed(&self) -> Option<Vec<Signed>> {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => Some(Signed::Text(text.clone())),
            Part::Expression(one) if one.is_word(Word::Body) => Some(Signed::Body),
            Part::Expression(one) => one.header().map(|name| Signed::Header(name.to_owned())),
        });
        parts.collect()
    }

    pub(super) fn has_secret(&self) -> bool {
        self.expressions().any(|one| one.secret().is_some())
    }

    /// Its value, a lone expression's with its type; `None` where an optional one is absent.
    ///
    /// # Errors
    /// [`Unfit`] where one that is not optional is absent.
    pub(super) fn value(&self, scope: &Scope<'_>) -> Result<Option<Value>, Unfit> {
        if let [Part::Expression(lone)] = self.parts.as_slice() {
            return Ok(filled(lone, scope)?.map(Cow::into_owned));
        }
        Ok(self.text(scope)?.map(Value::from))
    }

    /// Its value as text.
    ///
    /// # Errors
    /// [`Unfit`] as for [`Template::value`].
    pub(super) fn text(&self, scope: &Scope<'_>) -> Result<Option<String>, Unfit> {
        self.written(scope, |value, text| {
            text.push_str(&value);
            Ok(())
        })
    }

    /// Its value as part of a path: what expressions give is percent-encoded and cannot climb.
    ///
    /// # Errors
    /// [`Unfit`] as for [`Template::value`], and for a value that would be `.` or `..`.
    pub(super) fn path(&self, scope: &Scope<'_>) -> Result<Option<String>, Unfit> {
        self.written(scope, |value, text| {
            if value.chars().all(|letter| letter == '.') {
                return Err("cannot stand in a path");
            }
            text.extend(utf8_percent_encode(&value, PATH));
            Ok(())
        })
    }

    fn written(
        &self,
        scope: &Scope<'_>,
        write: impl Fn(String, &mut String) -> Result<(), &'static str>,
    ) -> Result<Option<String>, Unfit> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Expression(expression) => {
                    let Some(value) = filled(expression, scope)? else {
                        return Ok(None);
                    };
                    write(flat(&value), &mut text).map_err(|why| Unfit {
                        why: why.to_owned(),
                        ..expression.missing(scope)
                    })?;
                }
            }
        }
        Ok(Some(text))
    }

    /// Its value as a header's, with a hole for every secret.
    ///
    /// # Errors
    /// [`Unfit`] as for [`Template::value`], and for a value that would not stay one header.
    pub(super) fn header(&self, scope: &Scope<'_>) -> Result<Option<Vec<Piece>>, Unfit> {
        for expression in self.expressions() {
            let value = expression.value(scope)?.map(|value| flat(&value));
            let visible = |letter: char| letter == ' ' || letter.is_ascii_graphic();
            if value.is_some_and(|value| !value.chars().all(visible)) {
                return Err(Unfit {
                    why: "cannot stand in a header".to_owned(),
                    ..expression.missing(scope)
                });
            }
        }
        self.pieces(scope, Escape::None)
    }

    /// Its value as pieces, with a hole for every secret.
    ///
    /// # Errors
    /// [`Unfit`] as for [`Template::value`].
    pub(super) fn pieces(
        &self,
        scope: &Scope<'_>,
        escape: Escape,
    ) -> Result<Option<Vec<Piece>>, Unfit> {
        let mut pieces = Vec::new();
        for part in &self.parts {
            let text = match part {
                Part::Text(plain) => plain.clone(),
                Part::Expression(expression) => match expression.secret() {
                    Some(name) => {
                        pieces.push(Piece::Secret {
                            name: name.to_owned(),
                            escape,
                        });
                        continue;
                    }
                    None => match filled(expression, scope)? {
                        Some(value) => flat(&value),
                        None => return Ok(None),
                    },
                },
            };
            pieces.push(Piece::text(escape.write(&text)));
        }
        Ok(Some(pieces))
    }
}

impl Template {
    /// Its values as members of a form: a list is one member for each of its items.
    ///
    /// # Errors
    /// [`Unfit`] as for [`Template::value`].
    pub(super) fn form_values(&self, scope: &Scope<'_>) -> Result<Vec<Vec<Piece>>, Unfit> {
        if let [Part::Expression(one)] = self.parts.as_slice()
            && one.secret().is_none()
            && let Some(Value::Array(items)) = filled(one, scope)?.as_deref()
        {
            let written = |item: &Value| vec![Piece::text(Escape::Form.write(&flat(item)))];
            return Ok(items.iter().map(written).collect());
        }
        Ok(self.pieces(scope, Escape::Form)?.into_iter().collect())
    }
}

fn is_empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

/// The value of an expression in a template: absent only where it is optional.
fn filled<'a>(expression: &Expression, scope: &Scope<'a>) -> Result<Option<Cow<'a, Value>>, Unfit> {
    match expression.value(scope)? {
        _ if expression.loses_an_item(scope) => Err(expression.missing(scope)),
        None if !expression.optional => Err(expression.missing(scope)),
        // A list with nothing in it is left out where it may be.
        Some(list) if expression.optional && is_empty_list(&list) => Ok(None),
        value => Ok(value),
    }
}
