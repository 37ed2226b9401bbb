//! The layers a setting can come from, and where in them it stands.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Mistake, Place};
use super::kinds::{Ordered, Setting};
use super::placed::Placed;

const DEFAULTS: &str = include_str!("../../config/cleargate.toml");
const PREFIX: &str = "CLEARGATE__";

/// Every known setting, what was given for it, and the mistakes found so far.
pub(super) struct Sources {
    sections: BTreeMap<String, BTreeMap<String, Entry>>,
    mistakes: Vec<Mistake>,
}

/// The section that says what holds for every vendor, and how the names of those begin that say
/// what holds for one: they take the same keys.
const SHARED: &str = "vendors.calls";
const VENDORS_OWN: &str = "vendors.of.";

fn is_own(section: &str) -> bool {
    let vendor = section.strip_prefix(VENDORS_OWN);
    vendor.is_some_and(|vendor| !vendor.is_empty() && !vendor.contains('.'))
}

/// A known setting.
struct Entry {
    default: Given,
    given: Option<Given>,
}

impl Entry {
    /// A setting of one vendor that nothing was said about.
    fn unset() -> Self {
        Self {
            default: Given {
                texts: Texts::One(String::new()),
                place: Place::Default,
            },
            given: None,
        }
    }
}

/// What was given, as texts, and where.
struct Given {
    texts: Texts,
    place: Place,
}

enum Texts {
    /// From a variable, or a single value of a file.
    One(String),
    /// A list of a file.
    Many(Vec<String>),
}

impl Sources {
    /// The compiled-in defaults, which also say what settings there are.
    pub(super) fn defaults() -> Self {
        let mut sources = Self {
            sections: BTreeMap::new(),
            mistakes: Vec::new(),
        };
        let table = DeTable::parse(DEFAULTS).expect("the compiled-in defaults are tested");
        for (section, keys) in table.get_ref() {
            let keys = keys.get_ref().as_table();
            sources.add_defaults(section.get_ref(), keys.expect("defaults stand in sections"));
        }
        sources
    }

    fn add_defaults(&mut self, section: &str, keys: &DeTable<'_>) {
        let mut entries = BTreeMap::new();
        for (key, value) in keys {
            if let Some(inner) = value.get_ref().as_table() {
                self.add_defaults(&format!("{section}.{}", key.get_ref()), inner);
                continue;
            }
            let default = Given {
                texts: texts(value.get_ref()).expect("a default is a value or a list"),
                place: Place::Default,
            };
            let entry = Entry {
                default,
                given: None,
            };
            entries.insert(key.get_ref().to_string(), entry);
        }
        self.sections.insert(section.to_owned(), entries);
    }

    /// Lays a file over what is there.
    pub(super) fn add_file(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let line = |span: Range<usize>| Place::Line {
            file: name.to_owned(),
            line: text[..span.start.min(text.len())].matches('\n').count() + 1,
        };
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            place: line(error.span().unwrap_or_default()),
            problem: error.message().to_owned(),
        })?;
        for (section, keys) in table.get_ref() {
            let Some(keys) = keys.get_ref().as_table() else {
                let wanted = "it stands in no section, such as [http]".to_owned();
                self.mistake(section.get_ref().to_string(), line(section.span()), wanted);
                continue;
            };
            self.add_section(section.get_ref(), keys, &line);
        }
        Ok(())
    }

    /// A table in a section is a section below it, `[vendors.calls]`.
    fn add_section(
        &mut self,
        section: &str,
        keys: &DeTable<'_>,
        line: &impl Fn(Range<usize>) -> Place,
    ) {
        for (key, value) in keys {
            match value.get_ref().as_table() {
                Some(inner) if self.has_below(section, key.get_ref()) => {
                    self.add_section(&format!("{section}.{}", key.get_ref()), inner, line);
                }
                _ => self.add(section, key.get_ref(), value, line(key.span())),
            }
        }
    }

    fn has_below(&self, section: &str, key: &str) -> bool {
        let below = format!("{section}.{key}");
        self.sections.contains_key(&below) || VENDORS_OWN.starts_with(&below) || is_own(&below)
    }

    /// Lays environment variables over what is there; only those that begin with `CLEARGATE__`
    /// are looked at.
    pub(super) fn add_variables(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in variables {
            let Some(path) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let path = path.to_lowercase();
            let (section, key) = path.rsplit_once("__").unwrap_or((&path, ""));
            self.give(
                &section.replace("__", "."),
                key,
                Texts::One(value),
                Place::Variable(name.clone()),
            );
        }
    }

    fn add(&mut self, section: &str, key: &str, value: &Spanned<DeValue<'_>>, place: Place) {
        match texts(value.get_ref()) {
            Some(texts) => self.give(section, key, texts, place),
            None => {
                let wanted = "this must be a value or a list of values".to_owned();
                self.mistake(format!("{section}.{key}"), place, wanted);
            }
        }
    }

    fn give(&mut self, section: &str, key: &str, texts: Texts, place: Place) {
        let path = format!("{section}.{key}");
        if is_own(section) && !self.sections.contains_key(section) {
            let keys = self.sections[SHARED].keys().cloned();
            let none = keys.map(|key| (key, Entry::unset())).collect();
            self.sections.insert(section.to_owned(), none);
        }
        let Some(entries) = self.sections.get_mut(section) else {
            let known = names(&self.sections);
            let wanted = format!("there is no such section; there are {known}");
            return self.mistake(path, place, wanted);
        };
        match entries.get_mut(key) {
            Some(entry) => entry.given = Some(Given { texts, place }),
            None => {
                let known = names(entries);
                let wanted = format!("there is no such setting; [{section}] has {known}");
                self.mistake(path, place, wanted);
            }
        }
    }

    fn mistake(&mut self, key: String, place: Place, wanted: String) {
        self.mistakes.push(Mistake {
            key,
            value: None,
            place,
            wanted,
        });
    }

    /// The section `name`, to be read by its struct.
    pub(super) fn section<'s>(&'s mut self, name: &'s str) -> Section<'s> {
        Section {
            name,
            entries: &self.sections[name],
            shared: is_own(name).then(|| &self.sections[SHARED]),
            mistakes: &mut self.mistakes,
        }
    }

    /// The vendors that have a section of their own.
    pub(super) fn vendors(&self) -> Vec<String> {
        let names = self.sections.keys();
        let own = names.filter_map(|name| name.strip_prefix(VENDORS_OWN));
        own.map(str::to_owned).collect()
    }

    /// Objects to a value that is right alone but not beside another one.
    pub(super) fn object(&mut self, section: &str, key: &str, wanted: &str) {
        let mut section = self.section(section);
        let (text, place) = section.single(key);
        section.refuse::<String>(key, text, place, wanted.to_owned());
    }

    /// Every mistake that was found.
    pub(super) fn mistakes(self) -> Vec<Mistake> {
        self.mistakes
    }

    /// Every known setting as `section.key`.
    #[cfg(test)]
    pub(super) fn keys(&self) -> Vec<String> {
        let sections = self.sections.iter();
        sections
            .flat_map(|(section, keys)| keys.keys().map(move |key| format!("{section}.{key}")))
            .collect()
    }
}

/// One section, while its struct reads it. A wrong value is noted and its default returned, so
/// that the mistakes behind it are found as well; such settings are not worked with.
pub(super) struct Section<'a> {
    name: &'a str,
    entries: &'a BTreeMap<String, Entry>,
    /// For the section of one vendor: that of all, which says what this one does not.
    shared: Option<&'a BTreeMap<String, Entry>>,
    mistakes: &'a mut Vec<Mistake>,
}

impl<'a> Section<'a> {
    /// The value of `key`.
    pub(super) fn one<T: Setting>(&mut self, key: &str) -> T {
        self.one_placed(key).value
    }

    /// The value of `key`, with where it was given.
    pub(super) fn one_placed<T: Setting>(&mut self, key: &str) -> Placed<T> {
        let (text, place) = self.single(key);
        let value = T::parse(text).unwrap_or_else(|wanted| {
            self.refuse::<T>(key, text, place, wanted);
            default(self.shared.map_or(self.entry(key), |shared| &shared[key]))
        });
        self.placed(key, text, place, value)
    }

    /// The value of `key`, within `range`.
    pub(super) fn within<T: Ordered>(&mut self, key: &str, range: RangeInclusive<T>) -> T {
        let value: T = self.one(key);
        if !range.contains(&value) {
            let (text, place) = self.single(key);
            let (low, high) = (range.start().shown(), range.end().shown());
            let wanted = format!("it must be between {low} and {high}, both inclusive");
            self.refuse::<T>(key, text, place, wanted);
        }
        value
    }

    /// The value of `key`; empty means none.
    pub(super) fn optional<T: Setting>(&mut self, key: &str) -> Option<T> {
        self.optional_placed(key).map(|placed| placed.value)
    }

    /// The value of `key`, with where it was given; empty means none.
    pub(super) fn optional_placed<T: Setting>(&mut self, key: &str) -> Option<Placed<T>> {
        let (text, place) = self.single(key);
        if text.is_empty() {
            return None;
        }
        match T::parse(text) {
            Ok(value) => Some(self.placed(key, text, place, value)),
            Err(wanted) => {
                self.refuse::<T>(key, text, place, wanted);
                None
            }
        }
    }

    /// The values of `key`; in a variable they are parted by commas.
    pub(super) fn list<T: Setting>(&mut self, key: &str) -> Vec<T> {
        let placed = self.list_placed(key).into_iter();
        placed.map(|placed| placed.value).collect()
    }

    /// The values of `key`, with where they were given.
    pub(super) fn list_placed<T: Setting>(&mut self, key: &str) -> Vec<Placed<T>> {
        let entry = self.entry(key);
        let given = entry.given.as_ref().unwrap_or(&entry.default);
        let texts: Vec<&str> = match &given.texts {
            Texts::Many(texts) => texts.iter().map(String::as_str).collect(),
            Texts::One(text) => text.split(',').map(str::trim).collect(),
        };
        let texts = texts.into_iter().filter(|text| !text.is_empty());
        texts
            .filter_map(|text| match T::parse(text) {
                Ok(value) => Some(self.placed(key, text, &given.place, value)),
                Err(wanted) => {
                    self.refuse::<T>(key, text, &given.place, wanted);
                    None
                }
            })
            .collect()
    }

    /// Where something was given in this section first; `None` where nothing was.
    pub(super) fn begins(&self) -> Option<Place> {
        let given = self.entries.values().filter_map(|it| it.given.as_ref());
        let places = given.map(|given| given.place.clone());
        places.min_by_key(|place| match place {
            Place::Line { line, .. } => *line,
            Place::Default | Place::Variable(_) => 0,
        })
    }

    /// A value that was read from `text`.
    fn placed<T: Setting>(&self, key: &str, text: &str, place: &Place, value: T) -> Placed<T> {
        let section = if self.takes_over(key) {
            SHARED
        } else {
            self.name
        };
        Placed {
            value,
            key: format!("{section}.{key}"),
            shown: (!T::PRIVATE).then(|| text.to_owned()),
            place: place.clone(),
        }
    }

    /// Whether the section of all vendors says it.
    fn takes_over(&self, key: &str) -> bool {
        self.shared.is_some() && self.entries[key].given.is_none()
    }

    /// The text given for `key`; a list is refused.
    fn single(&mut self, key: &str) -> (&'a str, &'a Place) {
        let entry = self.entry(key);
        let given = entry.given.as_ref().unwrap_or(&entry.default);
        match &given.texts {
            Texts::One(text) => (text, &given.place),
            Texts::Many(_) => {
                let wanted = "this must be one value, not a list".to_owned();
                let mistake = Mistake {
                    key: format!("{}.{key}", self.name),
                    value: None,
                    place: given.place.clone(),
                    wanted,
                };
                self.mistakes.push(mistake);
                let entry = self.shared.map_or(entry, |shared| &shared[key]);
                (default_text(entry), &entry.default.place)
            }
        }
    }

    fn entry(&self, key: &str) -> &'a Entry {
        let own = &self.entries[key];
        match self.shared {
            Some(shared) if own.given.is_none() => &shared[key],
            _ => own,
        }
    }

    fn refuse<T: Setting>(&mut self, key: &str, text: &str, place: &Place, wanted: String) {
        // What was taken over from the section of all vendors is told there.
        if self.takes_over(key) {
            return;
        }
        self.mistakes.push(Mistake {
            key: format!("{}.{key}", self.name),
            value: (!T::PRIVATE).then(|| text.to_owned()),
            place: place.clone(),
            wanted,
        });
    }
}

fn default<T: Setting>(entry: &Entry) -> T {
    let Ok(value) = T::parse(default_text(entry)) else {
        unreachable!("BUG: a compiled-in default is wrong; the tests read every one")
    };
    value
}

fn default_text(entry: &Entry) -> &str {
    match &entry.default.texts {
        Texts::One(text) => text,
        Texts::Many(_) => unreachable!("BUG: a list in the defaults is read as one value"),
    }
}

/// A value of a file as text: its type decides later what a text means. `None` for tables, dates
/// and lists of lists, which no setting is.
fn texts(value: &DeValue<'_>) -> Option<Texts> {
    let text = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    };
    match value {
        DeValue::Array(values) => {
            let texts: Option<Vec<String>> =
                values.iter().map(|value| text(value.get_ref())).collect();
            texts.map(Texts::Many)
        }
        value => text(value).map(Texts::One),
    }
}

fn names<T>(map: &BTreeMap<String, T>) -> String {
    let names: Vec<&str> = map.keys().map(String::as_str).collect();
    names.join(", ")
}
