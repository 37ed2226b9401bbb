//! Where the members of a tenants file stand, so that a mistake of meaning is told with its line as
//! a mistake of form is.

use std::collections::BTreeMap;
use std::fmt::Display;

use toml::de::{DeTable, DeValue};

/// The lines of everything in a file.
#[derive(Debug)]
pub(super) struct Lines {
    file: String,
    /// By path: `tenant/0/connection/1/base_url`.
    of: BTreeMap<String, usize>,
}

impl Lines {
    /// Reads a file that is TOML; of any other, nothing is known.
    pub(super) fn read(file: &str, text: &str) -> Self {
        let mut lines = Self {
            file: file.to_owned(),
            of: BTreeMap::new(),
        };
        if let Ok(table) = DeTable::parse(text) {
            let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
            lines.add_table("", table.get_ref(), &ends);
        }
        lines
    }

    /// Adds a table's members; `ends` is where the file's lines end.
    fn add_table(&mut self, path: &str, table: &DeTable<'_>, ends: &[usize]) {
        for (key, value) in table {
            let path = format!("{path}{}", key.get_ref());
            self.of
                .insert(path.clone(), line_of(ends, key.span().start));
            self.add_value(&path, value.get_ref(), ends);
        }
    }

    fn add_value(&mut self, path: &str, value: &DeValue<'_>, ends: &[usize]) {
        match value {
            DeValue::Table(table) => self.add_table(&format!("{path}/"), table, ends),
            DeValue::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    let path = format!("{path}/{number}");
                    self.of
                        .insert(path.clone(), line_of(ends, item.span().start));
                    self.add_value(&path, item.get_ref(), ends);
                }
            }
            _ => {}
        }
    }

    /// The line of a member, or of the nearest thing around it where it is missing.
    fn of(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some(line) = self.of.get(path) {
                return *line;
            }
            match path.rsplit_once('/') {
                Some((around, _)) => path = around,
                None => return 1,
            }
        }
    }
}

/// The line of a place, from 1, in a text whose lines end there.
fn line_of(ends: &[usize], at: usize) -> usize {
    ends.partition_point(|end| *end < at) + 1
}

/// The line of a place in a text, from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count() + 1
}

/// A tenant, connection or offer in a file, about which something may be wrong.
#[derive(Clone, Debug)]
pub(in crate::app) struct Spot<'a> {
    lines: &'a Lines,
    path: String,
    whose: String,
}

impl<'a> Spot<'a> {
    pub(super) fn new(lines: &'a Lines, path: String, whose: String) -> Self {
        Self { lines, path, whose }
    }

    /// A part of this: its path from here, and whose it is.
    pub(super) fn part(&self, path: &str, whose: &str) -> Self {
        Self {
            lines: self.lines,
            path: format!("{}/{path}", self.path),
            whose: format!("{}, {whose}", self.whose),
        }
    }

    /// The line of a member.
    pub(super) fn line(&self, member: &str) -> usize {
        self.lines.of(&format!("{}/{member}", self.path))
    }

    /// What is wrong with a member (`credentials/api_key`), as a mistake.
    pub(in crate::app) fn wrong(&self, member: &str, what: impl Display) -> Mistake {
        let what = format!("{}: {what}", self.whose);
        Mistake::new(&self.lines.file, self.line(member), &what)
    }
}

/// Something that is wrong in a file.
#[derive(Debug)]
pub(in crate::app) struct Mistake {
    line: usize,
    told: String,
}

impl Mistake {
    /// What is wrong in that line of a file.
    pub(super) fn new(file: &str, line: usize, what: &str) -> Self {
        Self {
            line,
            told: format!("{file}:{line}: {what}"),
        }
    }
}

/// The sentences of all mistakes, in the order of their lines.
pub(in crate::app) fn told(mut mistakes: Vec<Mistake>) -> Vec<String> {
    mistakes.sort_by_key(|mistake| mistake.line);
    mistakes.into_iter().map(|mistake| mistake.told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_stands_where_it_would() {
        let text = "[[tenant]]\nname = \"A\"\n  [tenant.webhook]\n  hosts = [\n    \"a\",\n    \"b\",\n  ]\n[[tenant]]\nwords = { result = { pass = \"x\" } }\n";
        let lines = Lines::read("f", text);
        for (path, line) in [
            ("tenant/0", 1),
            ("tenant/0/name", 2),
            ("tenant/0/account_id", 1),
            ("tenant/0/webhook/ports", 3),
            ("tenant/0/webhook/hosts/1", 6),
            ("tenant/1/words/result/pass", 9),
            ("tenant/1/connection/7/name", 8),
            ("else", 1),
        ] {
            assert_eq!(lines.of(path), line, "{path}");
        }
    }
}
