//! XML as a tree that paths can walk: a vendor's document becomes a [`Value`].
//!
//! An element is a table: its text under [`TEXT`], each attribute under `@name`, and its children
//! under their names, each a list, because one today may be several tomorrow. Names lose their
//! namespace prefix. The tree is the root element; its own name is not in it.
//!
//! A document type declaration is passed over: nothing in it is read and nothing is fetched. Only
//! the five entities of XML itself and numeric references are known; a document with any other is
//! refused, and so is one that is not well formed, too deep or too large.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

/// The member that holds an element's text. No element and no attribute can have that name.
pub(super) const TEXT: &str = "#";
/// How deep elements may stand in each other.
const DEEPEST: usize = 64;
/// How many elements and attributes a document may have.
const MOST_NODES: usize = 100_000;

/// The root element of the document in `bytes`; `None` where it is none.
pub(crate) fn read(bytes: &[u8]) -> Option<Value> {
    let text = decoded(bytes);
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    // Links in reports hold ampersands that nobody escaped (TazWorks XML, section 10).
    reader.config_mut().allow_dangling_amp = true;
    let mut tree = Tree::default();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => tree.open(&start)?,
            Event::Empty(start) => {
                tree.open(&start)?;
                tree.close()?;
            }
            Event::End(_) => tree.close()?,
            Event::Text(text) => tree.text(&text)?,
            Event::CData(text) => tree.text(&text)?,
            Event::GeneralRef(reference) => tree.text(&named(&reference)?.to_string())?,
            Event::Decl(_) | Event::DocType(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    tree.open.is_empty().then_some(tree.root?)
}

/// True for an element that [`read`] made.
pub(super) fn is_element(value: &Value) -> bool {
    value.get(TEXT).is_some()
}

/// True for the children of one name that [`read`] made.
pub(super) fn are_elements(value: &Value) -> bool {
    value
        .as_array()
        .and_then(|items| items.first())
        .is_some_and(is_element)
}

/// An element's own text; `None` for anything else.
pub(super) fn text_of(value: &Value) -> Option<&str> {
    value.get(TEXT)?.as_str()
}

/// UTF-8, or else ISO-8859-1, which every other byte is: what a declaration says is often wrong.
pub(super) fn decoded(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// The elements that are open, from the root inwards, and what is finished.
#[derive(Default)]
struct Tree {
    open: Vec<(String, Map<String, Value>, String)>,
    root: Option<Value>,
    nodes: usize,
}

impl Tree {
    fn open(&mut self, start: &BytesStart<'_>) -> Option<()> {
        if self.open.len() >= DEEPEST || self.root.is_some() {
            return None;
        }
        self.count()?;
        let mut members = Map::new();
        for attribute in start.attributes() {
            let attribute = attribute.ok()?;
            let key = attribute.key;
            if key.as_namespace_binding().is_some() {
                continue;
            }
            self.count()?;
            let name = format!("@{}", key.local_name().into_inner());
            members.insert(name, Value::from(resolved(&attribute.value)?));
        }
        let name = start.local_name().into_inner().to_owned();
        self.open.push((name, members, String::new()));
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        let (name, mut members, text) = self.open.pop()?;
        members.insert(TEXT.to_owned(), Value::from(text.trim()));
        let element = Value::Object(members);
        match self.open.last_mut() {
            None => self.root = Some(element),
            Some((_, parent, _)) => {
                let siblings = parent
                    .entry(name)
                    .or_insert_with(|| Value::Array(Vec::new()));
                siblings.as_array_mut()?.push(element);
            }
        }
        Some(())
    }

    fn text(&mut self, more: &str) -> Option<()> {
        match self.open.last_mut() {
            Some((_, _, text)) => text.push_str(more),
            None if more.trim().is_empty() => {}
            None => return None,
        }
        Some(())
    }

    fn count(&mut self) -> Option<()> {
        self.nodes += 1;
        (self.nodes <= MOST_NODES).then_some(())
    }
}

/// A text with its references resolved; an ampersand that begins none stands for itself.
pub(super) fn resolved(text: &str) -> Option<String> {
    let mut found = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        found.push_str(before);
        let is_name = |name: &&str| {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'#';
            !name.is_empty() && name.bytes().all(letter)
        };
        match after.split_once(';').filter(|(name, _)| is_name(name)) {
            Some((name, after)) => {
                found.push(named(name)?);
                rest = after;
            }
            None => {
                found.push('&');
                rest = after;
            }
        }
    }
    found.push_str(rest);
    Some(found)
}

/// The letter that a reference names, between `&` and `;`.
fn named(reference: &str) -> Option<char> {
    let number = |digits: &str, base| char::from_u32(u32::from_str_radix(digits, base).ok()?);
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match reference.strip_prefix('#')?.strip_prefix(['x', 'X']) {
            Some(hex) => number(hex, 16),
            None => number(reference.strip_prefix('#')?, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree(text: &str) -> Option<Value> {
        read(text.as_bytes())
    }

    #[test]
    fn an_element_is_a_table_of_its_text_attributes_and_children() {
        let found = tree(
            "<?xml version=\"1.0\"?>\n<n:r a=\"1 &amp; 2\" xmlns:n=\"urn:x\"> <b>x</b>\
             <c/><b><![CDATA[<y>]]>&#x41;&#66;</b>\n</n:r>",
        );
        let text = |text: &str| json!({ "#": text });
        let expected =
            json!({"#": "", "@a": "1 & 2", "b": [text("x"), text("<y>AB")], "c": [text("")]});
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn a_document_type_is_passed_over_and_its_entities_are_not_known() {
        assert_eq!(
            tree("<!DOCTYPE r SYSTEM 'http://evil.example/x.dtd'><r>a</r>"),
            Some(json!({"#": "a"}))
        );
        for bomb in [
            "<!DOCTYPE r [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><r>&e;</r>",
            "<!DOCTYPE r [<!ENTITY a 'x'><!ENTITY b '&a;&a;'>]><r>&b;</r>",
            "<!DOCTYPE r [<!ENTITY e 'x'>]><r a='&e;'/>",
        ] {
            assert_eq!(tree(bomb), None, "{bomb}");
        }
    }

    #[test]
    fn what_is_not_well_formed_too_deep_or_too_large_is_refused() {
        let deep = "<a>".repeat(DEEPEST + 1) + &"</a>".repeat(DEEPEST + 1);
        let wide = format!("<r>{}</r>", "<a/>".repeat(MOST_NODES));
        for bad in [
            "", "x", "<a>", "<a></b>", "<a/><b/>", "<a/>x", "{}", &deep, &wide,
        ] {
            assert_eq!(tree(bad), None, "{}", &bad[..bad.len().min(40)]);
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_latin_1_and_lone_ampersands_stand_for_themselves() {
        assert_eq!(read(b"<r>Jos\xe9</r>"), Some(json!({"#": "Jos\u{e9}"})));
        assert_eq!(
            tree("<r h='?a=1&b=2'>?a=1&b=2</r>"),
            Some(json!({"#": "?a=1&b=2", "@h": "?a=1&b=2"}))
        );
    }
}
