//! An order's whole story: what was asked, every call and callback, every look, every attempt to
//! tell the ATS, and what happens next. It holds nothing personal; what of it whom is shown is the
//! business of the command and of the route.

use adapters::vocabulary::Millis;

use crate::app::{App, AppError};
use crate::clock::millis;
use crate::domain::contact::{Contact, ContactKind, ContactRow};
use crate::domain::order::{HistoryRow, Order, Stage, Waiting};
use crate::store::{AttemptRow, Call, DeliveryRow, LaneRow};
use crate::vendors::Asked;

/// An order's whole story, without personal data.
#[derive(Debug)]
pub struct Story {
    /// The order as it is now.
    pub order: Order,
    /// What happened.
    pub history: Vec<HistoryRow>,
    /// What was sent to place it.
    pub calls: Vec<Call>,
    /// Every other contact with its vendor that is kept.
    pub contacts: Vec<ContactRow>,
    /// What was to be sent to the ATS.
    pub deliveries: Vec<DeliveryRow>,
    /// What was.
    pub attempts: Vec<AttemptRow>,
    /// What happens next, soonest first; what has no time comes last.
    pub next: Vec<NextStep>,
}

impl Story {
    /// How often there was a contact of that kind, also where only the last ones are kept.
    pub fn count(&self, kind: ContactKind) -> i64 {
        let own = self.contacts.iter().filter(|contact| contact.kind == kind);
        own.map(|contact| contact.number).max().unwrap_or(0)
    }
}

/// Something that will happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextStep {
    /// What.
    pub what: What,
    /// When; `None`: when a person does it.
    pub at: Option<Millis>,
}

/// What happens to an order without anybody asking, or what a person has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It is with its vendor right now; by then it has ended or is taken up again.
    BeingPlaced,
    /// It is sent to its vendor.
    Place,
    /// It is found out whether its vendor has it.
    FindOut,
    /// It is looked at at its vendor.
    Look,
    /// Its update is being sent to the ATS right now.
    BeingDelivered,
    /// Its update is sent to the ATS.
    Deliver {
        /// The how-manieth attempt this is.
        attempt: i64,
    },
    /// A person decides.
    Decide(Waiting),
}

impl App {
    /// The story of an order.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn story(&self, order: Order) -> Result<Story, AppError> {
        let lane = self.store.lane(&order.id).await?;
        Ok(Story {
            history: self.store.history(&order.id).await?,
            calls: self.store.calls(&order.id).await?,
            contacts: self.store.contacts(&order.id).await?,
            deliveries: self.store.order_deliveries(&order.id).await?,
            attempts: self.store.attempts(&order.id).await?,
            next: next_steps(&order, lane.as_ref(), self.clock.now()),
            order,
        })
    }
}

fn next_steps(order: &Order, lane: Option<&LaneRow>, now: Millis) -> Vec<NextStep> {
    let step = |what, at| NextStep { what, at: Some(at) };
    let placing = order.due_at.map(|at| {
        let what = match order.stage {
            _ if order.lease_until.is_some_and(|until| until > now) => What::BeingPlaced,
            Stage::Received => What::Place,
            _ => What::FindOut,
        };
        step(what, at)
    });
    let delivery = lane.and_then(|lane| {
        let what = if lane.is_sending {
            What::BeingDelivered
        } else {
            What::Deliver {
                attempt: lane.attempts + 1,
            }
        };
        lane.due_at.map(|at| step(what, at))
    });
    let look = order.look_at.map(|at| step(What::Look, at));
    let decision = order.waiting.map(|why| NextStep {
        what: What::Decide(why),
        at: None,
    });
    let mut steps: Vec<NextStep> = [placing, look, delivery, decision]
        .into_iter()
        .flatten()
        .collect();
    steps.sort_by_key(|step| step.at.unwrap_or(Millis::MAX));
    steps
}

/// What there is to tell of an operation on an order that began at `at`.
pub(crate) fn contact<T>(
    kind: ContactKind,
    at: Millis,
    asked: &Asked<T>,
    outcome: &'static str,
    detail: impl Into<String>,
) -> Contact {
    Contact {
        kind,
        at,
        step: asked.step.clone(),
        effect: Contact::effect_word(asked.effect),
        took_ms: millis(asked.took),
        outcome,
        detail: detail.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::tests::order;

    fn lane(due_at: Option<Millis>, is_sending: bool) -> LaneRow {
        LaneRow {
            head: 1,
            attempts: 2,
            due_at,
            is_sending,
        }
    }

    #[test]
    fn what_happens_next_comes_in_order_and_what_a_person_does_last() {
        let mut open = order(Stage::InProgress, None);
        (open.look_at, open.waiting) = (Some(9), Some(Waiting::NoNews));
        let steps = next_steps(&open, Some(&lane(Some(7), false)), 5);
        let expected = [
            (What::Deliver { attempt: 3 }, Some(7)),
            (What::Look, Some(9)),
            (What::Decide(Waiting::NoNews), None),
        ];
        assert_eq!(steps, expected.map(|(what, at)| NextStep { what, at }));
    }

    #[test]
    fn what_is_under_way_is_not_said_to_come() {
        let mut placing = order(Stage::Placing, None);
        (placing.due_at, placing.lease_until) = (Some(20), Some(20));
        let what = |order: &Order, now| next_steps(order, Some(&lane(Some(30), true)), now)[0].what;
        assert_eq!(what(&placing, 5), What::BeingPlaced);
        assert_eq!(what(&placing, 20), What::FindOut);
        placing.stage = Stage::Received;
        assert_eq!(what(&placing, 20), What::Place);
        placing.due_at = None;
        assert_eq!(what(&placing, 5), What::BeingDelivered);
    }

    #[test]
    fn an_order_that_has_ended_and_was_told_has_nothing_before_it() {
        let ended = order(Stage::Complete, None);
        assert_eq!(next_steps(&ended, None, 5), []);
        assert_eq!(next_steps(&ended, Some(&lane(None, false)), 5), []);
    }
}
