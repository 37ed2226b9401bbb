//! Invitations: one of them is what a gateway counts as an order (Checkr, section 4).

use serde_json::{Value, json};

use super::candidates::Candidate;
use super::paging::{PER_PAGE, page};
use super::reports::Report;
use super::{Answer, Checkr, iso8601, not_found, packages, places, refusal};
use crate::simulator::{Arrived, HeldOrder, Response};
use crate::vocabulary::Millis;

const HOUR: Millis = 3_600_000;
const DAY: Millis = 24 * HOUR;

/// The life of an ordinary order, in steps of the pace.
const USUAL_LIFE: [(u32, &str, Option<&str>); 2] =
    [(1, "completed", None), (3, "complete", Some("clear"))];

/// An invitation, and the report that follows from it.
pub(super) struct Invitation {
    pub(super) id: String,
    pub(super) status: &'static str,
    pub(super) created_at: Millis,
    pub(super) completed_at: Option<Millis>,
    pub(super) deleted_at: Option<Millis>,
    pub(super) package: String,
    /// The candidate's index.
    pub(super) candidate: usize,
    pub(super) tags: Vec<String>,
    pub(super) work_locations: Value,
    pub(super) report: Option<Report>,
}

impl Invitation {
    pub(super) fn is_known_by(&self, key: &str, candidates: &[Candidate]) -> bool {
        self.id == key
            || self.report.as_ref().is_some_and(|report| report.id == key)
            || self.tags.iter().any(|tag| tag == key)
            || candidates[self.candidate].text("custom_id") == key
    }

    /// The order as control shows it: its first tag, else the candidate's `custom_id`, is our
    /// reference.
    pub(super) fn held(&self, candidates: &[Candidate]) -> HeldOrder {
        let custom_id = candidates[self.candidate].text("custom_id");
        let (id, status, result) = match &self.report {
            _ if self.deleted_at.is_some() => (&self.id, "deleted", None),
            Some(report) => (&report.id, report.status.as_str(), report.result.clone()),
            None => (&self.id, self.status, None),
        };
        HeldOrder {
            reference: self
                .tags
                .first()
                .map_or(custom_id, String::as_str)
                .to_owned(),
            id: id.clone(),
            status: status.to_owned(),
            result,
        }
    }
}

impl Checkr {
    pub(super) fn create_invitation(&mut self, body: &Value, now: Millis) -> Answer {
        let text = |name: &str, missing: &str| {
            let found = body[name].as_str().filter(|text| !text.is_empty());
            found.ok_or_else(|| refusal(400, missing))
        };
        let package = text("package", "Package can't be blank")?;
        let candidate_id = text("candidate_id", "Candidate can't be blank")?;
        let candidate = self
            .candidates
            .iter()
            .position(|known| known.id == candidate_id);
        let candidate = candidate.ok_or_else(|| refusal(404, "Candidate not found"))?;
        if !self.sells(package) || !self.node_allows(&body["node"], package)? {
            return Err(packages::unknown());
        }
        let index = self.invitations.len();
        let invitation = Invitation {
            work_locations: work_locations(body)?,
            tags: tags(&body["tags"])?,
            id: self.next_id("14f1"),
            status: "pending",
            created_at: now,
            completed_at: None,
            deleted_at: None,
            package: package.to_owned(),
            candidate,
            report: None,
        };
        self.invitations.push(invitation);
        for planned in USUAL_LIFE {
            self.timeline.plan(index, now, planned);
        }
        let shown = self.invitation(index);
        self.announce("invitation.created", shown.clone(), now);
        Ok(Response::json(201, &shown))
    }

    /// Accounts with nodes need one in every order.
    fn node_allows(&self, node: &Value, package: &str) -> Result<bool, Response> {
        if self.account.nodes.is_empty() {
            return Ok(true);
        }
        let wanted = node.as_str().unwrap_or_default();
        let mut nodes = self.account.nodes.iter();
        nodes
            .find(|node| node.custom_id == wanted)
            .map(|node| node.allows(package))
            .ok_or_else(|| refusal(400, "Node is missing or unknown"))
    }

    pub(super) fn list_invitations(&mut self, request: &Arrived, now: Millis) -> Answer {
        let status = request.parameter("status");
        if let Some(status) = &status
            && !["pending", "completed", "expired"].contains(&status.as_str())
        {
            return Err(refusal(400, "Status must be pending, completed or expired"));
        }
        let candidate_id = request.parameter("candidate_id");
        let hidden_after = self.faults.hidden_after(request, now);
        let seen = self
            .invitations
            .iter()
            .enumerate()
            .filter(|(_, invitation)| {
                let candidate = &self.candidates[invitation.candidate];
                invitation.created_at <= hidden_after
                    && invitation.deleted_at.is_none()
                    && !candidate.is_abroad()
                    && !places::any_abroad(&invitation.work_locations)
                    && status
                        .as_ref()
                        .is_none_or(|wanted| invitation.status == wanted)
                    && candidate_id
                        .as_ref()
                        .is_none_or(|wanted| candidate.id == *wanted)
            });
        let shown = seen.map(|(index, _)| self.invitation(index)).collect();
        page(request, shown, PER_PAGE)
    }

    pub(super) fn show_invitation(&self, request: &Arrived, id: &str) -> Answer {
        let with_deleted = request.parameter("include_deleted").as_deref() == Some("true");
        let index = self.invitation_index(id, with_deleted)?;
        Ok(Response::json(200, &self.invitation(index)))
    }

    pub(super) fn delete_invitation(&mut self, id: &str, now: Millis) -> Answer {
        let index = self.invitation_index(id, false)?;
        if self.invitations[index].status != "pending" {
            return Err(refusal(400, "Invitation cannot be canceled"));
        }
        self.timeline.forget(index);
        self.end_by_deletion(index, now);
        Ok(Response::json(200, &self.invitation(index)))
    }

    fn invitation_index(&self, id: &str, with_deleted: bool) -> Result<usize, Response> {
        self.invitations
            .iter()
            .position(|known| known.id == id && (with_deleted || known.deleted_at.is_none()))
            .ok_or_else(not_found)
    }

    /// The invitation as answers and events show it.
    pub(super) fn invitation(&self, index: usize) -> Value {
        let invitation = &self.invitations[index];
        json!({
            "id": invitation.id,
            "object": self.object_name("invitation"),
            "uri": format!("/v1/invitations/{}", invitation.id),
            "invitation_url": format!("https://apply.checkr.com/invite/acme-corp/{index:012x}"),
            "status": invitation.status,
            "created_at": iso8601(invitation.created_at),
            "expires_at": iso8601(expiry(invitation.created_at)),
            "completed_at": invitation.completed_at.map(iso8601),
            "deleted_at": invitation.deleted_at.map(iso8601),
            "package": invitation.package,
            "candidate_id": self.candidates[invitation.candidate].id,
            "report_id": invitation.report.as_ref().map(|report| &report.id),
            "tags": invitation.tags,
            "archived": false,
            "archived_info": null,
        })
    }
}

/// The last second of the seventh day after creation, in Pacific daylight time.
fn expiry(created_at: Millis) -> Millis {
    let day = (created_at - 7 * HOUR).div_euclid(DAY);
    (day + 8) * DAY + 7 * HOUR - 1_000
}

fn work_locations(body: &Value) -> Result<Value, Response> {
    let locations = &body["work_locations"];
    places::check(locations).map_err(|text| refusal(400, text))?;
    if locations.as_array().is_none_or(Vec::is_empty) {
        return Err(refusal(400, "Work locations can't be blank"));
    }
    Ok(locations.clone())
}

fn tags(tags: &Value) -> Result<Vec<String>, Response> {
    match tags {
        Value::Null => Ok(Vec::new()),
        tags => serde_json::from_value(tags.clone())
            .map_err(|_| refusal(400, "Tags must be an array of strings")),
    }
}
