//! A sheet's text as a tree that remembers lines, and the mistakes found in it.
//!
//! Loading walks this tree instead of deserializing, because a mistake must name its line and
//! because one run shows all mistakes: whoever writes a sheet should not meet them one by one.

use std::cell::RefCell;
use std::fmt;

use toml::de::{DeTable, DeValue};

/// Something wrong in a sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The sheet, as [`super::load`] was told to call it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, with the value.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line, wrong) = (&self.file, self.line, &self.wrong);
        write!(f, "{file}:{line}: {wrong}; {}", self.right)
    }
}

/// Lines of the second file of a family begin here, those of the third at twice that, and so on: a
/// line says by itself in which file it stands.
const LINES: usize = 1 << 24;

/// A file of a sheet.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// What messages call it.
    pub(super) name: String,
    pub(super) text: String,
}

/// Where a line stands: the number of its file, and the line in it.
pub(super) fn place(line: usize) -> (usize, usize) {
    (line / LINES, line % LINES)
}

/// Collects mistakes while a sheet is walked.
pub(super) struct Mistakes {
    /// The sheet, and then what it extends.
    files: RefCell<Vec<File>>,
    /// Each with its line as spots have it.
    found: RefCell<Vec<(usize, Mistake)>>,
}

impl File {
    fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
        }
    }
}

impl Mistakes {
    pub(super) fn new(name: &str, text: &str) -> Self {
        Self {
            files: RefCell::new(vec![File::new(name, text)]),
            found: RefCell::new(Vec::new()),
        }
    }

    /// Adds a file that the sheet extends; returns what its lines are counted from.
    pub(super) fn another_file(&self, name: &str, text: &str) -> usize {
        let mut files = self.files.borrow_mut();
        files.push(File::new(name, text));
        (files.len() - 1) * LINES
    }

    pub(super) fn add(&self, line: usize, wrong: impl Into<String>, right: impl Into<String>) {
        let files = self.files.borrow();
        let (number, in_file) = place(line);
        let mistake = Mistake {
            file: files
                .get(number)
                .map(|file| file.name.clone())
                .unwrap_or_default(),
            line: in_file,
            wrong: wrong.into(),
            right: right.into(),
        };
        self.found.borrow_mut().push((line, mistake));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// The sheet's file, and then those of what it extends.
    pub(super) fn files(&self) -> Vec<File> {
        self.files.borrow().clone()
    }

    /// All of them, in the order of their lines.
    pub(super) fn into_list(self) -> Vec<Mistake> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(line, _)| *line);
        found.into_iter().map(|(_, mistake)| mistake).collect()
    }
}

/// A value of the sheet and the line it stands on.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) raw: Raw,
    pub(super) line: usize,
}

/// A value of the sheet. Kinds that the language has no use for are kept by name, for messages.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    Text(String),
    Whole(i64),
    Truth(bool),
    List(Vec<Spot>),
    Table(Vec<(String, Spot)>),
    Other(&'static str),
}

impl Raw {
    /// What kind of value it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Whole(_) => "a whole number",
            Self::Truth(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// Reads a sheet's text; what is not TOML becomes mistakes.
/// `first` is what its lines are counted from.
pub(super) fn parse(text: &str, first: usize, mistakes: &Mistakes) -> Spot {
    let lines = Lines::new(text, first);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        let wrong = format!("this is not TOML: {}", error.message());
        mistakes.add(lines.of(at), wrong, "see toml.io for the notation");
    }
    Spot {
        raw: Raw::Table(entries(table.get_ref(), &lines)),
        line: first + 1,
    }
}

impl Spot {
    /// The same with what `base` has beside it: tables are joined, anything else replaces what the
    /// base has.
    pub(super) fn over(self, base: Self) -> Self {
        let (own, base) = match (self.raw, base.raw) {
            (Raw::Table(own), Raw::Table(base)) => (own, base),
            (raw, _) => return Self { raw, ..self },
        };
        let mut joined = base;
        for (name, spot) in own {
            match joined.iter_mut().find(|(known, _)| *known == name) {
                Some((_, slot)) => {
                    let below = std::mem::replace(slot, spot.clone());
                    *slot = spot.over(below);
                }
                None => joined.push((name, spot)),
            }
        }
        Self {
            raw: Raw::Table(joined),
            line: self.line,
        }
    }
}

/// True where one text is the other with one letter more, less or changed, or two exchanged.
pub(super) fn is_slip(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[same..], &other[same..]);
    let rest = |list: &[char], from: usize| list.get(from..).map(<[char]>::to_vec);
    let exchanged = one.len() > 1 && other.len() > 1 && one[0] == other[1] && one[1] == other[0];
    rest(one, 1) == rest(other, 1) && !one.is_empty()
        || rest(one, 1).as_deref() == Some(other)
        || rest(other, 1).as_deref() == Some(one)
        || exchanged && rest(one, 2) == rest(other, 2)
}

/// Where the lines of a text begin, and what they are counted from.
struct Lines(Vec<usize>, usize);

impl Lines {
    fn new(text: &str, first: usize) -> Self {
        let begins = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(begins).collect(), first)
    }

    fn of(&self, offset: usize) -> usize {
        self.1 + self.0.partition_point(|begin| *begin <= offset)
    }
}

fn entries(table: &DeTable<'_>, lines: &Lines) -> Vec<(String, Spot)> {
    table
        .iter()
        .map(|(key, value)| {
            let mut spot = spot(value.get_ref(), value.span().start, lines);
            // A table written with dotted keys has no place of its own; its key has.
            spot.line = spot.line.max(lines.of(key.span().start));
            (key.get_ref().to_string(), spot)
        })
        .collect()
}

fn spot(value: &DeValue<'_>, offset: usize, lines: &Lines) -> Spot {
    let raw = match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("a number that is too large"), Raw::Whole),
        DeValue::Boolean(truth) => Raw::Truth(*truth),
        DeValue::Array(items) => Raw::List(
            items
                .iter()
                .map(|item| spot(item.get_ref(), item.span().start, lines))
                .collect(),
        ),
        DeValue::Table(table) => Raw::Table(entries(table, lines)),
        DeValue::Float(_) => Raw::Other("a number with a fraction"),
        DeValue::Datetime(_) => Raw::Other("a date"),
    };
    Spot {
        raw,
        line: lines.of(offset),
    }
}

/// A table of the sheet while it is read. It remembers which keys were asked for, so that
/// [`Section::close`] can name those that mean nothing.
pub(super) struct Section<'s> {
    /// What the table is, for messages: "step `candidate`".
    pub(super) what: String,
    pub(super) line: usize,
    pub(super) mistakes: &'s Mistakes,
    entries: &'s [(String, Spot)],
    known: RefCell<Vec<&'static str>>,
}

impl<'s> Section<'s> {
    /// The table at `spot`; anything else is a mistake.
    pub(super) fn new(
        what: impl Into<String>,
        spot: &'s Spot,
        mistakes: &'s Mistakes,
    ) -> Option<Self> {
        let what = what.into();
        let Raw::Table(entries) = &spot.raw else {
            let wrong = format!("{what} is {}", spot.raw.kind());
            mistakes.add(spot.line, wrong, "it is a table, `{ ... }`");
            return None;
        };
        Some(Self {
            what,
            line: spot.line,
            mistakes,
            entries,
            known: RefCell::new(Vec::new()),
        })
    }

    /// Every entry, for tables whose keys are the author's own words.
    pub(super) fn entries(&self) -> &'s [(String, Spot)] {
        self.entries
    }

    pub(super) fn get(&self, key: &'static str) -> Option<&'s Spot> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        drop(known);
        self.entries
            .iter()
            .find_map(|(name, spot)| (name == key).then_some(spot))
    }

    /// The value of a key that may not be left out.
    pub(super) fn need(&self, key: &'static str, right: &str) -> Option<&'s Spot> {
        let spot = self.get(key);
        if spot.is_none() {
            let wrong = format!("{} has no `{key}`{}", self.what, self.instead_of(key));
            self.mistakes.add(self.line, wrong, right);
        }
        spot
    }

    /// A key that may have been meant for `key`, as the end of a sentence; empty where there is none.
    pub(super) fn instead_of(&self, key: &str) -> String {
        let known = self.known.borrow();
        let names = self.entries.iter().map(|(name, _)| name.as_str());
        let mut unknown = names.filter(|name| *name != key && !known.contains(name));
        match unknown.find(|name| is_slip(name, key)) {
            Some(name) => format!(", but `{name}`"),
            None => String::new(),
        }
    }

    pub(super) fn text(&self, key: &'static str) -> Option<&'s str> {
        self.text_at(key, self.get(key)?)
    }

    pub(super) fn need_text(&self, key: &'static str, right: &str) -> Option<&'s str> {
        self.text_at(key, self.need(key, right)?)
    }

    fn text_at(&self, key: &str, spot: &'s Spot) -> Option<&'s str> {
        match &spot.raw {
            Raw::Text(text) => Some(text),
            other => self.unlike(key, spot, other, "it is a text"),
        }
    }

    pub(super) fn whole(&self, key: &'static str) -> Option<u64> {
        let spot = self.get(key)?;
        match &spot.raw {
            Raw::Whole(number) if *number >= 0 => u64::try_from(*number).ok(),
            other => self.unlike(key, spot, other, "it is a whole number from 0"),
        }
    }

    pub(super) fn truth(&self, key: &'static str) -> Option<bool> {
        let spot = self.get(key)?;
        match &spot.raw {
            Raw::Truth(truth) => Some(*truth),
            other => self.unlike(key, spot, other, "it is true or false"),
        }
    }

    /// A text, or a list of texts.
    pub(super) fn texts(&self, key: &'static str) -> Vec<(&'s str, usize)> {
        let Some(spot) = self.get(key) else {
            return Vec::new();
        };
        let items = match &spot.raw {
            Raw::List(items) => items.as_slice(),
            _ => std::slice::from_ref(spot),
        };
        items
            .iter()
            .filter_map(|item| Some((self.text_at(key, item)?, item.line)))
            .collect()
    }

    /// The tables of a `[[key]]` list.
    pub(super) fn list(&self, key: &'static str) -> &'s [Spot] {
        let Some(spot) = self.get(key) else {
            return &[];
        };
        match &spot.raw {
            Raw::List(items) => items,
            other => {
                let right = format!("it is a list of tables, `[[{key}]]`");
                self.unlike::<()>(key, spot, other, &right);
                &[]
            }
        }
    }

    /// The table at `key`.
    pub(super) fn section(
        &self,
        key: &'static str,
        what: impl Into<String>,
    ) -> Option<Section<'s>> {
        Section::new(what, self.get(key)?, self.mistakes)
    }

    /// The line of `key`, or of the table.
    pub(super) fn line_of(&self, key: &str) -> usize {
        self.entries
            .iter()
            .find_map(|(name, spot)| (name == key).then_some(spot.line))
            .unwrap_or(self.line)
    }

    fn unlike<T>(&self, key: &str, spot: &Spot, raw: &Raw, right: &str) -> Option<T> {
        let wrong = format!("`{key}` of {} is {}", self.what, raw.kind());
        self.mistakes.add(spot.line, wrong, right);
        None
    }

    /// Names the keys nobody asked for.
    pub(super) fn close(&self) {
        let known = self.known.borrow();
        for (key, spot) in self.entries {
            if !known.contains(&key.as_str()) {
                let wrong = format!("`{key}` is not a key of {}", self.what);
                let right = format!("known here: {}", known.join(", "));
                self.mistakes.add(spot.line, wrong, right);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_slip;

    #[test]
    fn a_slip_is_one_letter_or_two_exchanged() {
        for wrong in ["efect", "effects", "efffect", "effekt", "efefct", "ffect"] {
            assert!(is_slip(wrong, "effect"), "{wrong}");
        }
        for other in ["read", "errors", "effective", ""] {
            assert!(!is_slip(other, "effect"), "{other}");
        }
    }
}
