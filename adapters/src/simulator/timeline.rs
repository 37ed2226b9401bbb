//! What happens by itself as time passes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::vocabulary::Millis;

/// How fast a fake vendor's orders move without being told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace(Option<Duration>);

impl Pace {
    /// One step of an order's usual life takes this long.
    pub fn every(step: Duration) -> Self {
        Self(Some(step))
    }

    /// Nothing moves by itself; only [`super::Simulator::advance`] and requests move an order.
    pub fn manual() -> Self {
        Self(None)
    }
}

impl Default for Pace {
    /// Half a second a step, so that an ordinary order is complete within two seconds.
    fn default() -> Self {
        Self::every(Duration::from_millis(500))
    }
}

/// One move of one order.
#[derive(Clone, Copy)]
pub(super) struct Move {
    /// When it happens.
    pub(super) at: Millis,
    /// The order's index at its vendor.
    pub(super) order: usize,
    /// The status word it brings.
    pub(super) status: &'static str,
    /// The result word it brings.
    pub(super) result: Option<&'static str>,
}

/// The moves to come of all orders, by time and then in the order they were planned.
pub(super) struct Timeline {
    pace: Pace,
    moves: BTreeMap<(Millis, u64), Move>,
    planned: u64,
}

impl Timeline {
    /// Nothing to come yet.
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            moves: BTreeMap::new(),
            planned: 0,
        }
    }

    /// Plans a move, `steps` after `from`.
    pub(super) fn plan(
        &mut self,
        order: usize,
        from: Millis,
        (steps, status, result): (u32, &'static str, Option<&'static str>),
    ) {
        let Pace(Some(step)) = self.pace else {
            return;
        };
        let wait = Millis::try_from(step.saturating_mul(steps).as_millis()).unwrap_or(Millis::MAX);
        let at = from.saturating_add(wait);
        self.planned += 1;
        self.moves.insert(
            (at, self.planned),
            Move {
                at,
                order,
                status,
                result,
            },
        );
    }

    /// Forgets what was planned for an order, because somebody took it in hand.
    pub(super) fn forget(&mut self, order: usize) {
        self.moves.retain(|_, planned| planned.order != order);
    }

    /// The earliest move that is due, once.
    pub(super) fn next(&mut self, now: Millis) -> Option<Move> {
        let first = self.moves.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
