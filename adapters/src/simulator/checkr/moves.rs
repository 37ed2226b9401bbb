//! What moves an order, by itself or because somebody said so, and the events that follow
//! (Checkr, sections 5 and 6).

use super::Checkr;
use super::reports::Report;
use crate::vocabulary::Millis;

/// What a move says beside the status. The words are those of [`super`].
pub(super) struct Verdict {
    result: Option<String>,
    includes_canceled: bool,
    partly_done: bool,
    /// `None`: as it was.
    adjudication: Option<Option<String>>,
    /// `None`: as it was.
    assessment: Option<Option<String>>,
}

impl Verdict {
    /// A result word without modifiers.
    pub(super) fn of(result: Option<&str>) -> Self {
        Self {
            result: result.and_then(word),
            includes_canceled: false,
            partly_done: false,
            adjudication: None,
            assessment: None,
        }
    }

    /// The same, covering only what was not canceled.
    pub(super) fn with_canceled_screenings(self) -> Self {
        Self {
            includes_canceled: true,
            ..self
        }
    }

    /// Reads `WORD[+MODIFIER]...`; `None` where a modifier is unknown.
    pub(super) fn read(text: Option<&str>) -> Option<Self> {
        let mut parts = text.unwrap_or_default().split('+');
        let mut verdict = Self::of(parts.next());
        for modifier in parts {
            match modifier.split_once('=') {
                Some(("adjudication", value)) => verdict.adjudication = Some(word(value)),
                Some(("assessment", value)) => verdict.assessment = Some(word(value)),
                None if modifier == "includes_canceled" => verdict.includes_canceled = true,
                None if modifier == "partly_done" => verdict.partly_done = true,
                _ => return None,
            }
        }
        Some(verdict)
    }

    /// The report after this move.
    fn applied(self, before: &Report, status: &str, at: Millis) -> Report {
        let is_done = is_complete(status);
        let was_done_at = before.completed_at.filter(|_| is_complete(&before.status));
        Report {
            status: status.to_owned(),
            result: self.result,
            includes_canceled: self.includes_canceled,
            partly_done: self.partly_done || is_done,
            adjudication: self.adjudication.unwrap_or(before.adjudication.clone()),
            assessment: self.assessment.unwrap_or(before.assessment.clone()),
            completed_at: is_done.then_some(was_done_at.unwrap_or(at)),
            ..before.clone()
        }
    }
}

fn word(text: &str) -> Option<String> {
    (!text.is_empty() && text != "null").then(|| text.to_owned())
}

/// `clear` and `consider` stood in the status before 2022.
fn is_complete(status: &str) -> bool {
    ["complete", "clear", "consider"].contains(&status)
}

impl Checkr {
    pub(super) fn move_order(&mut self, index: usize, status: &str, verdict: Verdict, at: Millis) {
        match status {
            "expired" => {
                self.invitations[index].status = "expired";
                self.announce("invitation.expired", self.invitation(index), at);
            }
            "deleted" => self.end_by_deletion(index, at),
            "completed" => drop(self.submitted(index, at)),
            status => self.move_report(index, status, verdict, at),
        }
    }

    /// There is no status word for a deleted invitation.
    pub(super) fn end_by_deletion(&mut self, index: usize, at: Millis) {
        self.invitations[index].deleted_at = Some(at);
        self.announce("invitation.deleted", self.invitation(index), at);
    }

    /// The report, after the candidate has submitted the form.
    fn submitted(&mut self, index: usize, at: Millis) -> Report {
        if let Some(report) = &self.invitations[index].report {
            return report.clone();
        }
        let report = Report::pending(self.next_id("4e90"), at);
        let invitation = &mut self.invitations[index];
        invitation.status = "completed";
        invitation.completed_at = Some(at);
        invitation.deleted_at = None;
        invitation.report = Some(report.clone());
        self.announce("invitation.completed", self.invitation(index), at);
        self.announce("report.created", self.report(index), at);
        report
    }

    fn move_report(&mut self, index: usize, status: &str, verdict: Verdict, at: Millis) {
        let before = self.submitted(index, at);
        let after = verdict.applied(&before, status, at);
        let events = events(&before, &after);
        self.invitations[index].report = Some(after);
        for event in events {
            self.announce(&event, self.report(index), at);
        }
    }
}

/// The events that a change of a report causes. An employer's decision alone, or an assessment
/// that comes later, does not complete the report again.
fn events(before: &Report, after: &Report) -> Vec<String> {
    let stands = |report: &Report| {
        let result = report.result.clone();
        (report.status.clone(), result, report.includes_canceled)
    };
    let decided = after.adjudication != before.adjudication;
    let assessed = after.assessment != before.assessment;
    let mut events = Vec::new();
    if stands(before) != stands(after) || !(decided || assessed) {
        events.push(status_event(&before.status, &after.status));
    } else if assessed {
        events.push("report.updated".to_owned());
    }
    if let (true, Some(decision)) = (decided, &after.adjudication) {
        events.push(format!("report.{decision}"));
    }
    events
}

fn status_event(before: &str, after: &str) -> String {
    let event = match (before, after) {
        ("suspended" | "paused", "pending") => "resumed",
        ("complete" | "canceled" | "clear" | "consider", "pending") => "upgraded",
        (_, "pending") => "updated",
        (_, "dispute") => "disputed",
        (_, "complete" | "clear" | "consider") => "completed",
        (_, other) => other,
    };
    format!("report.{event}")
}
