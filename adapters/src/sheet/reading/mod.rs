//! Readings: what a vendor's words for an order mean, `[read.NAME]`.
//!
//! Rules come first, in their order; then the tables; and what seems complete may meet a doubt. A status word that no table knows moves
//! nothing. Where a word is read from several nodes, all of them count: an order is as far as the
//! node that is least far, and its result is the worst. A connection's own words come before the
//! sheet's. A finished order whose result no table knows is for a person to review, never a pass;
//! where a status word and a result word both speak, the worse one counts.

mod load;

use serde_json::Value;

use super::condition::When;
use super::expression::Expression;
use super::functions::{clean, flat, scalar};
use super::scope::Scope;
use super::template::Template;
use super::words::{Is, Verdict, each, least_far, look_up, own_word};
use crate::vocabulary::{Outcome, Progress, Report, Standing, TheirRef};

/// The longest reference of a vendor that is taken for one, in characters.
const LONGEST_REFERENCE: usize = 256;
/// The longest value that is kept, in characters: a link, or the ids of a list.
const LONGEST_KEPT: usize = 1024;
/// The longest unknown word that operators are shown.
const LONGEST_WORD: usize = 60;

/// How an order is read.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) theirs: Expression,
    also: Vec<Expression>,
    keep: Vec<(String, Expression)>,
    pub(super) rules: Vec<ReadRule>,
    /// What stands against an order that is complete.
    doubts: Vec<ReadRule>,
    /// Where the order stands, for an answer that has no word for it.
    pub(super) is: Option<Verdict>,
    pub(super) status: Option<Expression>,
    pub(super) statuses: Vec<(String, Verdict)>,
    /// The setting with the connection's own status words.
    pub(super) own_statuses: Option<String>,
    /// Where result words are read; the first must be there, and all that are there count.
    pub(super) result: Vec<Expression>,
    pub(super) results: Vec<(String, Verdict)>,
    /// The setting with the connection's own result words.
    pub(super) own_results: Option<String>,
    /// Where the words are read, with their lines.
    pub(super) words: Vec<(Expression, usize)>,
    pub(super) without_result: Option<WithoutResult>,
    pub(super) report: Option<ReportForm>,
    expected_at: Option<Expression>,
}

/// A rule that comes before the tables.
#[derive(Clone, Debug)]
pub(super) struct ReadRule {
    pub(super) when: When,
    pub(super) verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WithoutResult {
    NotReady,
    Review,
}

impl WithoutResult {
    /// As the sheet writes it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NotReady => "not_ready",
            Self::Review => "review",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum ReportForm {
    Link(Template),
    Capability(Template),
    Minted,
}

/// The vendor's reference that `expression` finds, where it is one.
pub(super) fn reference(expression: &Expression, scope: &Scope<'_>) -> Option<TheirRef> {
    let text = expression.read_text(scope)?;
    is_reference(&text).then_some(TheirRef(text))
}

/// True where `text` can be a reference: short, visible, and nothing that climbs in a path.
pub(super) fn is_reference(text: &str) -> bool {
    text.chars().count() <= LONGEST_REFERENCE && is_visible(text)
}

/// True for what can order an offer: some vendors know their packages by names with blanks.
pub(super) fn is_offer(text: &str) -> bool {
    text.trim() == text && is_reference(&text.replace(' ', "-"))
}

fn is_visible(text: &str) -> bool {
    let visible = |letter: char| !letter.is_control() && !letter.is_whitespace();
    text.chars().all(visible) && text.chars().any(|letter| letter != '.')
}

impl Reading {
    /// What the vendor says of the order; `None` where it does not name one.
    pub(super) fn progress(&self, scope: &Scope<'_>) -> Option<Progress> {
        let theirs = reference(&self.theirs, scope)?;
        let mut also: Vec<TheirRef> = Vec::new();
        for one in self.also.iter().filter_map(|also| reference(also, scope)) {
            if one != theirs && !also.contains(&one) {
                also.push(one);
            }
        }
        let mut progress = Progress::new(theirs, None);
        progress.also = also;
        self.judge(scope, &mut progress);
        progress.report = self.report(scope);
        progress.expected_at = self
            .expected_at
            .as_ref()
            .and_then(|expected| expected.read(scope)?.as_i64());
        progress.keep = kept(&self.keep, scope);
        Some(progress)
    }

    /// The reference alone.
    pub(super) fn theirs(&self, scope: &Scope<'_>) -> Option<TheirRef> {
        reference(&self.theirs, scope)
    }

    fn judge(&self, scope: &Scope<'_>, progress: &mut Progress) {
        let ruled = self.rules.iter().find(|rule| rule.when.holds(scope));
        if let Some(rule) = ruled {
            scope.note(rule.verdict.line, || {
                "this rule comes before the tables and fits".to_owned()
            });
        } else if let Some(verdict) = &self.is {
            scope.note(verdict.line, || {
                "the answer has no word of its own; the sheet says `is`".to_owned()
            });
        }
        let verdict = match ruled {
            Some(rule) => Some(rule.verdict.clone()),
            None => self.is.clone().or_else(|| self.by_status(scope, progress)),
        };
        let Some(verdict) = verdict else {
            return;
        };
        progress.detail.clone_from(&verdict.detail);
        progress.standing = Some(match verdict.is {
            // A rule has looked at the result already; a status word has not.
            Is::Standing(Standing::Complete(outcome)) if ruled.is_none() => {
                self.complete(Some(outcome), scope, progress)
            }
            Is::Standing(standing) => standing,
            Is::Complete => self.complete(None, scope, progress),
        });
        self.doubt(scope, progress);
    }

    /// Makes of a complete order what the first doubt that fits says: no better than it was.
    fn doubt(&self, scope: &Scope<'_>, progress: &mut Progress) {
        let Some(Standing::Complete(outcome)) = progress.standing else {
            return;
        };
        let Some(doubt) = self.doubts.iter().find(|doubt| doubt.when.holds(scope)) else {
            return;
        };
        scope.note(doubt.verdict.line, || "this doubt fits".to_owned());
        progress.standing = match doubt.verdict.is {
            Is::Standing(Standing::Complete(worse)) => Some(Standing::Complete(outcome.max(worse))),
            Is::Standing(standing) => Some(standing),
            Is::Complete => progress.standing,
        };
        progress.detail.clone_from(&doubt.verdict.detail);
    }

    fn by_status(&self, scope: &Scope<'_>, progress: &mut Progress) -> Option<Verdict> {
        let read = self.status.as_ref()?.read_words(scope);
        let words = each(self.status.as_ref(), read.as_deref());
        let verdicts = words.iter().map(|word| {
            let verdict = self.status_of(*word, scope);
            scope.note(line_of(verdict.as_ref()), || {
                decided(
                    self.status.as_ref(),
                    *word,
                    verdict.as_ref(),
                    "moves nothing",
                )
            });
            if verdict.is_none() {
                progress.unknown.push(unknown("status", *word));
            }
            verdict
        });
        let verdicts: Vec<Option<Verdict>> = verdicts.collect();
        least_far(&verdicts.into_iter().collect::<Option<Vec<_>>>()?)
    }

    fn status_of(&self, word: Option<&Value>, scope: &Scope<'_>) -> Option<Verdict> {
        let own = own_word(self.own_statuses.as_deref(), word, scope, false);
        own.unwrap_or_else(|| look_up(&self.statuses, word).cloned())
    }

    fn result_of(&self, word: Option<&Value>, scope: &Scope<'_>) -> Option<Verdict> {
        let own = own_word(self.own_results.as_deref(), word, scope, true);
        own.unwrap_or_else(|| look_up(&self.results, word).cloned())
    }

    /// The standing of a finished order, given what its status word says of the result.
    fn complete(
        &self,
        by_status: Option<Outcome>,
        scope: &Scope<'_>,
        progress: &mut Progress,
    ) -> Standing {
        let read: Vec<_> = self
            .result
            .iter()
            .map(|one| (one, one.read_words(scope)))
            .collect();
        let mut words = Vec::new();
        for (nth, (one, value)) in read.iter().enumerate() {
            // The first has to be there; others count where they are.
            if nth == 0 || value.is_some() {
                let found = each(Some(one), value.as_deref());
                words.extend(found.into_iter().map(|word| (*one, word)));
            }
        }
        let mut worst = by_status;
        for (path, word) in words
            .iter()
            .filter_map(|(path, word)| Some((*path, (*word)?)))
        {
            worst = worst.max(Some(self.outcome(path, word, scope, progress)));
        }
        let several = words.len() > 1;
        let lacking = words.iter().any(|(_, word)| word.is_none());
        if let Some(worst) = worst.filter(|_| !(several && lacking)) {
            return Standing::Complete(worst);
        }
        progress.detail = Some("no_result".to_owned());
        scope.note(0, || self.told_without_result());
        match self.without_result {
            Some(WithoutResult::NotReady) => Standing::InProgress,
            Some(WithoutResult::Review) | None => {
                Standing::Complete(worst.max(Some(Outcome::Review)).unwrap_or(Outcome::Review))
            }
        }
    }

    /// What is done where a complete order has no result, for people.
    fn told_without_result(&self) -> String {
        let word = self
            .without_result
            .map(WithoutResult::word)
            .unwrap_or("review");
        let places: Vec<_> = self
            .result
            .iter()
            .map(|one| format!("`{}`", one.text()))
            .collect();
        format!(
            "complete, and no result at {}: `without_result` says {word}",
            places.join(", ")
        )
    }

    fn outcome(
        &self,
        path: &Expression,
        word: &Value,
        scope: &Scope<'_>,
        progress: &mut Progress,
    ) -> Outcome {
        let verdict = self.result_of(Some(word), scope);
        scope.note(line_of(verdict.as_ref()), || {
            decided(Some(path), Some(word), verdict.as_ref(), "is for review")
        });
        if let Some(detail) = verdict.as_ref().and_then(|verdict| verdict.detail.clone()) {
            progress.detail = Some(detail);
        }
        match verdict.map(|verdict| verdict.is) {
            Some(Is::Standing(Standing::Complete(outcome))) => outcome,
            _ => {
                progress.unknown.push(unknown("result", Some(word)));
                Outcome::Review
            }
        }
    }

    fn report(&self, scope: &Scope<'_>) -> Option<Report> {
        let link = |template: &Template| {
            let link = template.text(scope).ok().flatten()?;
            is_link(&link).then_some(link)
        };
        match self.report.as_ref()? {
            ReportForm::Link(template) => link(template).map(Report::Link),
            ReportForm::Capability(template) => link(template).map(Report::Capability),
            ReportForm::Minted => Some(Report::Minted),
        }
    }
}

/// The values that are kept, where they are there and can be references.
pub(super) fn kept(
    keep: &[(String, Expression)],
    scope: &Scope<'_>,
) -> std::collections::BTreeMap<String, String> {
    let values = keep.iter().filter_map(|(name, expression)| {
        let value = expression.read_text(scope)?;
        let fits = value.chars().count() <= LONGEST_KEPT && is_visible(&value);
        fits.then(|| (name.clone(), value))
    });
    values.collect()
}

/// True for a web address that can be shown as a link.
pub(super) fn is_link(text: &str) -> bool {
    let visible = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '"' | '<' | '>');
    let web = text
        .strip_prefix("https://")
        .or(text.strip_prefix("http://"));
    web.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) && text.chars().all(visible)
}

fn line_of(verdict: Option<&Verdict>) -> usize {
    verdict.map_or(0, |verdict| verdict.line)
}

/// What a word of the vendor meant, for people.
fn decided(
    path: Option<&Expression>,
    word: Option<&Value>,
    verdict: Option<&Verdict>,
    otherwise: &str,
) -> String {
    let path = path.map(Expression::text).unwrap_or_default();
    let word = match word {
        None => "absent".to_owned(),
        Some(word) => format!("`{}`", clean(&flat(word), LONGEST_WORD)),
    };
    match verdict {
        Some(verdict) => {
            let own = if verdict.line == 0 {
                ", by the connection's own table"
            } else {
                ""
            };
            format!("`{path}` is {word}: {}{own}", verdict.is.word())
        }
        None => format!("`{path}` is {word}, which no table knows: it {otherwise}"),
    }
}

fn unknown(what: &str, word: Option<&Value>) -> String {
    let word = match word {
        None => "(absent)".to_owned(),
        Some(word) => {
            scalar(word).map_or("(not a word)".to_owned(), |word| clean(&word, LONGEST_WORD))
        }
    };
    format!("{what}={word}")
}
