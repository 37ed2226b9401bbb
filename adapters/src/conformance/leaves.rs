//! Documents with one of their leaves changed.
//!
//! JSON is changed as a tree. XML is changed as text at the places of its texts and attributes,
//! which have names. Every other document (forms, text) is changed as text: what stands between
//! tags, in quotes, or behind a `=` is a leaf.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;

/// A word that no vendor's table knows.
pub(super) const UNKNOWN_WORD: &str = "paused_by_gremlins";

/// A document that can be changed.
pub(crate) enum Document {
    /// JSON.
    Json(Value),
    /// Anything else, with its leaves.
    Text(String, Vec<(Place, Range<usize>)>),
}

/// A place in a document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// A JSON pointer (RFC 6901), or in XML the names from the root inwards: `/order/0/@flag`.
    Pointer(String),
    /// The number of a leaf of a text.
    Nth(usize),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pointer(pointer) => write!(f, "`{pointer}`"),
            Self::Nth(nth) => write!(f, "text {nth}"),
        }
    }
}

impl Place {
    /// The last name on the way to it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Pointer(pointer) => pointer
                .rsplit('/')
                .find(|name| name.parse::<usize>().is_err())
                .unwrap_or_default()
                .trim_start_matches('@'),
            Self::Nth(_) => "",
        }
    }
}

impl Document {
    pub(crate) fn parse(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => Self::Json(value),
            _ => {
                let text = String::from_utf8_lossy(body).into_owned();
                let leaves = xml_leaves(&text).unwrap_or_else(|| {
                    let leaves = text_leaves(&text).into_iter().enumerate();
                    leaves
                        .map(|(nth, range)| (Place::Nth(nth), range))
                        .collect()
                });
                Self::Text(text, leaves)
            }
        }
    }

    /// Every leaf with its value; of a JSON document all that are neither object nor array.
    pub(super) fn leaves(&self) -> Vec<(Place, Value)> {
        match self {
            Self::Json(value) => {
                let mut leaves = nodes(value);
                leaves.retain(|(_, value)| !value.is_object() && !value.is_array());
                leaves
            }
            Self::Text(text, leaves) => leaves
                .iter()
                .map(|(place, range)| (place.clone(), text[range.clone()].into()))
                .collect(),
        }
    }

    /// The leaves that are words: strings, of a JSON document.
    pub(super) fn words(&self) -> Vec<Place> {
        let leaves = self.leaves().into_iter();
        leaves
            .filter(|(_, value)| value.is_string())
            .map(|(place, _)| place)
            .collect()
    }

    /// The document with `value` at `place`.
    pub(super) fn with(&self, place: &Place, value: &Value) -> Vec<u8> {
        match (self, place) {
            (Self::Json(whole), Place::Pointer(pointer)) => {
                let mut whole = whole.clone();
                if let Some(slot) = whole.pointer_mut(pointer) {
                    *slot = value.clone();
                }
                whole.to_string().into_bytes()
            }
            (Self::Text(text, leaves), place) => {
                let mut text = text.clone();
                let leaf = leaves.iter().find(|(known, _)| known == place);
                if let Some((_, range)) = leaf {
                    text.replace_range(range.clone(), value.as_str().unwrap_or_default());
                }
                text.into_bytes()
            }
            _ => self.bytes(),
        }
    }

    /// Every document with one thing taken away, left empty or made null: leaves, and of JSON also
    /// what holds them.
    pub(crate) fn lacking(&self) -> Vec<(Place, Vec<u8>)> {
        let Self::Json(whole) = self else {
            let leaves = self.leaves().into_iter();
            return leaves
                .map(|(place, _)| (place.clone(), self.with(&place, &"".into())))
                .collect();
        };
        let mut lacking = Vec::new();
        for (place, _) in nodes(whole) {
            lacking.push((place.clone(), self.with(&place, &Value::Null)));
            let mut without = whole.clone();
            if let Place::Pointer(pointer) = &place {
                remove(&mut without, pointer);
            }
            lacking.push((place, without.to_string().into_bytes()));
        }
        lacking
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Json(whole) => whole.to_string().into_bytes(),
            Self::Text(text, _) => text.clone().into_bytes(),
        }
    }
}

/// Every node below the root, with its place.
pub(super) fn nodes(root: &Value) -> Vec<(Place, Value)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), root)];
    while let Some((pointer, node)) = open.pop() {
        if !pointer.is_empty() {
            found.push((Place::Pointer(pointer.clone()), node.clone()));
        }
        match node {
            Value::Object(members) => open.extend(members.iter().map(|(name, member)| {
                let name = name.replace('~', "~0").replace('/', "~1");
                (format!("{pointer}/{name}"), member)
            })),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                open.extend(items.map(|(nth, item)| (format!("{pointer}/{nth}"), item)));
            }
            _ => {}
        }
    }
    found
}

fn remove(whole: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return;
    };
    match whole.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.remove(&name.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(items)) => {
            if let Some(nth) = name.parse().ok().filter(|nth| *nth < items.len()) {
                items.remove(nth);
            }
        }
        _ => {}
    }
}

/// The texts and attributes of an XML document; `None` where it is none.
fn xml_leaves(text: &str) -> Option<Vec<(Place, Range<usize>)>> {
    if !text.trim_start().starts_with('<') {
        return None;
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().allow_dangling_amp = true;
    let mut leaves = Vec::new();
    // Each open element: its pointer, and how many children of each name it has had.
    let mut open: Vec<(String, Vec<String>)> = vec![(String::new(), Vec::new())];
    loop {
        let before = usize::try_from(reader.buffer_position()).ok()?;
        let event = reader.read_event().ok()?;
        let after = usize::try_from(reader.buffer_position()).ok()?;
        match event {
            Event::Start(start) => {
                let pointer = opened(&start, text, &mut open, &mut leaves)?;
                open.push((pointer, Vec::new()));
            }
            Event::Empty(start) => {
                opened(&start, text, &mut open, &mut leaves)?;
            }
            Event::End(_) => drop(open.pop()?),
            Event::Text(inside) if !inside.trim().is_empty() => {
                let (pointer, _) = open.last()?;
                leaves.push((Place::Pointer(pointer.clone()), before..after));
            }
            Event::CData(_) => {
                let (pointer, _) = open.last()?;
                let inside = before + "<![CDATA[".len()..after - "]]>".len();
                leaves.push((Place::Pointer(pointer.clone()), inside));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    (open.len() == 1 && !leaves.is_empty()).then_some(leaves)
}

/// The pointer of an element that begins; its attributes become leaves.
fn opened(
    start: &BytesStart<'_>,
    text: &str,
    open: &mut [(String, Vec<String>)],
    leaves: &mut Vec<(Place, Range<usize>)>,
) -> Option<String> {
    let name = start.local_name().into_inner().to_owned();
    let (parent, siblings) = open.last_mut()?;
    let nth = siblings.iter().filter(|known| **known == name).count();
    let pointer = match nth {
        0 => format!("{parent}/{name}"),
        nth => format!("{parent}/{name}/{nth}"),
    };
    siblings.push(name);
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        // The value stands in `text` itself, so its place follows from its address.
        let from = attribute
            .value
            .as_ptr()
            .addr()
            .checked_sub(text.as_ptr().addr())?;
        let range = from..from + attribute.value.len();
        text.get(range.clone())?;
        let name = attribute.key.local_name().into_inner();
        leaves.push((Place::Pointer(format!("{pointer}/@{name}")), range));
    }
    Some(pointer)
}

/// What stands between `>` and `<`, in quotes, or between `=` and `&`.
fn text_leaves(text: &str) -> Vec<Range<usize>> {
    let mut leaves = Vec::new();
    let mut start = 0;
    let mut before = ' ';
    for (at, letter) in text.char_indices().chain([(text.len(), '&')]) {
        if !matches!(letter, '<' | '>' | '"' | '\'' | '=' | '&') {
            continue;
        }
        let is_leaf = matches!(
            (before, letter),
            ('>', '<') | ('"', '"') | ('\'', '\'') | ('=', '&')
        );
        if is_leaf && !text[start..at].trim().is_empty() {
            leaves.push(start..at);
        }
        start = at + letter.len_utf8();
        before = letter;
    }
    leaves
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_leaf_of_json_is_replaced_removed_and_made_null() {
        let document = Document::parse(br#"{"a": [{"b/c": "x"}, 2]}"#);
        let place = Place::Pointer("/a/0/b~1c".into());
        assert_eq!(document.words(), std::slice::from_ref(&place));
        assert_eq!(
            text(document.with(&place, &"y".into())),
            r#"{"a":[{"b/c":"y"},2]}"#
        );
        let lacking: Vec<String> = document
            .lacking()
            .into_iter()
            .map(|(_, bytes)| text(bytes))
            .collect();
        for expected in [
            r#"{"a":[{},2]}"#,
            r#"{"a":[{"b/c":null},2]}"#,
            r#"{"a":[2]}"#,
            r#"{"a":[{"b/c":"x"}]}"#,
            r#"{"a":null}"#,
            "{}",
        ] {
            assert!(lacking.contains(&expected.to_owned()), "{lacking:?}");
        }
    }

    #[test]
    fn xml_and_forms_have_leaves_too() {
        let xml = Document::parse(b"<r s=\"done\">\n<x>clear</x></r>");
        let leaves: Vec<_> = xml
            .leaves()
            .into_iter()
            .map(|(place, value)| format!("{place} {value}"))
            .collect();
        assert_eq!(leaves, ["`/r/@s` \"done\"", "`/r/x` \"clear\""]);
        let place = Place::Pointer("/r/x".into());
        assert_eq!(
            text(xml.with(&place, &"odd".into())),
            "<r s=\"done\">\n<x>odd</x></r>"
        );
        let many = Document::parse(b"<?xml version='1.0'?><r><x a='1'/><x><![CDATA[2]]></x></r>");
        let places: Vec<_> = many.leaves().into_iter().map(|(place, _)| place).collect();
        let pointer = |text: &str| Place::Pointer(text.into());
        assert_eq!(places, [pointer("/r/x/@a"), pointer("/r/x/1")]);
        assert_eq!((places[0].name(), places[1].name()), ("a", "x"));
        let unread = Document::parse(b"<r>a</x>");
        assert_eq!(unread.words(), [Place::Nth(0)]);
        let form = Document::parse(b"status=done&result=clear");
        assert_eq!(form.words().len(), 2);
        assert_eq!(
            text(form.with(&Place::Nth(1), &"".into())),
            "status=done&result="
        );
    }
}
