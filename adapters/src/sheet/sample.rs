//! `[[test]]`: samples of what the vendor sends, see [`crate::sample`].

use serde_json::Value;

use super::loader::Loader;
use super::source::{Raw, Section, Spot};
use super::steps::Steps;
use super::vendor::plain_value;
use crate::sample::Sample;

/// Loads the sheet's samples; `operations` are those that it has.
pub(super) fn load(
    loader: &Loader<'_>,
    sheet: &Section<'_>,
    operations: &[(&'static str, &Steps)],
    calls_back: bool,
) -> Vec<Sample> {
    let list = sheet.list("test").iter();
    list.filter_map(|spot| sample(loader, spot, operations, calls_back))
        .collect()
}

fn sample(
    loader: &Loader<'_>,
    spot: &Spot,
    operations: &[(&'static str, &Steps)],
    calls_back: bool,
) -> Option<Sample> {
    let section = Section::new("a test", spot, loader.mistakes)?;
    let name = section.need_text("name", "a sentence on what is shown");
    let of = section.need_text(
        "of",
        "say what it is: \"fetch.order\" (operation and step) or \"callback\"",
    );
    let body = section.need_text("body", "what the vendor sends");
    let expect = section.need("expect", "what it means: \"complete/pass\"");
    let texts = |key: &'static str| {
        let table = section.section(key, format!("`{key}`"));
        let entries = table.iter().flat_map(Section::entries);
        let pairs = entries
            .filter_map(|(name, spot)| Some((name.clone(), loader.text(name, spot)?.to_owned())));
        pairs.collect::<Vec<_>>()
    };
    let settings = section.section("settings", "`settings`");
    let settings = settings.iter().flat_map(Section::entries);
    let settings = settings.map(|(name, spot)| (name.clone(), plain_value(&spot.raw)));
    let (operation, step) = of?.split_once('.').unwrap_or((of?, ""));
    let sample = Sample {
        operation: operation.to_owned(),
        step: step.to_owned(),
        theirs: section.text("theirs").unwrap_or("theirs-1").to_owned(),
        settings: settings.collect(),
        memo: texts("memo").into_iter().collect(),
        status: section
            .whole("status")
            .and_then(|status| u16::try_from(status).ok())
            .unwrap_or(200),
        headers: texts("headers"),
        absent_may_pass: section
            .texts("absent_may_pass")
            .into_iter()
            .map(|(name, _)| name.to_owned())
            .collect(),
        name: name?.to_owned(),
        body: body?.to_owned(),
        expect: match &expect?.raw {
            // One note is the usual case.
            Raw::Text(word) if operation == "callback" => {
                serde_json::json!([{ "is": word }])
            }
            raw @ Raw::Table(_) if operation == "callback" => Value::Array(vec![plain_value(raw)]),
            raw => plain_value(raw),
        },
    };
    section.close();
    let known = match operation {
        "callback" => calls_back,
        _ => operations.iter().any(|(name, steps)| {
            *name == operation && steps.steps.iter().any(|one| one.name == step)
        }),
    };
    // A step that could not be loaded is no mistake of its samples.
    if !known && loader.mistakes.is_empty() {
        let wrong = format!("`{operation}.{step}` is no step of this sheet");
        let right = "it is an operation and a step, \"fetch.order\", or \"callback\"";
        loader.mistakes.add(section.line_of("of"), wrong, right);
    }
    Some(sample)
}
