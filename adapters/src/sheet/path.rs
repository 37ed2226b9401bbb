//! Paths into what a vendor sent: `.data[0].id`, `.items[*].type`, `.order.@number`, `.` for the
//! whole.
//!
//! A path begins with a dot, so that nobody takes a member of the vendor's answer for a word of
//! ours. Paths walk [`serde_json::Value`]; another format becomes one before it is read. In XML
//! (see `xml`) a name means the first child of that name where one is asked for, and all of them
//! behind `[*]` or as a list.

use std::borrow::Cow;

use serde_json::Value;

use super::functions::scalar;
use super::xml::{are_elements, is_element};

/// A path into a vendor's answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path(Vec<Stride>);

#[derive(Clone, Debug, PartialEq)]
enum Stride {
    Member(String),
    Index(usize),
    /// The first item whose member is that text.
    Where(String, String),
    /// The first item whose member is there and is another text.
    WhereNot(String, String),
    Every,
}

impl Path {
    /// The whole answer.
    pub(super) fn whole() -> Self {
        Self(Vec::new())
    }

    /// Reads a path; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('.') else {
            return Err(format!("path `{text}` does not begin with a dot"));
        };
        if rest.is_empty() {
            return Ok(Self::whole());
        }
        let mut strides = Vec::new();
        let mut rest = rest;
        loop {
            let (stride, after) = stride(rest).map_err(|wrong| format!("path `{text}` {wrong}"))?;
            strides.push(stride);
            rest = match after.strip_prefix('.') {
                Some(after) => after,
                None if after.is_empty() => break,
                None if after.starts_with('[') => after,
                None => {
                    return Err(format!(
                        "path `{text}` goes on behind a bracket without a dot"
                    ));
                }
            };
        }
        Ok(Self(strides))
    }

    /// What is there; with `[*]`, the list of all that is there.
    pub(super) fn find<'a>(&self, from: &'a Value) -> Option<Cow<'a, Value>> {
        if self.names_one() {
            return self.part(from).map(Cow::Borrowed);
        }
        let mut found = Vec::new();
        gather(from, &self.0, false, &mut found);
        Some(Cow::Owned(Value::Array(found)))
    }

    /// The items of the list that is there; `None` where there is no list.
    pub(super) fn items<'a>(&self, from: &'a Value) -> Option<&'a [Value]> {
        let found = walk(from, &self.0)?;
        match found {
            Value::Array(items) => Some(items),
            one => is_element(one).then(|| std::slice::from_ref(one)),
        }
    }

    /// True where it names one place, so that [`Path::items`] and [`Path::part`] make sense.
    pub(super) fn names_one(&self) -> bool {
        !self.0.contains(&Stride::Every)
    }

    /// The part of the answer that is there, as it stands.
    pub(super) fn part<'a>(&self, from: &'a Value) -> Option<&'a Value> {
        walk(from, &self.0).map(one)
    }
}

/// Where a list may stand: vendors wrap theirs, or do not. The first place with one counts.
#[derive(Clone, Debug)]
pub(super) struct Lists(pub(super) Vec<Path>);

impl Lists {
    /// The items of the list that is there; `None` where there is no list.
    pub(super) fn items<'a>(&self, from: &'a Value) -> Option<&'a [Value]> {
        self.0.iter().find_map(|path| path.items(from))
    }
}

/// The first stride of the text, and what follows; the error says what is wrong with it.
fn stride(text: &str) -> Result<(Stride, &str), String> {
    let unclosed = "has a bracket that is not closed";
    if let Some(quoted) = text.strip_prefix("['") {
        let (name, after) = quoted.split_once("']").ok_or(unclosed)?;
        return Ok((Stride::Member(name.to_owned()), after));
    }
    if let Some(inside) = text.strip_prefix('[') {
        let (inside, after) = inside.split_once(']').ok_or(unclosed)?;
        let found = bracket(inside).ok_or_else(|| {
            format!("has `[{inside}]`, which is none of `[0]`, `[*]`, `[name=text]` and `['name']`")
        })?;
        return Ok((found, after));
    }
    let (name, after) = text.split_at(text.find(['.', '[']).unwrap_or(text.len()));
    match name {
        "" => Err("has an empty part".to_owned()),
        name => Ok((Stride::Member(name.to_owned()), after)),
    }
}

fn bracket(inside: &str) -> Option<Stride> {
    match inside.split_once('=') {
        Some((name, value)) if !name.trim_end_matches('!').is_empty() => {
            Some(match name.strip_suffix('!') {
                Some(name) => Stride::WhereNot(name.to_owned(), value.to_owned()),
                None => Stride::Where(name.to_owned(), value.to_owned()),
            })
        }
        Some(_) => None,
        None if inside == "*" => Some(Stride::Every),
        None => inside.parse().ok().map(Stride::Index),
    }
}

/// The first of an element's children of one name; anything else is itself.
fn one(value: &Value) -> &Value {
    match value {
        Value::Array(items) if are_elements(value) => &items[0],
        _ => value,
    }
}

fn walk<'a>(from: &'a Value, strides: &[Stride]) -> Option<&'a Value> {
    strides
        .iter()
        .try_fold(from, |value, stride| step(value, stride))
}

fn step<'a>(value: &'a Value, stride: &Stride) -> Option<&'a Value> {
    match stride {
        Stride::Member(name) => one(value).get(name),
        Stride::Index(index) => value.get(index),
        Stride::Where(name, text) => {
            let fits = |item: &&Value| member(item, name).as_ref() == Some(text);
            value.as_array()?.iter().find(fits)
        }
        Stride::WhereNot(name, text) => {
            let fits = |item: &&Value| member(item, name).is_some_and(|other| other != *text);
            value.as_array()?.iter().find(fits)
        }
        Stride::Every => None,
    }
}

fn member(item: &Value, name: &str) -> Option<String> {
    item.get(name).map(one).and_then(scalar)
}

/// Adds to `found` all that is there, and `null` for what is not: what one item lacks must not look
/// as if the others were all there are. `within` an item, a list of nothing is such a lack too.
fn gather(from: &Value, strides: &[Stride], within: bool, found: &mut Vec<Value>) {
    let Some((stride, rest)) = strides.split_first() else {
        found.push(one(from).clone());
        return;
    };
    match stride {
        Stride::Every => match from.as_array().map(Vec::as_slice).unwrap_or_default() {
            [] if within => found.push(Value::Null),
            items => items
                .iter()
                .for_each(|item| gather(item, rest, true, found)),
        },
        stride => match step(from, stride) {
            Some(next) => gather(next, rest, within, found),
            None => found.push(Value::Null),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sheet::xml;

    fn found(path: &str, from: &Value) -> Option<Value> {
        let path = Path::parse(path).expect("well formed");
        path.find(from).map(Cow::into_owned)
    }

    #[test]
    fn a_path_walks_elements_and_attributes_as_it_walks_members() {
        let root = xml::read(b"<r u='me'><o n='1'><s>a</s></o><o n='2'><s>b</s><s>c</s></o></r>");
        let root = root.expect("well formed");
        let text = |path: &str| found(path, &root).as_ref().and_then(scalar);
        assert_eq!(text(".@u").as_deref(), Some("me"));
        assert_eq!(text(".o.s").as_deref(), Some("a"));
        assert_eq!(text(".o[1].s[1]").as_deref(), Some("c"));
        assert_eq!(text(".o[@n=2].s").as_deref(), Some("b"));
        assert_eq!(text(".o[@n=3].s"), None);
        assert_eq!(text(".o[@n!=1].s").as_deref(), Some("b"));
        assert_eq!(found(".o[*].t", &root), Some(json!([null, null])));
        assert_eq!(found(".o[*].@n", &root), Some(json!(["1", "2"])));
        let items = Path::parse(".o").expect("well formed");
        assert_eq!(items.items(&root).map(<[_]>::len), Some(2));
    }

    #[test]
    fn a_member_with_dots_or_brackets_in_its_name_stands_in_quotes() {
        let from =
            json!({"errors": {"person[mail]": ["bad"], "a.b": {"c": 1}}, "x": [{"k": "a.b"}]});
        assert_eq!(
            found(".errors['person[mail]'][0]", &from),
            Some(json!("bad"))
        );
        assert_eq!(found(".errors['a.b'].c", &from), Some(json!(1)));
        assert_eq!(found(".x[k=a.b].k", &from), Some(json!("a.b")));
        for wrong in [
            ".a..b", ".a.", "..a", ".a[0", ".a['b", ".a['b]", ".a[0]b", ".a[]", ".a[b]",
        ] {
            assert!(Path::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_item_without_a_list_of_its_own_is_told_from_no_items() {
        let path = ".checks[*].results[*].r";
        for lack in [json!(null), json!([]), json!({}), json!("pending")] {
            let from = json!({"checks": [{"results": [{"r": "clear"}]}, {"results": lack}]});
            assert_eq!(found(path, &from), Some(json!(["clear", null])), "{lack}");
        }
        assert_eq!(found(path, &json!({"checks": []})), Some(json!([])));
        assert_eq!(found(path, &json!({"checks": [{}]})), Some(json!([null])));
        assert_eq!(found(path, &json!({})), Some(json!([null])));
    }

    #[test]
    fn a_list_of_json_is_not_its_first_item() {
        let from = json!({"a": [{"id": 1, "k": "x"}, {"id": 2, "k": "y"}]});
        assert_eq!(found(".a.id", &from), None);
        assert_eq!(found(".a[k=y].id", &from), Some(json!(2)));
    }
}
