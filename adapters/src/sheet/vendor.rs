//! The whole sheet: its blocks, put together as a [`Vendor`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::auth;
use super::callback::{self, Reader};
use super::laws::{self, Sheet};
use super::loader::Loader;
use super::operations::{Cancel, Fetch, List, Many, Place, Report, Verify};
use super::own_words::OwnWords;
use super::reading::Reading;
use super::request::lowered;
use super::rules::Errors;
use super::sample;
use super::scope::Sight;
use super::source::{Mistakes, Raw, Section, Spot};
use super::steps::{self, Kind, Steps};
use super::template::Template;
use crate::contract::{Ambiguity, Policy, Reference, Setting, SettingForm, Vendor};
use crate::vocabulary::Order;

/// How long after placing the first look comes, where a sheet does not say.
const LOOK_FIRST: Duration = Duration::from_secs(600);

/// What a sheet is made of, beside the vendor that it is.
pub(super) struct Parts {
    /// The steps of each operation, by its name in the sheet.
    pub(super) operations: Vec<(&'static str, Steps)>,
    /// The `[read.NAME]` tables.
    pub(super) readings: BTreeMap<String, Arc<Reading>>,
    pub(super) callbacks: Option<Arc<Reader>>,
    /// How the vendor's answers are written.
    pub(super) answers: String,
    /// Fields that an order may not have.
    pub(super) unsupported: Vec<String>,
}

/// Loads a sheet from its tree. What it returns is whole only if there were no mistakes.
pub(super) fn load(root: &Spot, mistakes: &Mistakes) -> Option<(Vendor, Parts)> {
    let sheet = Section::new("the sheet", root, mistakes)?;
    let mut loader = Loader::new(mistakes);
    loader.answers = loader.format_at(&sheet, "answers", loader.answers);
    loader.headers = common_headers(&loader, &sheet);
    readings(&mut loader, &sheet);
    let loader = loader;

    let name = sheet.need_text("name", "name the vendor in lower case: name = \"acme\"");
    let title = sheet.need_text("title", "name the vendor for people: title = \"Acme\"");
    let settings = settings(&loader, &sheet);
    let credentials: Vec<_> = sheet.texts("credentials").iter().map(owned).collect();
    let errors = sheet.section("errors", "`[errors]`");
    let errors = Arc::new(Errors::load(
        &loader,
        errors,
        Sight {
            memo: true,
            ..Sight::default()
        },
    ));
    let auth = auth::load(&loader, &sheet, &errors);

    let order = Sight {
        ours: true,
        people: true,
        ..Sight::default()
    };
    let theirs = Sight {
        theirs: true,
        ..Sight::default()
    };
    let kind = |name, sight, reads, finds| Kind {
        name,
        sight,
        reads,
        finds,
    };
    let steps = |kind| steps::load(&loader, &sheet, kind, &errors);
    let placing = Sight {
        callback_url: true,
        ..order
    };
    let place = steps(kind("place", placing, true, false));
    let fetch = steps(kind("fetch", theirs, true, true));
    let fetch_many = steps(kind("fetch_many", theirs, true, true));
    let looking_up = Sight {
        sent: true,
        ..order
    };
    let look_up = steps(kind("look_up", looking_up, true, true));
    let cancel = steps(kind("cancel", theirs, true, false));
    let report = steps(kind("report", theirs, false, false));
    let list = steps(kind("list", Sight::default(), false, false));
    let verify = steps(kind("verify", Sight::default(), false, false));
    let called_back = match sheet.section("callback", "`[callback]`") {
        Some(section) => callback::load(&loader, &section),
        None => None,
    };
    let (callbacks, reader) = called_back.unzip();
    let placing_steps = place.as_ref().map_or(0, |place| place.steps.len());
    let rules = rules(&loader, &sheet, placing_steps, look_up.is_some());
    let sandbox = sheet.truth("sandbox").unwrap_or(false);
    let unsupported = sheet.texts("unsupported");
    let dropped = dropped(&loader, sheet.texts("dropped"));
    let operations = [
        ("place", place.as_ref()),
        ("fetch", fetch.as_ref()),
        ("fetch_many", fetch_many.as_ref()),
        ("look_up", look_up.as_ref()),
        ("cancel", cancel.as_ref()),
        ("report", report.as_ref()),
        ("list", list.as_ref()),
        ("verify", verify.as_ref()),
    ];
    let given = |(name, steps): (_, Option<_>)| Some((name, steps?));
    let operations: Vec<(&'static str, &Steps)> =
        operations.into_iter().filter_map(given).collect();
    let own = |(name, steps): &(&'static str, &Steps)| (*name, (*steps).clone());
    let parts = Parts {
        operations: operations.iter().map(own).collect(),
        readings: loader.readings.clone(),
        callbacks: reader,
        answers: loader.answers.0.to_owned(),
        unsupported: unsupported.iter().map(owned).collect(),
    };
    let own_words = own_words(&loader, &sheet, &settings);
    let samples = sample::load(&loader, &sheet, &operations, callbacks.is_some());
    sheet.close();
    // Laws judge what is well formed; of anything else they would only repeat what is known.
    if mistakes.is_empty() {
        laws::check(
            &loader,
            &Sheet {
                section: &sheet,
                settings: settings.iter().map(|one| one.name.as_str()).collect(),
                credentials: credentials.iter().map(String::as_str).collect(),
                dropped: dropped.clone(),
                unsupported: unsupported.clone(),
                ambiguity: rules.policy.as_ref().map(|policy| policy.ambiguity),
                without_reference: rules.without_reference,
                operations,
            },
        );
    }

    let place = place?;
    let finds_ours = look_up.is_some();
    let mut dropped: Vec<String> = dropped.iter().map(owned).collect();
    if rules.without_reference {
        dropped.push("reference".to_owned());
    }
    let fetches = fetch.is_some() || finds_ours;
    let vendor = Vendor {
        name: name?.to_owned(),
        title: title?.to_owned(),
        settings,
        credentials,
        auth: auth?,
        policy: rules.policy?,
        sandbox,
        dropped,
        placing_steps: place.steps.iter().map(|step| step.name.clone()).collect(),
        place: Arc::new(Place {
            steps: place,
            unsupported: unsupported.iter().map(owned).collect(),
        }),
        // Whoever may list packages has the right credentials.
        verify: verify
            .or_else(|| list.clone())
            .map(|steps| Arc::new(Verify(steps)) as _),
        list: list.map(|steps| Arc::new(List(steps)) as _),
        fetch: fetches.then(|| {
            Arc::new(Fetch {
                theirs: fetch,
                ours: look_up,
            }) as _
        }),
        finds_ours,
        finds_by_person: rules.by_person,
        fetch_many: fetch_many.map(|steps| Arc::new(Many(steps)) as _),
        cancel: cancel.map(|steps| Arc::new(Cancel(steps)) as _),
        report: report.map(|steps| Arc::new(Report(steps)) as _),
        callbacks,
        own_words,
        samples,
    };
    Some((vendor, parts))
}

fn owned((text, _): &(&str, usize)) -> String {
    (*text).to_owned()
}

fn readings(loader: &mut Loader<'_>, sheet: &Section<'_>) {
    let Some(section) = sheet.section("read", "`[read]`") else {
        return;
    };
    for (name, spot) in section.entries() {
        if let Some(reading) = Reading::load(loader, name, spot) {
            loader.readings.insert(name.clone(), Arc::new(reading));
        }
    }
}

/// The settings that readings take for a connection's own words; their defaults are checked.
fn own_words(loader: &Loader<'_>, sheet: &Section<'_>, settings: &[Setting]) -> Vec<OwnWords> {
    let mut all = Vec::new();
    for reading in loader.readings.values() {
        let tables = [
            (&reading.own_statuses, false, &reading.statuses),
            (&reading.own_results, true, &reading.results),
        ];
        for (setting, results, known) in tables {
            let Some(setting) = setting else { continue };
            let known = known.iter().map(|(word, _)| word.clone()).collect();
            all.push(OwnWords {
                setting: setting.clone(),
                results,
                known,
            });
        }
    }
    for own in &all {
        let setting = settings.iter().find(|one| one.name == own.setting);
        let line = sheet.line_of("settings");
        if setting.is_some_and(|setting| setting.form != SettingForm::Table) {
            let wrong = format!("`settings.{}` holds words and is no table", own.setting);
            loader.mistakes.add(line, wrong, "form = \"table\"");
        }
        let default = setting.and_then(|setting| setting.default.as_ref());
        for (_, wrong) in default.map(|table| own.mistakes(table)).unwrap_or_default() {
            let wrong = format!("in the default of `{}`, {wrong}", own.setting);
            loader.mistakes.add(line, wrong, "correct the table");
        }
    }
    all
}

/// What every request is sent with.
fn common_headers(loader: &Loader<'_>, sheet: &Section<'_>) -> Vec<(String, Template)> {
    let sight = Sight {
        secrets: true,
        ..Sight::default()
    };
    lowered(loader.named_templates(sheet.section("headers", "`headers`"), sight))
}

/// The fields of an order that a sheet drops. The name of a group stands for all of its fields. When
/// an order was placed is our own, so nothing is lost where nobody sends it.
fn dropped<'s>(loader: &Loader<'_>, named: Vec<(&'s str, usize)>) -> Vec<(&'s str, usize)> {
    let mut dropped: Vec<(&str, usize)> = Vec::new();
    for (name, line) in named {
        let group = format!("{name}.");
        let fields = Order::FIELDS
            .iter()
            .filter(|field| field.starts_with(&group));
        let fields: Vec<_> = fields.map(|field| (*field, line)).collect();
        match fields.is_empty() || name == "order" {
            true => dropped.push((name, line)),
            false => dropped.extend(fields),
        }
    }
    let ours = "order.placed_at";
    let uses = loader.all_uses();
    if uses.iter().all(|one| one.name != ours) && dropped.iter().all(|(name, _)| *name != ours) {
        dropped.push((ours, 1));
    }
    dropped
}

fn settings(loader: &Loader<'_>, sheet: &Section<'_>) -> Vec<Setting> {
    let section = sheet.section("settings", "`[settings]`");
    let entries = section.iter().flat_map(Section::entries);
    entries
        .filter_map(|(name, spot)| setting(loader, name, spot))
        .collect()
}

fn setting(loader: &Loader<'_>, name: &str, spot: &Spot) -> Option<Setting> {
    let section = Section::new(format!("setting `{name}`"), spot, loader.mistakes)?;
    let form = setting_form(loader, &section);
    let meaning = section.need_text("meaning", "say what it is, for who fills it in");
    let example = section.need_text("example", "show what a value looks like");
    let default = section.get("default");
    section.close();
    let setting = Setting {
        name: name.to_owned(),
        meaning: meaning?.to_owned(),
        default: default.map(|spot| plain_value(&spot.raw)),
        example: example?.to_owned(),
        form: form?,
    };
    if let Some(value) = &setting.default
        && value != ""
        && !setting.form.accepts(value)
    {
        let wrong = format!("the default of `{name}` is no value of its form");
        let right = format!("it looks like `{}`", setting.example);
        loader
            .mistakes
            .add(section.line_of("default"), wrong, right);
    }
    Some(setting)
}

fn setting_form(loader: &Loader<'_>, section: &Section<'_>) -> Option<SettingForm> {
    let right = "\"text\", \"region\", \"table\", or a list of words";
    let Some(spot) = section.get("form") else {
        return Some(SettingForm::Text);
    };
    let found = match &spot.raw {
        Raw::Text(word) => match word.as_str() {
            "text" => Some(SettingForm::Text),
            "region" => Some(SettingForm::Region),
            "table" => Some(SettingForm::Table),
            _ => None,
        },
        Raw::List(_) => {
            let words = section.texts("form");
            Some(SettingForm::OneOf(words.iter().map(owned).collect()))
        }
        _ => None,
    };
    if found.is_none() {
        let wrong = format!("{} has no known `form`", section.what);
        loader
            .mistakes
            .add(spot.line, wrong, format!("it is {right}"));
    }
    found
}

pub(super) fn plain_value(raw: &Raw) -> Value {
    match raw {
        Raw::Text(text) => Value::from(text.as_str()),
        Raw::Whole(number) => Value::from(*number),
        Raw::Truth(truth) => Value::from(*truth),
        Raw::List(items) => items.iter().map(|item| plain_value(&item.raw)).collect(),
        Raw::Table(entries) => Value::Object(
            entries
                .iter()
                .map(|(name, spot)| (name.clone(), plain_value(&spot.raw)))
                .collect(),
        ),
        Raw::Other(_) => Value::Null,
    }
}

/// What `[policy]` says.
struct Rules {
    policy: Option<Policy>,
    without_reference: bool,
    by_person: bool,
}

fn rules(loader: &Loader<'_>, sheet: &Section<'_>, placing_steps: usize, looks_up: bool) -> Rules {
    sheet.need("policy", "the engine needs its rules: [policy]");
    let Some(section) = sheet.section("policy", "`[policy]`") else {
        return Rules {
            policy: None,
            without_reference: false,
            by_person: false,
        };
    };
    let without_reference = without_reference(&section);
    let says_so = section.truth("by_person").unwrap_or(false);
    if says_so && !looks_up {
        let wrong = "`by_person` says how a lost order is looked up, and there is no `[[look_up]]`";
        let right = "leave it out, or say how an order is found: [[look_up]]";
        loader
            .mistakes
            .add(section.line_of("by_person"), wrong, right);
    }
    let policy = policy(loader, &section, placing_steps);
    section.close();
    Rules {
        policy,
        without_reference,
        by_person: looks_up && (without_reference || says_so),
    }
}

fn policy(loader: &Loader<'_>, section: &Section<'_>, placing_steps: usize) -> Option<Policy> {
    let reference = reference(loader, section);
    let ambiguity = ambiguity(loader, section);
    let time = |key: &'static str| {
        section.need(key, "give a length of time, such as \"30s\"");
        loader.duration_at(section, key).unwrap_or(Duration::ZERO)
    };
    Some(Policy {
        absent_after: time("absent_after"),
        look_first: loader
            .duration_at(section, "look_first")
            .unwrap_or(LOOK_FIRST),
        look_at_most: time("look_at_most"),
        reopens_for: loader.duration_at(section, "reopens_for"),
        // Steps lead in no circle, so placing cannot take more turns than it has steps.
        most_turns: placing_steps,
        reference: reference?,
        ambiguity: ambiguity?,
    })
}

/// True where the vendor has no field for our reference.
fn without_reference(policy: &Section<'_>) -> bool {
    let reference = policy.get("reference").map(|spot| &spot.raw);
    matches!(reference, Some(Raw::Text(word)) if word == "none")
}

fn reference(loader: &Loader<'_>, policy: &Section<'_>) -> Option<Reference> {
    let right = "say what our reference may look like, { alphabet = \"a-z0-9\", length = 24 }, or \
                 that the vendor has no field for it, \"none\"";
    policy.need("reference", right);
    if without_reference(policy) {
        // It names the order among ours all the same.
        return Some(Reference {
            alphabet: alphabet("a-z0-9"),
            length: 24,
        });
    }
    let section = policy.section("reference", "`reference`")?;
    let letters = alphabet(section.need_text("alphabet", right)?);
    let length = usize::try_from(section.whole("length").unwrap_or(0)).unwrap_or(0);
    section.close();
    let distinct: BTreeSet<char> = letters.chars().collect();
    // At 48 bits, a million orders of one connection meet by chance once in 500 times.
    let bits = (distinct.len().max(1) as f64).log2() * length as f64;
    if bits < 48.0 || length > 64 {
        let wrong = format!("references of {length} out of {} letters", distinct.len());
        let right = "at most 64 letters, and enough that two references never meet by chance";
        loader.mistakes.add(section.line, wrong, right);
    }
    Some(Reference {
        alphabet: distinct.into_iter().collect(),
        length,
    })
}

/// `a-z0-9` written out.
fn alphabet(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut found = String::new();
    let mut rest = letters.as_slice();
    while let Some((first, after)) = rest.split_first() {
        match after {
            ['-', last, after @ ..] if first < last => {
                found.extend(*first..=*last);
                rest = after;
            }
            _ => {
                found.push(*first);
                rest = after;
            }
        }
    }
    found
}

fn ambiguity(loader: &Loader<'_>, policy: &Section<'_>) -> Option<Ambiguity> {
    let right =
        "\"look_up_then_repeat\", \"look_up\", \"person\" or { wait_for_callback = \"2h\" }";
    let spot = policy.need(
        "ambiguity",
        &format!("say what follows an unknown end: {right}"),
    )?;
    let found = match &spot.raw {
        Raw::Text(word) => match word.as_str() {
            "look_up_then_repeat" => Some(Ambiguity::LookUpThenRepeat),
            "look_up" => Some(Ambiguity::LookUp),
            "person" => Some(Ambiguity::Person),
            _ => None,
        },
        Raw::Table(_) => {
            let section = Section::new("`ambiguity`", spot, loader.mistakes)?;
            let wait = loader.duration_at(&section, "wait_for_callback");
            section.close();
            wait.map(Ambiguity::WaitForCallback)
        }
        _ => None,
    };
    if found.is_none() {
        let wrong = "this is not what can follow an unknown end";
        loader
            .mistakes
            .add(spot.line, wrong, format!("it is {right}"));
    }
    found
}
