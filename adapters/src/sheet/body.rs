//! Bodies: what a step sends behind its headers, as JSON, XML or a form.

use super::element::Document;
use super::json::Node;
use super::loader::Loader;
use super::request::names;
use super::scope::{Scope, Sight};
use super::source::{Raw, Section, is_slip};
use super::template::Template;
use crate::contract::{Escape, Piece, Unfit};

/// A body, as the sheet describes it.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Json(Node),
    Xml(Document),
    Form(Vec<(String, Template)>),
}

impl Body {
    /// Loads the body of the step in `section`, if it has one.
    pub(super) fn load(loader: &Loader<'_>, section: &Section<'_>, sight: Sight) -> Option<Self> {
        let json = section.get("json");
        let xml = section.get("xml");
        let form = section.section("form", "`form`");
        let given = [json.is_some(), xml.is_some(), form.is_some()];
        if given.into_iter().filter(|given| *given).count() > 1 {
            let wrong = format!("{} has more than one body", section.what);
            let right = "it has one of `json`, `xml` and `form`";
            loader.mistakes.add(section.line, wrong, right);
        }
        match (json, xml, form) {
            (Some(spot), ..) => Node::load(loader, spot, sight).map(Self::Json),
            (_, Some(spot), _) => Document::load(loader, spot, sight).map(Self::Xml),
            (.., form) => form.map(|form| Self::Form(loader.named_templates(Some(form), sight))),
        }
    }

    /// Its media type, where the sheet names no other.
    pub(super) fn mime(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Xml(_) => "text/xml",
            Self::Form(_) => "application/x-www-form-urlencoded",
        }
    }

    /// True where one of its templates names `name`.
    pub(super) fn names(&self, name: &str) -> bool {
        match self {
            Self::Json(node) => node.names(name),
            Self::Xml(document) => document.names(name),
            Self::Form(members) => members.iter().any(|(_, value)| names(value, name)),
        }
    }

    /// Its bytes, with holes.
    ///
    /// # Errors
    /// [`Unfit`] where something it needs is absent.
    pub(super) fn render(&self, scope: &Scope<'_>) -> Result<Vec<Piece>, Unfit> {
        let mut bytes = Pieces::default();
        match self {
            Self::Json(node) => node.render(scope, &mut bytes)?,
            Self::Xml(document) => document.render(scope, &mut bytes)?,
            Self::Form(members) => {
                for (name, template) in members {
                    for value in template.form_values(scope)? {
                        bytes.text(if bytes.0.is_empty() { "" } else { "&" });
                        bytes.text(&Escape::Form.write(name));
                        bytes.text("=");
                        bytes.append(value);
                    }
                }
            }
        }
        Ok(bytes.0)
    }
}

/// What stands before a node of a body and decides how often it is written: `_when` and `_each`.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate {
    /// Written only where this has a value.
    when: Option<Template>,
    /// Written once for each item of this, which is then `item`.
    each: Option<Template>,
}

impl Gate {
    /// Takes `key` with its template, if it is one of the two; `false`: it is another key.
    pub(super) fn take(
        &mut self,
        loader: &Loader<'_>,
        key: &str,
        text: &str,
        line: usize,
        sight: Sight,
    ) -> bool {
        let slot = match key {
            "_when" => &mut self.when,
            "_each" => &mut self.each,
            _ => {
                // Anything else is the vendor's own name; a misspelt gate would be sent as one.
                let meant = ["_when", "_each"].into_iter().find(|one| is_slip(key, one));
                if let Some(meant) = meant {
                    let wrong = format!("`{key}` would be sent to the vendor");
                    let right = format!("`{meant}` says when or how often something is written");
                    loader.mistakes.add(line, wrong, right);
                }
                return meant.is_some();
            }
        };
        *slot = loader.template(text, line, sight);
        true
    }

    /// The same for a table of the sheet.
    pub(super) fn of_table(
        loader: &Loader<'_>,
        entries: &[(String, super::source::Spot)],
        sight: Sight,
    ) -> Self {
        let mut gate = Self::default();
        for (name, spot) in entries {
            if let Raw::Text(text) = &spot.raw {
                gate.take(loader, name, text, spot.line, sight);
            }
        }
        gate
    }

    /// What may be seen behind it.
    pub(super) fn sight(&self, sight: Sight) -> Sight {
        Sight {
            item: sight.item || self.each.is_some(),
            ..sight
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.when.is_none() && self.each.is_none()
    }

    pub(super) fn repeats(&self) -> bool {
        self.each.is_some()
    }

    pub(super) fn names(&self, name: &str) -> bool {
        let both = self.when.iter().chain(&self.each);
        both.into_iter().any(|template| names(template, name))
    }

    /// Calls `write` as often as what stands behind is to be written.
    ///
    /// # Errors
    /// Those of `write`, and [`Unfit`] where something it needs is absent.
    pub(super) fn pass(
        &self,
        scope: &Scope<'_>,
        mut write: impl FnMut(&Scope<'_>) -> Result<(), Unfit>,
    ) -> Result<(), Unfit> {
        if let Some(when) = &self.when
            && when.value(scope)?.is_none()
        {
            return Ok(());
        }
        let Some(each) = &self.each else {
            return write(scope);
        };
        let items = match each.value(scope)? {
            None => Vec::new(),
            Some(serde_json::Value::Array(items)) => items,
            Some(one) => vec![one],
        };
        for item in &items {
            write(&Scope {
                item: Some(item),
                ..*scope
            })?;
        }
        Ok(())
    }
}

/// Pieces in which neighbouring bytes are one.
#[derive(Default)]
pub(super) struct Pieces(pub(super) Vec<Piece>);

impl Pieces {
    pub(super) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(Piece::Bytes(bytes)) => bytes.extend_from_slice(text.as_bytes()),
            _ => self.0.push(Piece::text(text)),
        }
    }

    pub(super) fn append(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            match (self.0.last_mut(), piece) {
                (Some(Piece::Bytes(bytes)), Piece::Bytes(more)) => bytes.extend_from_slice(&more),
                (_, piece) => self.0.push(piece),
            }
        }
    }
}
