//! The sheet language: a vendor as one TOML file.
//!
//! A sheet says which requests an operation makes, what counts as success, what the vendor's words
//! mean, and how its callbacks prove themselves. [`load`] reads one, checks it as a whole and
//! returns a [`Vendor`]; from then on nothing about the sheet can be wrong, only data can be
//! missing. There are two kinds of text: *templates*, which we write (`"Bearer {secret.api_key}"`),
//! and *expressions*, with which we read (`".data.id"`).
//!
//! Read `adapters/sheets/sandbox.toml` first; it is the smallest whole sheet, and
//! `adapters/sheets/README.md` is the reference of every key and function. Of the files here,
//! `expression` has the grammar and `functions` what changes values, `json`, `element` and `body`
//! write requests, `xml`, `document` and `path` read answers, `steps` leads from request to answer,
//! `reading` and `words` say what a vendor's words mean, `family` joins sheets that extend others,
//! and `laws` is what a sheet must keep to beside being well formed.
//!
//! Any operation may be written by hand instead: a [`Vendor`] is a record, so `Vendor { cancel:
//! Some(Arc::new(mine)), ..sheet }` is a sheet with one operation of one's own.

mod auth;
mod body;
mod callback;
mod catalog;
mod condition;
mod document;
mod element;
mod explain;
mod expression;
mod family;
mod functions;
mod json;
mod laws;
mod loader;
mod operations;
pub mod outline;
mod own_words;
mod pages;
mod path;
mod reading;
mod report;
mod request;
mod rules;
mod sample;
mod scope;
mod source;
mod steps;
mod template;
#[cfg(test)]
mod tests;
mod trace;
mod vendor;
mod wait;
mod words;
mod xml;

pub use document::DocumentCredentials;
pub use explain::{Explanation, Told};
pub use outline::Outline;
pub use own_words::OwnWords;
pub use source::Mistake;
pub(crate) use xml::read as read_xml;

use crate::contract::Vendor;
use crate::vocabulary::Millis;

/// How a vendor is added by hand, from its documentation to the first order.
pub const GUIDE: &str = include_str!("../../sheets/GUIDE.md");
/// The reference of the language.
pub const LANGUAGE: &str = include_str!("../../sheets/README.md");
/// The sheet that a new vendor begins with, where it writes JSON; its name is [`NEW_NAME`].
pub const NEW: &str = include_str!("../../start/json.toml");
/// The same where it writes XML.
pub const NEW_XML: &str = include_str!("../../start/xml.toml");
/// The name of the vendor in both.
pub const NEW_NAME: &str = "newvendor";

/// The moment in a text, as the function `time` reads it.
pub(crate) fn moment(text: &str) -> Option<Millis> {
    functions::time(text)
}

/// Loads the sheet in `text`, which may extend a shipped one. `name_for_messages` is what mistakes
/// call it: its file name.
///
/// # Errors
/// Every mistake in it, in the order of lines.
pub fn load(name_for_messages: &str, text: &str) -> Result<Vendor, Vec<Mistake>> {
    load_among(name_for_messages, text, &|name| {
        crate::vendors::sheet(name).map(str::to_owned)
    })
}

/// The same where `sheet_of` finds the sheets that it may extend, by their vendors' names.
///
/// # Errors
/// Every mistake in it, in the order of lines.
pub fn load_among(
    name_for_messages: &str,
    text: &str,
    sheet_of: &dyn Fn(&str) -> Option<String>,
) -> Result<Vendor, Vec<Mistake>> {
    open_among(name_for_messages, text, sheet_of).map(|sheet| sheet.vendor)
}

/// A loaded sheet: the vendor, and what its file says of it, for people.
pub struct Sheet {
    /// The vendor.
    pub vendor: Vendor,
    parts: vendor::Parts,
    /// Its own file, and then those of what it extends.
    files: Vec<source::File>,
}

impl std::fmt::Debug for Sheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.vendor.fmt(f)
    }
}

/// Loads a sheet as [`load_among`] does, and keeps how it is written beside the vendor, so that it
/// can be shown ([`Sheet::outline`]) and its decisions explained ([`Sheet::explain`]).
///
/// # Errors
/// Every mistake in it, in the order of lines.
pub fn open_among(
    name_for_messages: &str,
    text: &str,
    sheet_of: &dyn Fn(&str) -> Option<String>,
) -> Result<Sheet, Vec<Mistake>> {
    let mistakes = source::Mistakes::new(name_for_messages, text);
    let root = family::parse(text, sheet_of, &mistakes);
    let loaded = root.and_then(|root| vendor::load(&root, &mistakes));
    let files = mistakes.files();
    let found = mistakes.into_list();
    match loaded {
        Some((vendor, parts)) if found.is_empty() => Ok(Sheet {
            vendor,
            parts,
            files,
        }),
        _ => Err(found),
    }
}
