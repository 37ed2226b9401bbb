//! Documents with one of their leaves changed.
//!
//! JSON is changed as a tree. Every other document (XML, forms, text) is changed as text: what
//! stands between tags, in quotes, or behind a `=` is a leaf.

use std::ops::Range;

use serde_json::Value;

/// A word that no vendor's table knows.
pub(super) const UNKNOWN_WORD: &str = "paused_by_gremlins";

/// A document that can be changed.
pub(super) enum Document {
    /// JSON.
    Json(Value),
    /// Anything else, with the places of its leaves.
    Text(String, Vec<Range<usize>>),
}

/// A place in a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// A JSON pointer (RFC 6901).
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
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Pointer(pointer) => pointer.rsplit('/').next().unwrap_or_default(),
            Self::Nth(_) => "",
        }
    }
}

impl Document {
    pub(super) fn parse(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => Self::Json(value),
            _ => {
                let text = String::from_utf8_lossy(body).into_owned();
                let leaves = text_leaves(&text);
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
                .enumerate()
                .map(|(nth, range)| (Place::Nth(nth), text[range.clone()].into()))
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
            (Self::Text(text, leaves), Place::Nth(nth)) => {
                let mut text = text.clone();
                if let Some(range) = leaves.get(*nth) {
                    text.replace_range(range.clone(), value.as_str().unwrap_or_default());
                }
                text.into_bytes()
            }
            _ => self.bytes(),
        }
    }

    /// Every document with one thing taken away, left empty or made null: leaves, and of JSON also
    /// what holds them.
    pub(super) fn lacking(&self) -> Vec<(Place, Vec<u8>)> {
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
        let leaves: Vec<Value> = xml.leaves().into_iter().map(|(_, value)| value).collect();
        assert_eq!(leaves, ["done", "clear"]);
        assert_eq!(
            text(xml.with(&Place::Nth(1), &"odd".into())),
            "<r s=\"done\">\n<x>odd</x></r>"
        );
        let form = Document::parse(b"status=done&result=clear");
        assert_eq!(form.words().len(), 2);
        assert_eq!(
            text(form.with(&Place::Nth(1), &"".into())),
            "status=done&result="
        );
    }
}
