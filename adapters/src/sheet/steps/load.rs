//! Loading steps from a sheet.

use std::sync::Arc;

use super::Steps;
use super::step::{Find, Several, Step};
use crate::sheet::catalog::CatalogForm;
use crate::sheet::condition::When;
use crate::sheet::expression::Expression;
use crate::sheet::loader::Loader;
use crate::sheet::pages;
use crate::sheet::report;
use crate::sheet::request::{Form, success};
use crate::sheet::rules::{Errors, rules};
use crate::sheet::scope::Sight;
use crate::sheet::source::{Raw, Section, Spot};

/// What kind of operation steps are loaded for.
#[derive(Clone, Copy)]
pub(in crate::sheet) struct Kind {
    /// Its name in the sheet: `place`.
    pub(in crate::sheet) name: &'static str,
    pub(in crate::sheet) sight: Sight,
    /// Its end is read by a `[read.NAME]`.
    pub(in crate::sheet) reads: bool,
    /// Finding nothing is an answer.
    pub(in crate::sheet) finds: bool,
}

/// Loads the `[[NAME]]` steps; `None` where there are none.
pub(in crate::sheet) fn load(
    loader: &Loader<'_>,
    sheet: &Section<'_>,
    kind: Kind,
    errors: &Arc<Errors>,
) -> Option<Steps> {
    let list = sheet.list(kind.name);
    let steps: Vec<Step> = list
        .iter()
        .filter_map(|spot| step(loader, spot, kind))
        .collect();
    (!list.is_empty()).then(|| Steps {
        steps,
        errors: Arc::clone(errors),
        answers: loader.answers.1,
        finds: kind.finds,
        to_the_end: kind.name == "look_up",
    })
}

fn step(loader: &Loader<'_>, spot: &Spot, kind: Kind) -> Option<Step> {
    let section = Section::new(format!("a step of `{}`", kind.name), spot, loader.mistakes)?;
    let name = section.need_text("step", "every step has a name: step = \"candidate\"");
    let sight = Sight {
        memo: true,
        page: section.get("pages").is_some(),
        ..kind.sight
    };
    let reads = sight.with_answer();
    let request = Form::load(loader, &section, sight);
    let kept = reads.without_people();
    let find = section.section("find", "`find`");
    let pages = section.section("pages", "`pages`");
    let next = section.texts("next");
    let document = (kind.name == "report")
        .then(|| section.section("document", "`document`"))
        .flatten()
        .and_then(|document| report::load(loader, &document, kept));
    let document_is_answer = document.as_ref().is_some_and(|one| one.base64.is_none());
    let reading = kind.reads.then(|| loader.reading_at(&section)).flatten();
    let step = |request| Step {
        name: name.unwrap_or_default().to_owned(),
        line: spot.line,
        when: When::load(loader, section.section("when", "`when`"), sight),
        request,
        success: match document_is_answer {
            true => When::default(),
            false => {
                let by_status = kind.name != "place" && !next.is_empty();
                let read = sign(&section).or(reading.as_ref().map(|one| one.theirs.clone()));
                success(loader, &section, reads, by_status, read)
            }
        },
        find: find.and_then(|find| load_find(loader, &find, reads)),
        pages: pages.and_then(|pages| pages::load(loader, &pages)),
        keep: loader.named_expressions(section.section("keep", "`keep`"), kept),
        rules: rules(loader, section.list("errors"), reads),
        next: next.iter().map(|(name, _)| (*name).to_owned()).collect(),
        reading: reading.clone(),
        catalog: (kind.name == "list")
            .then(|| CatalogForm::load(loader, &section))
            .flatten(),
        link: (kind.name == "report")
            .then(|| loader.expression_at(&section, "link", kept))
            .flatten(),
        document: document.clone(),
        unless: When::load(loader, section.section("unless", "`unless`"), reads),
    };
    // Without a request, the step's other mistakes would only follow from that.
    let step = step(request?);
    section.close();
    Some(step)
}

/// What the answer to a step is read for, beside an order: the list that is searched or offered, the
/// link, or the place of the document.
fn sign(section: &Section<'_>) -> Option<Expression> {
    let lists = ["find", "packages", "add_ons"].into_iter().find_map(|key| {
        let Raw::Table(entries) = &section.get(key)?.raw else {
            return None;
        };
        let (_, lists) = entries.iter().find(|(name, _)| name == "in")?;
        match &lists.raw {
            // Of a list in every item of a list, the outer one is always there.
            Raw::Text(path) => path.split("[*]").next().map(str::to_owned),
            Raw::List(paths) => {
                let paths = paths.iter().filter_map(|path| match &path.raw {
                    Raw::Text(path) => Some(path.as_str()),
                    _ => None,
                });
                Some(paths.collect::<Vec<_>>().join(" or "))
            }
            _ => None,
        }
    });
    let text = |key: &'static str| match &section.get(key)?.raw {
        Raw::Text(text) => Some(text.clone()),
        Raw::Table(entries) => entries.iter().find_map(|(name, spot)| match &spot.raw {
            Raw::Text(text) if name == "base64" => Some(text.clone()),
            _ => None,
        }),
        _ => None,
    };
    let read = lists.or_else(|| text("link")).or_else(|| text("document"));
    // What cannot be read is told where it stands.
    Expression::parse(&read?).ok()
}

fn load_find(loader: &Loader<'_>, section: &Section<'_>, sight: Sight) -> Option<Find> {
    section.need("in", "say where the list is: in = \".data\"");
    let line = section.line_of("several");
    let several = match section.text("several") {
        None => Several::Orders,
        Some("first") => Several::First,
        Some("blind") => Several::Blind,
        Some(other) => {
            let wrong = format!("`several` is `{other}`");
            let right =
                "\"first\" (any will do) or \"blind\" (proves nothing); left out: a person decides";
            loader.mistakes.add(line, wrong, right);
            Several::Orders
        }
    };
    let find = Find {
        lists: loader.lists_at(section, "in")?,
        wanted: When::load(loader, section.section("where", "`where`"), sight),
        several,
        blind: When::load(loader, section.section("blind", "`blind`"), sight),
    };
    section.close();
    Some(find)
}
