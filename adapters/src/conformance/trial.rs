//! Trying a vendor law by law, also where there are no fixtures: then its sheet's own samples show
//! what goes over the wire, and laws for which they do not show enough are named as not tried.

use std::collections::BTreeMap;

use super::bench::Bench;
use super::fixtures::{CallbackCase, Case, Connection, Exchange, Fixtures, OneOrMany};
use super::laws::subjects;
use super::{LAWS, broken_by};
use crate::contract::{Setting, SettingForm, Vendor};
use crate::sample::Sample;

/// How a vendor stands to a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The law, one of [`LAWS`] by name.
    pub law: &'static str,
    /// What it says.
    pub sentence: &'static str,
    /// How it came out.
    pub verdict: Verdict,
}

/// How trying a law came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The vendor obeys it.
    Kept,
    /// In what ways it does not.
    Broken(Vec<String>),
    /// Why it could not be tried.
    NotTried(String),
}

/// The operations by their names in fixtures and in samples.
const OPERATIONS: &[(&str, &str)] = &[
    ("place", "place"),
    ("list", "list"),
    ("fetch", "fetch"),
    ("fetch", "look_up"),
    ("fetch_many", "fetch_many"),
    ("cancel", "cancel"),
    ("report", "report"),
    ("verify", "verify"),
];
/// The longest way through an operation that samples are put together to, in steps.
const MOST_STEPS: usize = 12;

/// Tries every law on a vendor: with its fixtures, or with the samples in its sheet.
pub fn tried(vendor: &Vendor, fixtures: Option<&Fixtures>) -> Vec<Tried> {
    let of_samples = fixtures.is_none().then(|| of_samples(vendor));
    let shown = fixtures
        .or(of_samples.as_ref())
        .cloned()
        .unwrap_or_default();
    let bench = Bench::new(vendor, &shown);
    let lacks = |law| match fixtures {
        Some(_) => None,
        None => lacking(law, &bench),
    };
    let laws = LAWS.iter().map(|law| Tried {
        law: law.name,
        sentence: law.sentence,
        verdict: match lacks(law.name) {
            Some(why) => Verdict::NotTried(why),
            None => match broken_by(law, &bench) {
                broken if broken.is_empty() => Verdict::Kept,
                broken => Verdict::Broken(broken),
            },
        },
    });
    laws.collect()
}

/// Why samples do not show enough for a law; `None` where they do.
fn lacking(law: &str, bench: &Bench<'_>) -> Option<String> {
    let vendor = bench.vendor;
    let ends = |operation: &str, by_ours: bool| {
        let mut cases = bench.cases(operation).into_iter();
        cases.any(|ran| ran.case.theirs.is_none() == by_ours && matches!(ran.end(), Some(Ok(_))))
    };
    let placed = ends("place", true);
    let steps = &vendor.placing_steps;
    let why = match law {
        "complete_fixtures" => "there are no fixtures to judge",
        "golden" => "there are no fixtures; the sheet's own [[test]]s stand for them",
        "required" => "no vendor.toml of fixtures says which fields the vendor requires",
        "unmapped" => "no place.toml of fixtures declares which failures mean what",
        "proof" if vendor.callbacks.is_some() => {
            "no callbacks.toml of fixtures shows a callback with its proof"
        }
        "reference" | "used_or_dropped" | "positive_sign" if !placed => {
            let names: Vec<_> = steps.iter().map(|step| format!("place.{step}")).collect();
            return Some(format!(
                "no [[test]] leads placing to its end; write one with a good answer of each step ({})",
                names.join(", ")
            ));
        }
        "absence" if vendor.finds_ours && !ends("fetch", true) => {
            "no [[test]] of `look_up` shows a list that was read"
        }
        "false_pass" | "unknown_words" if vendor.fetch.is_some() || vendor.fetch_many.is_some() => {
            let subjects = subjects(bench);
            let pass = subjects.iter().any(|one| one.passes() > 0);
            let other = subjects
                .iter()
                .any(|one| one.is_reading() && one.passes() == 0);
            if pass && other {
                return None;
            }
            "no [[test]] shows an order that passes beside one that does not"
        }
        _ => return None,
    };
    Some(why.to_owned())
}

/// What a sheet's samples show, in the form of fixtures.
fn of_samples(vendor: &Vendor) -> Fixtures {
    let without_default = vendor.settings.iter().filter(|one| one.default.is_none());
    let examples = without_default.map(|one| (one.name.clone(), example(one)));
    let lacking = vendor.samples.iter().flat_map(|one| &one.absent_may_pass);
    let mut fixtures = Fixtures {
        connection: Connection {
            settings: examples.collect(),
            absent_may_pass: lacking.cloned().collect(),
            ..Connection::default()
        },
        ..Fixtures::default()
    };
    fixtures.connection.order = sayable(vendor, &fixtures);
    for (operation, sampled) in OPERATIONS {
        let samples = vendor
            .samples
            .iter()
            .filter(|one| one.operation == *sampled);
        let mut cases: Vec<Case> = samples
            .filter_map(|sample| way_to(vendor, &fixtures, (operation, sampled), Some(sample)))
            .collect();
        if cases.is_empty() {
            cases.extend(way_to(vendor, &fixtures, (operation, sampled), None));
        }
        fixtures
            .cases
            .entry((*operation).to_owned())
            .or_default()
            .extend(cases);
    }
    fixtures.cases.retain(|_, cases| !cases.is_empty());
    let method = vendor
        .callbacks
        .as_ref()
        .and_then(|one| one.methods.first());
    let called = vendor
        .samples
        .iter()
        .filter(|one| one.operation == "callback");
    fixtures.callbacks = called
        .map(|sample| CallbackCase {
            name: sample.name.clone(),
            method: method.map_or("POST", |method| method.as_str()).to_owned(),
            headers: Default::default(),
            body: sample.body.clone(),
            now: 0,
            expect: Vec::new(),
        })
        .collect();
    fixtures
}

/// A package and add-ons that can be said to this vendor, where those of the canary cannot: numbers,
/// or words that a setting has an example for.
fn sayable(vendor: &Vendor, shared: &Fixtures) -> BTreeMap<String, OneOrMany<String>> {
    let tables = shared.connection.settings.values();
    let tables = tables.filter_map(serde_json::Value::as_object);
    let words: Vec<&str> = tables
        .flat_map(|table| table.keys().map(String::as_str))
        .chain(["4711"])
        .collect();
    let order = |package: &str, add_ons: Vec<String>| {
        BTreeMap::from([
            (
                "order.package".to_owned(),
                OneOrMany::One(package.to_owned()),
            ),
            ("order.add_ons".to_owned(), OneOrMany::Many(add_ons)),
        ])
    };
    let others = words.iter().map(|word| order(word, Vec::new()));
    let mut orders = std::iter::once(BTreeMap::new()).chain(others);
    let said = orders.find(|order| {
        let mut with = shared.clone();
        with.connection.order.clone_from(order);
        way_to(vendor, &with, ("place", "place"), None).is_some()
    });
    said.unwrap_or_default()
}

/// A value that the setting accepts.
fn example(setting: &Setting) -> serde_json::Value {
    match &setting.form {
        SettingForm::OneOf(words) => words.first().cloned().unwrap_or_default().into(),
        SettingForm::Table => table(&setting.example),
        SettingForm::Text | SettingForm::Region => setting.example.clone().into(),
    }
}

/// A table as the sheet writes its example.
fn table(example: &str) -> serde_json::Value {
    let parsed = toml::from_str::<BTreeMap<String, serde_json::Value>>(&format!("it = {example}"));
    let table = parsed.ok().and_then(|mut parsed| parsed.remove("it"));
    table
        .filter(serde_json::Value::is_object)
        .unwrap_or_else(|| serde_json::json!({}))
}

/// A run of an operation in which `sample` is met: steps before and after it are answered by other
/// samples, as far as there are any. Without a sample it is the first request alone.
fn way_to(
    vendor: &Vendor,
    shared: &Fixtures,
    (operation, sampled): (&str, &str),
    sample: Option<&Sample>,
) -> Option<Case> {
    let theirs = sample.map_or("theirs-1", |sample| sample.theirs.as_str());
    let mut case = Case {
        name: sample
            .map_or("the first request", |sample| &sample.name)
            .to_owned(),
        order: Default::default(),
        theirs: match sampled {
            "fetch" | "cancel" | "report" => Some(OneOrMany::One(theirs.to_owned())),
            "fetch_many" => Some(OneOrMany::Many(
                theirs.split(',').map(str::to_owned).collect(),
            )),
            _ => None,
        },
        settings: sample.map(|one| one.settings.clone()).unwrap_or_default(),
        memo: sample.map(|one| one.memo.clone()).unwrap_or_default(),
        expect: serde_json::Value::Null,
        exchanges: Vec::new(),
        faults: Vec::new(),
    };
    let mut met = sample.is_none();
    for _ in 0..MOST_STEPS {
        let Some(step) = next_step(vendor, shared, operation, &case) else {
            break;
        };
        let wanted = sample.filter(|one| !met && one.step == step);
        met |= wanted.is_some();
        let known = vendor.samples.iter();
        let known = known.filter(|one| one.operation == sampled && one.step == step);
        let good = known.filter(|one| goes_well(vendor, shared, operation, &case, one));
        match wanted.or_else(|| good.into_iter().next()) {
            Some(answer) => case.exchanges.push(exchange(&step, Some(answer))),
            None => {
                if case.exchanges.is_empty() {
                    case.exchanges.push(exchange(&step, None));
                }
                break;
            }
        }
    }
    (met && !case.exchanges.is_empty()).then_some(case)
}

/// The step that follows what the case has so far; `None` where it has ended.
fn next_step(vendor: &Vendor, shared: &Fixtures, operation: &str, case: &Case) -> Option<String> {
    let mut case = case.clone();
    case.exchanges.push(exchange("", None));
    let stops = case.exchanges.len();
    run(vendor, shared, operation, case, |ran| {
        let last = ran.stops.get(stops - 1)?;
        Some(last.request.step.clone())
    })
}

/// Whether an answer is a success after what the case has so far.
fn goes_well(
    vendor: &Vendor,
    shared: &Fixtures,
    operation: &str,
    case: &Case,
    answer: &Sample,
) -> bool {
    let mut case = case.clone();
    case.exchanges.push(exchange(&answer.step, Some(answer)));
    let well = run(vendor, shared, operation, case, |ran| {
        ran.stops.last()?.result.as_ref().ok().map(|_| ())
    });
    well.is_some()
}

fn run<T>(
    vendor: &Vendor,
    shared: &Fixtures,
    operation: &str,
    case: Case,
    look: impl FnOnce(&super::bench::Ran<'_>) -> Option<T>,
) -> Option<T> {
    let mut fixtures = Fixtures {
        connection: shared.connection.clone(),
        ..Fixtures::default()
    };
    fixtures.cases.insert(operation.to_owned(), vec![case]);
    let bench = Bench::new(vendor, &fixtures);
    let ran = bench.cases(operation);
    look(ran.first()?)
}

fn exchange(step: &str, answer: Option<&Sample>) -> Exchange {
    Exchange {
        step: step.to_owned(),
        request: None,
        request_headers: None,
        request_body: None,
        reply_status: answer.map_or(200, |answer| answer.status),
        reply_headers: answer
            .map(|answer| answer.headers.iter().cloned().collect())
            .unwrap_or_default(),
        reply_body: answer.map(|answer| answer.body.clone()).unwrap_or_default(),
    }
}
