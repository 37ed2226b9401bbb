//! Candidates: one e-mail address is one person for ever (Sterling, section 4.1).

use serde_json::{Map, Value, json};

use super::forms;
use super::{Answer, Sterling, refusal};
use crate::simulator::{Arrived, Response};
use crate::vocabulary::Millis;

/// How many candidates a list shows at most; the real figure is not documented.
const MOST_LISTED: usize = 100;

/// A person, as requests gave them.
pub(super) struct Candidate {
    pub(super) id: String,
    created_at: Millis,
    pub(super) given: Value,
}

impl Candidate {
    /// A text of the person, empty where it was not given.
    pub(super) fn text(&self, name: &str) -> &str {
        self.given[name].as_str().unwrap_or_default()
    }
}

impl Sterling {
    pub(super) fn create_candidate(&mut self, body: &Value, now: Millis) -> Answer {
        let required = [
            ("givenName", "400#givenName"),
            ("familyName", "400#familyName"),
            ("email", "400#email"),
            ("clientReferenceId", "400#clientReferenceId"),
        ];
        need(body, &required)?;
        check(body)?;
        self.must_be_new("email", body, "409#email?already-in-use")?;
        let taken = "409#clientReferenceId?already-in-use";
        self.must_be_new("clientReferenceId", body, taken)?;
        let candidate = Candidate {
            id: format!(
                "5b0f3c1e-4c0b-4f0e-9f6e-{:012x}",
                self.candidates.len() + 0x6a2b
            ),
            created_at: now,
            given: body.clone(),
        };
        self.candidates.push(candidate);
        let index = self.candidates.len() - 1;
        Ok(Response::json(201, &self.candidate(index, Millis::MAX)))
    }

    fn must_be_new(&self, name: &str, body: &Value, code: &str) -> Result<(), Response> {
        let given = body[name].as_str().unwrap_or_default();
        let taken = |known: &Candidate| known.text(name).eq_ignore_ascii_case(given);
        match self.candidates.iter().any(taken) {
            true => Err(refusal(code, &format!("{name} is already in use"))),
            false => Ok(()),
        }
    }

    /// `GET candidates`: filters by name and e-mail. That v2 filters by `clientReferenceId` as v1
    /// did is unverified; here that parameter is ignored.
    pub(super) fn list_candidates(&mut self, request: &Arrived, now: Millis) -> Response {
        let hidden_after = self.faults.hidden_after(request, now);
        let wanted = |candidate: &Candidate| {
            ["email", "givenName", "familyName"].iter().all(|name| {
                let wanted = request.parameter(name);
                wanted.is_none_or(|wanted| candidate.text(name).eq_ignore_ascii_case(&wanted))
            })
        };
        let number = |name: &str| request.parameter(name).and_then(|text| text.parse().ok());
        let shown: Vec<Value> = (0..self.candidates.len())
            .filter(|index| self.candidates[*index].created_at <= hidden_after)
            .filter(|index| wanted(&self.candidates[*index]))
            .skip(number("offset").unwrap_or(0))
            .take(number("limit").unwrap_or(MOST_LISTED))
            .map(|index| self.candidate(index, hidden_after))
            .collect();
        Response::json(200, &shown.into())
    }

    pub(super) fn show_candidate(&mut self, request: &Arrived, id: &str, now: Millis) -> Answer {
        let hidden_after = self.faults.hidden_after(request, now);
        let index = self.candidate_index(id)?;
        Ok(Response::json(200, &self.candidate(index, hidden_after)))
    }

    pub(super) fn update_candidate(&mut self, id: &str, body: &Value) -> Answer {
        let index = self.candidate_index(id)?;
        let required = [
            ("givenName", "400#givenName"),
            ("familyName", "400#familyName"),
            ("email", "400#email"),
        ];
        need(body, &required)?;
        check(body)?;
        let email = body["email"].as_str().unwrap_or_default();
        if !self.candidates[index]
            .text("email")
            .eq_ignore_ascii_case(email)
        {
            self.must_be_new("email", body, "409#email?already-in-use")?;
        }
        let changes = body.as_object().cloned().unwrap_or_default();
        if let Some(given) = self.candidates[index].given.as_object_mut() {
            given.extend(changes);
        }
        Ok(Response::json(200, &self.candidate(index, Millis::MAX)))
    }

    pub(super) fn candidate_index(&self, id: &str) -> Result<usize, Response> {
        let found = self.candidates.iter().position(|known| known.id == id);
        found.ok_or_else(|| refusal("404", "Not found"))
    }

    /// The candidate as answers show it, with the ids of the screenings made until `hidden_after`.
    fn candidate(&self, index: usize, hidden_after: Millis) -> Value {
        let candidate = &self.candidates[index];
        let screenings = self.screenings.iter();
        let theirs = screenings.filter(|screening| {
            screening.candidate == index && screening.submitted_at <= hidden_after
        });
        let ids: Vec<&str> = theirs.map(|screening| screening.id.as_str()).collect();
        let mut shown: Map<String, Value> =
            candidate.given.as_object().cloned().unwrap_or_default();
        shown.insert("id".to_owned(), json!(candidate.id));
        shown
            .entry("confirmedNoMiddleName")
            .or_insert_with(|| json!(false));
        shown.insert("screeningIds".to_owned(), json!(ids));
        if let Some(number) = shown
            .get_mut("driversLicense")
            .and_then(|licence| licence.get_mut("licenseNumber"))
        {
            *number = json!("********");
        }
        Value::Object(shown)
    }
}

fn need(body: &Value, required: &[(&str, &str)]) -> Result<(), Response> {
    let missing = required
        .iter()
        .find(|(name, _)| forms::at(body, name).is_none());
    match missing {
        Some((name, code)) => Err(refusal(code, &format!("{name} is required"))),
        None => Ok(()),
    }
}

fn check(body: &Value) -> Result<(), Response> {
    forms::check(body).map_err(|(field, sentence)| refusal(&format!("400#{field}"), sentence))
}
