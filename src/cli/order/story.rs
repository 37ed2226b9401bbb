//! An order's story as operators see it: everything that is known of it, and nothing personal or
//! secret. Of the webhook's address only the host is shown, because its path may be a secret.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use crate::app::story::{NextStep, Story, What};
use crate::cli::desk::Desk;
use crate::cli::error::CliError;
use crate::cli::show::{time, write_columns};
use crate::domain::contact::{Contact, ContactKind, ContactRow};
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
    add_on_ids: Vec<String>,
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
    next: Vec<ShownNext>,
    looked_at: Option<String>,
    history: Vec<ShownLine>,
    calls: Vec<ShownCall>,
    /// The last ones of each kind.
    contacts: Vec<ShownContact>,
    /// How many there were of each kind.
    contact_counts: BTreeMap<&'static str, i64>,
    deliveries: Vec<ShownDelivery>,
}

#[derive(Serialize)]
struct ShownNext {
    what: String,
    at: Option<String>,
}

#[derive(Serialize)]
struct ShownContact {
    kind: ContactKind,
    number: i64,
    at: String,
    step: String,
    effect: String,
    took_ms: i64,
    outcome: String,
    detail: String,
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
    effect: &'static str,
    first_sent_at: String,
    sent_at: String,
    copies: i64,
    took_ms: Option<i64>,
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
        let kinds = story.contacts.iter().map(|contact| contact.kind);
        let counts = kinds
            .map(|kind| (kind.as_str(), story.count(kind)))
            .collect();
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
            add_on_ids: order.add_on_ids,
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
            next: story.next.into_iter().map(ShownNext::from).collect(),
            looked_at: order.looked_at.map(time),
            history: story.history.into_iter().map(ShownLine::from).collect(),
            calls: story.calls.into_iter().map(ShownCall::from).collect(),
            contacts: story.contacts.into_iter().map(ShownContact::from).collect(),
            contact_counts: counts,
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
        let calls = self.calls.iter().map(ShownCall::cells);
        write_section(out, "calls that placed it", calls.collect())?;
        for (kind, heading) in KINDS {
            let own = self.contacts.iter().filter(|contact| contact.kind == kind);
            let rows: Vec<_> = own.map(ShownContact::cells).collect();
            let count = self.contact_counts.get(kind.as_str()).unwrap_or(&0);
            let heading = match usize::try_from(*count) {
                Ok(count) if count > rows.len() => {
                    format!("{heading}: {count}, the last {}", rows.len())
                }
                _ => heading.to_owned(),
            };
            write_section(out, &heading, rows)?;
        }
        let sent = self.deliveries.iter().flat_map(ShownDelivery::rows);
        write_section(out, "webhooks to the ATS", sent.collect())?;
        let next = self.next.iter().map(ShownNext::cells);
        write_section(out, "what happens next", next.collect())
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
        let joined = |package: &String, add_ons: &[String]| {
            let all = std::iter::once(package).chain(add_ons);
            all.map(String::as_str).collect::<Vec<_>>().join(", ")
        };
        let package = joined(&self.vendor_package, &self.vendor_add_ons);
        let asked = joined(&self.package_id, &self.add_on_ids);
        let theirs = self.their_reference.as_deref().unwrap_or("none yet");
        let or = |at: &Option<String>, otherwise: &str| at.clone().unwrap_or(otherwise.to_owned());
        let facts = vec![
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
                format!("{asked} at connection {}: {package}", self.connection),
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
            ("looked at", or(&self.looked_at, "not yet")),
        ];
        facts
            .into_iter()
            .map(|(name, value)| vec![name.to_owned(), value])
            .collect()
    }
}

/// The kinds of contacts, as people read them.
const KINDS: [(ContactKind, &str); 6] = [
    (ContactKind::Copy, "copies whose end was not known"),
    (ContactKind::LookUp, "searches by our reference"),
    (ContactKind::Look, "looks"),
    (ContactKind::Callback, "callbacks"),
    (ContactKind::Cancel, "cancellations"),
    (ContactKind::Report, "report links"),
];

/// Writes rows under a heading, if there are any.
fn write_section(
    out: &mut impl Write,
    heading: &str,
    rows: Vec<Vec<String>>,
) -> Result<(), CliError> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "{heading}")?;
    write_columns(out, "  ", &rows)
}

/// A phrase and what there is to say of it.
fn with_detail(phrase: &str, detail: &str) -> String {
    match detail {
        "" => phrase.to_owned(),
        detail => format!("{phrase}: {detail}"),
    }
}

fn took(took_ms: Option<i64>) -> String {
    took_ms.map_or_else(String::new, |took| format!("{took} ms"))
}

impl From<NextStep> for ShownNext {
    fn from(next: NextStep) -> Self {
        let what = match next.what {
            What::BeingPlaced => "it is being placed; taken up again if that breaks off".to_owned(),
            What::Place => "it is sent to its vendor".to_owned(),
            What::FindOut => "it is found out whether its vendor has it".to_owned(),
            What::Look => "it is looked at".to_owned(),
            What::BeingDelivered => {
                "its webhook is being sent; sent again if that breaks off".to_owned()
            }
            What::Deliver { attempt: 1 } => "its webhook is sent".to_owned(),
            What::Deliver { attempt } => format!("its webhook is sent again, attempt {attempt}"),
            What::Decide(waiting) => {
                format!("a person decides: {}; {}", waiting.why(), waiting.remedy())
            }
        };
        Self {
            what,
            at: next.at.map(time),
        }
    }
}

impl ShownNext {
    fn cells(&self) -> Vec<String> {
        let at = self.at.clone().unwrap_or_else(|| "any time".to_owned());
        vec![at, self.what.clone()]
    }
}

impl From<ContactRow> for ShownContact {
    fn from(row: ContactRow) -> Self {
        Self {
            kind: row.kind,
            number: row.number,
            at: time(row.at),
            step: row.step,
            effect: row.effect,
            took_ms: row.took_ms,
            outcome: row.outcome,
            detail: row.detail,
        }
    }
}

impl ShownContact {
    fn cells(&self) -> Vec<String> {
        let told = with_detail(&self.outcome, &self.detail);
        if self.kind == ContactKind::Callback {
            return vec![self.at.clone(), told];
        }
        vec![
            self.at.clone(),
            with_effect(&self.step, &self.effect),
            took(Some(self.took_ms)),
            told,
        ]
    }
}

fn with_effect(step: &str, effect: &str) -> String {
    format!("{step} ({effect})")
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
            effect: Contact::effect_word(call.effect),
            took_ms: call.took_ms,
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
        let outcome = self.outcome.as_deref().unwrap_or("end unknown");
        vec![
            self.sent_at.clone(),
            with_effect(&self.step, self.effect),
            took(self.took_ms),
            with_detail(outcome, self.detail.as_deref().unwrap_or_default()),
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
