//! Laws on what answers and callbacks mean when a word in them is unknown or missing. They change
//! the fixtures' bodies leaf by leaf and compare what comes out with what came out before.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::answer::{Said, fault_word, word};
use super::super::bench::{Bench, Ran, reply};
use super::super::leaves::{Document, Place, UNKNOWN_WORD};
use super::nasty::SENSELESS;
use super::placing::{answers, ranges};
use crate::contract::Fault;
use crate::vocabulary::{Outcome, Progress, Standing};

/// Standings that end an order badly.
const BAD_ENDS: [Standing; 4] = [
    Standing::Complete(Outcome::Fail),
    Standing::Canceled,
    Standing::Expired,
    Standing::Failed,
];

/// What came of a body. Faults that settle an order are told from those that only say "not now".
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Came {
    Said(Said),
    /// It could not be made out, or is not there yet: nothing moves.
    Unclear,
    /// A fault that settles something.
    Settled(String),
}

impl Came {
    fn of(result: Result<Said, Fault>) -> Self {
        match result {
            Ok(said) => Self::Said(said),
            Err(Fault::Unclear(_) | Fault::NotReady(_)) => Self::Unclear,
            Err(fault) => Self::Settled(fault_word(&fault)),
        }
    }

    fn passes(&self) -> usize {
        match self {
            Self::Said(said) => said.passes(),
            _ => 0,
        }
    }

    fn count(&self, standing: Standing) -> usize {
        match self {
            Self::Said(said) => said.count(standing),
            _ => 0,
        }
    }

    /// The bare words, so that a changed id or date is no difference.
    fn is(&self) -> Option<Vec<&str>> {
        match self {
            Self::Said(said) => Some(said.is()),
            _ => None,
        }
    }
}

/// Reads another body in the place of the subject's; `None` where the fixtures show no way on.
type Read<'a> = Box<dyn Fn(&[u8]) -> Option<Came> + 'a>;

/// A body of the fixtures, and how it is read.
pub(in crate::conformance) struct Subject<'a> {
    at: String,
    /// Subjects of one kind are read alike: their leaves may be exchanged.
    kind: String,
    document: Document,
    came: Came,
    read: Read<'a>,
    /// Whether more requests follow it: what it says of the order is then said elsewhere.
    leads_on: bool,
}

impl Subject<'_> {
    pub(in crate::conformance) fn passes(&self) -> usize {
        self.came.passes()
    }

    /// Whether it is read from a look or a callback, not from an order that was just placed.
    pub(in crate::conformance) fn is_reading(&self) -> bool {
        let reading = ["fetch", "callback"]
            .iter()
            .any(|kind| self.kind.starts_with(kind));
        reading && matches!(self.came, Came::Said(_))
    }
}

/// Every body of the fixtures that leads to a standing.
pub(in crate::conformance) fn subjects<'a>(bench: &'a Bench<'a>) -> Vec<Subject<'a>> {
    let mut subjects = Vec::new();
    for operation in ["place", "fetch", "fetch_many", "cancel"] {
        // A case is run anew for each of its bodies, so that each can own its run.
        let cases = bench.cases(operation).len();
        for nth in 0..cases {
            subjects.extend(of_case(bench, operation, nth));
        }
    }
    let callbacks = bench.vendor.callbacks.is_some();
    for case in bench.fixtures.callbacks.iter().filter(|_| callbacks) {
        let read = move |body: &[u8]| {
            Some(match bench.read(body)? {
                Ok(said) => Came::Said(said),
                Err(_) => Came::Unclear,
            })
        };
        subjects.extend(subject(
            format!("callback `{}`", case.name),
            "callback".to_owned(),
            case.body.as_bytes(),
            Box::new(read),
        ));
    }
    subjects
}

fn of_case<'a>(bench: &'a Bench<'a>, operation: &'a str, nth: usize) -> Vec<Subject<'a>> {
    let ran = || bench.cases(operation).into_iter().nth(nth);
    let Some(first) = ran() else {
        return Vec::new();
    };
    let mut subjects = Vec::new();
    for (step, answer) in answers(&first) {
        let at = first
            .stops
            .iter()
            .position(|stop| stop.exchange.step == step);
        let (Some(at), Some(ran)) = (at, ran()) else {
            continue;
        };
        let body = answer.body.clone();
        let read = move |body: &[u8]| {
            let mut answer = answer.clone();
            answer.body = body.to_vec();
            ran.replay(at, &answer).map(Came::of)
        };
        let found = subject(
            first.at(step),
            format!("{operation} {step}"),
            &body,
            Box::new(read),
        );
        subjects.extend(found.map(|found| Subject {
            leads_on: at + 1 < first.stops.len(),
            ..found
        }));
    }
    subjects
}

fn subject<'a>(at: String, kind: String, body: &[u8], read: Read<'a>) -> Option<Subject<'a>> {
    Some(Subject {
        at,
        kind,
        document: Document::parse(body),
        came: read(body)?,
        read,
        leads_on: false,
    })
}

/// The leaves that decide: those where the value of another body of the same kind makes the
/// subject mean something else, and still makes sense.
fn deciding(subject: &Subject<'_>, all: &[Subject<'_>]) -> Vec<Place> {
    let siblings: Vec<_> = all
        .iter()
        .filter(|other| other.kind == subject.kind)
        .flat_map(|other| other.document.leaves())
        .collect();
    let decides = |place: &Place, value: &Value| {
        let mut others = siblings.iter().filter(|(there, other)| {
            matches!(there, Place::Pointer(_)) && there == place && other != value
        });
        others.any(|(_, other)| {
            let came = (subject.read)(&subject.document.with(place, other));
            came.is_some_and(|came| came.is().is_some() && came.is() != subject.came.is())
        })
    };
    let leaves = subject.document.leaves().into_iter();
    leaves
        .filter(|(place, value)| decides(place, value))
        .map(|(place, _)| place)
        .collect()
}

/// Law `false_pass`.
pub(super) fn false_pass(bench: &Bench<'_>) -> Vec<String> {
    let subjects = subjects(bench);
    let allowed = &bench.fixtures.connection.absent_may_pass;
    let may_lack = |place: &Place| allowed.iter().any(|name| name == place.name());
    let mut broken = Vec::new();
    for subject in &subjects {
        let passes = |body: &[u8]| (subject.read)(body).map_or(0, |came| came.passes());
        for place in subject.document.words() {
            if passes(&subject.document.with(&place, &UNKNOWN_WORD.into())) > subject.passes() {
                broken.push(format!(
                    "{}: passes with an unknown word at {place}",
                    subject.at
                ));
            }
        }
        for (place, body) in subject.document.lacking() {
            if passes(&body) > subject.passes() && !may_lack(&place) {
                broken.push(format!(
                    "{}: passes without {place}; if the vendor leaves it out of good reports, \
                     `absent_may_pass` in vendor.toml, or in its [[test]], allows it",
                    subject.at
                ));
            }
        }
        if subject.passes() > 0 {
            broken.extend(stubborn_pass(
                subject,
                &deciding(subject, &subjects),
                &may_lack,
            ));
        }
    }
    broken
}

/// Ways in which a pass stays one though what makes it one is unknown or gone.
fn stubborn_pass(
    subject: &Subject<'_>,
    deciding: &[Place],
    may_lack: &dyn Fn(&Place) -> bool,
) -> Vec<String> {
    let document = &subject.document;
    let still =
        |body: &[u8]| (subject.read)(body).is_some_and(|came| came.passes() >= subject.passes());
    let unknown = |place: &Place| document.with(place, &UNKNOWN_WORD.into());
    let mut broken = Vec::new();
    for place in deciding {
        if still(&unknown(place)) {
            broken.push(format!(
                "{}: {place} decides, but an unknown word there still passes",
                subject.at
            ));
        }
    }
    let leaves = document.leaves();
    let was_there = |place: &Place| {
        leaves
            .iter()
            .any(|(there, value)| there == place && !value.is_null())
    };
    for (place, body) in document.lacking() {
        let decides = deciding.contains(&place) && was_there(&place) && !may_lack(&place);
        if decides && still(&body) {
            broken.push(format!(
                "{}: {place} decides, but without it this still passes",
                subject.at
            ));
        }
    }
    if leaves.iter().all(|(place, _)| still(&unknown(place))) {
        broken.push(format!("{}: passes whatever its words are", subject.at));
    }
    broken
}

/// Law `unknown_words`.
pub(super) fn unknown_words(bench: &Bench<'_>) -> Vec<String> {
    let subjects = subjects(bench);
    let mut broken = Vec::new();
    for subject in &subjects {
        if !matches!(subject.came, Came::Said(_)) {
            continue;
        }
        let deciding = match subject.is_reading() {
            true => deciding(subject, &subjects),
            false => Vec::new(),
        };
        for place in subject.document.words() {
            let body = subject.document.with(&place, &UNKNOWN_WORD.into());
            let Some(came) = (subject.read)(&body) else {
                continue;
            };
            // A person who cannot be told among others is a good reason to refuse.
            if subject.leads_on && matches!(came, Came::Settled(_)) {
                continue;
            }
            if let Some(why) = moved(&subject.came, &came, deciding.contains(&place)) {
                broken.push(format!("{}: an unknown word at {place} {why}", subject.at));
            }
        }
    }
    broken
}

/// What an unknown word did that it may not.
fn moved(before: &Came, after: &Came, decides: bool) -> Option<String> {
    for standing in BAD_ENDS {
        if after.count(standing) > before.count(standing) {
            return Some(format!("ends the order as `{}`", word(Some(standing))));
        }
    }
    match after {
        Came::Settled(fault) => Some(format!("is the fault `{fault}`")),
        Came::Unclear if decides => {
            Some("makes the whole unreadable; it should leave the order where it was".to_owned())
        }
        Came::Said(said) => {
            let silent =
                |progress: &&Progress| progress.standing.is_none() && progress.unknown.is_empty();
            let silent = said.progress.iter().any(|progress| silent(&progress));
            silent.then(|| "is not listed in `unknown`, so operators do not see it".to_owned())
        }
        Came::Unclear => None,
    }
}

/// Law `absence`.
pub(super) fn absence(bench: &Bench<'_>) -> Vec<String> {
    let not_seen = json!({"is": "not_seen"});
    let mut broken = Vec::new();
    let by_ours = |ran: &Ran<'_>| ran.case.theirs.is_none();
    for ran in bench.cases("fetch").into_iter().filter(by_ours) {
        for (at, stop) in ran.stops.iter().enumerate() {
            let here = ran.at(&stop.exchange.step);
            // A list may be a bare array, so an empty one is an answer that makes sense.
            let bodies = SENSELESS.iter().filter(|body| **body != "[]");
            let odd = bodies.map(|body| (stop.reply.status, *body));
            // Only these two statuses say that a thing is not there.
            let failed = (400..600).filter(|status| ![404, 410].contains(status));
            let text = std::str::from_utf8(&stop.reply.body).unwrap_or_default();
            // By the body, so that a range of statuses is one sentence.
            let mut wrong: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
            for (status, body) in odd.chain(failed.map(|status| (status, text))) {
                let answer = reply(status, &BTreeMap::new(), body);
                if let Some(Ok(said)) = ran.replay(at, &answer)
                    && said.words == not_seen
                {
                    wrong.entry(body).or_default().push(status);
                }
            }
            broken.extend(wrong.into_iter().map(|(body, statuses)| {
                format!(
                    "{here}: {} with the body `{body}` counts as not seen; a rule that says \
                     `not_seen` names a `status`",
                    ranges(&statuses)
                )
            }));
        }
    }
    broken
}
