//! Candidates, of whom there may be several with one e-mail address (Yardstik, section 4).

use serde_json::{Value, json};

use super::{Answer, Yardstik, account, iso8601, refusal};
use crate::simulator::{Arrived, Response};
use crate::vocabulary::Millis;

/// How many candidates a page has, unless the request says otherwise.
const PER_PAGE: usize = 25;

/// A person.
pub(super) struct Candidate {
    pub(super) id: String,
    pub(super) created_at: Millis,
    given: Value,
}

impl Candidate {
    /// A text of the person, empty where it was not given.
    pub(super) fn text(&self, name: &str) -> &str {
        self.given[name].as_str().unwrap_or_default()
    }

    pub(super) fn full_name(&self) -> String {
        format!("{} {}", self.text("first_name"), self.text("last_name"))
    }
}

impl Yardstik {
    pub(super) fn create_candidate(&mut self, body: &Value, now: Millis) -> Answer {
        for name in ["first_name", "last_name", "email"] {
            if body[name].as_str().unwrap_or_default().is_empty() {
                return Err(refusal(422, &format!("{name} can't be blank")));
            }
        }
        if !body["email"].as_str().unwrap_or_default().contains('@') {
            return Err(refusal(422, "email is invalid"));
        }
        if body["phone"].as_str().is_some_and(|phone| !is_e164(phone)) {
            return Err(refusal(422, "phone is invalid"));
        }
        let candidate = Candidate {
            id: self.next_id("9c0f2a7e"),
            created_at: now,
            given: body.clone(),
        };
        self.candidates.push(candidate);
        let index = self.candidates.len() - 1;
        self.announce_candidate(index, now);
        Ok(Response::json(201, &self.candidate(index, Millis::MAX)))
    }

    pub(super) fn list_candidates(&mut self, request: &Arrived, now: Millis) -> Answer {
        let hidden_after = self.faults.hidden_after(request, now);
        let filter = |name: &str| request.parameter(&format!("query[{name}]"));
        let external_id = filter("external_id_eq").filter(|_| self.account.filters_external_id);
        let (email, since) = (filter("email_eq"), filter("created_at_gteq"));
        let since = since.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let wanted = |candidate: &Candidate| {
            let is = |name: &str, wanted: &Option<String>| match wanted {
                Some(wanted) => candidate.text(name) == wanted,
                None => true,
            };
            candidate.created_at <= hidden_after
                && is("external_id", &external_id)
                && is("email", &email)
                && since.is_none_or(|since| candidate.created_at >= since.as_millisecond())
        };
        let all: Vec<Value> = (0..self.candidates.len())
            .filter(|index| wanted(&self.candidates[*index]))
            .map(|index| self.candidate(index, hidden_after))
            .collect();
        page(request, all)
    }

    pub(super) fn show_candidate(&mut self, request: &Arrived, id: &str, now: Millis) -> Answer {
        let hidden_after = self.faults.hidden_after(request, now);
        let index = self.candidate_index(id)?;
        Ok(Response::json(200, &self.candidate(index, hidden_after)))
    }

    /// The employer accepts a `consider`: it becomes `proceed`.
    pub(super) fn approve(&mut self, id: &str, body: &Value, now: Millis) -> Answer {
        let candidate = self.candidate_index(id)?;
        let wanted = body["report_id"].as_str().unwrap_or_default();
        let report = self.report_index(wanted)?;
        let is_theirs = self.reports[report].candidate == candidate;
        if !is_theirs || self.reports[report].status != "consider" {
            return Err(refusal(422, "Report cannot be approved"));
        }
        self.move_report(report, "proceed", now);
        Ok(Response::json(200, &self.candidate(candidate, Millis::MAX)))
    }

    pub(super) fn candidate_index(&self, id: &str) -> Result<usize, Response> {
        let found = self.candidates.iter().position(|known| known.id == id);
        found.ok_or_else(|| refusal(404, "Not found"))
    }

    /// The candidate as answers show it, with the reports made until `hidden_after`.
    fn candidate(&self, index: usize, hidden_after: Millis) -> Value {
        let candidate = &self.candidates[index];
        let reports = self.reports.iter();
        let reports: Vec<Value> = reports
            .filter(|report| report.candidate == index && report.created_at <= hidden_after)
            .map(|report| {
                json!({
                    "id": report.id,
                    "status": report.status,
                    "created_at": iso8601(report.created_at),
                    "account_package_id": report.package,
                    "external_reference": null,
                })
            })
            .collect();
        let text = |name: &str| Some(candidate.text(name)).filter(|text| !text.is_empty());
        json!({
            "id": candidate.id,
            "object": "candidate",
            "full_name": candidate.full_name(),
            "first_name": text("first_name"),
            "middle_name": text("middle_name"),
            "no_middle_name": candidate.given["no_middle_name"] == true,
            "last_name": text("last_name"),
            "email": text("email"),
            "phone": text("phone"),
            "ssn_masked": null,
            "external_id": text("external_id"),
            "account": {
                "id": account::ID,
                "account_name": account::NAME,
                "support_email_address": "help@acme.test",
            },
            "reports": reports,
            "meta": {
                "entity": format!("https://api.yardstik.com/candidates/{}", candidate.id),
                "create_report": "https://api.yardstik.com/reports",
            },
            "created_at": iso8601(candidate.created_at),
            "updated_at": iso8601(candidate.created_at),
        })
    }
}

fn page(request: &Arrived, all: Vec<Value>) -> Answer {
    let number = |name: &str, usual: usize| {
        let number = request.number(name, usual).filter(|number| *number > 0);
        number.ok_or_else(|| refusal(400, &format!("{name} is invalid")))
    };
    let (page, per_page) = (number("page", 1)?, number("per_page", PER_PAGE)?);
    let total = all.len();
    let start = (page - 1).saturating_mul(per_page);
    let data: Vec<Value> = all.into_iter().skip(start).take(per_page).collect();
    let list = json!({
        "object": "list",
        "meta": {
            "page": page,
            "per_page": per_page,
            "total_count": total,
            "total_pages": total.div_ceil(per_page),
        },
        "data": data,
    });
    Ok(Response::json(200, &list))
}

fn is_e164(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
