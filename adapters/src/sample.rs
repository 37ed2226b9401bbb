//! Samples: what a vendor sends and what it must mean, written into its sheet as `[[test]]`.
//!
//! They are for whoever writes or changes a sheet and has an answer of the vendor at hand; a vendor
//! that ships owes the whole of [`crate::conformance`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::callback::Verified;
use crate::conformance::answer::{Answer, Said, fault_words, fits};
use crate::conformance::canary;
use crate::contract::{
    CancelOrder, Context, FetchMany, FetchOrder, ListPackages, Memo, Operation, PlaceOrder, Reply,
    ReportLink, Translate, Turn, Vendor, VerifyCredentials,
};
use crate::vocabulary::{OurRef, TheirRef};

/// A sample of what a vendor sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// A sentence for people.
    pub name: String,
    /// The operation whose answer it is (`fetch`, `look_up` ...), or `callback`.
    pub operation: String,
    /// The step whose answer it is; empty for a callback.
    pub step: String,
    /// The vendor's reference that was asked for.
    pub theirs: String,
    /// Settings over the defaults.
    pub settings: BTreeMap<String, Value>,
    /// What was kept before.
    pub memo: BTreeMap<String, String>,
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// Leaves, by their names, without which it may pass all the same, as in
    /// [`crate::conformance`]'s `vendor.toml`.
    pub absent_may_pass: Vec<String>,
    /// What it must mean, in the words of [`crate::conformance`]'s `expect`.
    pub expect: Value,
}

/// Tries every sample of a vendor; one sentence for each that means something else.
pub fn failures(vendor: &Vendor) -> Vec<String> {
    vendor
        .samples
        .iter()
        .filter_map(|sample| {
            let sample = sample.naming(&ours(vendor));
            let said = said(vendor, &sample);
            (!fits(&sample.expect, &said)).then(|| {
                let (name, expect) = (&sample.name, &sample.expect);
                format!("`{name}`: it means {said}, not {expect}")
            })
        })
        .collect()
}

/// What a sample means.
fn said(vendor: &Vendor, sample: &Sample) -> Value {
    let settings = settings(vendor, &sample.settings);
    let cx = Context {
        settings: &settings,
        key: canary::KEY,
        base_url: canary::BASE_URL,
    };
    let theirs = TheirRef(sample.theirs.clone());
    let order = Arc::new(canary::order());
    let ours = ours(vendor);
    let tried = match sample.operation.as_str() {
        "callback" => return read(vendor, sample, &cx),
        "place" => answered(
            PlaceOrder {
                order,
                ours,
                callback_url: canary::CALLBACK_URL.to_owned(),
            },
            Some(&vendor.place),
            sample,
            &cx,
        ),
        "fetch" => answered(
            FetchOrder::Theirs(theirs),
            vendor.fetch.as_ref(),
            sample,
            &cx,
        ),
        "look_up" => {
            let op = FetchOrder::Ours {
                order,
                ours,
                first_sent_at: canary::PLACED_AT,
            };
            answered(op, vendor.fetch.as_ref(), sample, &cx)
        }
        "fetch_many" => {
            let theirs = sample.theirs.split(',').map(|one| TheirRef(one.to_owned()));
            let op = FetchMany {
                theirs: theirs.collect(),
            };
            answered(op, vendor.fetch_many.as_ref(), sample, &cx)
        }
        "cancel" => answered(CancelOrder { theirs }, vendor.cancel.as_ref(), sample, &cx),
        "report" => answered(ReportLink { theirs }, vendor.report.as_ref(), sample, &cx),
        "list" => answered(ListPackages, vendor.list.as_ref(), sample, &cx),
        "verify" => answered(VerifyCredentials, vendor.verify.as_ref(), sample, &cx),
        _ => None,
    };
    tried.unwrap_or_else(|| Value::from("nothing: the vendor has no such operation"))
}

impl Sample {
    /// The sample with our reference where it says `{ours}`.
    fn naming(&self, ours: &OurRef) -> Self {
        let named = |text: &str| text.replace("{ours}", &ours.0);
        let headers = self.headers.iter();
        let expect = serde_json::from_str(&named(&self.expect.to_string()));
        Self {
            headers: headers
                .map(|(name, value)| (name.clone(), named(value)))
                .collect(),
            body: named(&self.body),
            expect: expect.unwrap_or_else(|_| self.expect.clone()),
            ..self.clone()
        }
    }

    /// The answer that it is.
    pub(crate) fn reply(&self) -> Reply {
        Reply {
            status: self.status,
            headers: self.headers.clone(),
            body: self.body.clone().into_bytes(),
        }
    }
}

/// A connection's settings: `given`, over what is used where a setting is left out.
pub(crate) fn settings(
    vendor: &Vendor,
    given: &BTreeMap<String, Value>,
) -> BTreeMap<String, Value> {
    let defaults = vendor.settings.iter().filter_map(|setting| {
        let default = setting.default.clone()?;
        Some((setting.name.clone(), default))
    });
    let mut settings: BTreeMap<String, Value> = defaults.collect();
    settings.extend(given.clone());
    settings
}

/// A reference of ours as the vendor takes it.
pub(crate) fn ours(vendor: &Vendor) -> OurRef {
    let reference = &vendor.policy.reference;
    let letters = reference.alphabet.chars().cycle();
    OurRef(letters.take(reference.length).collect())
}

fn answered<O: Operation>(
    op: O,
    translate: Option<&Arc<dyn Translate<O>>>,
    sample: &Sample,
    cx: &Context<'_>,
) -> Option<Value>
where
    O::Output: Answer,
{
    let memo = Memo {
        step: sample.step.clone(),
        values: sample.memo.clone(),
    };
    Some(match translate?.decode(&op, &memo, cx, &sample.reply()) {
        Ok(Turn::Done(output)) => output.said().words,
        Ok(Turn::Next(memo)) => serde_json::json!({"is": "next", "step": memo.step}),
        Err(fault) => fault_words(&fault),
    })
}

fn read(vendor: &Vendor, sample: &Sample, cx: &Context<'_>) -> Value {
    let Some(callbacks) = &vendor.callbacks else {
        return Value::from("nothing: the vendor sends no callbacks");
    };
    let body = Verified::kept(sample.body.as_bytes());
    match callbacks.reader.read(body, cx).map(Answer::said) {
        Ok(Said { words, .. }) => words,
        Err(unreadable) => Value::from(format!("nothing: {unreadable}")),
    }
}
