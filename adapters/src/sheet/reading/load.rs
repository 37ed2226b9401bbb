//! Loading readings from a sheet.

use super::{ReadRule, Reading, ReportForm, WithoutResult};
use crate::sheet::condition::When;
use crate::sheet::expression::Expression;
use crate::sheet::loader::Loader;
use crate::sheet::scope::Sight;
use crate::sheet::source::{Raw, Section, Spot};
use crate::sheet::words::{Is, Verdict, own_table, verdict, words};
use crate::vocabulary::{Outcome, Standing};

impl Reading {
    /// Loads one `[read.NAME]`.
    pub(in crate::sheet) fn load(loader: &Loader<'_>, name: &str, spot: &Spot) -> Option<Self> {
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
            doubts: doubts(loader, section.list("doubts"), sight),
            is: constant(loader, &section),
            status: loader.expression_at(&section, "status", sight),
            statuses: words(loader, section.section("statuses", "`statuses`"), false),
            own_statuses: own_table(loader, &section, "own_statuses"),
            own_results: own_table(loader, &section, "own_results"),
            words: ["status", "result"]
                .iter()
                .flat_map(|key| section.texts(key))
                .filter_map(|(text, line)| Some((Expression::parse(text).ok()?, line)))
                .collect(),
            result: section
                .texts("result")
                .iter()
                .filter_map(|(text, line)| loader.expression(text, *line, sight))
                .collect(),
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
    pub(in crate::sheet) fn keeps(&self) -> impl Iterator<Item = &str> {
        self.keep.iter().map(|(name, _)| name.as_str())
    }

    /// True where its report is made at the click.
    pub(in crate::sheet) fn mints(&self) -> bool {
        matches!(self.report, Some(ReportForm::Minted))
    }

    fn is_whole(&self, loader: &Loader<'_>, name: &str, section: &Section<'_>) {
        let say = |wrong: String, right: &str| loader.mistakes.add(section.line, wrong, right);
        if self.is.is_some() && (self.status.is_some() || !self.result.is_empty()) {
            let wrong = format!("`[read.{name}]` has words and says `is`");
            say(
                wrong,
                "`is` is for an answer that has no word for where the order stands",
            );
        }
        if self.is.is_none() && (self.status.is_none() || self.statuses.is_empty()) {
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
        if self.result.is_empty() || self.results.is_empty() {
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

/// Where an order stands that was just taken, at vendors that answer with its reference alone.
fn constant(loader: &Loader<'_>, section: &Section<'_>) -> Option<Verdict> {
    use Standing::{InProgress, Invited, OnHold};
    let verdict = section
        .get("is")
        .and_then(|_| verdict(loader, section, false))?;
    if !matches!(verdict.is, Is::Standing(Invited | InProgress | OnHold)) {
        let wrong = "an order ends without a word of the vendor";
        let right = "`is` is invited, in_progress or on_hold; an end is read from the answer";
        loader.mistakes.add(verdict.line, wrong, right);
    }
    Some(verdict)
}

fn doubts(loader: &Loader<'_>, list: &[Spot], sight: Sight) -> Vec<ReadRule> {
    let doubts = read_rules(loader, list, sight);
    for doubt in &doubts {
        let pass = Is::Standing(Standing::Complete(Outcome::Pass));
        if doubt.verdict.is == pass || doubt.verdict.is == Is::Complete {
            let wrong = "a doubt makes nothing worse";
            let right = "it is review, fail, or a standing such as on_hold";
            loader.mistakes.add(doubt.verdict.line, wrong, right);
        }
    }
    doubts
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
