//! What operations, faults and notes say, in the words that `expect` uses, so that one law reads
//! all operations alike.

use serde_json::{Value, json};

use crate::callback::{Note, OrderKey, Says};
use crate::contract::{Fault, Found, MintedReport};
use crate::vocabulary::{Catalog, Outcome, Progress, Standing, TheirRef};

/// What an operation or a callback said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    /// In the words of `expect`.
    pub(crate) words: Value,
    /// The progress in it.
    pub(super) progress: Vec<Progress>,
}

impl Said {
    fn only(words: Value) -> Self {
        Self {
            words,
            progress: Vec::new(),
        }
    }

    /// How many orders stand like that.
    pub(super) fn count(&self, standing: Standing) -> usize {
        let stands = |progress: &&Progress| progress.standing == Some(standing);
        self.progress.iter().filter(stands).count()
    }

    /// How many orders pass.
    pub(super) fn passes(&self) -> usize {
        self.count(Standing::Complete(Outcome::Pass))
    }

    /// The word of each answer: `complete/pass`, `not_seen`, `look`.
    pub(super) fn is(&self) -> Vec<&str> {
        let one = std::slice::from_ref(&self.words);
        let all = self.words.as_array().map_or(one, Vec::as_slice);
        all.iter()
            .filter_map(|words| words["is"].as_str())
            .collect()
    }
}

/// The output of an operation.
pub(crate) trait Answer {
    fn said(self) -> Said;
}

impl Answer for Progress {
    fn said(self) -> Said {
        let mut words = serde_json::to_value(&self).expect("progress has only text as keys");
        words["is"] = word(self.standing).into();
        Said {
            words,
            progress: vec![self],
        }
    }
}

impl Answer for Found {
    fn said(self) -> Said {
        match self {
            Self::One(progress) => progress.said(),
            Self::NotSeen { blind: false } => Said::only(json!({"is": "not_seen"})),
            Self::NotSeen { blind: true } => Said::only(json!({"is": "not_seen/blind"})),
            Self::Several(theirs) => Said::only(json!({"is": "several", "theirs": theirs})),
        }
    }
}

impl Answer for Vec<(TheirRef, Found)> {
    fn said(self) -> Said {
        all(self.into_iter().map(|(order, found)| {
            let mut said = found.said();
            said.words["order"] = order.0.into();
            said
        }))
    }
}

impl Answer for Catalog {
    fn said(self) -> Said {
        Said::only(json!({"is": "catalog", "packages": self.packages, "add_ons": self.add_ons}))
    }
}

impl Answer for MintedReport {
    fn said(self) -> Said {
        Said::only(match self {
            Self::Link(link) => json!({"is": "link", "link": link.expose()}),
            Self::Document { mime, .. } => json!({"is": "document", "mime": mime}),
        })
    }
}

impl Answer for () {
    fn said(self) -> Said {
        Said::only(json!({"is": "ok"}))
    }
}

impl Answer for Vec<Note> {
    fn said(self) -> Said {
        all(self.into_iter().map(|note| {
            let mut said = match note.says {
                Says::Look => Said::only(json!({"is": "look"})),
                Says::Progress(progress) => progress.said(),
            };
            let names = note.order.iter().map(|key| match key {
                OrderKey::Theirs(theirs) => format!("theirs:{}", theirs.0),
                OrderKey::Ours(ours) => format!("ours:{}", ours.0),
            });
            said.words["order"] = names.collect();
            said
        }))
    }
}

fn all(each: impl Iterator<Item = Said>) -> Said {
    let (words, progress): (Vec<_>, Vec<_>) = each.map(|said| (said.words, said.progress)).unzip();
    Said {
        words: Value::Array(words),
        progress: progress.concat(),
    }
}

/// A standing as `expect` writes it.
pub(super) fn word(standing: Option<Standing>) -> &'static str {
    match standing {
        None => "unknown",
        Some(Standing::Invited) => "invited",
        Some(Standing::InProgress) => "in_progress",
        Some(Standing::OnHold) => "on_hold",
        Some(Standing::Complete(Outcome::Pass)) => "complete/pass",
        Some(Standing::Complete(Outcome::Review)) => "complete/review",
        Some(Standing::Complete(Outcome::Fail)) => "complete/fail",
        Some(Standing::Canceled) => "canceled",
        Some(Standing::Expired) => "expired",
        Some(Standing::Failed) => "failed",
    }
}

/// A fault in the words of `expect`.
pub(crate) fn fault_words(fault: &Fault) -> Value {
    let waiting = |is: &str, after: &Option<std::time::Duration>| json!({"is": is, "after": after.map(|after| after.as_secs())});
    match fault {
        Fault::Refused {
            code,
            field,
            message,
        } => json!({"is": "refused", "code": code, "field": field, "message": message}),
        Fault::Busy(after) => waiting("busy", after),
        Fault::NotReady(after) => waiting("not_ready", after),
        Fault::Duplicate(theirs) => json!({"is": "duplicate", "theirs": theirs}),
        Fault::Denied => json!({"is": "denied"}),
        Fault::Unclear(_) => json!({"is": "unclear"}),
    }
}

/// The word of a fault.
pub(super) fn fault_word(fault: &Fault) -> String {
    let words = fault_words(fault);
    words["is"].as_str().unwrap_or_default().to_owned()
}

/// Whether `said` is what `expect` says: a bare word stands for `{ is = WORD }`, members that
/// `expect` leaves out are not looked at.
pub(crate) fn fits(expect: &Value, said: &Value) -> bool {
    match (expect, said) {
        (Value::String(word), Value::Object(said)) => said.get("is") == Some(&json!(word)),
        (Value::Object(expect), Value::Object(said)) => expect
            .iter()
            .all(|(name, expect)| said.get(name).is_some_and(|said| fits(expect, said))),
        (Value::Array(expect), Value::Array(said)) => {
            expect.len() == said.len()
                && expect
                    .iter()
                    .zip(said)
                    .all(|(expect, said)| fits(expect, said))
        }
        _ => expect == said,
    }
}
