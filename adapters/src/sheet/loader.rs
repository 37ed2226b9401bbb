//! What all parts of a sheet are loaded with: the mistakes so far, and everything that was named.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::document::Format;
use super::expression::{Expression, Source, Word};
use super::path::{Lists, Path};
use super::reading::Reading;
use super::scope::Sight;
use super::source::{Mistakes, Raw, Section, Spot};
use super::template::Template;

/// Carries what is needed while a sheet is loaded.
pub(super) struct Loader<'s> {
    pub(super) mistakes: &'s Mistakes,
    /// The `[read.NAME]` tables.
    pub(super) readings: BTreeMap<String, Arc<Reading>>,
    /// How the vendor's answers are written.
    pub(super) answers: (&'s str, Format),
    /// The headers of every request, names in lower case.
    pub(super) headers: Vec<(String, Template)>,
    uses: RefCell<Vec<Use>>,
}

/// Something an expression of the sheet names, and where.
#[derive(Clone, Debug)]
pub(super) struct Use {
    /// As messages call it: `applicant.email`, `settings.node`, `memo.report_id`.
    pub(super) name: String,
    pub(super) line: usize,
}

impl<'s> Loader<'s> {
    pub(super) fn new(mistakes: &'s Mistakes) -> Self {
        Self {
            mistakes,
            readings: BTreeMap::new(),
            answers: ("json", Format::Json),
            headers: Vec::new(),
            uses: RefCell::new(Vec::new()),
        }
    }

    /// Remembers that `name` is named on `line`.
    pub(super) fn uses(&self, name: impl Into<String>, line: usize) {
        self.uses.borrow_mut().push(Use {
            name: name.into(),
            line,
        });
    }

    pub(super) fn all_uses(&self) -> Vec<Use> {
        self.uses.borrow().clone()
    }

    pub(super) fn template(&self, text: &str, line: usize, sight: Sight) -> Option<Template> {
        let template = self.kept(line, text, Template::parse(text))?;
        for expression in template.expressions() {
            self.look(expression, line, sight);
        }
        Some(template)
    }

    pub(super) fn expression(&self, text: &str, line: usize, sight: Sight) -> Option<Expression> {
        let right_is_template = text.contains(['{', '}']);
        let parsed = if right_is_template {
            Err("what is read is an expression and stands without braces".to_owned())
        } else {
            Expression::parse(text)
        };
        let expression = self.kept(line, text, parsed)?;
        self.look(&expression, line, sight);
        Some(expression)
    }

    /// The expression at `key`, if it is there.
    pub(super) fn expression_at(
        &self,
        section: &Section<'_>,
        key: &'static str,
        sight: Sight,
    ) -> Option<Expression> {
        let text = section.text(key)?;
        self.expression(text, section.line_of(key), sight)
    }

    /// The template at `key`, if it is there.
    pub(super) fn template_at(
        &self,
        section: &Section<'_>,
        key: &'static str,
        sight: Sight,
    ) -> Option<Template> {
        let text = section.text(key)?;
        self.template(text, section.line_of(key), sight)
    }

    /// The path to one place at `key`, if it is there.
    pub(super) fn path_at(&self, section: &Section<'_>, key: &'static str) -> Option<Path> {
        let text = section.text(key)?;
        let line = section.line_of(key);
        let path = self.kept(line, text, Path::parse(text))?;
        if !path.names_one() {
            let wrong = format!("`{text}` names several places");
            self.mistakes
                .add(line, wrong, "it names one, without `[*]`");
        }
        Some(path)
    }

    /// The paths at `key`, of which the first that leads to a list counts.
    pub(super) fn lists_at(&self, section: &Section<'_>, key: &'static str) -> Option<Lists> {
        let texts = section.texts(key);
        let paths = texts
            .iter()
            .filter_map(|(text, line)| self.list_path(text, *line));
        let paths: Vec<_> = paths.collect();
        (!paths.is_empty()).then_some(Lists(paths))
    }

    /// A path to a list.
    pub(super) fn list_path(&self, text: &str, line: usize) -> Option<Path> {
        let path = self.kept(line, text, Path::parse(text))?;
        if !path.names_one() {
            let wrong = format!("`{text}` names several places");
            let right = "it names the list itself, without `[*]`";
            self.mistakes.add(line, wrong, right);
        }
        Some(path)
    }

    /// The format at `key`, by name and as what it is.
    pub(super) fn format_at<'t>(
        &self,
        section: &Section<'t>,
        key: &'static str,
        otherwise: (&'t str, Format),
    ) -> (&'t str, Format) {
        let Some(name) = section.text(key) else {
            return otherwise;
        };
        let format = Format::named(name);
        if format.is_none() {
            let wrong = format!("`{key}` is `{name}`");
            let right = "it is \"json\", \"xml\", \"xml_in_form\" or \"form\"";
            self.mistakes.add(section.line_of(key), wrong, right);
        }
        (name, format.unwrap_or_default())
    }

    /// The expressions of a table whose keys are the author's own.
    pub(super) fn named_expressions(
        &self,
        section: Option<Section<'_>>,
        sight: Sight,
    ) -> Vec<(String, Expression)> {
        let entries = section.iter().flat_map(Section::entries);
        let named = entries.filter_map(|(name, spot)| {
            let expression = self.expression(self.text(name, spot)?, spot.line, sight)?;
            Some((name.clone(), expression))
        });
        named.collect()
    }

    /// The templates of a table whose keys are the author's own.
    pub(super) fn named_templates(
        &self,
        section: Option<Section<'_>>,
        sight: Sight,
    ) -> Vec<(String, Template)> {
        let entries = section.iter().flat_map(Section::entries);
        let named = entries.filter_map(|(name, spot)| {
            let template = self.template(self.text(name, spot)?, spot.line, sight)?;
            Some((name.clone(), template))
        });
        named.collect()
    }

    pub(super) fn text<'t>(&self, name: &str, spot: &'t Spot) -> Option<&'t str> {
        match &spot.raw {
            Raw::Text(text) => Some(text),
            other => {
                let wrong = format!("`{name}` is {}", other.kind());
                self.mistakes.add(spot.line, wrong, "it is a text");
                None
            }
        }
    }

    /// A length of time, `30s`, `24h`.
    pub(super) fn duration(&self, text: &str, line: usize) -> Option<Duration> {
        let found = duration(text);
        if found.is_none() {
            let wrong = format!("`{text}` is not a length of time");
            let right = "it is a whole number with a unit: 30s, 10m, 24h, 60d";
            self.mistakes.add(line, wrong, right);
        }
        found
    }

    /// The length of time at `key`, if it is there.
    pub(super) fn duration_at(&self, section: &Section<'_>, key: &'static str) -> Option<Duration> {
        let text = section.text(key)?;
        self.duration(text, section.line_of(key))
    }

    /// The `[read.NAME]` table that `key` names.
    pub(super) fn reading_at(&self, section: &Section<'_>) -> Option<Arc<Reading>> {
        let name = section.text("read")?;
        let line = section.line_of("read");
        self.uses(format!("read.{name}"), line);
        let found = self.readings.get(name).cloned();
        if found.is_none() {
            let known: Vec<_> = self.readings.keys().map(String::as_str).collect();
            let wrong = format!("there is no `[read.{name}]`");
            let right = format!("name one of: {}", known.join(", "));
            self.mistakes.add(line, wrong, right);
        }
        found
    }

    fn look(&self, expression: &Expression, line: usize, sight: Sight) {
        if let Some(unseen) = expression.unseen(sight) {
            let right = format!("here may stand: {}", sight.words());
            self.mistakes.add(line, unseen, right);
        }
        for source in expression.sources() {
            if !matches!(source, Source::Answer(_) | Source::Literal(_)) {
                self.uses(source.name(), line);
            }
            if matches!(source, Source::Word(Word::Items)) {
                self.uses("order.package", line);
                self.uses("order.add_ons", line);
            }
        }
        for name in expression.named_by_functions() {
            self.uses(name, line);
        }
    }

    fn kept<T>(&self, line: usize, text: &str, parsed: Result<T, String>) -> Option<T> {
        parsed
            .map_err(|wrong| {
                let right = format!("correct `{text}`");
                self.mistakes.add(line, wrong, right);
            })
            .ok()
    }
}

pub(super) fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    number.checked_mul(seconds).map(Duration::from_secs)
}
