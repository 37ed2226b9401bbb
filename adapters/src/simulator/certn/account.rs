//! The account: what a constructor may choose, its keys and its limits (Certn, section 2).

use super::{Certn, refusal};
use crate::simulator::{Arrived, Pace, Response};
use crate::vocabulary::Millis;

const MINUTE: Millis = 60_000;
const DAY: Millis = 24 * 60 * MINUTE;

/// A customer's account in one region.
#[derive(Clone)]
pub struct Account {
    /// The keys that live side by side; a key of another region is none of them.
    pub keys: Vec<Key>,
    /// What webhooks are signed with.
    pub webhook_secret: String,
    /// How fast orders move; a step is a third of an ordinary order's life.
    pub pace: Pace,
    /// Requests a minute.
    pub per_minute: usize,
    /// Requests a day.
    pub per_day: usize,
    /// The checks that may be ordered, by type.
    pub check_types: Vec<&'static str>,
    /// The packages that may be named instead of checks.
    pub packages: Vec<&'static str>,
    /// How lists are wrapped; undocumented.
    pub envelope: Envelope,
    /// Which of the two forms of an event is sent.
    pub events: EventForm,
    /// Text before the signature, such as `sha256=`.
    pub signature_prefix: &'static str,
    /// A case is `COMPLETE` for one step of the pace before it has its score, which no event tells.
    pub score_lags: bool,
}

/// A key and its end.
#[derive(Clone)]
pub struct Key {
    /// What requests carry.
    pub value: String,
    /// When it ends, 365 days after it was made; `None`: after every test.
    pub ends_at: Option<Millis>,
}

/// How a list is wrapped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// `{count, next, previous, results}`, as the legacy API had it.
    Results,
    /// A bare array.
    Bare,
}

/// How an event is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum EventForm {
    /// `{id, event_type, object_id, object_type}`, as documented.
    Documented,
    /// `{created, event_id, event_type, object_id, object_type, case_status}`, as implementers
    /// handle it.
    Implemented,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            keys: vec![Key {
                value: "sk_test_certn".to_owned(),
                ends_at: None,
            }],
            webhook_secret: "certn-secret".to_owned(),
            pace: Pace::default(),
            per_minute: 60,
            per_day: 7_220,
            check_types: vec![
                "IDENTITY_VERIFICATION_1",
                "CREDIT_REPORT_1",
                "CRIMINAL_RECORD_REPORT_1",
                "MOTOR_VEHICLE_RECORD_1",
            ],
            packages: vec!["0a5f7c3e-2b7d-4c62-9d1c-6f7e2f1f9b01"],
            envelope: Envelope::Results,
            events: EventForm::Documented,
            signature_prefix: "",
            score_lags: false,
        }
    }
}

impl Certn {
    /// The key behind the word `Api-Key`.
    pub(super) fn authorize(&self, request: &Arrived, now: Millis) -> Result<(), Response> {
        let lives = |key: &Key| {
            let fits = request.is_authorized("Api-Key", &key.value);
            fits && key.ends_at.is_none_or(|end| now < end)
        };
        let fits = self.account.keys.iter().any(lives);
        fits.then_some(()).ok_or_else(denied)
    }

    /// Counts a request. The limits slide; whether Certn's do is not documented.
    pub(super) fn count(&mut self, now: Millis) -> Result<(), Response> {
        self.asked_at.retain(|at| now - at < DAY);
        self.asked_at.push(now);
        let newest = self.asked_at.iter().rev();
        let last_minute = newest.take_while(|at| now - **at < MINUTE).count();
        let account = &self.account;
        match last_minute > account.per_minute || self.asked_at.len() > account.per_day {
            true => Err(too_many()),
            false => Ok(()),
        }
    }
}

pub(super) fn denied() -> Response {
    refusal(401, "Invalid API key.")
}

/// No header tells how long to wait.
pub(super) fn too_many() -> Response {
    refusal(429, "Request was throttled.")
}

/// A refusal of one member, in the form that the legacy API used.
pub(super) fn wrong(member: &str, sentence: &str) -> Response {
    let mut body = serde_json::Map::new();
    body.insert(member.to_owned(), serde_json::json!([sentence]));
    Response::json(400, &body.into())
}
