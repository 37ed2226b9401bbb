//! What functions do to texts, and how values become texts at all.

use serde_json::Value;

use super::super::xml::{is_element, text_of};

/// The text of a text, number, truth value or XML element.
pub(in super::super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Object(_) => text_of(value)
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        Value::Null | Value::Array(_) => None,
    }
}

/// A word as tables compare it: lower case, without blanks, `_` and `-`, because vendors spell one
/// word in several ways.
pub(in super::super) fn plain(word: &str) -> String {
    word.chars()
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// A vendor's text for people: on one line, without control characters, at most `most` letters.
pub(in super::super) fn clean(text: &str, most: usize) -> String {
    let visible: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    words.join(" ").chars().take(most).collect()
}

/// All texts in a value, one behind the other: vendors write an error as a text, a list or a table.
pub(in super::super) fn flat(value: &Value) -> String {
    match value {
        Value::Array(items) => joined(items.iter()),
        Value::Object(members) if is_element(value) => match text_of(value) {
            Some("") | None => joined(children(members)),
            Some(text) => text.to_owned(),
        },
        // The vendor's sentence for people, where a table has one; else all it holds.
        Value::Object(members) => match members.get("message").and_then(Value::as_str) {
            Some(message) => message.to_owned(),
            None => joined(members.values()),
        },
        other => scalar(other).unwrap_or_default(),
    }
}

/// What stands in an element, without its attributes: those are no sentences.
fn children(members: &serde_json::Map<String, Value>) -> impl Iterator<Item = &Value> {
    members.values().filter(|member| member.is_array())
}

fn joined<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    let texts: Vec<String> = values.map(flat).filter(|text| !text.is_empty()).collect();
    texts.join("; ")
}

/// `change` on a text, or on every text of a list. A list keeps its length: what is no text, and
/// what `change` makes nothing of, is `null` in it, so that the others never look like all there are.
pub(super) fn each(value: &Value, change: impl Fn(&str) -> Option<String>) -> Option<Value> {
    of_each(value, |value| change(&scalar(value)?))
}

/// The same for values of any kind.
fn of_each(value: &Value, change: impl Fn(&Value) -> Option<String>) -> Option<Value> {
    let one = |value: &Value| {
        let text = change(value).filter(|text| !text.is_empty());
        text.map(Value::from)
    };
    match value {
        Value::Array(items) => {
            let changed = items.iter().map(|item| one(item).unwrap_or_default());
            Some(changed.collect())
        }
        other => one(other),
    }
}

pub(super) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// A US number in the form of `picture`, where each `#` is one of its ten digits.
pub(super) fn us_phone(text: &str, picture: &str) -> Option<String> {
    let all = digits(text);
    let local = if all.len() == 11 {
        all.strip_prefix('1')?
    } else {
        &all
    };
    let mut digits = local.chars();
    let drawn = picture.chars().map(|letter| match letter {
        '#' => digits.next(),
        other => Some(other),
    });
    (local.len() == 10).then(|| drawn.collect())?
}

/// The part of `text` with that number between separators, from 0.
pub(super) fn part(text: &str, separator: &str, nth: usize) -> Option<String> {
    let part = text.split(separator).nth(nth)?;
    (!part.is_empty()).then(|| part.to_owned())
}

/// The letters of `text` from one number to another, from 0.
pub(super) fn slice(text: &str, from: usize, to: usize) -> Option<String> {
    let letters: String = text.chars().take(to).skip(from).collect();
    (!letters.is_empty()).then_some(letters)
}

/// The text for a word among `pairs`, compared as tables compare words; for each of a list. What is
/// there and is no word is `otherwise`, as any other word is.
pub(super) fn mapped(
    value: &Value,
    pairs: &[(String, String)],
    otherwise: Option<&String>,
) -> Option<Value> {
    of_each(value, |value| {
        let Some(word) = scalar(value) else {
            let is_nothing = value.is_null() || is_element(value);
            return otherwise.filter(|_| !is_nothing).cloned();
        };
        let word = plain(&word);
        let found = pairs.iter().find(|(from, _)| plain(from) == word);
        found.map(|(_, to)| to).or(otherwise).cloned()
    })
}

/// The links of a `Link` header (RFC 8288) that have the relation `rel`; `None` where none has.
pub(super) fn related(header: &str, rel: &str) -> Option<String> {
    let wanted = [format!("rel=\"{rel}\""), format!("rel={rel}")];
    let link = header.split(",").map(str::trim).find(|link| {
        let mut parameters = link.split(';').skip(1).map(str::trim);
        parameters.any(|parameter| wanted.iter().any(|wanted| parameter == wanted))
    })?;
    Some(link.to_owned())
}

/// A decimal amount with two places, from a number or its text.
pub(super) fn decimal(text: &str) -> Option<String> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    (!whole.is_empty() && fraction.len() <= 2 && is_number(whole) && is_number(fraction))
        .then(|| format!("{whole}.{fraction:0<2}"))
}

/// A decimal amount from a whole number of cents, as a number or its text.
pub(super) fn cents(text: &str) -> Option<String> {
    let cents: u64 = text.trim().parse().ok()?;
    Some(format!("{}.{:02}", cents / 100, cents % 100))
}
