//! Expressions: `applicant.phone? | us_phone`, `memo.report_id or theirs`, `.price | cents`.
//!
//! ```text
//! expression = source { "or" source } [ "?" ] { "|" function }
//! source     = a canonical field | settings.NAME | memo.NAME | secret.NAME | header.NAME
//!            | ours | theirs | key | callback_url | page | status | body | found | said
//!            | item | order.items | first_sent_at
//!            | a path into the answer, beginning with a dot | 'a literal text'
//! ```
//!
//! The first source that has a value gives it; functions change it from left to right. `null`, an
//! empty text and nothing at all are the same: absent.

use std::borrow::Cow;

use serde_json::Value;

use super::functions::{Function, asked_by, scalar};
use super::path::Path;
use super::scope::{Scope, Sight};
use super::xml::{decoded, is_element};
use crate::contract::Unfit;
use crate::vocabulary::Order;

/// One expression.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    sources: Vec<Source>,
    /// True with a `?`: where it is absent, what it stands in is left out.
    pub(super) optional: bool,
    functions: Vec<Function>,
    /// As the sheet writes it.
    text: String,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    Field(&'static str),
    Setting(String),
    Memo(String),
    Secret(String),
    Header(String),
    Answer(Path),
    Literal(String),
    Word(Word),
}

/// Sources that are one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Ours,
    Theirs,
    Key,
    CallbackUrl,
    Page,
    Status,
    Found,
    Said,
    Item,
    Items,
    FirstSentAt,
    Body,
}

const WORDS: &[(&str, Word)] = &[
    ("ours", Word::Ours),
    ("theirs", Word::Theirs),
    ("key", Word::Key),
    ("callback_url", Word::CallbackUrl),
    ("page", Word::Page),
    ("status", Word::Status),
    ("found", Word::Found),
    ("said", Word::Said),
    ("item", Word::Item),
    ("order.items", Word::Items),
    ("first_sent_at", Word::FirstSentAt),
    ("body", Word::Body),
];

impl Expression {
    /// Reads an expression; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut stages = split_outside_quotes(text, '|').into_iter();
        let head = stages.next().unwrap_or_default().trim().to_owned();
        let (head, optional) = match head.strip_suffix('?') {
            Some(rest) => (rest.trim().to_owned(), true),
            None => (head, false),
        };
        let sources: Result<Vec<_>, _> = alternatives(&head).iter().map(|s| source(s)).collect();
        let functions: Result<Vec<_>, _> = stages
            .map(|stage| Function::parse(&words(&stage)))
            .collect();
        Ok(Self {
            sources: sources?,
            optional,
            functions: functions?,
            text: text.trim().to_owned(),
        })
    }

    /// As the sheet writes it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// What its functions look at beside their values.
    pub(super) fn named_by_functions(&self) -> impl Iterator<Item = String> {
        self.functions.iter().filter_map(Function::names)
    }

    /// True where it is a word of the vendor's answer as it stands, so that only tables say what
    /// it means.
    pub(super) fn is_a_word_of_the_answer(&self) -> bool {
        let from_answer = |source: &Source| matches!(source, Source::Answer(_));
        self.sources.iter().all(from_answer) && self.functions.iter().all(Function::keeps_words)
    }

    /// The secret, where the expression is one.
    pub(super) fn secret(&self) -> Option<&str> {
        match self.sources.as_slice() {
            [Source::Secret(name)] => Some(name),
            _ => None,
        }
    }

    /// True where it looks at the vendor's answer.
    pub(super) fn reads_the_answer(&self) -> bool {
        self.sources
            .iter()
            .any(|source| matches!(source, Source::Answer(_)))
    }

    /// True where it reads from every item of a list.
    pub(super) fn reads_several(&self) -> bool {
        let several = |source: &Source| matches!(source, Source::Answer(path) if !path.names_one());
        self.sources.iter().any(several)
    }

    /// The header, where the expression is one, alone.
    pub(super) fn header(&self) -> Option<&str> {
        match (self.sources.as_slice(), self.functions.as_slice()) {
            ([Source::Header(name)], []) => Some(name),
            _ => None,
        }
    }

    /// True where it is the one word, alone.
    pub(super) fn is_word(&self, word: Word) -> bool {
        self.sources == [Source::Word(word)] && self.functions.is_empty()
    }

    /// The first source that may not be seen from here, and why.
    pub(super) fn unseen(&self, sight: Sight) -> Option<String> {
        let by_functions = self.functions.iter().any(Function::reads_people) && !sight.people;
        let sources = self.sources.iter().find_map(|source| source.unseen(sight));
        sources.or_else(|| by_functions.then(|| "nothing personal may stand here".to_owned()))
    }

    /// Its value; `None` where it is absent.
    ///
    /// # Errors
    /// [`Unfit`] where a function needs a field that is not there.
    pub(super) fn value<'a>(&self, scope: &Scope<'a>) -> Result<Option<Cow<'a, Value>>, Unfit> {
        let Some(mut value) = self.given(scope) else {
            return Ok(None);
        };
        for function in &self.functions {
            match function.apply(&value, scope)? {
                Some(changed) => value = Cow::Owned(changed),
                None => return Ok(None),
            }
        }
        Ok(Some(value).filter(|value| is_there(value)))
    }

    /// The value of its first source that has one, before any function.
    fn given<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        let values = || self.sources.iter().filter_map(|source| source.value(scope));
        // An empty element is there, but says nothing where another may.
        let full = values().find(|value| scalar(value).is_some() || !is_element(value));
        full.or_else(|| values().next())
    }

    /// True where a function makes nothing of something that is ordered, of one thing among others
    /// too: to leave it out would order something else.
    pub(super) fn loses_an_item(&self, scope: &Scope<'_>) -> bool {
        let is_ordered = |source: &Source| {
            matches!(
                source,
                Source::Field("order.package" | "order.add_ons")
                    | Source::Word(Word::Items | Word::Item)
            )
        };
        let mut given = self.sources.iter();
        let given = given.find_map(|source| Some((source, source.value(scope)?)));
        let Some((_, mut value)) = given.filter(|(source, _)| is_ordered(source)) else {
            return false;
        };
        if value.as_array().is_some_and(Vec::is_empty) {
            return false;
        }
        for function in &self.functions {
            let Ok(changed) = function.apply(&value, scope) else {
                // What is wrong is told where the value is asked for.
                return false;
            };
            let Some(changed) = changed.filter(|changed| keeps_all(&value, changed, function))
            else {
                return true;
            };
            value = Cow::Owned(changed);
        }
        false
    }

    /// True where it gives a list of what stands in several places.
    pub(super) fn gives_several(&self) -> bool {
        let mut functions = self.functions.iter();
        self.reads_several() && !functions.any(Function::makes_one)
    }

    /// Its value where nothing that is missing can be the order's fault.
    pub(super) fn read<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        self.value(scope).ok().flatten()
    }

    /// The vendor's word, or words, that it reads. Where its functions make nothing of what is there,
    /// that itself: it is then a word that nobody knows, and not one that is not there.
    pub(super) fn read_words<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        let has_items = |value: &Cow<'_, Value>| value.as_array().is_none_or(|all| !all.is_empty());
        let as_it_stands = || self.given(scope).filter(has_items);
        self.read(scope).or_else(as_it_stands)
    }

    /// Its value as a text; `None` also for a list or table.
    pub(super) fn read_text(&self, scope: &Scope<'_>) -> Option<String> {
        self.read(scope).and_then(|value| scalar(&value))
    }

    /// What to say where it is absent and may not be.
    pub(super) fn missing(&self, scope: &Scope<'_>) -> Unfit {
        let given = self
            .sources
            .iter()
            .any(|source| source.value(scope).is_some());
        let why = if given {
            "is not in a form that this vendor accepts"
        } else {
            "is missing, and the vendor needs it"
        };
        let field = match self.sources.first() {
            Some(Source::Word(Word::Item)) => scope.item.and_then(|item| asked_by(item, scope)),
            _ => None,
        };
        let named = || self.sources.first().map(Source::name).unwrap_or_default();
        Unfit {
            field: field.unwrap_or_else(named),
            why: why.to_owned(),
        }
    }
}

impl Source {
    /// The name by which sheets and messages call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Field(name) => (*name).to_owned(),
            Self::Setting(name) => format!("settings.{name}"),
            Self::Memo(name) => format!("memo.{name}"),
            Self::Secret(name) => format!("secret.{name}"),
            Self::Header(name) => format!("header.{name}"),
            Self::Answer(_) => "the vendor's answer".to_owned(),
            Self::Literal(text) => format!("'{text}'"),
            Self::Word(word) => {
                let found = WORDS.iter().find(|(_, known)| known == word);
                found.map_or_else(String::new, |(name, _)| (*name).to_owned())
            }
        }
    }

    fn unseen(&self, sight: Sight) -> Option<String> {
        let (seen, why) = match self {
            Self::Field(name) if name.starts_with("order.") => {
                (sight.ours, "no order is seen here")
            }
            Self::Field(_) => (sight.people, "nothing personal may stand here"),
            Self::Secret(_) => (
                sight.secrets,
                "a secret may stand only in headers, bodies and `auth`",
            ),
            Self::Memo(_) => (sight.memo, "nothing has been kept here"),
            Self::Header(_) | Self::Answer(_) => (sight.answer, "there is no answer here yet"),
            Self::Word(Word::Status | Word::Found | Word::Said | Word::Body) => {
                (sight.answer, "there is no answer here yet")
            }
            Self::Word(Word::Ours | Word::Items) => (sight.ours, "no order is seen here"),
            Self::Word(Word::FirstSentAt) => (sight.sent, "it is known only while looking up"),
            Self::Word(Word::Theirs) => (sight.theirs, "the vendor's reference is not known here"),
            Self::Word(Word::Key) => (sight.key, "the key belongs to requests"),
            Self::Word(Word::CallbackUrl) => (sight.callback_url, "it is known only while placing"),
            Self::Word(Word::Item) => (sight.item, "it stands only behind `_each`"),
            Self::Word(Word::Page) => (sight.page, "only steps with `pages` have one"),
            Self::Setting(_) | Self::Literal(_) => (true, ""),
        };
        (!seen).then(|| format!("`{}`: {why}", self.name()))
    }

    fn value<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        let text = |text: Option<&str>| text.map(|text| Cow::Owned(Value::from(text)));
        let found = match self {
            Self::Field("order.add_ons") => {
                let add_ons = &scope.order?.add_ons;
                Some(Cow::Owned(add_ons.iter().map(String::as_str).collect()))
            }
            Self::Field("order.placed_at") => Some(Cow::Owned(Value::from(scope.order?.placed_at))),
            Self::Field(name) => text(scope.order?.text(name)),
            Self::Setting(name) => scope.settings.get(name).map(Cow::Borrowed),
            Self::Memo(name) => text(scope.memo.get(name).map(String::as_str)),
            Self::Header(name) => text(scope.reply?.header(name)),
            Self::Answer(path) => path.find(scope.answer?),
            Self::Literal(literal) => text(Some(literal)),
            Self::Word(Word::Ours) => text(scope.ours),
            Self::Word(Word::Theirs) => match scope.asked {
                Some(asked) => Some(Cow::Owned(asked.iter().map(|one| one.0.as_str()).collect())),
                None => text(scope.theirs),
            },
            Self::Word(Word::Items) => scope.order.map(|order| {
                let all = std::iter::once(&order.package).chain(&order.add_ons);
                Cow::Owned(all.map(String::as_str).collect())
            }),
            Self::Word(Word::FirstSentAt) => scope.sent.map(|at| Cow::Owned(Value::from(at))),
            Self::Word(Word::Body) => scope
                .reply
                .map(|reply| Cow::Owned(Value::from(decoded(&reply.body)))),
            Self::Word(Word::Key) => text(Some(scope.key)),
            Self::Word(Word::CallbackUrl) => text(scope.callback_url),
            Self::Word(Word::Page) => scope.page.map(|page| Cow::Owned(page.value())),
            Self::Word(Word::Status) => Some(Cow::Owned(Value::from(scope.reply?.status))),
            Self::Word(Word::Found) => scope.found.map(|found| Cow::Owned(Value::from(found))),
            Self::Word(Word::Said) => text(scope.said),
            Self::Word(Word::Item) => scope.item.map(Cow::Borrowed),
            // Secrets are holes; whoever renders a request asks `Expression::secret`.
            Self::Secret(_) => None,
        };
        found.filter(|value| is_there(value))
    }
}

/// True where every item of a list went into what a function made of it.
fn keeps_all(before: &Value, after: &Value, function: &Function) -> bool {
    let Some(before) = before.as_array() else {
        return is_there(after);
    };
    match after {
        Value::Array(after) => after.len() >= before.len() && after.iter().all(is_there),
        one => is_there(one) && (before.len() < 2 || *function != Function::First),
    }
}

fn is_there(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        // What every node lacks is not there; an empty list is.
        Value::Array(items) => items.is_empty() || !items.iter().all(Value::is_null),
        _ => true,
    }
}

fn source(text: &str) -> Result<Source, String> {
    if let Some(literal) = text.strip_prefix('\'') {
        let literal = literal
            .strip_suffix('\'')
            .ok_or("a literal has no closing quote")?;
        return Ok(Source::Literal(literal.to_owned()));
    }
    if text.starts_with('.') {
        return Path::parse(text).map(Source::Answer);
    }
    if let Some(field) = Order::FIELDS.iter().find(|field| **field == text) {
        return Ok(Source::Field(field));
    }
    if let Some((_, word)) = WORDS.iter().find(|(name, _)| *name == text) {
        return Ok(Source::Word(*word));
    }
    let named = |make: fn(String) -> Source, name: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(format!("`{text}` does not end in a name"));
        }
        Ok(make(name.to_owned()))
    };
    match text.split_once('.') {
        Some(("settings", name)) => named(Source::Setting, name),
        Some(("memo", name)) => named(Source::Memo, name),
        Some(("secret", name)) => named(Source::Secret, name),
        Some(("header", name)) => named(Source::Header, &name.to_ascii_lowercase()),
        _ if text.is_empty() => Err("an expression is empty".to_owned()),
        _ => Err(format!(
            "`{text}` is nothing that can be named ({})",
            namable(text)
        )),
    }
}

/// What could be meant by a name that is none: the fields of that part of the order, or what begins
/// no field.
fn namable(text: &str) -> String {
    let head = text.split_once('.').map_or("", |(head, _)| head);
    let fields = Order::FIELDS.iter();
    let fields: Vec<&str> = fields
        .copied()
        .filter(|field| {
            field
                .split_once('.')
                .is_some_and(|(known, _)| known == head)
        })
        .collect();
    match fields.is_empty() {
        true => {
            "a field such as applicant.email, a path such as .id, settings.NAME, memo.NAME, ours, \
                 theirs ..."
                .to_owned()
        }
        false => fields.join(", "),
    }
}

/// The sources between the words `or`.
fn alternatives(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for word in split_outside_quotes(text, ' ') {
        let last = found.last_mut().expect("it begins with one and only grows");
        match word.as_str() {
            "or" => found.push(String::new()),
            "" => {}
            _ if last.is_empty() => last.push_str(&word),
            _ => {
                last.push(' ');
                last.push_str(&word);
            }
        }
    }
    found
}

/// The words of a text, with what stands in quotes in one.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = split_outside_quotes(text, ' ');
    words.retain(|word| !word.is_empty());
    words
}

fn split_outside_quotes(text: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        quoted ^= letter == '\'';
        if letter == at && !quoted {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts
}
