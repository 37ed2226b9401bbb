//! Candidates, each of whom lists its orders (Accurate, section 4.1).

use serde_json::{Map, Value, json};

use super::{Accurate, Answer, invalid, not_found};
use crate::simulator::{Arrived, Response};
use crate::vocabulary::Millis;

/// Members that come back as they were given, where they were.
const TEXTS: [&str; 10] = [
    "firstName",
    "lastName",
    "email",
    "phone",
    "dateOfBirth",
    "address",
    "city",
    "region",
    "postalCode",
    "country",
];

/// What an order that runs without the applicant needs.
const FOR_EXPRESS: [&str; 5] = ["dateOfBirth", "address", "city", "region", "postalCode"];

/// A person at Accurate.
pub(super) struct Candidate {
    pub(super) id: String,
    given: Map<String, Value>,
    ssn: Option<String>,
}

impl Candidate {
    /// The first thing that an order without the applicant's own form misses.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        let missing = FOR_EXPRESS
            .iter()
            .find(|name| !self.given.contains_key(**name));
        missing.copied().or(self.ssn.is_none().then_some("ssn"))
    }
}

impl Accurate {
    pub(super) fn create_candidate(&mut self, body: &Value) -> Answer {
        let (given, ssn) = person(body)?;
        let id = self.next_id("ca");
        self.candidates.push(Candidate { id, given, ssn });
        Ok(Response::json(
            200,
            &self.candidate(self.candidates.len() - 1, Millis::MAX),
        ))
    }

    pub(super) fn replace_candidate(&mut self, id: &str, body: &Value) -> Answer {
        let index = self.candidate_index(id).ok_or_else(not_found)?;
        let (given, ssn) = person(body)?;
        let candidate = &mut self.candidates[index];
        (candidate.given, candidate.ssn) = (given, ssn);
        Ok(Response::json(200, &self.candidate(index, Millis::MAX)))
    }

    pub(super) fn list_candidates(&self) -> Response {
        let all = 0..self.candidates.len();
        let shown = all.map(|index| self.candidate(index, Millis::MAX));
        Response::json(200, &shown.collect())
    }

    pub(super) fn show_candidate(&mut self, request: &Arrived, id: &str, now: Millis) -> Answer {
        let index = self.candidate_index(id).ok_or_else(not_found)?;
        let hidden_after = self.faults.hidden_after(request, now);
        Ok(Response::json(200, &self.candidate(index, hidden_after)))
    }

    pub(super) fn candidate_index(&self, id: &str) -> Option<usize> {
        self.candidates.iter().position(|known| known.id == id)
    }

    /// The candidate, with the orders placed by `until`.
    fn candidate(&self, index: usize, until: Millis) -> Value {
        let candidate = &self.candidates[index];
        let mine = self.orders.iter().filter(|order| order.candidate == index);
        let seen = mine.filter(|order| order.placed_at <= until);
        let orders: Vec<Value> = match self.account.bare_orders {
            true => seen.map(|order| json!(order.id)).collect(),
            false => seen.map(|order| self.shown(order)).collect(),
        };
        let mut shown = json!({"id": candidate.id, "orders": orders});
        for (name, value) in &candidate.given {
            shown[name] = value.clone();
        }
        shown
    }
}

/// The members of a person, checked, and their SSN, which no answer shows.
fn person(body: &Value) -> Result<(Map<String, Value>, Option<String>), Response> {
    let mut given = Map::new();
    for name in TEXTS {
        match &body[name] {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            Value::String(text) => drop(given.insert(name.to_owned(), text.as_str().into())),
            _ => return Err(invalid(name, "must be a string")),
        }
    }
    for name in ["firstName", "lastName", "email"] {
        if !given.contains_key(name) {
            return Err(invalid(name, "is required"));
        }
    }
    if !body["email"]
        .as_str()
        .is_some_and(|email| email.contains('@'))
    {
        return Err(invalid("email", "is not a valid email address"));
    }
    let ssn = match &body["ssn"] {
        Value::Null => None,
        Value::String(ssn) if is_ssn(ssn) => Some(ssn.clone()),
        _ => return Err(invalid("ssn", "must be NNN-NN-NNNN")),
    };
    Ok((given, ssn))
}

fn is_ssn(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    plain && parts == [3, 2, 4]
}
