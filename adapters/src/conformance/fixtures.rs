//! Fixtures as they stand in their TOML files. The format is written down in [`super`].

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canary;
use crate::vocabulary::Order;

/// The operations that have a file of cases, by [`crate::Operation::NAME`].
pub(super) const OPERATIONS: &[&str] = &[
    "place",
    "list",
    "fetch",
    "fetch_many",
    "cancel",
    "report",
    "verify",
];

/// What a vendor's documentation says goes over the wire.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Fixtures {
    pub(super) connection: Connection,
    /// By operation.
    pub(super) cases: BTreeMap<String, Vec<Case>>,
    pub(super) callbacks: Vec<CallbackCase>,
}

/// `vendor.toml`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Connection {
    pub(super) base_url: Option<String>,
    pub(super) settings: BTreeMap<String, Value>,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) required: Vec<String>,
    pub(super) personal_query: Vec<String>,
    pub(super) absent_may_pass: Vec<String>,
    pub(super) order: BTreeMap<String, OneOrMany<String>>,
}

/// One run of an operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    #[serde(default)]
    pub(super) order: BTreeMap<String, OneOrMany<String>>,
    pub(super) theirs: Option<OneOrMany<String>>,
    /// Over those of `vendor.toml`.
    #[serde(default)]
    pub(super) settings: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) memo: BTreeMap<String, String>,
    pub(super) expect: Value,
    #[serde(rename = "exchange")]
    pub(super) exchanges: Vec<Exchange>,
    #[serde(default, rename = "fault")]
    pub(super) faults: Vec<FaultCase>,
}

/// One request and its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    pub(super) step: String,
    pub(super) request: Option<String>,
    pub(super) request_headers: Option<BTreeMap<String, String>>,
    pub(super) request_body: Option<String>,
    pub(super) reply_status: u16,
    #[serde(default)]
    pub(super) reply_headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) reply_body: String,
}

/// Another answer to one step of its case.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultCase {
    pub(super) step: String,
    pub(super) reply_status: OneOrMany<u16>,
    #[serde(default)]
    pub(super) reply_headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) reply_body: String,
    pub(super) expect: Value,
}

/// One callback.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallbackCase {
    pub(super) name: String,
    #[serde(default = "post")]
    pub(super) method: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
    /// Seconds since the epoch.
    #[serde(default)]
    pub(super) now: i64,
    pub(super) expect: Vec<Value>,
}

fn post() -> String {
    "POST".to_owned()
}

/// A value, or a list of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T: Clone> OneOrMany<T> {
    pub(super) fn list(&self) -> Vec<T> {
        match self {
            Self::One(value) => vec![value.clone()],
            Self::Many(values) => values.clone(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallbackFile {
    callback: Vec<CallbackCase>,
}

impl Fixtures {
    /// Reads files, each given as its name in the vendor's folder and its text.
    ///
    /// # Errors
    /// One sentence for each mistake, beginning with the name of its file.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, Vec<String>> {
        let mut fixtures = Self::default();
        let mut mistakes = Vec::new();
        for (name, text) in files {
            if let Err(mistake) = fixtures.take(name, text) {
                mistakes.push(format!("{name}: {mistake}"));
            }
        }
        mistakes.extend(fixtures.field_mistakes());
        if mistakes.is_empty() {
            Ok(fixtures)
        } else {
            Err(mistakes)
        }
    }

    fn take(&mut self, name: &str, text: &str) -> Result<(), String> {
        match name.strip_suffix(".toml") {
            Some("vendor") => self.connection = read(text)?,
            Some("callbacks") => self.callbacks = read::<CallbackFile>(text)?.callback,
            Some(operation) if OPERATIONS.contains(&operation) => {
                let cases = read::<CaseFile>(text)?.case;
                if let Some(empty) = cases.iter().find(|case| case.exchanges.is_empty()) {
                    return Err(format!("case `{}` has no `[[case.exchange]]`", empty.name));
                }
                self.cases.insert(operation.to_owned(), cases);
            }
            _ => {
                return Err(format!(
                    "is no file of fixtures; those are vendor.toml, callbacks.toml and one for \
                     each operation ({})",
                    OPERATIONS.join(", ")
                ));
            }
        }
        Ok(())
    }

    /// Names of canonical fields that are none.
    fn field_mistakes(&self) -> Vec<String> {
        let known = |field: &&String| !Order::FIELDS.contains(&field.as_str());
        let mistake = |file: &str, field: &String| {
            format!(
                "{file}.toml: `{field}` is no canonical field; those are {}",
                Order::FIELDS.join(", ")
            )
        };
        let shared = self.connection.order.keys();
        let shared = shared.chain(&self.connection.required).filter(known);
        let mut mistakes: Vec<String> = shared.map(|field| mistake("vendor", field)).collect();
        for (operation, cases) in &self.cases {
            let fields = cases.iter().flat_map(|case| case.order.keys());
            mistakes.extend(fields.filter(known).map(|field| mistake(operation, field)));
        }
        mistakes
    }

    /// The fixtures with their words filled in, for a vendor whose reference of the order is
    /// `ours`.
    pub(super) fn filled(&self, ours: &str) -> Self {
        let words = [
            ("{ours}", ours),
            ("{key}", canary::KEY),
            ("{callback_url}", canary::CALLBACK_URL),
        ];
        let fill = |text: &str| {
            words.iter().fold(text.to_owned(), |text, (word, value)| {
                text.replace(word, value)
            })
        };
        filled(self, &fill)
    }

    /// The order of a case: the canary, with what `vendor.toml` and the case say otherwise.
    pub(super) fn order(&self, case: &BTreeMap<String, OneOrMany<String>>) -> Order {
        let mut order = canary::order();
        for (path, value) in self.connection.order.iter().chain(case) {
            canary::set(&mut order, path, &value.list());
        }
        order
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

fn filled<T: Serialize + DeserializeOwned>(value: &T, fill: &dyn Fn(&str) -> String) -> T {
    let value = serde_json::to_value(value).expect("fixtures have only text as keys");
    serde_json::from_value(filled_value(value, fill)).expect("filled text is still text")
}

fn filled_value(value: Value, fill: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(fill(&text)),
        Value::Array(items) => items
            .into_iter()
            .map(|item| filled_value(item, fill))
            .collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (name, filled_value(member, fill)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_names_its_file_and_what_would_be_right() {
        let mistakes = Fixtures::parse(&[
            (
                "place.toml",
                "[[case]]\nname = 'a'\nexpect = 'invited'\nexchange = []",
            ),
            ("plaice.toml", ""),
            ("vendor.toml", "required = ['applicant.shoe_size']"),
            ("callbacks.toml", "[[callback]]\nname = 'a'\nboddy = ''"),
        ])
        .unwrap_err();
        assert_eq!(
            mistakes[0],
            "place.toml: case `a` has no `[[case.exchange]]`"
        );
        assert!(mistakes[1].starts_with("plaice.toml: is no file of fixtures"));
        assert!(mistakes[2].contains("boddy"), "{}", mistakes[2]);
        assert!(mistakes[3].starts_with("vendor.toml: `applicant.shoe_size` is no canonical"));
    }

    #[test]
    fn words_are_filled_in_everywhere() {
        let place = "[[case]]\nname = 'a'\nexpect = { is = 'invited', theirs = '{ours}' }\n\
                     [[case.exchange]]\nstep = 'order'\nreply_status = 200\n\
                     reply_body = '{\"ref\": \"{ours}\"}'";
        let fixtures = Fixtures::parse(&[("place.toml", place)]).unwrap();
        let case = &fixtures.filled("abc").cases["place"][0];
        assert_eq!(case.exchanges[0].reply_body, r#"{"ref": "abc"}"#);
        assert_eq!(case.expect["theirs"], "abc");
    }
}
