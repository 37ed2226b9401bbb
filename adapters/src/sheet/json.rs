//! JSON bodies: the sheet's `json` table, with templates for values.
//!
//! Members stand in the order of the sheet. A member whose template is absent is left out, and so
//! is a table of which every member was.

use serde_json::Value;

use super::loader::Loader;
use super::request::names;
use super::scope::{Scope, Sight};
use super::source::{Raw, Spot};
use super::template::Template;
use crate::contract::{Escape, Piece, Unfit};

/// A value of a body, as the sheet describes it.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Plain(Value),
    Text(Template),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

/// A value of one body.
enum Built {
    Value(Value),
    /// The inside of a text with secrets in it, already escaped.
    Text(Vec<Piece>),
    List(Vec<Built>),
    Table(Vec<(String, Built)>),
}

impl Node {
    pub(super) fn load(loader: &Loader<'_>, spot: &Spot, sight: Sight) -> Option<Self> {
        Some(match &spot.raw {
            Raw::Text(text) => Self::Text(loader.template(text, spot.line, sight)?),
            Raw::Whole(number) => Self::Plain(Value::from(*number)),
            Raw::Truth(truth) => Self::Plain(Value::from(*truth)),
            Raw::List(items) => {
                let nodes = items
                    .iter()
                    .filter_map(|item| Self::load(loader, item, sight));
                Self::List(nodes.collect())
            }
            Raw::Table(entries) => {
                let members = entries.iter().filter_map(|(name, spot)| {
                    Some((name.clone(), Self::load(loader, spot, sight)?))
                });
                Self::Table(members.collect())
            }
            Raw::Other(kind) => {
                let wrong = format!("a body holds {kind}");
                let right = "it holds texts, whole numbers, true, false, lists and tables";
                loader.mistakes.add(spot.line, wrong, right);
                return None;
            }
        })
    }

    /// True where one of its templates names `name`.
    pub(super) fn names(&self, name: &str) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Text(template) => names(template, name),
            Self::List(items) => items.iter().any(|item| item.names(name)),
            Self::Table(members) => members.iter().any(|(_, member)| member.names(name)),
        }
    }

    /// The body's bytes, with holes.
    ///
    /// # Errors
    /// [`Unfit`] where something it needs is absent.
    pub(super) fn body(&self, scope: &Scope<'_>) -> Result<Vec<Piece>, Unfit> {
        let mut body = Body(Vec::new());
        match self.build(scope)? {
            Some(built) => built.write(&mut body),
            None => body.text("{}"),
        }
        Ok(body.0)
    }

    fn build(&self, scope: &Scope<'_>) -> Result<Option<Built>, Unfit> {
        Ok(match self {
            Self::Plain(value) => Some(Built::Value(value.clone())),
            Self::Text(template) if template.has_secret() => {
                template.pieces(scope, Escape::Json)?.map(Built::Text)
            }
            Self::Text(template) => template.value(scope)?.map(Built::Value),
            Self::List(items) => {
                let mut built = Vec::new();
                for item in items {
                    built.extend(item.build(scope)?);
                }
                Some(Built::List(built))
            }
            Self::Table(members) => {
                let mut built = Vec::new();
                for (name, member) in members {
                    if let Some(value) = member.build(scope)? {
                        built.push((name.clone(), value));
                    }
                }
                (members.is_empty() || !built.is_empty()).then_some(Built::Table(built))
            }
        })
    }
}

impl Built {
    fn write(&self, body: &mut Body) {
        match self {
            Self::Value(value) => body.text(&value.to_string()),
            Self::Text(pieces) => {
                body.text("\"");
                pieces.iter().for_each(|piece| body.piece(piece));
                body.text("\"");
            }
            Self::List(items) => {
                body.text("[");
                for (at, item) in items.iter().enumerate() {
                    body.text(if at == 0 { "" } else { "," });
                    item.write(body);
                }
                body.text("]");
            }
            Self::Table(members) => {
                body.text("{");
                for (at, (name, member)) in members.iter().enumerate() {
                    body.text(if at == 0 { "" } else { "," });
                    body.text(&Value::from(name.as_str()).to_string());
                    body.text(":");
                    member.write(body);
                }
                body.text("}");
            }
        }
    }
}

/// Pieces in which neighbouring bytes are one.
struct Body(Vec<Piece>);

impl Body {
    fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Bytes(bytes)) => bytes.extend_from_slice(text.as_bytes()),
            _ => self.0.push(Piece::text(text)),
        }
    }

    fn piece(&mut self, piece: &Piece) {
        match (self.0.last_mut(), piece) {
            (Some(Piece::Bytes(bytes)), Piece::Bytes(more)) => bytes.extend_from_slice(more),
            _ => self.0.push(piece.clone()),
        }
    }
}
