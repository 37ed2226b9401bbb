//! An order's story as operators see it: everything that is known of it, and nothing personal or
//! secret. Of the webhook's address only the host is shown, because its path may be a secret.

use std::io::Write;

use serde::Serialize;

use crate::app::waiting::Story;
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::show::{time, write_columns};
use crate::domain::order::HistoryRow;
use crate::domain::order::result_word;
use crate::store::{AttemptRow, Call, DeliveryRow};

/// The story. Its JSON is a promise to programs.
#[derive(Serialize)]
pub(super) struct Shown {
    id: String,
    account_id: String,
    background_check_id: String,
    tracking_id: String,
    stage: &'static str,
    result: &'static str,
    detail: Option<String>,
    accepted: bool,
    waiting: Option<&'static str>,
    connection: String,
    vendor: String,
    package_id: String,
    vendor_package: String,
    vendor_add_ons: Vec<String>,
    our_reference: String,
    their_reference: Option<String>,
    generation: i64,
    webhook_origin: String,
    holds_applicant_data: bool,
    created_at: String,
    updated_at: String,
    ended_at: Option<String>,
    next_work_at: Option<String>,
    next_look_at: Option<String>,
    looked_at: Option<String>,
    history: Vec<ShownLine>,
    calls: Vec<ShownCall>,
    deliveries: Vec<ShownDelivery>,
}

#[derive(Serialize)]
struct ShownLine {
    at: String,
    kind: String,
    detail: String,
}

#[derive(Serialize)]
struct ShownCall {
    generation: i64,
    turn: i64,
    step: String,
    first_sent_at: String,
    sent_at: String,
    copies: i64,
    outcome: Option<String>,
    detail: Option<String>,
    ended_at: Option<String>,
}

#[derive(Serialize)]
struct ShownDelivery {
    sequence: i64,
    webhook_id: String,
    state: String,
    reason: Option<String>,
    created_at: String,
    ended_at: Option<String>,
    attempts: Vec<ShownAttempt>,
}

#[derive(Serialize)]
struct ShownAttempt {
    at: String,
    took_ms: i64,
    outcome: String,
    late: bool,
}

impl Shown {
    pub(super) fn of(desk: &Desk, story: Story) -> Self {
        let order = story.order;
        let directory = desk.app.directory();
        let connection = directory.connection(&order.connection_id);
        let attempts = story.attempts;
        let deliveries = story.deliveries.into_iter();
        Self {
            account_id: desk.account_of(&order.tenant_id),
            connection: connection.map_or(order.connection_id, |it| it.name.clone()),
            vendor: connection.map_or_else(String::new, |it| it.vendor.clone()),
            background_check_id: order.background_check_id,
            tracking_id: order.tracking_id,
            stage: order.stage.as_str(),
            result: result_word(order.result),
            detail: order.detail,
            accepted: order.accepted,
            waiting: order.waiting.map(|waiting| waiting.as_str()),
            package_id: order.package_id,
            vendor_package: order.vendor_package,
            vendor_add_ons: order.vendor_add_ons,
            our_reference: order.our_ref.0,
            their_reference: order.their_ref.map(|theirs| theirs.0),
            generation: order.generation,
            webhook_origin: url::Url::parse(&order.webhook_url)
                .map(|url| url.origin().ascii_serialization())
                .unwrap_or_default(),
            holds_applicant_data: order.sealed_order.is_some(),
            created_at: time(order.created_at),
            updated_at: time(order.updated_at),
            ended_at: order.ended_at.map(time),
            next_work_at: order.due_at.map(time),
            next_look_at: order.look_at.map(time),
            looked_at: order.looked_at.map(time),
            history: story.history.into_iter().map(ShownLine::from).collect(),
            calls: story.calls.into_iter().map(ShownCall::from).collect(),
            deliveries: deliveries
                .map(|delivery| ShownDelivery::of(delivery, &attempts))
                .collect(),
            id: order.id,
        }
    }

    /// Writes it for people.
    pub(super) fn write(&self, out: &mut impl Write) -> Result<(), CliError> {
        writeln!(out, "order {}", self.id)?;
        write_columns(out, "  ", &self.facts())?;
        writeln!(out, "history")?;
        let lines = self.history.iter();
        let lines = lines.map(|line| vec![line.at.clone(), line.kind.clone(), line.detail.clone()]);
        write_columns(out, "  ", &lines.collect::<Vec<_>>())?;
        writeln!(out, "calls to the vendor")?;
        let calls = self.calls.iter().map(ShownCall::cells);
        write_columns(out, "  ", &calls.collect::<Vec<_>>())?;
        writeln!(out, "webhooks to the ATS")?;
        let sent = self.deliveries.iter().flat_map(ShownDelivery::rows);
        write_columns(out, "  ", &sent.collect::<Vec<_>>())
    }

    fn facts(&self) -> Vec<Vec<String>> {
        let detail = self
            .detail
            .as_ref()
            .map(|it| format!(" ({it})"))
            .unwrap_or_default();
        let taken = if self.accepted {
            "yes"
        } else {
            "no: the ATS was not told so"
        };
        let applicant = if self.holds_applicant_data {
            "held, sealed"
        } else {
            "erased"
        };
        let package = std::iter::once(&self.vendor_package).chain(&self.vendor_add_ons);
        let package = package.map(String::as_str).collect::<Vec<_>>().join(", ");
        let theirs = self.their_reference.as_deref().unwrap_or("none yet");
        let or = |at: &Option<String>, otherwise: &str| at.clone().unwrap_or(otherwise.to_owned());
        let mut facts = vec![
            (
                "background check",
                format!("{} of tenant {}", self.background_check_id, self.account_id),
            ),
            ("tracking id", self.tracking_id.clone()),
            ("stage", format!("{}{detail}", self.stage)),
            ("result", self.result.to_owned()),
            ("accepted", taken.to_owned()),
            (
                "ordered",
                format!(
                    "{} at connection {}: {package}",
                    self.package_id, self.connection
                ),
            ),
            (
                "vendor",
                format!(
                    "{}, our reference {}, theirs {theirs}",
                    self.vendor, self.our_reference
                ),
            ),
            ("webhook", self.webhook_origin.clone()),
            ("applicant data", applicant.to_owned()),
            ("placed", self.created_at.clone()),
            ("ended", or(&self.ended_at, "not yet")),
            ("next look", or(&self.next_look_at, "none")),
        ];
        if let Some(waiting) = self.waiting {
            facts.push(("waits for a person", waiting.to_owned()));
        }
        facts
            .into_iter()
            .map(|(name, value)| vec![name.to_owned(), value])
            .collect()
    }
}

impl From<HistoryRow> for ShownLine {
    fn from(row: HistoryRow) -> Self {
        Self {
            at: time(row.at),
            kind: row.kind,
            detail: row.detail,
        }
    }
}

impl From<Call> for ShownCall {
    fn from(call: Call) -> Self {
        Self {
            generation: call.generation,
            turn: call.turn,
            step: call.step,
            first_sent_at: time(call.first_sent_at),
            sent_at: time(call.sent_at),
            copies: call.copies,
            outcome: call.outcome,
            detail: call.detail,
            ended_at: call.ended_at.map(time),
        }
    }
}

impl ShownCall {
    fn cells(&self) -> Vec<String> {
        let copies = match self.copies {
            1 => String::new(),
            copies => format!("{copies} copies"),
        };
        vec![
            self.sent_at.clone(),
            self.step.clone(),
            self.outcome
                .clone()
                .unwrap_or_else(|| "end unknown".to_owned()),
            self.detail.clone().unwrap_or_default(),
            copies,
        ]
    }
}

impl ShownDelivery {
    fn of(row: DeliveryRow, attempts: &[AttemptRow]) -> Self {
        let own = attempts
            .iter()
            .filter(|attempt| attempt.sequence == row.sequence);
        let own = own.map(|attempt| ShownAttempt {
            at: time(attempt.at),
            took_ms: attempt.took_ms,
            outcome: attempt.outcome.clone(),
            late: attempt.late,
        });
        Self {
            attempts: own.collect(),
            sequence: row.sequence,
            webhook_id: row.webhook_id,
            state: row.state,
            reason: row.reason,
            created_at: time(row.created_at),
            ended_at: row.ended_at.map(time),
        }
    }

    /// The delivery, and behind it its attempts.
    fn rows(&self) -> Vec<Vec<String>> {
        let reason = self
            .reason
            .as_ref()
            .map(|it| format!(" ({it})"))
            .unwrap_or_default();
        let mut rows = vec![vec![
            self.created_at.clone(),
            format!("{} {}{reason}", self.sequence, self.state),
            self.webhook_id.clone(),
        ]];
        rows.extend(self.attempts.iter().map(|attempt| {
            let late = if attempt.late {
                ", after its lease"
            } else {
                ""
            };
            let took = format!("{} after {} ms{late}", attempt.outcome, attempt.took_ms);
            vec![attempt.at.clone(), "attempt".to_owned(), took]
        }));
        rows
    }
}
