//! Paths into what a vendor sent: `.data[0].id`, `.items[*].type`, `.` for the whole.
//!
//! A path begins with a dot, so that nobody takes a member of the vendor's answer for a word of
//! ours. Paths walk [`serde_json::Value`]; another format becomes one before it is read.

use std::borrow::Cow;

use serde_json::Value;

/// A path into a vendor's answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path(Vec<Stride>);

#[derive(Clone, Debug, PartialEq)]
enum Stride {
    Member(String),
    Index(usize),
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
        for part in rest.split('.') {
            let (name, brackets) = part.split_at(part.find('[').unwrap_or(part.len()));
            if name.is_empty() && brackets.is_empty() {
                return Err(format!("path `{text}` has an empty part"));
            }
            if !name.is_empty() {
                strides.push(Stride::Member(name.to_owned()));
            }
            if !brackets.is_empty() && !brackets.ends_with(']') {
                return Err(format!("path `{text}` has a bracket that is not closed"));
            }
            for index in brackets.split_terminator(']') {
                strides.push(bracket(index).ok_or_else(|| {
                    format!("path `{text}` has `{index}]`, which is neither `[0]` nor `[*]`")
                })?);
            }
        }
        Ok(Self(strides))
    }

    /// What is there; with `[*]`, the list of all that is there.
    pub(super) fn find<'a>(&self, from: &'a Value) -> Option<Cow<'a, Value>> {
        if !self.0.contains(&Stride::Every) {
            return walk(from, &self.0).map(Cow::Borrowed);
        }
        let mut found = Vec::new();
        gather(from, &self.0, &mut found);
        Some(Cow::Owned(Value::Array(found)))
    }

    /// The items of the list that is there; `None` where there is no list.
    pub(super) fn items<'a>(&self, from: &'a Value) -> Option<&'a [Value]> {
        walk(from, &self.0)?.as_array().map(Vec::as_slice)
    }

    /// True where it names one place, so that [`Path::items`] and [`Path::part`] make sense.
    pub(super) fn names_one(&self) -> bool {
        !self.0.contains(&Stride::Every)
    }

    /// The part of the answer that is there, as it stands.
    pub(super) fn part<'a>(&self, from: &'a Value) -> Option<&'a Value> {
        walk(from, &self.0)
    }
}

fn bracket(text: &str) -> Option<Stride> {
    match text.strip_prefix('[')? {
        "*" => Some(Stride::Every),
        number => number.parse().ok().map(Stride::Index),
    }
}

fn walk<'a>(from: &'a Value, strides: &[Stride]) -> Option<&'a Value> {
    strides.iter().try_fold(from, |value, stride| match stride {
        Stride::Member(name) => value.get(name),
        Stride::Index(index) => value.get(index),
        Stride::Every => None,
    })
}

fn gather(from: &Value, strides: &[Stride], found: &mut Vec<Value>) {
    let Some((stride, rest)) = strides.split_first() else {
        found.push(from.clone());
        return;
    };
    match stride {
        Stride::Every => {
            for item in from.as_array().into_iter().flatten() {
                gather(item, rest, found);
            }
        }
        one => {
            if let Some(next) = walk(from, std::slice::from_ref(one)) {
                gather(next, rest, found);
            }
        }
    }
}
