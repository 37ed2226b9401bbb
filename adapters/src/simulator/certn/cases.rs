//! Cases: one of them is an order (Certn, sections 4, 5 and 9).

use serde_json::{Value, json};

use super::account::{Envelope, wrong};
use super::{Answer, Certn, iso8601, not_found, refusal};
use crate::simulator::{Arrived, HeldOrder, Manner, Response};
use crate::vocabulary::Millis;

/// How many cases a page has, unless the request says otherwise.
const PER_PAGE: usize = 25;

/// The life of an ordinary invitation, in steps of the pace.
const INVITED_LIFE: [(u32, &str, Option<&str>); 3] = [
    (1, "APPLICANT_INVITED", None),
    (2, "IN_PROGRESS", None),
    (3, "COMPLETE", Some("CLEAR")),
];

/// The same for an account whose scores come after the status.
const LAGGING_LIFE: [(u32, &str, Option<&str>); 4] = [
    (1, "APPLICANT_INVITED", None),
    (2, "IN_PROGRESS", None),
    (3, "COMPLETE", None),
    (4, "COMPLETE", Some("CLEAR")),
];

/// A case. Its words may be any.
pub(super) struct Case {
    pub(super) id: String,
    short_id: String,
    created_at: Millis,
    modified_at: Millis,
    email: String,
    pub(super) status: String,
    pub(super) score: Option<String>,
    checks: Vec<String>,
    adjudication: Option<String>,
    invite_link: Option<String>,
}

impl Case {
    pub(super) fn is_known_by(&self, key: &str) -> bool {
        self.id == key || self.short_id == key || self.email == key
    }

    /// Certn keeps no reference of ours; what stands for it here is whom the order is about.
    pub(super) fn held(&self) -> HeldOrder {
        HeldOrder {
            reference: self.email.clone(),
            id: self.id.clone(),
            status: self.status.clone(),
            result: self.score.clone(),
        }
    }

    pub(super) fn adjudicate(&mut self, score: Option<&str>) {
        self.adjudication = score.map(str::to_owned);
    }

    /// The ids of its checks.
    pub(super) fn check_ids(&self) -> impl Iterator<Item = String> {
        (1..=self.checks.len()).map(|nth| format!("chk-{}-{nth}", self.short_id))
    }

    fn has_ended(&self) -> bool {
        let ends = ["COMPLETE", "CANCELLED", "APPLICANT_EXPIRED"];
        ends.contains(&self.status.as_str())
    }

    fn shown(&self) -> Value {
        let mut shown = json!({
            "id": self.id,
            "short_id": self.short_id,
            "created": iso8601(self.created_at),
            "modified": iso8601(self.modified_at),
            "email_address": self.email,
            "overall_status": self.status,
            "overall_score": self.score,
            "checks": self.shown_checks(),
        });
        if let Some(link) = &self.invite_link {
            shown["invite_link"] = json!(link);
        }
        shown
    }

    /// The customer's own score is the first check's.
    fn shown_checks(&self) -> Vec<Value> {
        let checks = self.checks.iter().zip(self.check_ids()).enumerate();
        let shown = checks.map(|(nth, (kind, id))| {
            json!({
                "id": id,
                "short_id": format!("K{nth}"),
                "type": kind,
                "status": self.status,
                "score": self.score,
                "sub_score": null,
                "adjudication_score": self.adjudication.as_ref().filter(|_| nth == 0),
                "adjudication_sub_score": null,
                "output_claims": {},
            })
        });
        shown.collect()
    }
}

impl Certn {
    /// Three modes: Certn writes to the applicant, or gives us a link, or neither, which silently
    /// is a Quickscreen that needs all data.
    pub(super) fn create_case(&mut self, body: &Value, now: Millis) -> Answer {
        let email = body["email_address"].as_str().unwrap_or_default();
        if !is_email(email) {
            return Err(wrong("email_address", "Enter a valid email address."));
        }
        for odd in ["applicant_expiry_days", "first_name", "last_name", "name"] {
            if !body[odd].is_null() {
                return Err(wrong(odd, "This field is not accepted."));
            }
        }
        let flag = |name: &str| match &body[name] {
            Value::Null => Ok(false),
            Value::Bool(flag) => Ok(*flag),
            _ => Err(name.to_owned()),
        };
        let (sends, returns) = match (flag("send_invite_email"), flag("return_invite_link")) {
            (Ok(sends), Ok(returns)) => (sends, returns),
            (Err(name), _) | (_, Err(name)) => {
                return Err(wrong(&name, "Must be a valid boolean."));
            }
        };
        let claims = &body["input_claims"];
        let is_whole = !claims["name"]["given_name"].is_null()
            && !claims["name"]["family_name"].is_null()
            && !claims["date_of_birth"].is_null();
        if !sends && !returns && !is_whole {
            return Err(wrong(
                "input_claims",
                "This field is required for a Quickscreen.",
            ));
        }
        let checks = self.checks(body)?;
        let index = self.cases.len();
        let short_id = format!("C{:05X}", 0x7_0000 + index);
        let link = format!("https://app.certn.co/invite/{short_id}");
        let is_invitation = sends || returns;
        let case = Case {
            id: Self::id("2f64", index + 1),
            created_at: now,
            modified_at: now,
            email: email.to_owned(),
            status: if is_invitation {
                "CASE_ORDERED"
            } else {
                "IN_PROGRESS"
            }
            .to_owned(),
            score: None,
            checks,
            adjudication: None,
            invite_link: returns.then_some(link),
            short_id,
        };
        let mut shown = case.shown();
        if let Some(members) = shown.as_object_mut() {
            members.remove("checks");
        }
        self.cases.push(case);
        let life: &[_] = match (is_invitation, self.account.score_lags) {
            (true, true) => &LAGGING_LIFE,
            (true, false) => &INVITED_LIFE,
            (false, _) => &INVITED_LIFE[2..],
        };
        for planned in life {
            self.timeline.plan(index, now, *planned);
        }
        Ok(Response::json(201, &shown))
    }

    /// The checks that are ordered, one by one or by a package.
    fn checks(&self, body: &Value) -> Result<Vec<String>, Response> {
        let refused = |sentence| Err(wrong("check_types_with_arguments", sentence));
        if let Some(package) = body["package"].as_str() {
            return match self.account.packages.contains(&package) {
                true => Ok(vec![self.account.check_types[0].to_owned()]),
                false => Err(wrong("package", "Invalid package.")),
            };
        }
        let Some(wanted) = body["check_types_with_arguments"].as_object() else {
            return refused("This field is required.");
        };
        if wanted.is_empty() {
            return refused("This field may not be empty.");
        }
        for (kind, arguments) in wanted {
            let is_known = self.account.check_types.contains(&kind.as_str());
            if !is_known || !arguments.is_object() {
                return refused("Invalid check type or arguments.");
            }
            if kind == "CREDIT_REPORT_1" && arguments["ordering_type"].is_null() {
                return refused("ordering_type is required.");
            }
        }
        Ok(wanted.keys().cloned().collect())
    }

    pub(super) fn show_case(&self, id: &str) -> Answer {
        let index = self.case_index(id)?;
        Ok(Response::json(200, &self.cases[index].shown()))
    }

    /// The list, newest first, filtered by e-mail address, time and status.
    pub(super) fn list_cases(&mut self, request: &Arrived, now: Millis) -> Answer {
        let hidden_after = self.faults.hidden_after(request, now);
        let (after, before) = (
            moment(request, "order_timeframe_after")?,
            moment(request, "order_timeframe_before")?,
        );
        let email = request.parameter("email_address");
        let statuses: Vec<String> = request
            .query()
            .into_iter()
            .filter_map(|(name, value)| (name == "overall_status[]").then_some(value))
            .collect();
        let wanted = |case: &&Case| {
            case.created_at <= hidden_after
                && after.is_none_or(|after| case.created_at >= after)
                && before.is_none_or(|before| case.created_at <= before)
                && email
                    .as_ref()
                    .is_none_or(|email| case.email.eq_ignore_ascii_case(email))
                && (statuses.is_empty() || statuses.contains(&case.status))
        };
        let all: Vec<Value> = self
            .cases
            .iter()
            .rev()
            .filter(wanted)
            .map(Case::shown)
            .collect();
        self.paged(request, all)
    }

    fn paged(&self, request: &Arrived, all: Vec<Value>) -> Answer {
        let number = |name: &str, usual: usize| {
            let number = request.number(name, usual).filter(|number| *number > 0);
            number.ok_or_else(|| refusal(404, "Invalid page."))
        };
        let (page, size) = (number("page", 1)?, number("page_size", PER_PAGE)?);
        let total = all.len();
        let start = (page - 1).saturating_mul(size);
        let results: Vec<Value> = all.into_iter().skip(start).take(size).collect();
        if self.account.envelope == Envelope::Bare {
            return Ok(Response::json(200, &results.into()));
        }
        let link = |page: usize| format!("https://api.certn.co/api/public/cases/?page={page}");
        let list = json!({
            "count": total,
            "next": (start + size < total).then(|| link(page + 1)),
            "previous": (page > 1).then(|| link(page - 1)),
            "results": results,
        });
        Ok(Response::json(200, &list))
    }

    /// 204 without a body.
    pub(super) fn cancel_case(&mut self, id: &str, now: Millis) -> Answer {
        let index = self.case_index(id)?;
        if self.cases[index].has_ended() {
            return Err(refusal(400, "Case cannot be cancelled."));
        }
        self.timeline.forget(index);
        self.move_case(index, "CANCELLED", None, now);
        Ok(Response {
            status: 204,
            headers: Vec::new(),
            body: Vec::new(),
            manner: Manner::Plainly,
        })
    }

    pub(super) fn case_index(&self, id: &str) -> Result<usize, Response> {
        let found = self.cases.iter().position(|case| case.id == id);
        found.ok_or_else(not_found)
    }

    /// Moves a case and tells what changed. A score that comes alone is told by nothing.
    pub(super) fn move_case(
        &mut self,
        index: usize,
        status: &str,
        score: Option<&str>,
        at: Millis,
    ) {
        let case = &mut self.cases[index];
        let changed = case.status != status;
        case.status = status.to_owned();
        case.score = score.map(str::to_owned);
        case.modified_at = at;
        if !changed {
            return;
        }
        let (id, word) = (case.id.clone(), case.status.clone());
        let checks: Vec<String> = case.check_ids().collect();
        if status == "COMPLETE" {
            for check in checks {
                self.announce("CHECK_STATUS_CHANGED", ("CHECK", &check), &word, at);
            }
        }
        self.announce("CASE_STATUS_CHANGED", ("CASE", &id), &word, at);
    }
}

/// A moment of the query in ISO 8601.
fn moment(request: &Arrived, name: &str) -> Result<Option<Millis>, Response> {
    let Some(text) = request.parameter(name) else {
        return Ok(None);
    };
    match text.parse::<jiff::Timestamp>() {
        Ok(moment) => Ok(Some(moment.as_millisecond())),
        Err(_) => Err(wrong(name, "Enter a valid date/time.")),
    }
}

fn is_email(text: &str) -> bool {
    let (name, domain) = text.split_once('@').unwrap_or_default();
    !name.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace)
}
