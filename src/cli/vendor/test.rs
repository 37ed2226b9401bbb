//! `cleargate vendor test`: a sheet's own tests, the laws that every vendor owes, and, where asked,
//! one harmless call to the vendor itself.

use std::io::Write;
use std::path::{Path, PathBuf};

use adapters::conformance::{Verdict, tried};
use adapters::sample;
use serde::Serialize;

use super::super::error::CliError;
use super::super::show::write_json;
use super::explain::pair;
use super::found::find;
use super::live;

/// How many ways in which a law is broken are shown to people: mistakes come in flocks.
const MOST_SHOWN: usize = 12;

/// What is tried.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// A vendor, or the file of a sheet. Fixtures are looked for in `fixtures/NAME` beside the file,
    /// and in its own folder.
    #[arg(value_name = "NAME-OR-FILE")]
    sheet: String,
    /// Also ask the vendor there whether the credentials are good, and for its packages.
    #[arg(long, value_name = "BASE_URL")]
    pub(super) live: Option<String>,
    /// A credential for `--live`, as a reference: `api_key=env:ACME_KEY`.
    #[arg(long, value_name = "NAME=REFERENCE", value_parser = pair, requires = "live")]
    pub(super) credential: Vec<(String, String)>,
    /// A setting for `--live`: `region=us`.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, requires = "live")]
    pub(super) setting: Vec<(String, String)>,
    /// Take credentials and settings for `--live` from the first connection to this vendor in a
    /// tenants file.
    #[arg(long, value_name = "FILE", requires = "live")]
    pub(super) tenants: Option<PathBuf>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// What came out.
#[derive(Serialize)]
struct Report {
    vendor: String,
    /// How many `[[test]]` the sheet has.
    tests: usize,
    failures: Vec<String>,
    /// Where the fixtures are; none: the laws were tried on the sheet's own tests.
    fixtures: Option<String>,
    laws: Vec<LawLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<live::Answered>,
    passed: bool,
}

#[derive(Serialize)]
struct LawLine {
    law: &'static str,
    sentence: &'static str,
    /// `kept`, `broken` or `not_tried`.
    verdict: &'static str,
    /// What is wrong, or why it was not tried.
    why: Vec<String>,
}

/// Tries a sheet.
pub(super) async fn run(
    options: &Options,
    config: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let (found, settings) = find(&options.sheet, config)?;
    let fixtures = found.fixtures()?;
    let vendor = &found.sheet.vendor;
    let laws = tried(vendor, fixtures.as_ref().map(|(_, fixtures)| fixtures));
    let laws: Vec<LawLine> = laws
        .into_iter()
        .map(|law| {
            let (verdict, why) = match law.verdict {
                Verdict::Kept => ("kept", Vec::new()),
                Verdict::Broken(ways) => ("broken", ways),
                Verdict::NotTried(why) => ("not_tried", vec![why]),
            };
            LawLine {
                law: law.law,
                sentence: law.sentence,
                verdict,
                why,
            }
        })
        .collect();
    let failures = sample::failures(vendor);
    let live = match &options.live {
        Some(base_url) => Some(live::ask(vendor, base_url, options, &settings).await?),
        None => None,
    };
    let passed = failures.is_empty()
        && laws.iter().all(|law| law.verdict != "broken")
        && live.as_ref().is_none_or(|live| live.wrong.is_none());
    let report = Report {
        vendor: vendor.name.clone(),
        tests: vendor.samples.len(),
        failures,
        fixtures: fixtures.map(|(place, _)| place),
        laws,
        live,
        passed,
    };
    if options.json {
        write_json(out, &report)?;
    } else {
        write_report(out, &report)?;
    }
    out.flush()?;
    match report.passed {
        true => Ok(()),
        false => Err(CliError::NotDone(format!(
            "the sheet of {} does not pass",
            report.vendor
        ))),
    }
}

fn write_report(out: &mut impl Write, report: &Report) -> Result<(), CliError> {
    writeln!(out, "{}: the sheet loads", report.vendor)?;
    let good = report.tests - report.failures.len();
    writeln!(
        out,
        "{good} of {} [[test]]s mean what they must",
        report.tests
    )?;
    for failure in &report.failures {
        writeln!(out, "  {failure}")?;
    }
    match &report.fixtures {
        Some(place) => writeln!(out, "the laws, on the fixtures in {place}")?,
        None => writeln!(
            out,
            "the laws, on its own [[test]]s, for there are no fixtures"
        )?,
    }
    for law in &report.laws {
        let word = match law.verdict {
            "kept" => "pass",
            "broken" => "FAIL",
            _ => "not tried",
        };
        writeln!(out, "  {word:9}  {}: {}", law.law, law.sentence)?;
        for why in law.why.iter().take(MOST_SHOWN) {
            writeln!(out, "             {why}")?;
        }
        if law.why.len() > MOST_SHOWN {
            let more = law.why.len() - MOST_SHOWN;
            writeln!(out, "             and {more} more, which --json shows")?;
        }
    }
    if let Some(live) = &report.live {
        live.write(out)?;
    }
    let all = if report.passed {
        "passes"
    } else {
        "does not pass"
    };
    Ok(writeln!(out, "{} {all}", report.vendor)?)
}
