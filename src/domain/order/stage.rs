//! The stages of an order and its result, in the words that are stored and shown.

use adapters::vocabulary::Outcome;
use serde::{Deserialize, Serialize};

use super::Order;

/// Where an order stands. The first six are open, the others end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Saved; nothing has been sent to the vendor, or it was busy and will be asked again.
    Received,
    /// Being sent to the vendor.
    Placing,
    /// Sent, and we do not know whether the vendor has it.
    Unconfirmed,
    /// The vendor has it and has written to the applicant.
    Invited,
    /// The vendor is at work.
    InProgress,
    /// The vendor waits for somebody.
    OnHold,
    /// Ended with a result.
    Complete,
    /// Ended: withdrawn.
    Canceled,
    /// Ended: the applicant did not answer in time.
    Expired,
    /// Ended: the vendor will not do it.
    Refused,
    /// Ended: it was never placed, or the vendor could not do it.
    Failed,
}

impl Stage {
    /// Every stage, in the order an order usually walks them.
    pub const ALL: [Self; 11] = [
        Self::Received,
        Self::Placing,
        Self::Unconfirmed,
        Self::Invited,
        Self::InProgress,
        Self::OnHold,
        Self::Complete,
        Self::Canceled,
        Self::Expired,
        Self::Refused,
        Self::Failed,
    ];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Placing => "placing",
            Self::Unconfirmed => "unconfirmed",
            Self::Invited => "invited",
            Self::InProgress => "in_progress",
            Self::OnHold => "on_hold",
            Self::Complete => "complete",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// The stage of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }

    /// True when nothing more is expected to happen.
    pub fn is_terminal(self) -> bool {
        self.rank() == TERMINAL_RANK
    }

    /// True while the order may have been sent and the vendor has not confirmed it.
    pub fn is_unplaced(self) -> bool {
        matches!(self, Self::Received | Self::Placing | Self::Unconfirmed)
    }

    /// How far along the order is. What a payload alone says may only raise it.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Received => 0,
            Self::Placing => 1,
            Self::Unconfirmed => 2,
            Self::Invited => 3,
            Self::InProgress => 4,
            Self::OnHold => 5,
            _ => TERMINAL_RANK,
        }
    }
}

const TERMINAL_RANK: u8 = 6;

/// A result as it is stored and shown; `none` for [`None`].
pub fn result_word(result: Option<Outcome>) -> &'static str {
    match result {
        Some(Outcome::Pass) => "pass",
        Some(Outcome::Review) => "review",
        Some(Outcome::Fail) => "fail",
        None => "none",
    }
}

/// Where an order stands, in words: `complete (review)`.
pub fn standing(order: &Order) -> String {
    stage_and_result(order.stage, order.result)
}

/// A stage and a result in words.
pub fn stage_and_result(stage: Stage, result: Option<Outcome>) -> String {
    match result {
        Some(_) => format!("{} ({})", stage.as_str(), result_word(result)),
        None => stage.as_str().to_owned(),
    }
}

/// The result of that word; an unknown word reads as no result.
pub fn parse_result(word: &str) -> Option<Outcome> {
    [Outcome::Pass, Outcome::Review, Outcome::Fail]
        .into_iter()
        .find(|outcome| result_word(Some(*outcome)) == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_reads_back_from_its_word() {
        for stage in Stage::ALL {
            assert_eq!(Stage::parse(stage.as_str()), Some(stage));
        }
    }
}
