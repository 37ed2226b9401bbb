//! JSON bodies: the sheet's `json` table, with templates for values.
//!
//! Members stand in the order of the sheet. A member whose template is absent is left out, and so
//! is a table of which every member was, and a list made by `_each` that would be empty.

use serde_json::Value;

use super::body::{Gate, Pieces};
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
    Table(Gate, Vec<(String, Node)>),
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
        let node = Self::load_any(loader, spot, sight)?;
        if matches!(&node, Self::Table(gate, _) if gate.repeats()) {
            let wrong = "a table with `_each` stands alone";
            let right = "it stands in a list, `[{ _each = ..., ... }]`";
            loader.mistakes.add(spot.line, wrong, right);
        }
        Some(node)
    }

    fn load_any(loader: &Loader<'_>, spot: &Spot, sight: Sight) -> Option<Self> {
        Some(match &spot.raw {
            Raw::Text(text) => Self::Text(loader.template(text, spot.line, sight)?),
            Raw::Whole(number) => Self::Plain(Value::from(*number)),
            Raw::Truth(truth) => Self::Plain(Value::from(*truth)),
            Raw::List(items) => {
                let nodes = items
                    .iter()
                    .filter_map(|item| Self::load_any(loader, item, sight));
                Self::List(nodes.collect())
            }
            Raw::Table(entries) => {
                let gate = Gate::of_table(loader, entries, sight);
                let sight = gate.sight(sight);
                let own = entries
                    .iter()
                    .filter(|(name, _)| !matches!(name.as_str(), "_when" | "_each"));
                let members = own.filter_map(|(name, spot)| {
                    Some((name.clone(), Self::load(loader, spot, sight)?))
                });
                Self::Table(gate, members.collect())
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
            Self::Table(gate, members) => {
                gate.names(name) || members.iter().any(|(_, member)| member.names(name))
            }
        }
    }

    /// Writes the body's bytes, with holes.
    ///
    /// # Errors
    /// [`Unfit`] where something it needs is absent.
    pub(super) fn render(&self, scope: &Scope<'_>, out: &mut Pieces) -> Result<(), Unfit> {
        match self.build(scope)?.pop() {
            Some(built) => built.write(out),
            None => out.text("{}"),
        }
        Ok(())
    }

    /// Its value; none where it is left out, several where it is repeated.
    fn build(&self, scope: &Scope<'_>) -> Result<Vec<Built>, Unfit> {
        let one = match self {
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
                let repeats = |item: &Self| matches!(item, Self::Table(gate, _) if gate.repeats());
                let left_out = built.is_empty() && items.iter().any(repeats);
                (!left_out).then_some(Built::List(built))
            }
            Self::Table(gate, members) => {
                let mut all = Vec::new();
                gate.pass(scope, |scope| {
                    all.extend(table(members, scope)?);
                    Ok(())
                })?;
                return Ok(all);
            }
        };
        Ok(one.into_iter().collect())
    }
}

fn table(members: &[(String, Node)], scope: &Scope<'_>) -> Result<Option<Built>, Unfit> {
    let mut built = Vec::new();
    for (name, member) in members {
        if let Some(value) = member.build(scope)?.pop() {
            built.push((name.clone(), value));
        }
    }
    Ok((members.is_empty() || !built.is_empty()).then_some(Built::Table(built)))
}

impl Built {
    fn write(self, out: &mut Pieces) {
        match self {
            Self::Value(value) => out.text(&value.to_string()),
            Self::Text(pieces) => {
                out.text("\"");
                out.append(pieces);
                out.text("\"");
            }
            Self::List(items) => {
                out.text("[");
                for (at, item) in items.into_iter().enumerate() {
                    out.text(if at == 0 { "" } else { "," });
                    item.write(out);
                }
                out.text("]");
            }
            Self::Table(members) => {
                out.text("{");
                for (at, (name, member)) in members.into_iter().enumerate() {
                    out.text(if at == 0 { "" } else { "," });
                    out.text(&Value::from(name).to_string());
                    out.text(":");
                    member.write(out);
                }
                out.text("}");
            }
        }
    }
}
