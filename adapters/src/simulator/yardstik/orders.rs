//! Invitations and reports: one report is one order (Yardstik, sections 4, 5 and 9).

use serde_json::{Value, json};

use super::candidates::Candidate;
use super::{Answer, Yardstik, account, iso8601, refusal};
use crate::simulator::{HeldOrder, Response};
use crate::vocabulary::Millis;

const DAY: Millis = 24 * 3_600_000;

/// How long an invitation lives, unless the account says otherwise.
const INVITED_FOR: Millis = 7 * DAY;

/// A second report for the same candidate and package is refused for this long.
const UNIQUE_FOR: Millis = 30 * DAY;

/// The life of an ordinary order, in steps of the pace.
const USUAL_LIFE: [(u32, &str, Option<&str>); 2] = [(1, "processing", None), (3, "clear", None)];

/// Statuses that end a report with an outcome.
const OUTCOMES: [&str; 6] = [
    "clear",
    "pass",
    "proceed",
    "consider",
    "fail",
    "final_adverse",
];

/// A report. Its words may be any.
pub(super) struct Report {
    pub(super) id: String,
    pub(super) created_at: Millis,
    pub(super) package: String,
    package_name: &'static str,
    /// The candidate's index.
    pub(super) candidate: usize,
    pub(super) status: String,
    pub(super) adjudication: Option<String>,
    external_id: Option<String>,
    submitted_at: Option<Millis>,
    completed_at: Option<Millis>,
    /// It was made by continuous monitoring, not by an order.
    pub(super) is_monitoring: bool,
}

/// The e-mail that asks a candidate for the report's data.
pub(super) struct Invitation {
    id: String,
    created_at: Millis,
    expires_at: Millis,
    canceled_at: Option<Millis>,
    status: &'static str,
    external_id: Option<String>,
    /// The report's index.
    report: usize,
}

impl Report {
    pub(super) fn held(&self, candidates: &[Candidate]) -> HeldOrder {
        HeldOrder {
            reference: self.external_id(candidates).to_owned(),
            id: self.id.clone(),
            status: self.status.clone(),
            result: self.adjudication.clone(),
        }
    }

    /// Its own external id, else its candidate's.
    pub(super) fn external_id<'a>(&'a self, candidates: &'a [Candidate]) -> &'a str {
        let of_person = candidates[self.candidate].text("external_id");
        self.external_id.as_deref().unwrap_or(of_person)
    }
}

impl Yardstik {
    /// Yardstik writes to the candidate, and the report exists at once.
    pub(super) fn create_invitation(&mut self, body: &Value, now: Millis) -> Answer {
        let report = self.open_report(body, None, now)?;
        let given = body["expires_at"].as_str();
        let expires_at = given
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
            .map_or(now + INVITED_FOR, |moment| moment.as_millisecond());
        let invitation = Invitation {
            id: self.next_id("1471f0c2"),
            created_at: now,
            expires_at,
            canceled_at: None,
            status: "created",
            external_id: body["external_id"].as_str().map(str::to_owned),
            report,
        };
        self.invitations.push(invitation);
        let shown = self.invitation(self.invitations.len() - 1);
        Ok(Response::json(201, &shown))
    }

    /// A report without an invitation. Nobody is written to; without consent of ours, the candidate
    /// gives theirs at `meta.apply`.
    pub(super) fn create_report(&mut self, body: &Value, now: Millis) -> Answer {
        let external_id = body["external_id"].as_str().map(str::to_owned);
        let index = self.open_report(body, external_id, now)?;
        if body["account_candidate_consented"] == true {
            self.move_report(index, "queued", now);
        }
        Ok(Response::json(201, &self.report(index)))
    }

    fn open_report(
        &mut self,
        body: &Value,
        external_id: Option<String>,
        now: Millis,
    ) -> Result<usize, Response> {
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let package = text("account_package_id");
        let package_name = self
            .package_name(package)
            .ok_or_else(|| refusal(422, "account_package_id is invalid"))?;
        let candidate = self
            .candidate_index(text("candidate_id"))
            .map_err(|_| refusal(422, "candidate_id is invalid"))?;
        let same = |report: &Report| {
            !report.is_monitoring
                && report.candidate == candidate
                && report.package == package
                && now - report.created_at < UNIQUE_FOR
        };
        if self.reports.iter().any(same) {
            return Err(refusal(
                422,
                "Report already exists for this candidate and package",
            ));
        }
        let index = self.add_report(candidate, package, package_name, now);
        self.reports[index].external_id = external_id;
        for planned in USUAL_LIFE {
            self.timeline.plan(index, now, planned);
        }
        self.announce_report(index, "created", now);
        Ok(index)
    }

    fn add_report(
        &mut self,
        candidate: usize,
        package: &str,
        package_name: &'static str,
        now: Millis,
    ) -> usize {
        let report = Report {
            id: self.next_id("7e90aa31"),
            created_at: now,
            package: package.to_owned(),
            package_name,
            candidate,
            status: "created".to_owned(),
            adjudication: None,
            external_id: None,
            submitted_at: None,
            completed_at: None,
            is_monitoring: false,
        };
        self.reports.push(report);
        self.reports.len() - 1
    }

    /// A second report of the same candidate and package, from continuous monitoring.
    pub(super) fn monitor(&mut self, index: usize, status: &str, now: Millis) {
        let of = &self.reports[index];
        let (candidate, package, name) = (of.candidate, of.package.clone(), of.package_name);
        let index = self.add_report(candidate, &package, name, now);
        self.reports[index].is_monitoring = true;
        self.move_report(index, status, now);
    }

    pub(super) fn show_invitation(&self, id: &str) -> Answer {
        let index = self.invitation_index(id)?;
        Ok(Response::json(200, &self.invitation(index)))
    }

    /// Only an invitation that has run out or was canceled is sent anew.
    pub(super) fn refresh_invitation(&mut self, id: &str, now: Millis) -> Answer {
        let index = self.invitation_index(id)?;
        let invitation = &mut self.invitations[index];
        if !["expired", "canceled"].contains(&invitation.status) {
            return Err(refusal(422, "Invitation is still active"));
        }
        invitation.status = "created";
        invitation.canceled_at = None;
        invitation.expires_at = now + INVITED_FOR;
        let report = invitation.report;
        self.move_report(report, "created", now);
        Ok(Response::json(200, &self.invitation(index)))
    }

    pub(super) fn show_report(&self, id: &str) -> Answer {
        let index = self.report_index(id)?;
        Ok(Response::json(200, &self.report(index)))
    }

    /// Yardstik runs the notice period and moves on to `final_adverse` itself.
    pub(super) fn begin_adverse_action(&mut self, id: &str, body: &Value, now: Millis) -> Answer {
        let index = self.report_index(id)?;
        let violations = body["violations"].as_array();
        if violations.is_none_or(Vec::is_empty) || self.reports[index].status != "consider" {
            return Err(refusal(422, "Adverse action cannot be started"));
        }
        self.move_report(index, "pre_adverse", now);
        Ok(Response::json(201, &self.report(index)))
    }

    pub(super) fn report_index(&self, id: &str) -> Result<usize, Response> {
        let found = self.reports.iter().position(|known| known.id == id);
        found.ok_or_else(|| refusal(404, "Not found"))
    }

    fn invitation_index(&self, id: &str) -> Result<usize, Response> {
        let found = self.invitations.iter().position(|known| known.id == id);
        found.ok_or_else(|| refusal(404, "Not found"))
    }

    /// The latest order that control means by `key`.
    pub(super) fn known_report(&self, key: &str) -> Option<usize> {
        let by_invitation = self.invitations.iter().find(|known| known.id == key);
        let by_invitation = by_invitation.map(|invitation| invitation.report);
        by_invitation.or_else(|| {
            self.reports.iter().rposition(|report| {
                !report.is_monitoring
                    && (report.id == key || report.external_id(&self.candidates) == key)
            })
        })
    }

    /// Moves a report, and with it the invitation that asked for its data, and tells so.
    pub(super) fn move_report(&mut self, index: usize, status: &str, at: Millis) {
        let report = &mut self.reports[index];
        let before = std::mem::replace(&mut report.status, status.to_owned());
        let is_open = ["created", "expired", "canceled"].contains(&status);
        let submits = !is_open && report.submitted_at.is_none();
        if submits {
            report.submitted_at = Some(at);
        }
        let ends = OUTCOMES.contains(&status);
        report.completed_at = ends.then_some(report.completed_at.unwrap_or(at));
        let invitation = self
            .invitations
            .iter_mut()
            .find(|known| known.report == index);
        if let Some(invitation) = invitation {
            invitation.status = match status {
                "created" => "created",
                "expired" => "expired",
                "canceled" => "canceled",
                _ => "completed",
            };
            invitation.canceled_at = (status == "canceled").then_some(at);
        }
        let event = match before.as_str() {
            "created" if submits && !ends => "submitted",
            _ if ends && !OUTCOMES.contains(&before.as_str()) => "completed",
            _ => "updated",
        };
        self.announce_report(index, event, at);
    }

    fn invitation(&self, index: usize) -> Value {
        let invitation = &self.invitations[index];
        let report = &self.reports[invitation.report];
        let candidate = &self.candidates[report.candidate];
        json!({
            "id": invitation.id,
            "status": invitation.status,
            "external_id": invitation.external_id,
            "platform_service_id": null,
            "expires_at": iso8601(invitation.expires_at),
            "canceled_at": invitation.canceled_at.map(iso8601),
            "confirmation_code": null,
            "account_id": account::ID,
            "account_name": account::NAME,
            "report_urls": [],
            "candidate": {"id": candidate.id, "external_id": candidate.text("external_id")},
            "report": {"id": report.id, "status": report.status},
            "meta": {"apply": apply(&report.id)},
            "created_at": iso8601(invitation.created_at),
            "updated_at": iso8601(invitation.created_at),
        })
    }

    fn report(&self, index: usize) -> Value {
        let report = &self.reports[index];
        let candidate = &self.candidates[report.candidate];
        json!({
            "id": report.id,
            "object": "report",
            "status": report.status,
            "adjudication": report.adjudication,
            "external_id": report.external_id,
            "package_name": report.package_name,
            "account_package_id": report.package,
            "candidate_id": candidate.id,
            "candidate": {"id": candidate.id, "full_name": candidate.full_name()},
            "adverse_action_id": null,
            "submitted_at": report.submitted_at.map(iso8601),
            "completed_at": report.completed_at.map(iso8601),
            "created_at": iso8601(report.created_at),
            "updated_at": iso8601(report.completed_at.unwrap_or(report.created_at)),
            "meta": {
                "entity": format!("https://api.yardstik.com/reports/{}", report.id),
                "apply": apply(&report.id),
                "report_url": format!("https://app.yardstik.com/reports/{}", report.id),
                "profile_url": format!("https://app.yardstik.com/candidates/{}", candidate.id),
            },
        })
    }
}

fn apply(report: &str) -> String {
    format!("https://profile.yardstik.com/apply/{report}")
}
