//! Why an order waits for a person: what nobody else can know or decide about it.

use serde::{Deserialize, Serialize};

/// Why an order waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// It may have been placed, and the vendor offers no way to find out.
    CannotLookUp,
    /// It may have been placed; the look-up does not show it, which proves nothing here.
    NotSeen,
    /// It was sent again and again without a clear answer, and its vendor never had it.
    NeverTaken,
    /// Several orders at the vendor carry our reference.
    Several,
    /// The vendor's order belongs to another order of ours.
    OwnedByAnother,
    /// What is needed to go on was erased or cannot be read.
    CannotGoOn,
    /// The vendor has said nothing new for too long.
    NoNews,
}

impl Waiting {
    const ALL: [Self; 7] = [
        Self::CannotLookUp,
        Self::NotSeen,
        Self::NeverTaken,
        Self::Several,
        Self::OwnedByAnother,
        Self::CannotGoOn,
        Self::NoNews,
    ];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CannotLookUp => "cannot_look_up",
            Self::NotSeen => "not_seen",
            Self::NeverTaken => "never_taken",
            Self::Several => "several",
            Self::OwnedByAnother => "owned_by_another",
            Self::CannotGoOn => "cannot_go_on",
            Self::NoNews => "no_news",
        }
    }

    /// The reason of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// The reason in a sentence for operators.
    pub fn why(self) -> &'static str {
        match self {
            Self::CannotLookUp => {
                "it may have been placed, and its vendor offers no way to find out"
            }
            Self::NotSeen => {
                "it may have been placed; its vendor does not show it, which proves nothing here"
            }
            Self::NeverTaken => {
                "it was placed several times without a clear answer, and its vendor does not have it"
            }
            Self::Several => "several orders at its vendor carry its reference",
            Self::OwnedByAnother => "its vendor names an order that belongs to another one",
            Self::CannotGoOn => "what is needed to go on was erased or cannot be read",
            Self::NoNews => "its vendor has said nothing new for too long",
        }
    }

    /// What a person can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NoNews => {
                "ask the vendor; the order is looked at as before, and waits no more when news comes"
            }
            _ => "ask the vendor whether it has the order, then `cleargate order resolve`",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back_from_its_word() {
        for reason in Waiting::ALL {
            assert_eq!(Waiting::parse(reason.as_str()), Some(reason));
        }
    }
}
