//! Whatever a sheet, an answer or a callback is made of, reading it ends with an answer and never
//! with a panic; and what nobody meant as a pass is none.
//!
//! Few cases by default. `PROPTEST_CASES=1000000 cargo test -p adapters --release fuzz` tries many.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use crate::callback::{Says, Verified};
use crate::contract::{Context, FetchOrder, Found, Memo, Reply, Turn, Vendor};
use crate::sample;
use crate::sheet::functions::plain;
use crate::sheet::{load, open_among};
use crate::vocabulary::{Outcome, Standing, TheirRef};

/// The words that stand in any shipped sheet, quoted or not: what mistakes are made of.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let names = crate::shipped()
        .into_iter()
        .map(|vendor| vendor.name.clone());
    let texts = names.filter_map(|name| crate::vendors::sheet(&name));
    let ends =
        |letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | '.' | '@' | '*'));
    let mut words: Vec<String> = texts
        .flat_map(|text| text.split(ends).map(str::to_owned))
        .filter(|word| !word.is_empty())
        .collect();
    words.extend(
        [
            "{", "}", "[", "]", "'''", "\"", "=", "|", "?", "\n", "[*]", "{{",
        ]
        .map(str::to_owned),
    );
    words.sort();
    words.dedup();
    words
});

/// Every shipped vendor.
fn vendor() -> impl Strategy<Value = Arc<Vendor>> {
    select(crate::shipped())
}

/// A sheet with some of its text exchanged for words of any sheet.
fn bent_sheet() -> impl Strategy<Value = String> {
    let edit = (any::<Index>(), 0_usize..40, select(WORDS.clone()));
    (vendor(), vec(edit, 1..6)).prop_map(|(vendor, edits)| {
        let mut text: Vec<char> = crate::vendors::sheet(&vendor.name)
            .unwrap_or_default()
            .chars()
            .collect();
        for (at, length, word) in edits {
            let from = at.index(text.len().max(1)).min(text.len());
            let to = (from + length).min(text.len());
            text.splice(from..to, word.chars());
        }
        text.into_iter().collect()
    })
}

/// Any JSON, made of names and words that sheets ask for and of others.
fn json() -> impl Strategy<Value = Value> {
    let word = || prop_oneof![4 => select(WORDS.clone()), 1 => ".{0,12}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((word(), inner), 0..6).prop_map(|members| {
                let names = members.into_iter();
                Value::Object(
                    names
                        .map(|(name, value)| (name.trim_start_matches('.').to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

/// The same as XML, whether it is well formed or not.
fn xml(value: &Value, written: &mut String) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                written.push_str(&format!("<{name}>"));
                xml(value, written);
                written.push_str(&format!("</{name}>"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| xml(item, written)),
        Value::String(text) => written.push_str(text),
        other => written.push_str(&other.to_string()),
    }
}

/// A body of any kind.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => json().prop_map(|value| value.to_string().into_bytes()),
        3 => json().prop_map(|value| {
            let mut text = String::from("<a>");
            xml(&value, &mut text);
            (text + "</a>").into_bytes()
        }),
        1 => vec(any::<u8>(), 0..200),
        1 => (json(), any::<Index>()).prop_map(|(value, at)| {
            let text = value.to_string().into_bytes();
            text[..at.index(text.len())].to_vec()
        }),
    ]
}

fn passes(standing: Option<Standing>) -> bool {
    standing == Some(Standing::Complete(Outcome::Pass))
}

/// Words that rules take for a pass, not tables: an account's assessment (Checkr, section 5).
const BY_RULES: &[&str] = &["eligible"];

/// The words of each vendor's sheet that are a pass, as tables compare them.
static GOOD: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    let vendors = crate::shipped().into_iter();
    let good = vendors.map(|vendor| {
        let text = crate::vendors::sheet(&vendor.name).expect("it ships");
        let sheet = open_among(&vendor.name, text, &|_| None).expect("it loads");
        let readings = sheet.outline().readings.into_iter();
        let words = readings.flat_map(|reading| [reading.statuses, reading.results].concat());
        let passing = words.filter(|word| word.is == "pass");
        let mut words: Vec<String> = passing.map(|word| plain(&word.word)).collect();
        words.extend(BY_RULES.iter().map(|word| plain(word)));
        (vendor.name.clone(), words)
    });
    good.collect()
});

/// True where a word stands in the body that its vendor means as a pass: only then may somebody
/// pass.
fn has_a_good_word(vendor: &Vendor, body: &[u8]) -> bool {
    let text = plain(&String::from_utf8_lossy(body));
    GOOD[&vendor.name].iter().any(|word| text.contains(word))
}

proptest! {
    #[test]
    fn a_sheet_of_any_text_loads_or_is_refused(text in ".{0,400}") {
        let _mistakes_or_vendor = load("any.toml", &text);
    }

    #[test]
    fn a_bent_sheet_loads_or_is_refused_with_sentences(text in bent_sheet()) {
        if let Err(mistakes) = load("bent.toml", &text) {
            prop_assert!(!mistakes.is_empty());
            for mistake in mistakes {
                prop_assert!(mistake.line > 0 && !mistake.wrong.is_empty(), "{mistake}");
            }
        }
    }

    #[test]
    fn an_answer_of_anything_is_read_to_an_end(
        vendor in vendor(), body in body(), status in select(vec![200_u16, 201, 204, 400, 404, 409, 422, 429, 500, 503]),
    ) {
        let settings = sample::settings(&vendor, &BTreeMap::new());
        let cx = Context { settings: &settings, key: "k", base_url: "https://vendor.example" };
        let reply = Reply { status, headers: vec![("retry-after".into(), "\u{7f}".into())], body };
        let Some(fetch) = &vendor.fetch else { return Ok(()) };
        let op = FetchOrder::Theirs(TheirRef("theirs-1".into()));
        let came = fetch.decode(&op, &Memo::default(), &cx, &reply);
        prop_assert_eq!(&came, &fetch.decode(&op, &Memo::default(), &cx, &reply));
        if let Ok(Turn::Done(Found::One(progress))) = came {
            prop_assert!(!passes(progress.standing) || has_a_good_word(&vendor, &reply.body));
        }
    }

    #[test]
    fn a_callback_of_anything_is_read_to_an_end(vendor in vendor(), body in body()) {
        let settings = sample::settings(&vendor, &BTreeMap::new());
        let cx = Context { settings: &settings, key: "k", base_url: "https://vendor.example" };
        let Some(callbacks) = &vendor.callbacks else { return Ok(()) };
        if let Ok(notes) = callbacks.reader.read(Verified::kept(&body), &cx) {
            for note in notes {
                if let Says::Progress(progress) = note.says {
                    prop_assert!(!passes(progress.standing) || has_a_good_word(&vendor, &body));
                }
            }
        }
    }
}
