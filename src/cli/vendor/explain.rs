//! `cleargate vendor explain`: which line of a sheet gives an answer or a callback its meaning.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use adapters::contract::{Setting, SettingForm};
use adapters::sample::Sample;
use adapters::sheet::Explanation;
use serde_json::Value;

use super::super::error::CliError;
use super::super::show::write_json;
use super::found::find;

/// What is to be explained.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true)))]
pub(in crate::cli) struct Options {
    /// A vendor, or the file of a sheet.
    #[arg(value_name = "NAME-OR-FILE")]
    sheet: String,
    /// The body of an answer.
    #[arg(long, value_name = "FILE", group = "what")]
    reply: Option<PathBuf>,
    /// The body of a callback.
    #[arg(long, value_name = "FILE", group = "what")]
    callback: Option<PathBuf>,
    /// The operation whose answer it is.
    #[arg(long, default_value = "fetch", value_parser = ["place", "fetch", "fetch_many", "look_up", "cancel", "report", "list", "verify"])]
    operation: String,
    /// The step whose answer it is; left out: the one with which the operation begins.
    #[arg(long)]
    step: Option<String>,
    /// The answer's HTTP status.
    #[arg(long, default_value_t = 200)]
    status: u16,
    /// A header of the answer: `Retry-After: 30`.
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// A setting of the connection; that of a table as TOML: `words={ Clean = "pass" }`.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    setting: Vec<(String, String)>,
    /// What was kept earlier: `report_id=rep_1`.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    memo: Vec<(String, String)>,
    /// The vendor's reference that was asked for.
    #[arg(long, default_value = "theirs-1")]
    theirs: String,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// `NAME=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("it is NAME: VALUE")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

/// The settings that were given, each in its form.
///
/// # Errors
/// A sentence on one that the vendor does not have, or that is not in its form.
pub(super) fn settings(
    known: &[Setting],
    given: &[(String, String)],
) -> Result<BTreeMap<String, Value>, CliError> {
    let mut settings = BTreeMap::new();
    for (name, text) in given {
        let setting = known.iter().find(|setting| setting.name == *name);
        let setting = setting.ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|one| one.name.as_str()).collect();
            let names = names.join(", ");
            CliError::Usage(format!(
                "the vendor has no setting `{name}` (it has: {names})"
            ))
        })?;
        let value = match setting.form {
            SettingForm::Table => toml::from_str::<toml::Table>(&format!("it = {text}"))
                .ok()
                .and_then(|table| serde_json::to_value(&table["it"]).ok()),
            _ => Some(Value::from(text.as_str())),
        };
        let value = value
            .filter(|value| setting.form.accepts(value))
            .ok_or_else(|| {
                let example = &setting.example;
                CliError::Usage(format!(
                    "`{text}` is no value of `{name}`; one looks like {example}"
                ))
            })?;
        settings.insert(name.clone(), value);
    }
    Ok(settings)
}

/// Explains an answer or a callback.
pub(super) fn run(
    options: &Options,
    config: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let (found, _) = find(&options.sheet, config)?;
    let (path, operation) = match (&options.reply, &options.callback) {
        (Some(path), _) => (path, options.operation.as_str()),
        (None, Some(path)) => (path, "callback"),
        (None, None) => {
            return Err(CliError::Usage(
                "say what: --reply or --callback".to_owned(),
            ));
        }
    };
    let body = std::fs::read(path).map_err(|error| {
        CliError::SetUp(vec![format!("{} cannot be read ({error})", path.display())])
    })?;
    let sample = Sample {
        name: String::new(),
        operation: operation.to_owned(),
        step: options.step.clone().unwrap_or_default(),
        theirs: options.theirs.clone(),
        settings: settings(&found.sheet.vendor.settings, &options.setting)?,
        memo: options.memo.iter().cloned().collect(),
        status: options.status,
        headers: options.header.clone(),
        body: String::from_utf8_lossy(&body).into_owned(),
        expect: Value::Null,
        absent_may_pass: Vec::new(),
    };
    let explained = found.sheet.explain(&sample).map_err(CliError::Usage)?;
    if options.json {
        return write_json(out, &explained);
    }
    write_explanation(out, &explained)
}

fn write_explanation(out: &mut impl Write, explained: &Explanation) -> Result<(), CliError> {
    writeln!(out, "{}", explained.of)?;
    for why in &explained.why {
        writeln!(out, "  {}", why.told)?;
        if let (Some(file), Some(line)) = (&why.file, why.line) {
            let text = why.text.as_deref().unwrap_or_default();
            writeln!(out, "      {file}:{line}: {text}")?;
        }
    }
    let one = std::slice::from_ref(&explained.means);
    let all = explained.means.as_array().map_or(one, Vec::as_slice);
    if all.is_empty() {
        writeln!(out, "means: nothing, it is ignored")?;
    }
    for means in all {
        let word = means["is"].as_str().unwrap_or_default();
        writeln!(out, "means: {word}")?;
        let members = means.as_object().into_iter().flatten();
        // `standing` is what `is` says already.
        let told = |name: &str| !matches!(name, "is" | "standing");
        for (name, value) in members.filter(|(name, value)| told(name) && !value.is_null()) {
            writeln!(out, "  {name} = {value}")?;
        }
    }
    Ok(())
}
