//! XML as fake vendors read and write it: a small tree of elements.
//!
//! A document type is stepped over and never resolved; of entities only the five that XML knows by
//! itself are read. What is not well-formed, or nested too deeply, is refused.

use std::fmt;

use quick_xml::XmlVersion;
use quick_xml::escape::escape;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

/// No vendor's document is nested more deeply.
const DEEPEST: usize = 32;

/// An element with what is in it. Text between children is not told from text before them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    text: String,
    is_cdata: bool,
}

/// The document is not well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl<E: std::error::Error> From<E> for Malformed {
    fn from(_: E) -> Self {
        Self
    }
}

/// Reading a document.
impl Element {
    /// The root element of a document in UTF-8, or in ISO-8859-1 where it says so.
    pub(super) fn parse(document: &[u8]) -> Result<Self, Malformed> {
        let text = decoded(document)?;
        let mut reader = Reader::from_str(&text);
        let mut open: Vec<Self> = Vec::new();
        let mut root = None;
        loop {
            let closed = match reader.read_event()? {
                Event::Start(start) if open.len() < DEEPEST => {
                    open.push(Self::opened(&start)?);
                    continue;
                }
                Event::Start(_) => return Err(Malformed),
                Event::Empty(start) => Self::opened(&start)?,
                Event::End(_) => open.pop().ok_or(Malformed)?,
                Event::Text(text) => {
                    write_text(&mut open, &text.xml10_content())?;
                    continue;
                }
                Event::CData(text) => {
                    write_text(&mut open, &text.xml10_content())?;
                    continue;
                }
                Event::GeneralRef(reference) => {
                    write_text(&mut open, &resolved(&reference)?.to_string())?;
                    continue;
                }
                Event::Eof => break,
                Event::Decl(_) | Event::DocType(_) | Event::Comment(_) | Event::PI(_) => continue,
            };
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None if root.is_none() => root = Some(closed),
                None => return Err(Malformed),
            }
        }
        root.filter(|_| open.is_empty()).ok_or(Malformed)
    }

    fn opened(start: &BytesStart<'_>) -> Result<Self, Malformed> {
        let mut element = Self::new(start.name().as_ref());
        for attribute in start.attributes() {
            let attribute = attribute?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)?
                .into_owned();
            let name = attribute.key.as_ref().to_owned();
            element.attributes.push((name, value));
        }
        Ok(element)
    }

    /// Its text, without blanks around it.
    pub(super) fn text(&self) -> &str {
        self.text.trim()
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        attributes.find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }

    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Every child of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of that name, where it has any.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        let text = self.child(name)?.text();
        (!text.is_empty()).then_some(text)
    }

    /// The element at the end of a way of names.
    pub(super) fn at(&self, way: &[&str]) -> Option<&Self> {
        way.iter()
            .try_fold(self, |element, name| element.child(name))
    }

    /// The names of its children, in their order.
    pub(super) fn names(&self) -> Vec<&str> {
        let children = self.children.iter();
        children.map(|child| child.name.as_str()).collect()
    }
}

/// Writing one.
impl Element {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// An element that holds text alone.
    pub(super) fn saying(name: &str, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::new(name)
        }
    }

    /// The same, with its text in a CDATA section.
    pub(super) fn in_cdata(self) -> Self {
        Self {
            is_cdata: true,
            ..self
        }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.attributes.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn holding(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// As a document with its declaration.
    pub(super) fn document(&self) -> Vec<u8> {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{self}").into_bytes()
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        write!(f, "<{name}")?;
        for (key, value) in &self.attributes {
            write!(f, " {key}=\"{}\"", escape(value.as_str()))?;
        }
        if self.text.is_empty() && self.children.is_empty() {
            return f.write_str("/>");
        }
        f.write_str(">")?;
        if self.is_cdata {
            write!(f, "<![CDATA[{}]]>", self.text)?;
        } else {
            f.write_str(&escape(self.text.as_str()))?;
        }
        for child in &self.children {
            child.fmt(f)?;
        }
        write!(f, "</{name}>")
    }
}

/// Adds text to the innermost open element. Outside of all only blanks may stand.
fn write_text(open: &mut [Element], text: &str) -> Result<(), Malformed> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(Malformed),
    }
    Ok(())
}

fn resolved(reference: &BytesRef<'_>) -> Result<char, Malformed> {
    if let Some(letter) = reference.resolve_char_ref()? {
        return Ok(letter);
    }
    match &**reference {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(Malformed),
    }
}

fn decoded(document: &[u8]) -> Result<String, Malformed> {
    let head: Vec<u8> = document.iter().take(80).copied().collect();
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let declares_latin = head.starts_with("<?xml") && head.contains("iso-8859-1");
    if declares_latin {
        return Ok(document.iter().copied().map(char::from).collect());
    }
    Ok(std::str::from_utf8(document)?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_and_written_as_the_same_tree() {
        let text = "<?xml version=\"1.0\"?>\n<!DOCTYPE a SYSTEM 'a.dtd'>\n<a x=\"1 &amp; 2\">\
                    <b> one </b><b><![CDATA[<two>]]></b><c/>&#65;&lt;</a>\n";
        let root = Element::parse(text.as_bytes()).unwrap();
        assert_eq!(root.attribute("x"), Some("1 & 2"));
        let texts: Vec<_> = root.all("b").map(Element::text).collect();
        assert_eq!(texts, ["one", "<two>"]);
        assert_eq!((root.text(), root.names()), ("A<", vec!["b", "b", "c"]));
        assert_eq!(root.text_of("c"), None);
        assert_eq!(Element::parse(&root.document()), Ok(root));
    }

    #[test]
    fn text_in_cdata_stays_as_it_is() {
        let element = Element::saying("a", "x & y").in_cdata();
        assert_eq!(element.to_string(), "<a><![CDATA[x & y]]></a>");
    }

    #[test]
    fn latin_letters_are_read_where_the_document_declares_them() {
        let latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>Ren\xe9e</a>";
        assert_eq!(Element::parse(latin).unwrap().text(), "Renée");
        assert_eq!(Element::parse(b"<a>Ren\xe9e</a>"), Err(Malformed));
    }

    #[test]
    fn entities_of_a_document_type_are_not_resolved_and_odd_documents_are_refused() {
        let deep = "<a>".repeat(DEEPEST + 1) + &"</a>".repeat(DEEPEST + 1);
        for text in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>text",
            "</a>",
            "<a>&b;</a>",
            "<a x=\"1\" x=\"2\"/>",
            "<a>&#0;</a>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/hostname\">]><a>&b;</a>",
            deep.as_str(),
        ] {
            assert_eq!(Element::parse(text.as_bytes()), Err(Malformed), "{text}");
        }
    }
}
