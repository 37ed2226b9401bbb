//! XML bodies: the sheet's `xml`, which is the document itself with templates for its values.
//!
//! What the author writes is what is sent: the declaration, a document type, the order of elements,
//! attributes, and elements that are empty. White space between elements is not sent. An attribute
//! whose template is absent is left out, and so is an element in which every template was.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::body::{Gate, Pieces};
use super::loader::Loader;
use super::request::names;
use super::scope::{Scope, Sight};
use super::source::{Raw, Spot};
use super::template::Template;
use super::xml::resolved;
use crate::contract::{Escape, Unfit};

/// A document, as the sheet describes it.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// What stands before the root: declaration and document type.
    prolog: String,
    root: Element,
}

#[derive(Clone, Debug)]
struct Element {
    name: String,
    gate: Gate,
    attributes: Vec<(String, Template)>,
    content: Vec<Content>,
}

#[derive(Clone, Debug)]
enum Content {
    Text(Template),
    Element(Element),
}

/// How many templates with expressions an element has written, and how many were absent.
#[derive(Clone, Copy, Default)]
struct Count {
    written: usize,
    absent: usize,
}

impl Document {
    pub(super) fn load(loader: &Loader<'_>, spot: &Spot, sight: Sight) -> Option<Self> {
        let Raw::Text(text) = &spot.raw else {
            let wrong = format!("`xml` is {}", spot.raw.kind());
            let right = "it is the document as text, '''<Order>{ours}</Order>'''";
            loader.mistakes.add(spot.line, wrong, right);
            return None;
        };
        let mut author = Author {
            loader,
            text,
            first_line: spot.line + usize::from(text.contains('\n')),
            prolog: String::new(),
            open: Vec::new(),
            root: None,
        };
        let wrong = match author.read(sight) {
            Ok(()) => match author.root {
                Some(root) if author.open.is_empty() => {
                    return Some(Self {
                        prolog: author.prolog,
                        root,
                    });
                }
                _ => "this is not XML: it has no whole root element".to_owned(),
            },
            Err(wrong) => wrong,
        };
        let right = "write the document as the vendor wants it, with `{...}` for values";
        loader.mistakes.add(spot.line, wrong, right);
        None
    }

    /// True where one of its templates names `name`.
    pub(super) fn names(&self, name: &str) -> bool {
        self.root.names(name)
    }

    /// Writes its bytes, with holes.
    ///
    /// # Errors
    /// [`Unfit`] where something it needs is absent.
    pub(super) fn render(&self, scope: &Scope<'_>, out: &mut Pieces) -> Result<(), Unfit> {
        out.text(&self.prolog);
        self.root.render(scope, out).map(drop)
    }
}

impl Element {
    fn names(&self, name: &str) -> bool {
        let in_content = |content: &Content| match content {
            Content::Text(template) => names(template, name),
            Content::Element(element) => element.names(name),
        };
        self.gate.names(name)
            || self.attributes.iter().any(|(_, value)| names(value, name))
            || self.content.iter().any(in_content)
    }

    fn render(&self, scope: &Scope<'_>, out: &mut Pieces) -> Result<Count, Unfit> {
        let mut all = Count::default();
        self.gate.pass(scope, |scope| {
            let mut own = Pieces::default();
            let count = self.write(scope, &mut own)?;
            let is_bare = count.written == 0 && count.absent > 0;
            if !is_bare {
                out.append(own.0);
            }
            all.written += count.written + usize::from(!self.gate.is_open());
            all.absent += count.absent;
            Ok(())
        })?;
        if !self.gate.is_open() && all.written == 0 {
            all.absent += 1;
        }
        Ok(all)
    }

    fn write(&self, scope: &Scope<'_>, out: &mut Pieces) -> Result<Count, Unfit> {
        let mut count = Count::default();
        out.text("<");
        out.text(&self.name);
        for (name, template) in &self.attributes {
            if let Some(pieces) = count.taken(template, scope)? {
                out.text(&format!(" {name}=\""));
                out.append(pieces);
                out.text("\"");
            }
        }
        if self.content.is_empty() {
            out.text("/>");
            return Ok(count);
        }
        out.text(">");
        for content in &self.content {
            match content {
                Content::Text(template) => {
                    out.append(count.taken(template, scope)?.unwrap_or_default());
                }
                Content::Element(element) => {
                    let inner = element.render(scope, out)?;
                    count.written += inner.written;
                    count.absent += inner.absent;
                }
            }
        }
        out.text(&format!("</{}>", self.name));
        Ok(count)
    }
}

impl Count {
    /// What `template` is, escaped; counted where it has expressions.
    fn taken(
        &mut self,
        template: &Template,
        scope: &Scope<'_>,
    ) -> Result<Option<Vec<crate::contract::Piece>>, Unfit> {
        let pieces = template.pieces(scope, Escape::Xml)?;
        if template.literal().is_none() {
            match pieces {
                Some(_) => self.written += 1,
                None => self.absent += 1,
            }
        }
        Ok(pieces)
    }
}

/// Reads an author's document.
struct Author<'a, 's> {
    loader: &'a Loader<'s>,
    text: &'a str,
    first_line: usize,
    prolog: String,
    open: Vec<(Element, Sight)>,
    root: Option<Element>,
}

impl Author<'_, '_> {
    fn read(&mut self, sight: Sight) -> Result<(), String> {
        let mut reader = Reader::from_str(self.text);
        loop {
            let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let before = self.text.get(..at).unwrap_or(self.text);
            let line = self.first_line + before.matches('\n').count();
            let inside = self.open.last().map_or(sight, |(_, sight)| *sight);
            let event = reader
                .read_event()
                .map_err(|error| format!("this is not XML: {error}"))?;
            match event {
                Event::Decl(inner) => self.prolog.push_str(&format!("<?{}?>", &*inner)),
                Event::DocType(inner) => self.prolog.push_str(&format!("<!DOCTYPE {}>", &*inner)),
                Event::Start(start) => {
                    let opened = self.opened(&start, line, inside)?;
                    self.open.push(opened);
                }
                Event::Empty(start) => {
                    let (element, _) = self.opened(&start, line, inside)?;
                    self.close(element);
                }
                Event::End(_) => {
                    if let Some((element, _)) = self.open.pop() {
                        self.close(element);
                    }
                }
                Event::Text(text) => self.text(&text, line, inside)?,
                Event::CData(_) | Event::GeneralRef(_) => {
                    return Err("its text holds a reference or CDATA".to_owned());
                }
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => return Ok(()),
            }
        }
    }

    fn opened(
        &self,
        start: &BytesStart<'_>,
        line: usize,
        sight: Sight,
    ) -> Result<(Element, Sight), String> {
        let name = start.name().0.to_owned();
        let mut gate = Gate::default();
        let mut plain = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| format!("this is not XML: {error}"))?;
            let key = attribute.key.0.to_owned();
            let value = resolved(&attribute.value)
                .ok_or_else(|| format!("attribute `{key}` of `{name}` names an entity"))?;
            if !gate.take(self.loader, &key, &value, line, sight) {
                plain.push((key, value));
            }
        }
        let sight = gate.sight(sight);
        let attributes = plain.into_iter().filter_map(|(key, value)| {
            let template = self.loader.template(&value, line, sight)?;
            Some((key, template))
        });
        let element = Element {
            attributes: attributes.collect(),
            content: Vec::new(),
            name,
            gate,
        };
        Ok((element, sight))
    }

    fn text(&mut self, text: &str, line: usize, sight: Sight) -> Result<(), String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        let template = self.loader.template(text, line, sight);
        match (self.open.last_mut(), template) {
            (Some((element, _)), Some(template)) => element.content.push(Content::Text(template)),
            (Some(_), None) => {}
            (None, _) => return Err(format!("`{text}` stands outside of the root element")),
        }
        Ok(())
    }

    fn close(&mut self, element: Element) {
        match self.open.last_mut() {
            Some((parent, _)) => parent.content.push(Content::Element(element)),
            None => self.root = Some(element),
        }
    }
}
