//! Readings: what a vendor's words for an order mean, `[read.NAME]`.
//!
//! Rules come first, in their order; then the tables. A status word that no table knows moves
//! nothing. A finished order whose result no table knows is for a person to review, never a pass;
//! where a status word and a result word both speak, the worse one counts.

use super::condition::When;
use super::expression::Expression;
use super::functions::{clean, plain, scalar};
use super::loader::Loader;
use super::scope::{Scope, Sight};
use super::source::{Raw, Section, Spot};
use super::template::Template;
use crate::vocabulary::{Outcome, Progress, Report, Standing, TheirRef};

/// The longest reference of a vendor that is taken for one, in characters.
const LONGEST_REFERENCE: usize = 256;
/// The longest unknown word that operators are shown.
const LONGEST_WORD: usize = 60;

/// How an order is read.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    theirs: Expression,
    also: Vec<Expression>,
    keep: Vec<(String, Expression)>,
    pub(super) rules: Vec<ReadRule>,
    status: Option<Expression>,
    pub(super) statuses: Vec<(String, Verdict)>,
    result: Option<Expression>,
    pub(super) results: Vec<(String, Verdict)>,
    without_result: Option<WithoutResult>,
    report: Option<ReportForm>,
    expected_at: Option<Expression>,
}

/// A rule that comes before the tables.
#[derive(Clone, Debug)]
pub(super) struct ReadRule {
    pub(super) when: When,
    pub(super) verdict: Verdict,
}

/// What a word or rule says of an order.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) is: Is,
    detail: Option<String>,
    pub(super) line: usize,
}

/// A standing; `Complete` waits for the result's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Standing(Standing),
    Complete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WithoutResult {
    NotReady,
    Review,
}

#[derive(Clone, Debug)]
enum ReportForm {
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
    let visible = |letter: char| !letter.is_control() && !letter.is_whitespace();
    text.chars().count() <= LONGEST_REFERENCE
        && text.chars().all(visible)
        && text.chars().any(|letter| letter != '.')
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
        let verdict = match ruled {
            Some(rule) => Some(&rule.verdict),
            None => self.by_status(scope, progress),
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
    }

    fn by_status(&self, scope: &Scope<'_>, progress: &mut Progress) -> Option<&Verdict> {
        let word = self.status.as_ref()?.read(scope);
        let found = look_up(&self.statuses, word.as_deref());
        if found.is_none() {
            progress.unknown.push(unknown("status", word.as_deref()));
        }
        found
    }

    /// The standing of a finished order, given what its status word says of the result.
    fn complete(
        &self,
        by_status: Option<Outcome>,
        scope: &Scope<'_>,
        progress: &mut Progress,
    ) -> Standing {
        let word = self.result.as_ref().and_then(|result| result.read(scope));
        let by_result = word.as_deref().map(|word| {
            let verdict = look_up(&self.results, Some(word));
            if let Some(detail) = verdict.and_then(|verdict| verdict.detail.clone()) {
                progress.detail = Some(detail);
            }
            match verdict.map(|verdict| verdict.is) {
                Some(Is::Standing(Standing::Complete(outcome))) => outcome,
                _ => {
                    progress.unknown.push(unknown("result", Some(word)));
                    Outcome::Review
                }
            }
        });
        if let Some(worst) = by_status.max(by_result) {
            return Standing::Complete(worst);
        }
        progress.detail = Some("no_result".to_owned());
        match self.without_result {
            Some(WithoutResult::NotReady) => Standing::InProgress,
            Some(WithoutResult::Review) | None => Standing::Complete(Outcome::Review),
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
        is_reference(&value).then(|| (name.clone(), value))
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

fn look_up<'t>(
    table: &'t [(String, Verdict)],
    word: Option<&serde_json::Value>,
) -> Option<&'t Verdict> {
    let word = plain(&scalar(word?)?);
    table
        .iter()
        .find_map(|(known, verdict)| (plain(known) == word).then_some(verdict))
}

fn unknown(what: &str, word: Option<&serde_json::Value>) -> String {
    let word = match word {
        None => "(absent)".to_owned(),
        Some(word) => {
            scalar(word).map_or("(not a word)".to_owned(), |word| clean(&word, LONGEST_WORD))
        }
    };
    format!("{what}={word}")
}

impl Reading {
    /// Loads one `[read.NAME]`.
    pub(super) fn load(loader: &Loader<'_>, name: &str, spot: &Spot) -> Option<Self> {
        let section = Section::new(format!("`[read.{name}]`"), spot, loader.mistakes)?;
        let sight = Sight {
            memo: true,
            answer: true,
            ..Sight::default()
        };
        let right = "name where the vendor's reference is: \".id\"";
        section.need("theirs", right);
        let theirs = loader.expression_at(&section, "theirs", sight);
        let also = section.texts("also");
        let reading = theirs.map(|theirs| Self {
            theirs,
            also: also
                .iter()
                .filter_map(|(text, line)| loader.expression(text, *line, sight))
                .collect(),
            keep: loader.named_expressions(section.section("keep", "`keep`"), sight),
            rules: read_rules(loader, section.list("rules"), sight),
            status: loader.expression_at(&section, "status", sight),
            statuses: words(loader, section.section("statuses", "`statuses`"), false),
            result: loader.expression_at(&section, "result", sight),
            results: words(loader, section.section("results", "`results`"), true),
            without_result: without_result(loader, &section),
            report: report_form(loader, &section, sight),
            expected_at: loader.expression_at(&section, "expected_at", sight),
        })?;
        section.close();
        reading.is_whole(loader, name, &section);
        Some(reading)
    }

    /// What is kept by it, by name.
    pub(super) fn keeps(&self) -> impl Iterator<Item = &str> {
        self.keep.iter().map(|(name, _)| name.as_str())
    }

    /// True where its report is made at the click.
    pub(super) fn mints(&self) -> bool {
        matches!(self.report, Some(ReportForm::Minted))
    }

    fn is_whole(&self, loader: &Loader<'_>, name: &str, section: &Section<'_>) {
        let say = |wrong: String, right: &str| loader.mistakes.add(section.line, wrong, right);
        if self.status.is_none() || self.statuses.is_empty() {
            let wrong = format!("`[read.{name}]` has no `status` with `statuses`");
            say(
                wrong,
                "say where the status word is, and what its words mean",
            );
        }
        let finishes = self.statuses.iter().map(|(_, verdict)| verdict.is);
        let rules = self.rules.iter().map(|rule| rule.verdict.is);
        if !finishes.chain(rules).any(|is| is == Is::Complete) {
            return;
        }
        if self.result.is_none() || self.results.is_empty() {
            let wrong =
                format!("`[read.{name}]` can be complete and has no `result` with `results`");
            say(
                wrong,
                "say where the result word is, and what its words mean",
            );
        }
        if self.without_result.is_none() {
            let wrong = format!("`[read.{name}]` does not say what complete without a result is");
            say(wrong, "without_result = \"not_ready\" or \"review\"");
        }
    }
}

fn read_rules(loader: &Loader<'_>, list: &[Spot], sight: Sight) -> Vec<ReadRule> {
    let rules = list.iter().filter_map(|spot| {
        let section = Section::new("a rule", spot, loader.mistakes)?;
        let when = When::load(loader, section.section("when", "`when`"), sight);
        if when.is_empty() {
            let wrong = "a rule fits every order";
            loader.mistakes.add(spot.line, wrong, "give it a `when`");
        }
        let verdict = verdict(loader, &section, false);
        section.close();
        Some(ReadRule {
            when,
            verdict: verdict?,
        })
    });
    rules.collect()
}

/// A table of words; `results` takes only outcomes.
fn words(
    loader: &Loader<'_>,
    section: Option<Section<'_>>,
    outcomes: bool,
) -> Vec<(String, Verdict)> {
    let mut known: Vec<(String, Verdict)> = Vec::new();
    for (word, spot) in section.iter().flat_map(Section::entries) {
        let found = match &spot.raw {
            Raw::Text(text) => is(loader, text, spot.line, outcomes).map(|is| Verdict {
                is,
                detail: None,
                line: spot.line,
            }),
            _ => Section::new(format!("the word `{word}`"), spot, loader.mistakes).and_then(
                |section| {
                    let found = verdict(loader, &section, outcomes);
                    section.close();
                    found
                },
            ),
        };
        if known.iter().any(|(other, _)| plain(other) == plain(word)) {
            let wrong = format!("the word `{word}` stands twice");
            let right = "words are compared without case, blanks, `_` and `-`; keep one";
            loader.mistakes.add(spot.line, wrong, right);
        }
        known.extend(found.map(|verdict| (word.clone(), verdict)));
    }
    known
}

fn verdict(loader: &Loader<'_>, section: &Section<'_>, outcomes: bool) -> Option<Verdict> {
    let detail = section.text("detail").map(str::to_owned);
    let text = section.need_text("is", "say what it means: \"on_hold\"")?;
    Some(Verdict {
        is: is(loader, text, section.line_of("is"), outcomes)?,
        detail,
        line: section.line_of("is"),
    })
}

fn is(loader: &Loader<'_>, text: &str, line: usize, outcomes: bool) -> Option<Is> {
    let outcome = |outcome| Some(Is::Standing(Standing::Complete(outcome)));
    let found = match text {
        "pass" => outcome(Outcome::Pass),
        "review" => outcome(Outcome::Review),
        "fail" => outcome(Outcome::Fail),
        _ if outcomes => None,
        "invited" => Some(Is::Standing(Standing::Invited)),
        "in_progress" => Some(Is::Standing(Standing::InProgress)),
        "on_hold" => Some(Is::Standing(Standing::OnHold)),
        "complete" => Some(Is::Complete),
        "canceled" => Some(Is::Standing(Standing::Canceled)),
        "expired" => Some(Is::Standing(Standing::Expired)),
        "failed" => Some(Is::Standing(Standing::Failed)),
        _ => None,
    };
    if found.is_none() {
        let standings = "invited, in_progress, on_hold, complete, canceled, expired, failed";
        let right = match outcomes {
            true => "a result is pass, review or fail".to_owned(),
            false => format!("it is one of: {standings}, or complete with pass, review or fail"),
        };
        let wrong = format!("`{text}` is nothing an order can be");
        loader.mistakes.add(line, wrong, right);
    }
    found
}

fn without_result(loader: &Loader<'_>, section: &Section<'_>) -> Option<WithoutResult> {
    let text = section.text("without_result")?;
    let found = match text {
        "not_ready" => Some(WithoutResult::NotReady),
        "review" => Some(WithoutResult::Review),
        _ => None,
    };
    if found.is_none() {
        let line = section.line_of("without_result");
        let wrong = format!("`without_result` is `{text}`");
        let right = "a finished check without a result is \"not_ready\" or \"review\"";
        loader.mistakes.add(line, wrong, right);
    }
    found
}

fn report_form(loader: &Loader<'_>, section: &Section<'_>, sight: Sight) -> Option<ReportForm> {
    let right = "{ link = \"...\" }, { capability = \"...\" } or \"minted\"";
    let spot = section.get("report")?;
    if matches!(&spot.raw, Raw::Text(word) if word == "minted") {
        return Some(ReportForm::Minted);
    }
    let table = Section::new("`report`", spot, loader.mistakes)?;
    let link = loader.template_at(&table, "link", sight);
    let capability = loader.template_at(&table, "capability", sight);
    table.close();
    match (link, capability) {
        (Some(link), None) => Some(ReportForm::Link(link)),
        (None, Some(link)) => Some(ReportForm::Capability(link)),
        _ => {
            loader
                .mistakes
                .add(spot.line, "this is not a report", right);
            None
        }
    }
}
