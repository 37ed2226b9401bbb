//! One background check: its stages, and the only function that moves it, [`apply`].

mod stage;
mod transition;

use adapters::Memo;
use adapters::vocabulary::{Millis, OurRef, Outcome, TheirRef};
use serde::{Deserialize, Serialize};

pub use crate::domain::waiting::Waiting;
pub use stage::{Stage, parse_result, result_word, stage_and_result, standing};
pub use transition::{Source, Verdict, apply};

/// One order, as it is stored.
#[derive(Clone, Debug)]
pub struct Order {
    /// Ours, internal.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// The ATS's key; unique in the tenant.
    pub background_check_id: String,
    /// Our key that is safe to show.
    pub tracking_id: String,
    /// At which connection it is placed.
    pub connection_id: String,
    /// The package as it was offered.
    pub package_id: String,
    /// The add-ons as they were offered.
    pub add_on_ids: Vec<String>,
    /// The vendor's id of the package.
    pub vendor_package: String,
    /// The vendor's ids of the add-ons.
    pub vendor_add_ons: Vec<String>,
    /// Where the ATS wants to be told. Its path may be secret: never logged.
    pub webhook_url: String,
    /// Keyed digest of what the ATS asked for.
    pub fingerprint: String,
    /// Raised each time the same id starts anew.
    pub generation: i64,
    /// Our reference at the vendor, of this generation.
    pub our_ref: OurRef,
    /// The vendor's reference we follow.
    pub their_ref: Option<TheirRef>,
    /// Where it stands.
    pub stage: Stage,
    /// What it says, once complete.
    pub result: Option<Outcome>,
    /// A short code in the vendor's or the sheet's words.
    pub detail: Option<String>,
    /// Whether somebody was answered 201 for it, or the vendor has it.
    pub accepted: bool,
    /// Raised with every change.
    pub version: i64,
    /// Where placing stands, and what later operations need.
    pub memo: Memo,
    /// A keyed digest of the applicant, at vendors whose orders are looked up by person: only one
    /// order for one is then being placed at a time. It is kept as long as `sealed_order`.
    pub person: Option<String>,
    /// The ATS's order, sealed; gone once the vendor has accepted.
    pub sealed_order: Option<Vec<u8>>,
    /// Where the report is read ([`adapters::vocabulary::Report`]), sealed: some links show the
    /// report to whoever has them.
    pub sealed_report: Option<Vec<u8>>,
    /// Raised to revoke result links.
    pub link_generation: i64,
    /// Who places or resolves it now.
    pub lease_token: Option<String>,
    /// Until when.
    pub lease_until: Option<Millis>,
    /// When background work on placing it is due; `None`: never.
    pub due_at: Option<Millis>,
    /// When it is looked at next; `None`: never.
    pub look_at: Option<Millis>,
    /// When it was looked at last.
    pub looked_at: Option<Millis>,
    /// How many looks found nothing new since something last changed.
    pub idle_looks: i64,
    /// Why it waits for a person; `None`: it does not.
    pub waiting: Option<Waiting>,
    /// When the ATS placed it; later again where it was placed again because it had not been taken.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
    /// When it ended.
    pub ended_at: Option<Millis>,
}

/// A line of an order's history. Nothing personal or secret may be in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What happened, a stable word: `received`, `vendor_call`, `callback`.
    pub kind: String,
    /// More of it, a phrase for people.
    pub detail: String,
}

impl Line {
    /// A line.
    pub fn new(kind: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            detail: detail.into(),
        }
    }
}

/// A line of history, as it was saved.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryRow {
    /// When, in milliseconds since the Unix epoch.
    pub at: Millis,
    /// What happened.
    pub kind: String,
    /// More of it.
    pub detail: String,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn order(stage: Stage, result: Option<Outcome>) -> Order {
        Order {
            id: "ord_1".into(),
            tenant_id: "ten_1".into(),
            background_check_id: "224466".into(),
            tracking_id: "trk_1".into(),
            connection_id: "con_1".into(),
            package_id: "PKG001".into(),
            vendor_package: "basic".into(),
            vendor_add_ons: vec![],
            add_on_ids: vec![],
            webhook_url: "https://ats.example.com/hooks".into(),
            fingerprint: String::new(),
            generation: 1,
            our_ref: OurRef("r1".into()),
            their_ref: None,
            stage,
            result,
            detail: None,
            accepted: true,
            version: 1,
            memo: Memo::default(),
            person: None,
            sealed_order: Some(vec![1]),
            sealed_report: None,
            link_generation: 1,
            lease_token: None,
            lease_until: None,
            due_at: None,
            look_at: None,
            looked_at: None,
            idle_looks: 0,
            waiting: None,
            created_at: 0,
            updated_at: 0,
            ended_at: None,
        }
    }
}
