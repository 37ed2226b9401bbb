//! Screenings: one of them is what a gateway counts as an order (Sterling, sections 4.2, 5 and 7).

use serde_json::{Value, json};

use super::candidates::Candidate;
use super::forms;
use super::{Answer, Sterling, iso8601, refusal};
use crate::simulator::{HeldOrder, Response};
use crate::vocabulary::Millis;

/// How long after its submission a screening is expected to be done.
const ESTIMATE: Millis = 2 * 24 * 3_600_000;

/// The life of an ordinary order, in steps of the pace.
const USUAL_LIFE: [(u32, &str, Option<&str>); 2] = [
    (1, "Pending", Some("Pending")),
    (3, "Complete", Some("Clear")),
];

/// A screening. Its words may be any.
pub(super) struct Screening {
    pub(super) id: String,
    pub(super) submitted_at: Millis,
    pub(super) package: String,
    title: &'static str,
    components: Vec<&'static str>,
    /// The candidate's index.
    pub(super) candidate: usize,
    pub(super) callback: Option<Callback>,
    invite: Value,
    pub(super) status: String,
    pub(super) result: Option<String>,
    /// The applicant has given what the searches need.
    pub(super) is_submitted: bool,
}

/// Where callbacks go, and the credentials that the order gave for them (v1; unverified on v2).
pub(super) struct Callback {
    pub(super) uri: String,
    pub(super) basic: Option<String>,
}

/// A status without case, blanks, `_` and `-`: levels and samples differ in all of these.
pub(super) fn plain(word: &str) -> String {
    let letters = word.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

impl Screening {
    fn is_complete(&self) -> bool {
        plain(&self.status) == "complete"
    }

    fn is_active(&self) -> bool {
        let ended = ["complete", "cancelled", "canceled", "expired"];
        !ended.contains(&plain(&self.status).as_str())
    }

    /// What control calls our reference: the last query value of the callback address.
    fn reference<'a>(&'a self, candidates: &'a [Candidate]) -> &'a str {
        let uri = self.callback.as_ref().map(|callback| callback.uri.as_str());
        let query = uri.and_then(|uri| uri.split_once('?'));
        let value = query.and_then(|(_, query)| query.rsplit_once('='));
        value.map_or_else(
            || candidates[self.candidate].text("clientReferenceId"),
            |(_, value)| value,
        )
    }

    pub(super) fn is_known_by(&self, key: &str, candidates: &[Candidate]) -> bool {
        let person = candidates[self.candidate].text("clientReferenceId");
        self.id == key || self.reference(candidates) == key || person == key
    }

    pub(super) fn held(&self, candidates: &[Candidate]) -> HeldOrder {
        HeldOrder {
            reference: self.reference(candidates).to_owned(),
            id: self.id.clone(),
            status: self.status.clone(),
            result: self.result.clone(),
        }
    }
}

impl Sterling {
    pub(super) fn create_screening(&mut self, body: &Value, now: Millis) -> Answer {
        let candidate = forms::at(body, "candidateId")
            .and_then(|id| self.candidate_index(id).ok())
            .ok_or_else(|| refusal("400#candidateId", "candidateId is missing or unknown"))?;
        if !body["alacarte"].is_null() || !body["drug"].is_null() {
            return Err(refusal("400#alacarte", "this simulator sells no add-ons"));
        }
        let package = forms::at(body, "packageId").and_then(|id| self.package(id));
        let package = package
            .ok_or_else(|| refusal("400#packageId", "packageId is missing or unknown"))?
            .clone();
        let callback = callback(&body["callback"])?;
        let number = self.screenings.len();
        let id = format!("{}", 1_800_000_001 + number);
        let (invite, status, result) = match &body["invite"] {
            Value::Null => {
                self.must_be_whole(candidate, &package.required)?;
                (Value::Null, "Pending", "Pending")
            }
            invite => match invite["method"].as_str() {
                Some("email") => (json!({"method": "email"}), "PreDraft", "Pending"),
                Some("link") => {
                    let link = format!("https://applicant.sterlingcheck.app/invite/{id}");
                    (json!({"method": "link", "link": link}), "new", "n/a")
                }
                _ => return Err(refusal("400#invite.method", "method must be email or link")),
            },
        };
        let screening = Screening {
            id,
            submitted_at: now,
            package: package.id.to_owned(),
            title: package.title,
            components: package.components,
            candidate,
            callback,
            is_submitted: invite.is_null(),
            invite,
            status: status.to_owned(),
            result: Some(result.to_owned()),
        };
        self.screenings.push(screening);
        for planned in USUAL_LIFE {
            self.timeline.plan(number, now, planned);
        }
        Ok(Response::json(201, &self.screening(number)))
    }

    /// An order without an invitation needs all data, and no other one for the same SSN.
    fn must_be_whole(&self, candidate: usize, required: &[&str]) -> Result<(), Response> {
        let person = &self.candidates[candidate].given;
        if let Some(missing) = required
            .iter()
            .find(|path| forms::at(person, path).is_none())
        {
            return Err(refusal(
                "400#required-field",
                &format!("{missing} is required"),
            ));
        }
        let ssn = self.candidates[candidate].text("ssn");
        let same = |other: &Screening| {
            other.is_active() && self.candidates[other.candidate].text("ssn") == ssn
        };
        match self.screenings.iter().any(same) {
            true => Err(refusal("400#ssn", "ssn has an active order")),
            false => Ok(()),
        }
    }

    pub(super) fn show_screening(&self, id: &str) -> Answer {
        let index = self.screening_index(id)?;
        Ok(Response::json(200, &self.screening(index)))
    }

    /// A link that is good for one use, made anew each time. The v2 body is not documented; this is
    /// v1's.
    pub(super) fn link_report(&mut self, id: &str) -> Answer {
        let index = self.screening_index(id)?;
        if !self.screenings[index].is_complete() {
            return Err(refusal("422#not-yet-complete", "Screening is not complete"));
        }
        self.links += 1;
        let token = format!("{id}-{:04}", self.links);
        let link = format!("https://reports.sterlingcheck.app/r/{token}");
        let body = json!({
            "link": link,
            "html": format!("{link}/report.html"),
            "pdf": format!("{link}/report.pdf"),
            "token": token,
        });
        Ok(Response::json(201, &body))
    }

    fn screening_index(&self, id: &str) -> Result<usize, Response> {
        let found = self.screenings.iter().position(|known| known.id == id);
        found.ok_or_else(|| refusal("404", "Not found"))
    }

    /// Moves a screening and calls back.
    pub(super) fn move_screening(
        &mut self,
        index: usize,
        status: &str,
        result: Option<&str>,
        at: Millis,
    ) {
        let screening = &mut self.screenings[index];
        screening.status = status.to_owned();
        screening.result = result.map(str::to_owned);
        let invited = ["new", "predraft", "draft", "expired"];
        screening.is_submitted |= !invited.contains(&plain(status).as_str());
        self.call_back(index, "screening", at);
    }

    /// The screening as answers show it. `updatedAt` lies in the future, as it did in recorded
    /// answers.
    pub(super) fn screening(&self, index: usize) -> Value {
        let screening = &self.screenings[index];
        let estimate = iso8601(screening.submitted_at + ESTIMATE);
        let callback = screening.callback.as_ref();
        json!({
            "id": screening.id,
            "packageId": screening.package,
            "packageName": screening.title,
            "accountName": "Acme",
            "candidateId": self.candidates[screening.candidate].id,
            "status": screening.status,
            "result": screening.result,
            "invite": screening.invite,
            "callback": callback.map(|callback| json!({"uri": callback.uri})),
            "links": {"admin": {"web": portal(&screening.id)}},
            "reportItems": self.report_items(index),
            "submittedAt": iso8601(screening.submitted_at),
            "updatedAt": estimate,
            "estimatedCompletionTime": estimate,
        })
    }

    /// One item a search; none before the applicant has given their data. Items are in lower case.
    pub(super) fn report_items(&self, index: usize) -> Vec<Value> {
        let screening = &self.screenings[index];
        let estimate = iso8601(screening.submitted_at + ESTIMATE);
        let (status, result) = match screening.is_complete() {
            true => (
                "complete",
                screening.result.as_deref().map(str::to_lowercase),
            ),
            false => ("pending", None),
        };
        let components = screening.components.iter().enumerate();
        components
            .filter(|_| screening.is_submitted)
            .map(|(nth, name)| {
                json!({
                    "id": format!("{}", 23_000_001 + 10 * index + nth),
                    "type": name,
                    "status": status,
                    "result": result,
                    "root": "TN",
                    "description": "DAVIDSON",
                    "updatedAt": estimate,
                    "estimatedCompletionTime": estimate,
                })
            })
            .collect()
    }
}

fn portal(id: &str) -> String {
    format!("https://int.sterlingcheck.app/order/{id}")
}

/// The order's callback. Its address must be HTTPS; a plain one is taken on the same machine, where
/// this simulator runs.
fn callback(given: &Value) -> Result<Option<Callback>, Response> {
    if given.is_null() {
        return Ok(None);
    }
    let uri = given["uri"].as_str().unwrap_or_default();
    let safe = ["https://", "http://127.0.0.1", "http://localhost"];
    if !safe.iter().any(|begin| uri.starts_with(begin)) {
        return Err(refusal("400#callback.uri", "uri must be an HTTPS address"));
    }
    let basic = given["credentials"]["basicAuth"].as_str();
    Ok(Some(Callback {
        uri: uri.to_owned(),
        basic: basic.map(str::to_owned),
    }))
}
