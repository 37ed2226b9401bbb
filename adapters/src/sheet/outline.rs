//! Outlines: what a sheet says, for people who do not want to read it.

use serde::Serialize;
use serde_json::Value;

use super::Sheet;
use super::callback::Then;
use super::expression::Expression;
use super::reading::{Reading, ReportForm};
use super::steps::Step;
use super::words::Verdict;
use crate::callback::{Callbacks, Encoding, Proof, Signature, Signed};
use crate::contract::{Ambiguity, Auth, Effect, Setting, SettingForm, Vendor};

/// What a sheet says.
#[derive(Clone, Debug, Serialize)]
#[expect(
    missing_docs,
    reason = "see `Vendor` and the reference of the language"
)]
pub struct Outline {
    pub name: String,
    pub title: String,
    /// Its file, and those of what it extends.
    pub files: Vec<String>,
    pub sandbox: bool,
    /// How the vendor writes: `json` or `xml`.
    pub answers: String,
    pub credentials: Vec<String>,
    /// How requests prove who we are, in a phrase.
    pub auth: String,
    pub settings: Vec<SettingLine>,
    pub policy: PolicyLines,
    pub operations: Vec<OperationLines>,
    pub readings: Vec<ReadingLines>,
    /// `None`: the vendor sends none.
    pub callbacks: Option<CallbackLines>,
    pub dropped: Vec<String>,
    pub unsupported: Vec<String>,
    /// How many `[[test]]` it has.
    pub samples: usize,
    /// Its author's comments: sources, reasons and traps.
    pub remarks: Vec<Remark>,
}

/// A comment of a sheet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The file that it stands in.
    pub file: String,
    /// Its line.
    pub line: usize,
    /// What stands before it on that line; empty where nothing does.
    pub about: String,
    /// The comment.
    pub text: String,
}

/// A setting.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "see `Setting`")]
pub struct SettingLine {
    pub name: String,
    pub meaning: String,
    pub form: String,
    pub default: Option<Value>,
    pub example: String,
}

/// The engine's rules, in phrases.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "see `contract::Policy`")]
pub struct PolicyLines {
    pub reference: String,
    pub ambiguity: String,
    pub looks: String,
    pub reopening: String,
}

/// An operation.
#[derive(Clone, Debug, Serialize)]
pub struct OperationLines {
    /// Its name.
    pub name: String,
    /// Its steps.
    pub steps: Vec<StepLine>,
}

/// A step.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "see the reference of the language")]
pub struct StepLine {
    pub step: String,
    pub request: String,
    pub effect: String,
    pub next: Vec<String>,
}

/// What an order's words mean.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "see the reference of the language")]
pub struct ReadingLines {
    pub name: String,
    pub rules: usize,
    /// Where the order stands, for an answer that has no word for it.
    pub is: Option<String>,
    pub status: Option<String>,
    pub statuses: Vec<Word>,
    pub own_statuses: Option<String>,
    pub result: Vec<String>,
    pub results: Vec<Word>,
    pub own_results: Option<String>,
    pub without_result: Option<String>,
    pub report: String,
}

/// A word of the vendor.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "see the reference of the language")]
pub struct Word {
    pub word: String,
    pub is: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Callbacks, in phrases.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "see `Callbacks`")]
pub struct CallbackLines {
    pub methods: Vec<String>,
    pub proof: String,
    pub answered: String,
    pub names_order_by: Vec<String>,
    pub then: String,
}

impl Sheet {
    /// What the sheet says.
    pub fn outline(&self) -> Outline {
        let (vendor, parts) = (&self.vendor, &self.parts);
        let operations = parts.operations.iter().map(|(name, steps)| OperationLines {
            name: (*name).to_owned(),
            steps: steps.steps.iter().map(step).collect(),
        });
        let readings = parts.readings.iter();
        Outline {
            name: vendor.name.clone(),
            title: vendor.title.clone(),
            files: self.files.iter().map(|file| file.name.clone()).collect(),
            sandbox: vendor.sandbox,
            answers: parts.answers.clone(),
            credentials: vendor.credentials.clone(),
            auth: auth(&vendor.auth),
            settings: vendor.settings.iter().map(setting).collect(),
            policy: policy(vendor),
            operations: operations.collect(),
            readings: readings.map(|(name, one)| reading(name, one)).collect(),
            callbacks: vendor.callbacks.as_ref().map(|one| self.called(one)),
            dropped: vendor.dropped.clone(),
            unsupported: parts.unsupported.clone(),
            samples: vendor.samples.len(),
            remarks: self.remarks(),
        }
    }

    fn called(&self, callbacks: &Callbacks) -> CallbackLines {
        let reader = self.parts.callbacks.as_ref();
        let then = reader.map_or("", |reader| match reader.then {
            Then::Look => "it only makes us look",
            Then::Apply(..) => "what it says is applied, forward only, and then we look",
        });
        let names = reader.iter().flat_map(|reader| {
            let theirs = reader
                .theirs
                .iter()
                .map(|one| format!("theirs: {}", one.text()));
            let ours = reader
                .ours
                .iter()
                .map(|one| format!("ours: {}", one.text()));
            theirs.chain(ours).collect::<Vec<_>>()
        });
        let accepted = &callbacks.accepted;
        let body = match accepted.body.as_str() {
            "" => String::new(),
            body => format!(" with the body `{body}`"),
        };
        let challenge = callbacks.challenge.as_ref().map_or(String::new(), |name| {
            format!("; a GET with `{name}` is answered with its value")
        });
        CallbackLines {
            methods: callbacks
                .methods
                .iter()
                .map(|one| one.as_str().to_owned())
                .collect(),
            proof: proof(&callbacks.proof),
            answered: format!("{}{body}{challenge}", accepted.status),
            names_order_by: names.collect(),
            then: then.to_owned(),
        }
    }

    fn remarks(&self) -> Vec<Remark> {
        let files = self.files.iter();
        files
            .flat_map(|file| {
                comments(&file.text).map(|(line, about, text)| Remark {
                    file: file.name.clone(),
                    line,
                    about: about.to_owned(),
                    text: text.to_owned(),
                })
            })
            .collect()
    }
}

/// The comments of a TOML text: line, what stands before, and the words.
fn comments(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let comment = comment_at(line, &mut fence)?;
        let (about, words) = line.split_at(comment);
        Some((at + 1, about.trim(), words.trim_start_matches('#').trim()))
    })
}

/// Where a comment begins on a line. `fence` is what ends a text of several lines that is open.
fn comment_at(line: &str, fence: &mut Option<&str>) -> Option<usize> {
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        let fences = ["'''", "\"\"\"", "'", "\""];
        let met = fences.iter().find(|one| rest.starts_with(**one));
        match (*fence, met) {
            (Some("\""), _) if rest.starts_with('\\') => at += 1,
            (Some(open), _) if rest.starts_with(open) => {
                *fence = None;
                at += open.len() - 1;
            }
            (None, Some(open)) => {
                *fence = Some(open);
                at += open.len() - 1;
            }
            (None, None) if rest.starts_with('#') => return Some(at),
            _ => {}
        }
        at += line[at..].chars().next().map_or(1, char::len_utf8);
    }
    // A text in single marks ends with its line.
    *fence = fence.filter(|open| open.len() == 3);
    None
}

fn auth(auth: &Auth) -> String {
    match auth {
        Auth::None => {
            "nothing in headers: credentials stand in the document, or there are none".to_owned()
        }
        Auth::Header { name, .. } => format!("the header `{name}`"),
        Auth::Basic { .. } => "HTTP Basic".to_owned(),
        Auth::Token(token) => {
            let how = match *token.client {
                Auth::None => "a login call or an OAuth form",
                _ => "OAuth 2 client credentials by HTTP Basic",
            };
            let life = length(token.default_lifetime);
            format!(
                "a token in the header `{}`, fetched by {how}, kept for {life} where the vendor does not say",
                token.header
            )
        }
    }
}

fn setting(setting: &Setting) -> SettingLine {
    SettingLine {
        name: setting.name.clone(),
        meaning: setting.meaning.clone(),
        form: match &setting.form {
            SettingForm::Text => "a text".to_owned(),
            SettingForm::Region => "a region".to_owned(),
            SettingForm::Table => "a table of words".to_owned(),
            SettingForm::OneOf(words) => format!("one of {}", words.join(", ")),
        },
        default: setting.default.clone(),
        example: setting.example.clone(),
    }
}

fn policy(vendor: &Vendor) -> PolicyLines {
    let (policy, dropped) = (&vendor.policy, &vendor.dropped);
    let reference = &policy.reference;
    let absent = length(policy.absent_after);
    let ambiguity = match policy.ambiguity {
        Ambiguity::LookUpThenRepeat => {
            format!("it is looked up; not seen {absent} after it was sent, it is placed again")
        }
        Ambiguity::LookUp => {
            format!("it is looked up; not seen {absent} after it was sent, a person decides")
        }
        Ambiguity::WaitForCallback(wait) => {
            format!(
                "a callback is waited for, {}; then a person decides",
                length(wait)
            )
        }
        Ambiguity::Person => "a person decides".to_owned(),
    };
    let ambiguity = match vendor.finds_by_person {
        true => format!("{ambiguity}; orders for one person are placed one after the other"),
        false => ambiguity,
    };
    PolicyLines {
        reference: if dropped.iter().any(|name| name == "reference") {
            "the vendor has no field for ours".to_owned()
        } else {
            format!(
                "ours has {} letters out of `{}`",
                reference.length, reference.alphabet
            )
        },
        ambiguity,
        looks: format!(
            "first after {}, at most {} apart",
            length(policy.look_first),
            length(policy.look_at_most)
        ),
        reopening: match policy.reopens_for {
            Some(time) => format!("a finished order is still looked at for {}", length(time)),
            None => "a finished order does not reopen".to_owned(),
        },
    }
}

fn step(step: &Step) -> StepLine {
    let form = &step.request.effect;
    let effect = match form.effect {
        Effect::Read => "a second copy harms nothing".to_owned(),
        Effect::Once => "a second copy might order again".to_owned(),
        Effect::Repeatable { within } => {
            let by = form.by.as_deref().unwrap_or("key");
            format!("a second copy is told by `{by}` for {}", length(within))
        }
    };
    StepLine {
        step: step.name.clone(),
        request: step.request.line.clone(),
        effect,
        next: step.next.clone(),
    }
}

fn reading(name: &str, reading: &Reading) -> ReadingLines {
    let text = |one: &Expression| one.text().to_owned();
    let setting = |name: &Option<String>| name.as_ref().map(|name| format!("settings.{name}"));
    ReadingLines {
        name: name.to_owned(),
        rules: reading.rules.len(),
        is: reading.is.as_ref().map(|one| one.is.word().to_owned()),
        status: reading.status.as_ref().map(text),
        statuses: words(&reading.statuses),
        own_statuses: setting(&reading.own_statuses),
        result: reading.result.iter().map(text).collect(),
        results: words(&reading.results),
        own_results: setting(&reading.own_results),
        without_result: reading.without_result.map(|one| one.word().to_owned()),
        report: match &reading.report {
            None => "none",
            Some(ReportForm::Link(_)) => "a link that asks for the vendor's login",
            Some(ReportForm::Capability(_)) => "a link that shows it to whoever has it",
            Some(ReportForm::Minted) => "made at the click, by `[[report]]`",
        }
        .to_owned(),
    }
}

fn words(table: &[(String, Verdict)]) -> Vec<Word> {
    let words = table.iter().map(|(word, verdict)| Word {
        word: word.clone(),
        is: verdict.is.word().to_owned(),
        detail: verdict.detail.clone(),
    });
    words.collect()
}

fn proof(proof: &Proof) -> String {
    match proof {
        Proof::Hint => "none: nothing it says is believed".to_owned(),
        Proof::HmacBody(signature) => signed(signature),
        Proof::HmacTimestamped {
            header,
            secret,
            tolerance,
        } => format!(
            "HMAC-SHA256 of time and body in `{header}`, keyed with `{secret}`, at most {} old",
            length(*tolerance)
        ),
        Proof::HeaderEquals { header, secret } => {
            format!("the header `{header}` is the secret `{secret}`")
        }
        Proof::Basic { user, password } => format!("HTTP Basic with `{user}` and `{password}`"),
        Proof::Document(credentials) => {
            let names: Vec<_> = credentials
                .secrets()
                .map(|name| format!("`{name}`"))
                .collect();
            format!("{} in the document", names.join(" and "))
        }
    }
}

fn signed(signature: &Signature) -> String {
    let parts = signature.text.iter().map(|part| match part {
        Signed::Text(text) => format!("`{text}`"),
        Signed::Header(name) => format!("the header `{name}`"),
        Signed::Body => "the body".to_owned(),
    });
    let (parts, header) = (parts.collect::<Vec<_>>().join(", "), &signature.header);
    let encoding = match signature.encoding {
        Encoding::Hex => "",
        Encoding::Base64 => ", in base64",
    };
    let age = match &signature.time {
        Some(sent) => format!(", at most {} old", length(sent.tolerance)),
        None => String::new(),
    };
    let secret = &signature.secret;
    format!("HMAC-SHA256 of {parts} in `{header}`{encoding}, keyed with `{secret}`{age}")
}

/// A length of time as sheets write it.
fn length(time: std::time::Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
    let unit = units
        .iter()
        .find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
    match unit {
        Some((unit, letter)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_told_from_texts_with_a_number_sign() {
        let text = "# head\na = \"#1\" # one\nb = '''\n# no comment\n''' # two\nc = 'it''s'\nd = \"a\\\"#\" # three\n";
        let found: Vec<_> = comments(text).collect();
        assert_eq!(
            found,
            [
                (1, "", "head"),
                (2, "a = \"#1\"", "one"),
                (5, "'''", "two"),
                (7, "d = \"a\\\"#\"", "three"),
            ]
        );
    }

    #[test]
    fn lengths_are_told_in_the_largest_unit_that_fits() {
        for (seconds, told) in [
            (30, "30s"),
            (600, "10m"),
            (7_200, "2h"),
            (86_400, "1d"),
            (0, "0s"),
        ] {
            assert_eq!(length(std::time::Duration::from_secs(seconds)), told);
        }
    }
}
