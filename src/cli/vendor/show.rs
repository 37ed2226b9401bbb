//! `cleargate vendor show`: what a sheet can do, in words.

use std::io::{self, Write};
use std::path::Path;

use adapters::sheet::Outline;
use adapters::sheet::outline::{CallbackLines, ReadingLines, Word};

use super::super::error::CliError;
use super::super::show::{write_columns, write_json};
use super::found::find;

/// Prints the outline of a sheet.
pub(super) fn run(
    named: &str,
    config: Option<&Path>,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let (found, _) = find(named, config)?;
    let outline = found.sheet.outline();
    if json {
        return write_json(out, &outline);
    }
    write_outline(out, &outline)
}

fn write_outline(out: &mut impl Write, outline: &Outline) -> Result<(), CliError> {
    writeln!(
        out,
        "{} ({}), from {}",
        outline.title,
        outline.name,
        outline.files.join(" over ")
    )?;
    if outline.sandbox {
        writeln!(
            out,
            "  a fake vendor: it needs `vendors.allow_sandbox = true`"
        )?;
    }
    let policy = &outline.policy;
    let facts = [
        ("answers", outline.answers.clone()),
        ("proves us by", outline.auth.clone()),
        ("credentials", listed(&outline.credentials)),
        ("reference", policy.reference.clone()),
        ("unknown end", policy.ambiguity.clone()),
        ("looks", policy.looks.clone()),
        ("reopening", policy.reopening.clone()),
        ("dropped", listed(&outline.dropped)),
        ("unsupported", listed(&outline.unsupported)),
        ("own tests", outline.samples.to_string()),
    ];
    write_columns(
        out,
        "  ",
        &facts.map(|(name, text)| vec![name.to_owned(), text]),
    )?;
    write_settings(out, outline)?;
    write_operations(out, outline)?;
    for reading in &outline.readings {
        write_reading(out, reading)?;
    }
    match &outline.callbacks {
        Some(callbacks) => write_callbacks(out, callbacks)?,
        None => writeln!(out, "\ncallbacks: none; orders are looked at")?,
    }
    write_remarks(out, outline)?;
    Ok(())
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

fn write_settings(out: &mut impl Write, outline: &Outline) -> io::Result<()> {
    if outline.settings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nsettings of a connection")?;
    for setting in &outline.settings {
        let left_out = match &setting.default {
            Some(default) => format!("left out: {default}"),
            None => "must be given".to_owned(),
        };
        let (name, form, example) = (&setting.name, &setting.form, &setting.example);
        writeln!(out, "  {name}: {form}, such as {example}; {left_out}")?;
        writeln!(out, "    {}", setting.meaning)?;
    }
    Ok(())
}

fn write_operations(out: &mut impl Write, outline: &Outline) -> Result<(), CliError> {
    writeln!(out, "\noperations")?;
    let mut rows = Vec::new();
    for operation in &outline.operations {
        for step in &operation.steps {
            let next = match step.next.as_slice() {
                [] => String::new(),
                next => format!("then {}", next.join(" or ")),
            };
            let name = format!("{}.{}", operation.name, step.step);
            rows.push(vec![name, step.request.clone(), step.effect.clone(), next]);
        }
    }
    write_columns(out, "  ", &rows)
}

fn write_reading(out: &mut impl Write, reading: &ReadingLines) -> Result<(), CliError> {
    writeln!(out, "\nread.{}: what an order's words mean", reading.name)?;
    if reading.rules > 0 {
        writeln!(out, "  {} rules come before the tables", reading.rules)?;
    }
    if let Some(word) = &reading.is {
        writeln!(out, "  the answer has no word for it; it is {word}")?;
    }
    if let Some(path) = &reading.status {
        writeln!(out, "  status at {path}")?;
        write_words(out, &reading.statuses, reading.own_statuses.as_deref())?;
    }
    if !reading.result.is_empty() {
        writeln!(out, "  result at {}", reading.result.join(" and "))?;
        write_words(out, &reading.results, reading.own_results.as_deref())?;
    }
    if let Some(word) = &reading.without_result {
        writeln!(out, "  complete without a result: {word}")?;
    }
    Ok(writeln!(out, "  report: {}", reading.report)?)
}

fn write_words(out: &mut impl Write, words: &[Word], own: Option<&str>) -> Result<(), CliError> {
    if let Some(own) = own {
        writeln!(out, "    the connection's own words come first: {own}")?;
    }
    let rows = words.iter().map(|word| {
        let detail = word.detail.as_ref().map(|detail| format!(" ({detail})"));
        vec![
            word.word.clone(),
            format!("{}{}", word.is, detail.unwrap_or_default()),
        ]
    });
    write_columns(out, "    ", &rows.collect::<Vec<_>>())
}

fn write_callbacks(out: &mut impl Write, callbacks: &CallbackLines) -> Result<(), CliError> {
    writeln!(out, "\ncallbacks")?;
    let rows = [
        ("come by", callbacks.methods.join(" or ")),
        ("proof", callbacks.proof.clone()),
        ("answered with", callbacks.answered.clone()),
        ("name an order by", callbacks.names_order_by.join(", ")),
        ("lead to", callbacks.then.clone()),
    ];
    write_columns(
        out,
        "  ",
        &rows.map(|(name, text)| vec![name.to_owned(), text]),
    )
}

fn write_remarks(out: &mut impl Write, outline: &Outline) -> io::Result<()> {
    if outline.remarks.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nwhat its author remarks")?;
    for remark in outline.remarks.iter().filter(|one| !one.text.is_empty()) {
        let about = match remark.about.as_str() {
            "" => String::new(),
            about => format!(" [{}]", about.trim_end_matches(',')),
        };
        writeln!(
            out,
            "  {}:{}: {}{about}",
            remark.file, remark.line, remark.text
        )?;
    }
    Ok(())
}
