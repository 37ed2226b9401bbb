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
mod expression;
mod family;
mod functions;
mod json;
mod laws;
mod loader;
mod operations;
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
mod vendor;
mod wait;
mod words;
mod xml;

pub use document::DocumentCredentials;
pub use source::Mistake;
pub(crate) use xml::read as read_xml;

use crate::contract::Vendor;

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
    let mistakes = source::Mistakes::new(name_for_messages);
    let root = family::parse(text, sheet_of, &mistakes);
    let vendor = root.and_then(|root| vendor::load(&root, &mistakes));
    let found = mistakes.into_list();
    match vendor {
        Some(vendor) if found.is_empty() => Ok(vendor),
        _ => Err(found),
    }
}
