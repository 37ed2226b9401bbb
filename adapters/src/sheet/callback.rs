//! Callbacks: `[callback]`, from proof to notes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::condition::When;
use super::document::{DocumentCredentials, Format};
use super::explain::shown;
use super::expression::Expression;
use super::functions::scalar;
use super::loader::Loader;
use super::path::{Lists, Path};
use super::reading::{Reading, is_reference};
use super::scope::{Scope, Sight};
use super::source::{Raw, Section};
use crate::callback::{
    Acknowledgement, Callbacks, Encoding, Note, OrderKey, Proof, ReadCallback, Says, Sent,
    Signature, Signed, Unreadable, Verified,
};
use crate::contract::{Context, Method};
use crate::vocabulary::{OurRef, TheirRef};

/// The largest body where the sheet names none, in bytes.
const DEFAULT_CAP: usize = 1 << 20;
/// The largest body a sheet may allow, in bytes.
const LARGEST_CAP: usize = 32 << 20;
/// How many orders one callback may tell of.
const MOST_NOTES: usize = 1_000;
/// How many names of an order are taken from one callback.
const MOST_KEYS: usize = 20;

/// Reads a vendor's callbacks as its sheet says.
pub(super) struct Reader {
    format: Format,
    /// Where one callback tells of several orders, the list of them.
    lists: Option<Lists>,
    /// Callbacks of other kinds, which share the address, each with its line.
    ignored: Vec<(When, usize)>,
    pub(super) theirs: Vec<Expression>,
    pub(super) ours: Vec<Expression>,
    pub(super) then: Then,
}

/// What a callback leads to.
pub(super) enum Then {
    /// It only makes us look.
    Look,
    /// The part of it at the path is read.
    Apply(Path, Arc<Reading>),
}

impl ReadCallback for Reader {
    fn read(&self, callback: Verified<'_>, cx: &Context<'_>) -> Result<Vec<Note>, Unreadable> {
        let memo = std::collections::BTreeMap::new();
        self.notes(callback.body(), &Scope::new(&memo, cx))
    }
}

impl Reader {
    /// The notes in a body.
    pub(super) fn notes(&self, body: &[u8], scope: &Scope<'_>) -> Result<Vec<Note>, Unreadable> {
        let whole = self
            .format
            .read(body)
            .ok_or_else(|| unreadable("the callback is not in the vendor's format"))?;
        let Some(lists) = &self.lists else {
            return Ok(self.note(&whole, scope)?.into_iter().collect());
        };
        if self.is_ignored(&whole, scope) {
            return Ok(Vec::new());
        }
        let items = lists
            .items(&whole)
            .ok_or_else(|| unreadable("the callback has no list where `in` looks"))?;
        if items.len() > MOST_NOTES {
            return Err(unreadable(
                "the callback tells of more orders than are read",
            ));
        }
        let read = items.iter().map(|item| self.note(item, scope));
        let (read, unread): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
        let mut notes: Vec<Note> = read.into_iter().flatten().flatten().collect();
        match unread.into_iter().find_map(Result::err) {
            Some(unreadable) if notes.is_empty() => return Err(unreadable),
            // One item that makes no sense does not silence the others. It comes last, as a note
            // of an order that nobody knows, so that the callback waits for a person to read it.
            Some(_) => notes.push(Note::of_no_order()),
            None => {}
        }
        Ok(notes)
    }

    /// What a callback, or a part of it, says of one order; `None` where it is about nothing of ours.
    fn note(&self, about: &Value, scope: &Scope<'_>) -> Result<Option<Note>, Unreadable> {
        if self.is_ignored(about, scope) {
            return Ok(None);
        }
        let scope = Scope {
            answer: Some(about),
            ..*scope
        };
        let order = self.keys(&scope);
        if order.is_empty() {
            return Err(unreadable("the callback names no order"));
        }
        let says = match &self.then {
            Then::Look => {
                scope.note(0, || "it makes us look: `then = \"look\"`".to_owned());
                Says::Look
            }
            Then::Apply(path, reading) => {
                let scope = Scope {
                    answer: path.part(about),
                    ..scope
                };
                let progress = reading.progress(&scope);
                Says::Progress(Box::new(
                    progress.ok_or_else(|| unreadable("the callback's order has no reference"))?,
                ))
            }
        };
        Ok(Some(Note { order, says }))
    }

    fn is_ignored(&self, about: &Value, scope: &Scope<'_>) -> bool {
        let scope = Scope {
            answer: Some(about),
            ..*scope
        };
        let fits = self.ignored.iter().find(|(when, _)| when.holds(&scope));
        if let Some((_, line)) = fits {
            scope.note(*line, || "it is ignored: `ignore_when` fits".to_owned());
        }
        fits.is_some()
    }

    fn keys(&self, scope: &Scope<'_>) -> Vec<OrderKey> {
        let theirs = references(&self.theirs, scope).map(|text| OrderKey::Theirs(TheirRef(text)));
        let ours = references(&self.ours, scope).map(|text| OrderKey::Ours(OurRef(text)));
        for one in self.theirs.iter().chain(&self.ours) {
            scope.note(0, || format!("{} names the order", shown(one, scope)));
        }
        theirs.chain(ours).take(MOST_KEYS).collect()
    }
}

fn unreadable(why: &str) -> Unreadable {
    Unreadable(why.to_owned())
}

/// The references that the expressions find; a list gives one each.
fn references<'a>(
    expressions: &'a [Expression],
    scope: &'a Scope<'_>,
) -> impl Iterator<Item = String> {
    let values = expressions.iter().filter_map(|one| one.read(scope));
    let texts = values.flat_map(|value| match &*value {
        Value::Array(items) => items.iter().filter_map(scalar).collect(),
        other => scalar(other).into_iter().collect::<Vec<_>>(),
    });
    texts.filter(|text| is_reference(text))
}

/// Loads `[callback]`.
pub(super) fn load(loader: &Loader<'_>, section: &Section<'_>) -> Option<(Callbacks, Arc<Reader>)> {
    let sight = Sight {
        answer: true,
        ..Sight::default()
    };
    let (format_name, format) = loader.format_at(section, "format", loader.answers);
    let proof = proof(loader, section, format_name);
    let expressions = |key: &'static str| {
        let texts = section.texts(key).into_iter();
        let found = texts.filter_map(|(text, line)| loader.expression(text, line, sight));
        found.collect::<Vec<_>>()
    };
    let (theirs, ours) = (expressions("theirs"), expressions("ours"));
    if theirs.is_empty() && ours.is_empty() {
        let wrong = "the callback names no order";
        let right = "say where a reference is: theirs = \".order.id\", ours = \".reference\"";
        loader.mistakes.add(section.line, wrong, right);
    }
    let ignored = section.list("ignore_when").iter().filter_map(|spot| {
        let table = Section::new("`ignore_when`", spot, loader.mistakes)?;
        Some((When::load(loader, Some(table), sight), spot.line))
    });
    let ignored = ignored.collect();
    let lists = loader.lists_at(section, "in");
    let then = then(loader, section);
    if proof == Some(Proof::Hint) && matches!(then, Some(Then::Apply(..))) {
        let wrong = "a callback that proves nothing is applied";
        let right = "then = \"look\", or say how the vendor proves itself";
        loader.mistakes.add(section.line_of("then"), wrong, right);
    }
    let (methods, cap) = (methods(loader, section), cap(loader, section));
    let challenge = section.text("challenge").map(str::to_owned);
    let accepted = accepted(loader, section);
    section.close();
    let reader = Arc::new(Reader {
        format,
        lists,
        ignored,
        theirs,
        ours,
        then: then?,
    });
    let callbacks = Callbacks {
        methods,
        cap,
        proof: proof?,
        challenge,
        accepted,
        reader: reader.clone(),
    };
    Some((callbacks, reader))
}

fn then(loader: &Loader<'_>, section: &Section<'_>) -> Option<Then> {
    let right = "\"look\", or \"apply\" with `read` and, where the order is not the whole, `at`";
    let at = loader.path_at(section, "at").unwrap_or_else(Path::whole);
    let reading = loader.reading_at(section);
    let then = section.need_text("then", right)?;
    match (then, reading) {
        ("look", None) => Some(Then::Look),
        ("apply", Some(reading)) => Some(Then::Apply(at, reading)),
        _ => {
            let wrong = format!("`then` is `{then}`");
            loader
                .mistakes
                .add(section.line_of("then"), wrong, format!("it is {right}"));
            None
        }
    }
}

fn proof(loader: &Loader<'_>, section: &Section<'_>, format: &str) -> Option<Proof> {
    let right = "\"hint\", or a table with one of hmac_body, hmac_timestamped, header_equals, \
                 basic, document";
    let spot = section.need("proof", right)?;
    if matches!(&spot.raw, Raw::Text(word) if word == "hint") {
        return Some(Proof::Hint);
    }
    let wrong = || {
        loader
            .mistakes
            .add(spot.line, "this is not a proof", format!("it is {right}"))
    };
    let Raw::Table(_) = &spot.raw else {
        wrong();
        return None;
    };
    let proof = Section::new("`proof`", spot, loader.mistakes)?;
    let table = |key| proof.section(key, format!("`{key}`"));
    let found = if let Some(inner) = table("hmac_body") {
        let found = Proof::HmacBody(signature(loader, &inner)?);
        inner.close();
        found
    } else if let Some(inner) = table("hmac_timestamped") {
        inner.need("tolerance", "say how old it may be: tolerance = \"300s\"");
        let found = Proof::HmacTimestamped {
            header: header(&inner)?,
            secret: secret(loader, &inner, "secret")?,
            tolerance: loader
                .duration_at(&inner, "tolerance")
                .unwrap_or(Duration::ZERO),
        };
        inner.close();
        found
    } else if let Some(inner) = table("header_equals") {
        let found = Proof::HeaderEquals {
            header: header(&inner)?,
            secret: secret(loader, &inner, "secret")?,
        };
        inner.close();
        found
    } else if let Some(inner) = table("basic") {
        let found = Proof::Basic {
            user: secret(loader, &inner, "user")?,
            password: secret(loader, &inner, "password")?,
        };
        inner.close();
        found
    } else if let Some(inner) = table("document") {
        document(loader, &inner, format)?
    } else {
        wrong();
        proof.close();
        return None;
    };
    proof.close();
    Some(found)
}

/// A signature over the body, or over a text that holds it.
fn signature(loader: &Loader<'_>, section: &Section<'_>) -> Option<Signature> {
    let encoding = match section.text("encoding") {
        None | Some("hex") => Encoding::Hex,
        Some("base64") => Encoding::Base64,
        Some(other) => {
            let wrong = format!("`encoding` is `{other}`");
            let right = "it is \"hex\" or \"base64\"";
            let line = section.line_of("encoding");
            loader.mistakes.add(line, wrong, right);
            Encoding::Hex
        }
    };
    let time = section.text("time").map(str::to_ascii_lowercase);
    if time.is_some() {
        section.need("tolerance", "say how old it may be: tolerance = \"300s\"");
    }
    let tolerance = loader.duration_at(section, "tolerance");
    let text = signed(loader, section, time.as_deref());
    let signature = Signature {
        header: header(section)?,
        prefix: section.text("prefix").unwrap_or_default().to_owned(),
        secret: secret(loader, section, "secret")?,
        encoding,
        text: text?,
        time: time.map(|header| Sent {
            header,
            tolerance: tolerance.unwrap_or(Duration::ZERO),
        }),
    };
    Some(signature)
}

/// What a signature covers: the body, unless the sheet says otherwise.
fn signed(loader: &Loader<'_>, section: &Section<'_>, time: Option<&str>) -> Option<Vec<Signed>> {
    let sight = Sight {
        answer: true,
        ..Sight::default()
    };
    let template = loader.template_at(section, "text", sight);
    let parts = match (section.get("text"), template) {
        (None, _) => Some(vec![Signed::Body]),
        (Some(_), template) => template.and_then(|template| template.signed()),
    };
    let names = |header: &str| {
        let header = Signed::Header(header.to_owned());
        parts.as_ref().is_some_and(|parts| parts.contains(&header))
    };
    let holds_body = parts
        .as_ref()
        .is_some_and(|parts| parts.contains(&Signed::Body));
    if !holds_body || time.is_some_and(|time| !names(time)) {
        let wrong = "`text` is not all that a signature has to cover";
        let right = "it is made of `{body}`, of headers, among them the one of `time`, and of what \
                     stands between: text = \"{header.x-timestamp}.{body}\"";
        loader.mistakes.add(section.line_of("text"), wrong, right);
        return None;
    }
    parts
}

/// Credentials in the document: where each stands, and the secret that it must be.
fn document(loader: &Loader<'_>, section: &Section<'_>, format: &str) -> Option<Proof> {
    let entries = section.entries().iter().filter_map(|(path, spot)| {
        let secret = loader.text(path, spot)?;
        loader.uses(format!("secret.{secret}"), spot.line);
        Some((path.as_str(), secret))
    });
    let places: Vec<_> = entries.collect();
    let made = DocumentCredentials::new(format, &places);
    made.map_err(|wrong| {
        let right = "name where each stands: document = { \".login.password\" = \"password\" }";
        loader.mistakes.add(section.line, wrong, right);
    })
    .ok()
    .map(Proof::Document)
}

fn header(section: &Section<'_>) -> Option<String> {
    let name = section.need_text("header", "name the header that holds the proof")?;
    Some(name.to_ascii_lowercase())
}

fn secret(loader: &Loader<'_>, section: &Section<'_>, key: &'static str) -> Option<String> {
    let name = section.need_text(key, "name one of `credentials`")?;
    loader.uses(format!("secret.{name}"), section.line_of(key));
    Some(name.to_owned())
}

fn methods(loader: &Loader<'_>, section: &Section<'_>) -> Vec<Method> {
    let mut methods = Vec::new();
    for (name, line) in section.texts("methods") {
        match name {
            "GET" => methods.push(Method::Get),
            "POST" => methods.push(Method::Post),
            "PUT" => methods.push(Method::Put),
            other => {
                let wrong = format!("callbacks do not come by `{other}`");
                loader
                    .mistakes
                    .add(line, wrong, "methods are GET, POST and PUT");
            }
        }
    }
    if methods.is_empty() {
        methods.push(Method::Post);
    }
    methods
}

fn cap(loader: &Loader<'_>, section: &Section<'_>) -> usize {
    let cap = section.whole("cap").map(usize::try_from);
    let cap = cap.map_or(DEFAULT_CAP, |cap| cap.unwrap_or(usize::MAX));
    if cap == 0 || cap > LARGEST_CAP {
        let wrong = format!("`cap` is {cap} bytes");
        let right = format!("it is at most {LARGEST_CAP}");
        loader.mistakes.add(section.line_of("cap"), wrong, right);
    }
    cap
}

fn accepted(loader: &Loader<'_>, section: &Section<'_>) -> Acknowledgement {
    let right = "say what the vendor wants to be answered: { status = 200 }";
    section.need("accepted", right);
    let table = section.section("accepted", "`accepted`");
    let status = table
        .as_ref()
        .and_then(|table| table.whole("status"))
        .unwrap_or(200);
    if !(200..300).contains(&status) {
        let wrong = format!("a callback is accepted with {status}");
        loader
            .mistakes
            .add(section.line_of("accepted"), wrong, "it is a 2xx");
    }
    let text = |key| {
        let table = table.as_ref()?;
        table.text(key).map(str::to_owned)
    };
    let acknowledgement = Acknowledgement {
        status: u16::try_from(status).unwrap_or(200),
        mime: text("mime"),
        body: text("body").unwrap_or_default(),
    };
    if let Some(table) = &table {
        table.close();
    }
    acknowledgement
}
