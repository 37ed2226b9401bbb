//! Reports: what follows once the candidate has submitted the form (Checkr, section 5).

use serde_json::{Value, json};

use super::moves::Verdict;
use super::{Answer, Checkr, iso8601, not_found, refusal};
use crate::simulator::Response;
use crate::vocabulary::Millis;

/// How long after its creation a report is expected to be done.
const ESTIMATE: Millis = 3 * 24 * 3_600_000;

/// A report. Its words may be any.
#[derive(Clone)]
pub(super) struct Report {
    pub(super) id: String,
    pub(super) created_at: Millis,
    pub(super) status: String,
    pub(super) result: Option<String>,
    pub(super) includes_canceled: bool,
    pub(super) adjudication: Option<String>,
    pub(super) assessment: Option<String>,
    pub(super) completed_at: Option<Millis>,
    /// One of its screenings has finished.
    pub(super) partly_done: bool,
}

impl Report {
    pub(super) fn pending(id: String, created_at: Millis) -> Self {
        Self {
            id,
            created_at,
            status: "pending".to_owned(),
            result: None,
            includes_canceled: false,
            adjudication: None,
            assessment: None,
            completed_at: None,
            partly_done: false,
        }
    }
}

impl Checkr {
    pub(super) fn show_report(&self, id: &str) -> Answer {
        let index = self.report_index(id)?;
        Ok(Response::json(200, &self.report(index)))
    }

    /// "Complete now": everything that has not finished is canceled (Checkr, section 9).
    pub(super) fn complete_report(&mut self, id: &str, now: Millis) -> Answer {
        let index = self.report_index(id)?;
        let report = self.invitations[index].report.as_ref();
        let (is_open, partly_done) = report.map_or((false, false), |report| {
            let is_open = ["pending", "suspended"].contains(&report.status.as_str());
            (is_open, report.partly_done)
        });
        if !is_open {
            return Err(refusal(
                400,
                "Report has no screenings that can be canceled",
            ));
        }
        self.timeline.forget(index);
        if partly_done {
            self.announce("report.updated", self.report(index), now);
            let verdict = Verdict::of(Some("clear")).with_canceled_screenings();
            self.move_order(index, "complete", verdict, now);
        } else {
            self.move_order(index, "canceled", Verdict::of(None), now);
        }
        Ok(Response::json(200, &self.report(index)))
    }

    fn report_index(&self, id: &str) -> Result<usize, Response> {
        self.invitations
            .iter()
            .position(|known| known.report.as_ref().is_some_and(|report| report.id == id))
            .ok_or_else(not_found)
    }

    /// The reports of a candidate.
    pub(super) fn reports_of(&self, candidate: usize) -> Vec<Value> {
        (0..self.invitations.len())
            .filter(|index| self.invitations[*index].candidate == candidate)
            .map(|index| self.report(index))
            .filter(|report| !report.is_null())
            .collect()
    }

    /// An invitation's report as answers and events show it; null where there is none yet. The ids
    /// of single screenings are null, as they are for screenings a package does not have.
    pub(super) fn report(&self, index: usize) -> Value {
        let invitation = &self.invitations[index];
        let Some(report) = &invitation.report else {
            return Value::Null;
        };
        let turnaround = report
            .completed_at
            .map(|completed_at| (completed_at - report.created_at) / 1_000);
        json!({
            "id": report.id,
            "object": self.object_name("report"),
            "uri": format!("/v1/reports/{}", report.id),
            "status": report.status,
            "result": report.result,
            "includes_canceled": report.includes_canceled,
            "adjudication": report.adjudication,
            "assessment": report.assessment,
            "created_at": iso8601(report.created_at),
            "completed_at": report.completed_at.map(iso8601),
            "revised_at": null,
            "upgraded_at": null,
            "turnaround_time": turnaround,
            "estimated_completion_time": iso8601(report.created_at + ESTIMATE),
            "package": invitation.package,
            "tags": invitation.tags,
            "source": "form",
            "candidate_id": self.candidates[invitation.candidate].id,
            "work_locations": invitation.work_locations,
            "segment_stamps": [],
            "ssn_trace_id": null,
            "sex_offender_search_id": null,
            "national_criminal_search_id": null,
            "motor_vehicle_report_id": null,
            "county_criminal_search_ids": [],
            "document_ids": [],
            "geo_ids": [],
            "program_id": null,
            "archived": false,
        })
    }
}
