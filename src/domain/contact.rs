//! Contacts about an order with its vendor, beside the calls that place it: looks and look-ups,
//! copies of a request whose end stayed unknown, cancellations, reports, callbacks.
//!
//! They are for whoever wants to know what happened, and decide nothing. An order may be looked at
//! thousands of times before it ends, so of each kind only the last [`KEPT`] are kept, with their
//! number.

use adapters::Effect;
use adapters::vocabulary::Millis;
use serde::Serialize;

/// Contacts of one kind that are kept of an order.
pub const KEPT: i64 = 20;

/// What a contact was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactKind {
    /// The order was read at its vendor.
    Look,
    /// It was searched by our reference, because nobody knows whether the vendor has it.
    LookUp,
    /// A copy of a placing request left, and no end of it is known.
    Copy,
    /// The vendor was asked to cancel it.
    Cancel,
    /// A link to its report was made.
    Report,
    /// The vendor called back.
    Callback,
}

impl ContactKind {
    const ALL: [Self; 6] = [
        Self::Look,
        Self::LookUp,
        Self::Copy,
        Self::Cancel,
        Self::Report,
        Self::Callback,
    ];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::LookUp => "look_up",
            Self::Copy => "copy",
            Self::Cancel => "cancel",
            Self::Report => "report",
            Self::Callback => "callback",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One contact. Nothing personal or secret may be in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// What it was for.
    pub kind: ContactKind,
    /// When it began, or the callback came.
    pub at: Millis,
    /// The step of the operation, as the vendor's sheet names it; the last one of several.
    pub step: String,
    /// What a second copy of that step would do: `read`, `repeatable`, `once`.
    pub effect: &'static str,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// What came of it, a stable word.
    pub outcome: &'static str,
    /// Why, a phrase for operators.
    pub detail: String,
}

impl Contact {
    /// The word for what a second copy would do.
    pub fn effect_word(effect: Effect) -> &'static str {
        match effect {
            Effect::Read => "read",
            Effect::Repeatable { .. } => "repeatable",
            Effect::Once => "once",
        }
    }

    /// A callback that came at `at`.
    pub fn callback(at: Millis, outcome: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: ContactKind::Callback,
            at,
            step: String::new(),
            effect: "",
            took_ms: 0,
            outcome,
            detail: detail.into(),
        }
    }
}

/// A contact, as it was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "see Contact")]
pub struct ContactRow {
    pub kind: ContactKind,
    /// Counted from 1 among those of its kind: how many there were, in the newest.
    pub number: i64,
    pub at: Millis,
    pub step: String,
    pub effect: String,
    pub took_ms: i64,
    pub outcome: String,
    pub detail: String,
}
