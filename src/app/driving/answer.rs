//! What a copy of a request led to, read from how the call went and what the vendor answered.

use std::time::Duration;

use adapters::vocabulary::Progress;
use adapters::{Fault, Memo, Turn};

use super::{Drive, Step};
use crate::vendors::Sent;

/// What one copy of a request led to.
pub(super) enum Heard {
    Done(Progress),
    Next(Memo),
    Refused {
        code: String,
        field: Option<String>,
        message: String,
    },
    /// Certainly nothing was done. The word is stored with the call.
    NotDone {
        word: &'static str,
        reason: String,
        retry_after: Option<Duration>,
    },
    /// It may have been done.
    InDoubt {
        reason: String,
        pause: Option<Duration>,
    },
}

impl Drive {
    /// What the call came to.
    pub(super) fn hear(&self, step: &Step, sent: Sent) -> Heard {
        let reply = match sent {
            Sent::Never(unsent) => {
                return Heard::NotDone {
                    word: "never",
                    retry_after: unsent.again_in(),
                    reason: unsent.why,
                };
            }
            Sent::Maybe(reason) => {
                return Heard::InDoubt {
                    reason,
                    pause: None,
                };
            }
            Sent::Answered(reply) => reply,
        };
        let decoded = self.vendor.place.decode(
            &self.operation,
            &self.order.memo,
            &self.context(&step.call.key),
            &reply,
        );
        match decoded {
            Ok(Turn::Done(progress)) => Heard::Done(progress),
            Ok(Turn::Next(memo)) if self.turns < self.vendor.policy.most_turns => Heard::Next(memo),
            Ok(Turn::Next(_)) => in_doubt("placing takes more steps than the vendor's sheet says"),
            Err(Fault::Refused {
                code,
                field,
                message,
            }) => Heard::Refused {
                code,
                field,
                message: sentence(message),
            },
            Err(Fault::Busy(wish)) => Heard::NotDone {
                word: "busy",
                reason: "the vendor is busy".into(),
                retry_after: wish,
            },
            Err(Fault::Denied) => Heard::NotDone {
                word: "denied",
                reason: "the vendor refused our credentials".into(),
                retry_after: Some(Duration::from_secs(60)),
            },
            Err(Fault::NotReady(pause)) => Heard::InDoubt {
                reason: "the vendor is still at work on it".into(),
                pause,
            },
            Err(Fault::Duplicate(_)) => in_doubt("the vendor says that this was ordered before"),
            Err(Fault::Unclear(reason)) => Heard::InDoubt {
                reason,
                pause: None,
            },
        }
    }
}

fn in_doubt(reason: &str) -> Heard {
    Heard::InDoubt {
        reason: reason.to_owned(),
        pause: None,
    }
}

/// A vendor's own words often lack the full stop.
fn sentence(mut text: String) -> String {
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}
