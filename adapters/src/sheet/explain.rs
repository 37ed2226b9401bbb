//! Explaining: which line of a sheet gave an answer or a callback its meaning.
//!
//! The answer is read by the very code that reads it in service, with a trace; nothing here could
//! explain it otherwise than it is.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::Sheet;
use super::expression::Expression;
use super::functions::{clean, flat};
use super::operations;
use super::scope::Scope;
use super::source::place;
use super::steps::Steps;
use super::trace::Trace;
use crate::conformance::answer::{Answer as _, Said, fault_words};
use crate::conformance::canary;
use crate::contract::{Context, Fault, Memo, Reply, Turn};
use crate::sample::{self, Sample};
use crate::vocabulary::TheirRef;

/// The longest value that is shown.
const LONGEST_SHOWN: usize = 80;

/// What an answer or a callback means, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The operation and step that read it: `fetch.order`, or `callback`.
    pub of: String,
    /// What decided, in the order in which it was asked.
    pub why: Vec<Told>,
    /// What it means, in the words of a sample's `expect`.
    pub means: Value,
}

/// One thing that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// A sentence.
    pub told: String,
    /// The sheet that says so, where one line of it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What is at an expression, for people: "`.id` is `7`", "`.id` is absent".
pub(super) fn shown(expression: &Expression, scope: &Scope<'_>) -> String {
    let path = expression.text();
    match expression.read(scope) {
        None => format!("`{path}` is absent"),
        Some(value) => format!("`{path}` is `{}`", clean(&flat(&value), LONGEST_SHOWN)),
    }
}

impl Sheet {
    /// Why `sample`, an answer or callback, means what it means. What it is expected to mean does
    /// not matter; where it names no step, the one with which its operation begins reads it.
    ///
    /// # Errors
    /// A sentence where the sheet has no such operation or step.
    pub fn explain(&self, sample: &Sample) -> Result<Explanation, String> {
        let settings = sample::settings(&self.vendor, &sample.settings);
        let cx = Context {
            settings: &settings,
            key: canary::KEY,
            base_url: canary::BASE_URL,
        };
        let trace = Trace::default();
        let (of, means) = match sample.operation.as_str() {
            "callback" => (
                "callback".to_owned(),
                self.called_back(sample, &cx, &trace)?,
            ),
            operation => {
                let steps = self.steps_of(operation)?;
                self.answered(steps, sample, &cx, &trace)?
            }
        };
        let why = trace.into_list().into_iter();
        let why = why.map(|noted| self.told(noted.told, noted.line)).collect();
        Ok(Explanation { of, why, means })
    }

    fn steps_of(&self, operation: &str) -> Result<&Steps, String> {
        let all = &self.parts.operations;
        let found = all.iter().find(|(name, _)| *name == operation);
        found.map(|(_, steps)| steps).ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            format!(
                "{} has no operation `{operation}` (it has: {})",
                self.vendor.name,
                known.join(", ")
            )
        })
    }

    fn called_back(
        &self,
        sample: &Sample,
        cx: &Context<'_>,
        trace: &Trace,
    ) -> Result<Value, String> {
        let reader = self.parts.callbacks.as_ref();
        let reader = reader.ok_or_else(|| format!("{} has no `[callback]`", self.vendor.name))?;
        let memo = BTreeMap::new();
        let scope = Scope {
            trace: Some(trace),
            ..Scope::new(&memo, cx)
        };
        Ok(match reader.notes(sample.body.as_bytes(), &scope) {
            Ok(notes) => notes.said().words,
            Err(unreadable) => json!({"is": "unreadable", "why": unreadable.0}),
        })
    }

    fn answered(
        &self,
        steps: &Steps,
        sample: &Sample,
        cx: &Context<'_>,
        trace: &Trace,
    ) -> Result<(String, Value), String> {
        let known: Vec<&str> = steps.steps.iter().map(|step| step.name.as_str()).collect();
        if !sample.step.is_empty() && !known.contains(&sample.step.as_str()) {
            let (operation, step) = (&sample.operation, &sample.step);
            return Err(format!(
                "`{operation}` has no step `{step}` (it has: {})",
                known.join(", ")
            ));
        }
        let (order, ours) = (canary::order(), sample::ours(&self.vendor));
        let asked: Vec<_> = sample
            .theirs
            .split(',')
            .map(|one| TheirRef(one.to_owned()))
            .collect();
        let sees_order = matches!(sample.operation.as_str(), "place" | "look_up");
        let memo = Memo {
            step: sample.step.clone(),
            values: sample.memo.clone(),
        };
        let scope = Scope {
            order: sees_order.then_some(&order),
            ours: sees_order.then_some(ours.0.as_str()),
            callback_url: Some(canary::CALLBACK_URL),
            theirs: (!sees_order).then_some(sample.theirs.as_str()),
            asked: (sample.operation == "fetch_many").then_some(asked.as_slice()),
            sent: Some(canary::PLACED_AT),
            trace: Some(trace),
            ..Scope::new(&memo.values, cx)
        };
        let step = steps
            .begins_with(&scope, &memo)
            .unwrap_or_default()
            .to_owned();
        let reply = sample.reply();
        let means = match self.decoded(steps, sample, &asked, &scope, &memo, &reply) {
            Ok(Turn::Done(said)) => said.words,
            Ok(Turn::Next(memo)) => json!({"is": "next", "step": memo.step, "memo": memo.values}),
            Err(Fault::Unclear(why)) => json!({"is": "unclear", "why": why}),
            Err(fault) => fault_words(&fault),
        };
        Ok((format!("{}.{step}", sample.operation), means))
    }

    fn decoded(
        &self,
        steps: &Steps,
        sample: &Sample,
        asked: &[TheirRef],
        scope: &Scope<'_>,
        memo: &Memo,
        reply: &Reply,
    ) -> Result<Turn<Said>, Fault> {
        let done = |said| Ok(Turn::Done(said));
        steps.decode(scope, memo, reply, |end| match sample.operation.as_str() {
            "place" | "cancel" => done(end.progress()?.said()),
            "fetch" | "look_up" => done(end.found()?.said()),
            "fetch_many" => done(end.found_of(asked).said()),
            "report" => done(operations::report(end)?.said()),
            "list" => Ok(match super::catalog::gathered(end)? {
                Turn::Done(catalog) => Turn::Done(catalog.said()),
                Turn::Next(memo) => Turn::Next(memo),
            }),
            _ => done(().said()),
        })
    }

    fn told(&self, told: String, line: Option<usize>) -> Told {
        let at = line.map(place);
        let file = at.and_then(|(number, _)| self.files.get(number));
        let line = at.map(|(_, line)| line);
        let text = file.and_then(|file| file.text.lines().nth(line?.checked_sub(1)?));
        Told {
            told,
            file: file.map(|file| file.name.clone()),
            line,
            text: text.map(|text| text.trim().to_owned()),
        }
    }
}
