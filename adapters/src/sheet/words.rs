//! Words: what a vendor's words mean, the sheet's tables of them and the connection's own, and what
//! several of them say together.

use serde_json::Value;

use super::expression::Expression;
use super::functions::{plain, scalar};
use super::laws::is_odd;
use super::loader::Loader;
use super::scope::Scope;
use super::source::{Raw, Section, Spot};
use crate::vocabulary::{Outcome, Standing};

/// What a word or rule says of an order.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) is: Is,
    pub(super) detail: Option<String>,
    pub(super) line: usize,
}

/// A standing; `Complete` waits for the result's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Standing(Standing),
    Complete,
}

impl Is {
    /// As sheets write it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Standing(Standing::Complete(Outcome::Pass)) => "pass",
            Self::Standing(Standing::Complete(Outcome::Review)) => "review",
            Self::Standing(Standing::Complete(Outcome::Fail)) => "fail",
            Self::Standing(Standing::Invited) => "invited",
            Self::Standing(Standing::InProgress) => "in_progress",
            Self::Standing(Standing::OnHold) => "on_hold",
            Self::Standing(Standing::Canceled) => "canceled",
            Self::Standing(Standing::Expired) => "expired",
            Self::Standing(Standing::Failed) => "failed",
        }
    }
}

/// The words that are read: one, absent or not, or those of several nodes.
pub(super) fn each<'v>(
    from: Option<&Expression>,
    read: Option<&'v Value>,
) -> Vec<Option<&'v Value>> {
    let several = from.is_some_and(Expression::reads_several);
    match read {
        Some(Value::Array(items)) if several && !items.is_empty() => items
            .iter()
            .map(|item| Some(item).filter(|item| !item.is_null()))
            .collect(),
        Some(Value::Array(_)) if several => vec![None],
        one => vec![one],
    }
}

/// What several nodes together say of their order.
pub(super) fn least_far(verdicts: &[Verdict]) -> Option<Verdict> {
    let first = verdicts.first()?;
    if verdicts.iter().all(|verdict| verdict.is == first.is) {
        return Some(first.clone());
    }
    let open = |verdict: &&Verdict| {
        use Standing::{InProgress, Invited, OnHold};
        matches!(verdict.is, Is::Standing(Invited | InProgress | OnHold))
    };
    if let Some(open) = verdicts.iter().find(open) {
        return Some(open.clone());
    }
    let outcomes = verdicts.iter().map(|verdict| match verdict.is {
        Is::Standing(Standing::Complete(outcome)) => Some(outcome),
        Is::Complete => None,
        // A part that was canceled or failed leaves the whole to a person.
        Is::Standing(_) => Some(Outcome::Review),
    });
    let finished = |verdict: &Verdict| {
        matches!(
            verdict.is,
            Is::Complete | Is::Standing(Standing::Complete(_))
        )
    };
    if !verdicts.iter().any(finished) {
        return Some(first.clone());
    }
    let worst = outcomes.max().flatten().unwrap_or(Outcome::Review);
    let waits = verdicts.iter().find(|verdict| verdict.is == Is::Complete);
    if let (Outcome::Pass, Some(waits)) = (worst, waits) {
        // Nothing speaks for a node but its result, however good the others are.
        return Some(waits.clone());
    }
    Some(Verdict {
        is: Is::Standing(Standing::Complete(worst)),
        ..first.clone()
    })
}

/// What the connection's own table says of a word: nothing where it does not name it, and no
/// verdict where it names something that no order can be. It passes nobody by an odd word.
pub(super) fn own_word(
    setting: Option<&str>,
    word: Option<&Value>,
    scope: &Scope<'_>,
    outcomes: bool,
) -> Option<Option<Verdict>> {
    let word = scalar(word?)?;
    let table = scope.settings.get(setting?)?.as_object()?;
    let (_, target) = table
        .iter()
        .find(|(known, _)| plain(known) == plain(&word))?;
    let is = named(target.as_str().unwrap_or_default(), outcomes);
    let pass = Is::Standing(Standing::Complete(Outcome::Pass));
    Some(
        is.filter(|is| *is != pass || !is_odd(&word))
            .map(|is| Verdict {
                is,
                detail: None,
                line: 0,
            }),
    )
}

pub(super) fn look_up<'t>(
    table: &'t [(String, Verdict)],
    word: Option<&Value>,
) -> Option<&'t Verdict> {
    let word = plain(&scalar(word?)?);
    table
        .iter()
        .find_map(|(known, verdict)| (plain(known) == word).then_some(verdict))
}

/// A table of words; `results` takes only outcomes.
pub(super) fn words(
    loader: &Loader<'_>,
    section: Option<Section<'_>>,
    outcomes: bool,
) -> Vec<(String, Verdict)> {
    let mut known: Vec<(String, Verdict)> = Vec::new();
    let entries = section.iter().flat_map(Section::entries);
    for (word, spot, verdict) in entries.flat_map(|(key, spot)| entry(loader, key, spot, outcomes))
    {
        if known.iter().any(|(other, _)| plain(other) == plain(word)) {
            let wrong = format!("the word `{word}` stands twice");
            let right = "words are compared without case, blanks, `_` and `-`; keep one";
            loader.mistakes.add(spot.line, wrong, right);
        }
        known.extend(verdict.map(|verdict| (word.to_owned(), verdict)));
    }
    known
}

/// What one entry of a table says: of its key, or, where a list stands behind it, of the words in
/// that list.
fn entry<'s>(
    loader: &Loader<'_>,
    key: &'s str,
    spot: &'s Spot,
    outcomes: bool,
) -> Vec<(&'s str, &'s Spot, Option<Verdict>)> {
    let plainly = |text: &str, spot: &Spot| {
        let is = is(loader, text, spot.line, outcomes)?;
        Some(Verdict {
            is,
            detail: None,
            line: spot.line,
        })
    };
    match &spot.raw {
        Raw::Text(text) => vec![(key, spot, plainly(text, spot))],
        Raw::List(words) => {
            let meaning = plainly(key, spot);
            let words = words.iter().filter_map(|word| match &word.raw {
                Raw::Text(text) => Some((text.as_str(), word, meaning.clone())),
                other => {
                    let wrong = format!("among the words for `{key}` is {}", other.kind());
                    loader.mistakes.add(word.line, wrong, "a word is a text");
                    None
                }
            });
            words.collect()
        }
        _ => {
            let section = Section::new(format!("the word `{key}`"), spot, loader.mistakes);
            let found = section.and_then(|section| {
                let found = verdict(loader, &section, outcomes);
                section.close();
                found
            });
            vec![(key, spot, found)]
        }
    }
}

pub(super) fn verdict(
    loader: &Loader<'_>,
    section: &Section<'_>,
    outcomes: bool,
) -> Option<Verdict> {
    let detail = section.text("detail").map(str::to_owned);
    let text = section.need_text("is", "say what it means: \"on_hold\"")?;
    Some(Verdict {
        is: is(loader, text, section.line_of("is"), outcomes)?,
        detail,
        line: section.line_of("is"),
    })
}

/// The setting that holds a connection's own words.
pub(super) fn own_table(
    loader: &Loader<'_>,
    section: &Section<'_>,
    key: &'static str,
) -> Option<String> {
    let text = section.text(key)?;
    let line = section.line_of(key);
    let Some(name) = text.strip_prefix("settings.") else {
        let wrong = format!("`{key}` is `{text}`");
        let right = "it names a setting of the form \"table\": \"settings.result_words\"";
        loader.mistakes.add(line, wrong, right);
        return None;
    };
    loader.uses(text, line);
    Some(name.to_owned())
}

/// What a word of ours means for an order.
pub(super) fn named(text: &str, outcomes: bool) -> Option<Is> {
    let outcome = |outcome| Some(Is::Standing(Standing::Complete(outcome)));
    match text {
        "pass" => outcome(Outcome::Pass),
        "review" => outcome(Outcome::Review),
        "fail" => outcome(Outcome::Fail),
        _ if outcomes => None,
        "invited" => Some(Is::Standing(Standing::Invited)),
        "in_progress" => Some(Is::Standing(Standing::InProgress)),
        "on_hold" => Some(Is::Standing(Standing::OnHold)),
        "complete" => Some(Is::Complete),
        "canceled" => Some(Is::Standing(Standing::Canceled)),
        "expired" => Some(Is::Standing(Standing::Expired)),
        "failed" => Some(Is::Standing(Standing::Failed)),
        _ => None,
    }
}

fn is(loader: &Loader<'_>, text: &str, line: usize, outcomes: bool) -> Option<Is> {
    let found = named(text, outcomes);
    if found.is_none() {
        let standings = "invited, in_progress, on_hold, complete, canceled, expired, failed";
        let right = match outcomes {
            true => "a result is pass, review or fail".to_owned(),
            false => format!("it is one of: {standings}, or complete with pass, review or fail"),
        };
        let wrong = format!("`{text}` is nothing an order can be");
        loader.mistakes.add(line, wrong, right);
    }
    found
}
