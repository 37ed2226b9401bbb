//! A vendor's callback, as it waits in the inbox.

use adapters::vocabulary::Millis;
use serde::Serialize;

/// Where a callback stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    /// To be applied.
    New,
    /// Unreadable, or of an order we do not know (yet).
    Parked,
    /// Applied, ignored or expired; its body is erased.
    Settled,
}

impl CallbackState {
    /// The state of that word; every word that is not another's is settled.
    pub fn parse(word: &str) -> Self {
        match word {
            "new" => Self::New,
            "parked" => Self::Parked,
            _ => Self::Settled,
        }
    }
}

/// A callback in the inbox.
#[derive(Clone, Debug, Serialize)]
pub struct CallbackRow {
    /// Ours, internal.
    pub id: String,
    /// From which connection's vendor.
    pub connection_id: String,
    /// The sealed bytes; gone once it is settled.
    #[serde(skip)]
    pub sealed_body: Option<Vec<u8>>,
    /// Where it stands.
    pub state: CallbackState,
    /// What became of it, a phrase.
    pub reason: Option<String>,
    /// The notes in it that were applied before it was parked for another: their numbers and orders.
    #[serde(skip)]
    pub applied_notes: Vec<(usize, String)>,
    /// When it came.
    pub received_at: Millis,
    /// When it was settled.
    pub settled_at: Option<Millis>,
}
