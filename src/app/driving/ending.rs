//! How a drive ends, and the commit of each end: what becomes of the order, and what of the call.

use std::sync::Arc;
use std::time::Duration;

use adapters::vocabulary::{Millis, Progress};
use adapters::{Memo, Vendor};

use super::lease::{pause_by_age, release, when_again};
use super::{Drive, Kept, Step};
use crate::clock::millis;
use crate::domain::contact::{Contact, ContactKind};
use crate::domain::order::{Line, Order, Source, Stage, Waiting};
use crate::domain::tenant::{WhenUnavailable, WhenUnconfirmed};
use crate::store::{CallChange, Change, StoreError};

/// How a drive ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The vendor has it.
    Placed,
    /// The vendor refused it for good.
    Refused {
        /// The member at fault.
        field: Option<String>,
        /// A sentence for a recruiter.
        message: String,
    },
    /// Certainly not placed; the vendor is out of reach, busy, or refuses our credentials.
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
    /// It may have been placed.
    Unconfirmed,
    /// Somebody else has the order now.
    Overtaken,
}

impl Ending {
    /// Counts it.
    pub(crate) fn count(&self, vendor: &Vendor) {
        metrics::counter!("orders_placing_ended_total", "vendor" => vendor.name.clone(), "ending" => self.word())
            .increment(1);
    }

    /// The ending in one word, for metrics.
    fn word(&self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Refused { .. } => "refused",
            Self::Unavailable { .. } => "unavailable",
            Self::Unconfirmed => "unconfirmed",
            Self::Overtaken => "overtaken",
        }
    }
}

/// The end of a drive.
pub(crate) struct Ended {
    /// The order as it is then.
    pub(crate) order: Order,
    /// How it ended.
    pub(crate) ending: Ending,
    /// How long the vendor was waited for.
    pub(crate) vendor_time: Duration,
}

impl Drive {
    /// The vendor has the order.
    pub(super) async fn placed(
        &mut self,
        step: &Step,
        progress: &Progress,
    ) -> Result<Ending, StoreError> {
        let (app, vendor, now) = (Arc::clone(&self.app), Arc::clone(&self.vendor), self.now());
        let kept = self
            .update(|order| {
                let (_, mut change) = app.take_news(order, progress, Source::Answer, &vendor, now);
                for call in &mut change.calls {
                    if let CallChange::EndAll { took_ms, .. } = call {
                        *took_ms = step.call.took_ms;
                    }
                }
                change
            })
            .await?;
        Ok(match kept {
            Kept::Yes => Ending::Placed,
            Kept::Overtaken => Ending::Overtaken,
            Kept::OwnedByAnother => self.owned_by_another().await?,
        })
    }

    async fn owned_by_another(&mut self) -> Result<Ending, StoreError> {
        self.app.alarm_foreign(&self.order, &self.vendor, "answer");
        self.give_to_person(
            Waiting::OwnedByAnother,
            "the vendor's answer names an order of another order",
        )
        .await
    }

    async fn give_to_person(&mut self, why: Waiting, detail: &str) -> Result<Ending, StoreError> {
        let (accepts, now) = (self.accepts_unconfirmed(), self.now());
        let kept = self
            .update(|order| {
                order.stage = Stage::Unconfirmed;
                order.accepted |= accepts;
                order.waiting = Some(why);
                order.updated_at = now;
                release(order, None);
                Change {
                    lines: vec![Line::new("waiting", detail)],
                    ..Change::default()
                }
            })
            .await?;
        Ok(if matches!(kept, Kept::Yes) {
            Ending::Unconfirmed
        } else {
            Ending::Overtaken
        })
    }

    /// The vendor refused the order for good.
    pub(super) async fn refused(
        &mut self,
        step: &Step,
        code: &str,
        field: Option<String>,
        message: String,
    ) -> Result<Ending, StoreError> {
        let (app, now) = (Arc::clone(&self.app), self.now());
        let ended = self.ended(step, "refused", code.to_owned());
        let detail = field
            .as_ref()
            .map_or_else(|| code.to_owned(), |field| format!("{code}:{field}"));
        let line = Line::new("refused", format!("by the vendor ({detail})"));
        let kept = self
            .update(|order| {
                end(order, Stage::Refused, now);
                order.detail = Some(detail.clone());
                let webhook = app.webhook_for(order);
                Change {
                    lines: vec![line.clone()],
                    calls: vec![ended.clone()],
                    webhook,
                    ..Change::default()
                }
            })
            .await?;
        Ok(if matches!(kept, Kept::Yes) {
            Ending::Refused { field, message }
        } else {
            Ending::Overtaken
        })
    }

    /// The order was certainly not placed; `word` says why, and is stored with the call.
    pub(super) async fn unavailable(
        &mut self,
        step: &Step,
        word: &'static str,
        reason: String,
        wish: Option<Duration>,
    ) -> Result<Ending, StoreError> {
        let (now, queues) = (
            self.now(),
            self.tenant.options.when_unavailable == WhenUnavailable::Queue,
        );
        let ended = self.ended(step, word, reason.clone());
        let retry_after = when_again(wish);
        if word == "denied" {
            self.app.setup().caller.deny(&self.vendor, &self.connection);
        }
        let kept = self
            .update(|order| {
                order.accepted |= queues;
                if order.accepted {
                    order.stage = Stage::Received;
                    release(
                        order,
                        Some(now + millis(retry_after.max(pause_by_age(order, now)))),
                    );
                } else {
                    end(order, Stage::Failed, now);
                }
                order.updated_at = now;
                Change {
                    once: vec![Line::new("not_placed", reason.clone())],
                    calls: vec![ended.clone()],
                    ..Change::default()
                }
            })
            .await?;
        Ok(if matches!(kept, Kept::Yes) {
            Ending::Unavailable { retry_after }
        } else {
            Ending::Overtaken
        })
    }

    /// The order may have been placed.
    pub(super) async fn unconfirmed(
        &mut self,
        step: &Step,
        reason: String,
    ) -> Result<Ending, StoreError> {
        let (accepts, now, turn) = (self.accepts_unconfirmed(), self.now(), step.call.turn);
        let (lost, took_ms) = (self.lost(step, &reason), step.call.took_ms);
        let kept = self
            .update(|order| {
                order.stage = Stage::Unconfirmed;
                order.accepted |= accepts;
                order.updated_at = now;
                release(order, Some(now + millis(pause_by_age(order, now))));
                Change {
                    lines: vec![Line::new("unconfirmed", reason.clone())],
                    calls: vec![CallChange::Note {
                        turn,
                        detail: reason.clone(),
                        took_ms,
                    }],
                    contacts: vec![lost.clone()],
                    ..Change::default()
                }
            })
            .await?;
        Ok(if matches!(kept, Kept::Yes) {
            Ending::Unconfirmed
        } else {
            Ending::Overtaken
        })
    }

    /// Stops where the next step would begin, because whoever asked has been turned away: `memo` says
    /// where to go on if they ask again, and background work closes the order if they do not.
    pub(super) async fn stop_before(
        &mut self,
        memo: Memo,
        ended: CallChange,
    ) -> Result<Ending, StoreError> {
        let now = self.now();
        let kept = self
            .update(|order| {
                order.memo = memo.clone();
                order.stage = Stage::Unconfirmed;
                order.updated_at = now;
                release(order, Some(now + millis(pause_by_age(order, now))));
                Change {
                    lines: vec![Line::new(
                        "unconfirmed",
                        "its next step was not begun in time",
                    )],
                    calls: vec![ended.clone()],
                    ..Change::default()
                }
            })
            .await?;
        Ok(if matches!(kept, Kept::Yes) {
            Ending::Unconfirmed
        } else {
            Ending::Overtaken
        })
    }

    fn accepts_unconfirmed(&self) -> bool {
        self.tenant.options.when_unconfirmed == WhenUnconfirmed::Accept
    }

    /// What is stored with a call that has ended.
    pub(super) fn ended(&self, step: &Step, outcome: &'static str, detail: String) -> CallChange {
        CallChange::End {
            turn: step.call.turn,
            outcome,
            detail,
            took_ms: step.call.took_ms,
            at: self.now(),
        }
    }

    /// What there is to tell of a copy whose end is not known.
    pub(super) fn lost(&self, step: &Step, reason: &str) -> Contact {
        let took_ms = step.call.took_ms.unwrap_or(0);
        Contact {
            kind: ContactKind::Copy,
            at: self.now() - took_ms,
            step: step.call.step.clone(),
            effect: Contact::effect_word(step.call.effect),
            took_ms,
            outcome: "in_doubt",
            detail: reason.to_owned(),
        }
    }

    /// Lets the next step see how this one ended, before that is committed.
    pub(super) fn end_in_memory(&mut self, step: &Step, outcome: &str) {
        if let Some(call) = self
            .calls
            .iter_mut()
            .find(|call| call.turn == step.call.turn)
        {
            call.outcome = Some(outcome.to_owned());
        }
    }
}

/// Ends an order without the vendor having it.
pub(crate) fn end(order: &mut Order, stage: Stage, now: Millis) {
    order.stage = stage;
    order.result = None;
    order.sealed_order = None;
    order.waiting = None;
    order.look_at = None;
    order.updated_at = now;
    order.ended_at = Some(now);
    release(order, None);
}
