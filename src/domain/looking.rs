//! When an order is looked at next: soon after placing, then ever more slowly, sooner again when
//! the vendor's own estimate comes near, sparsely once it has ended but may reopen.

use std::time::Duration;

use adapters::Policy;
use adapters::vocabulary::Millis;

use crate::clock::millis;
use crate::domain::order::Order;

/// A hint makes an order's next look now, but not more often than this.
pub const HINTED_PAUSE: Duration = Duration::from_secs(10);

/// A finished order that may reopen is looked at this often.
const REOPENED_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// The time of the next look at `order`, after one at `now` (or after placing it); `None`: no more.
/// `expected_at` is the vendor's estimate.
pub fn next_look(
    order: &Order,
    policy: &Policy,
    expected_at: Option<Millis>,
    now: Millis,
) -> Option<Millis> {
    if order.stage.is_terminal() {
        let until = order.ended_at? + millis(policy.reopens_for?);
        return (now < until).then_some(now + millis(REOPENED_PAUSE));
    }
    order.their_ref.as_ref()?;
    let doublings = u32::try_from(order.idle_looks).unwrap_or(0).min(20);
    let pause = policy
        .look_first
        .saturating_mul(1 << doublings)
        .min(policy.look_at_most);
    let scheduled = now + millis(pause);
    let estimated = expected_at.filter(|at| *at > now + millis(policy.look_first));
    Some(estimated.map_or(scheduled, |at| scheduled.min(at)))
}

/// The time of the next look after a hint at `now`: at once, unless a look has only just been.
pub fn hinted_look(order: &Order, now: Millis) -> Millis {
    let earliest = order
        .looked_at
        .map_or(now, |at| now.max(at + millis(HINTED_PAUSE)));
    order.look_at.map_or(earliest, |at| at.min(earliest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::{Stage, tests::order};
    use adapters::contract::{Ambiguity, Reference};
    use adapters::vocabulary::TheirRef;

    fn policy(reopens_for: Option<Duration>) -> Policy {
        Policy {
            reference: Reference {
                alphabet: "0123456789".into(),
                length: 20,
            },
            ambiguity: Ambiguity::Person,
            absent_after: Duration::ZERO,
            look_first: Duration::from_secs(60),
            look_at_most: Duration::from_secs(3600),
            reopens_for,
            most_turns: 2,
        }
    }

    fn placed(stage: Stage, idle_looks: i64) -> Order {
        let mut order = order(stage, None);
        order.their_ref = Some(TheirRef("t".into()));
        order.idle_looks = idle_looks;
        order
    }

    #[test]
    fn looks_begin_soon_and_become_rare() {
        let pauses: Vec<_> = (0..9)
            .map(|n| {
                next_look(&placed(Stage::InProgress, n), &policy(None), None, 0).unwrap() / 1000
            })
            .collect();
        assert_eq!(pauses, [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
    }

    #[test]
    fn the_vendors_estimate_draws_a_look_nearer_but_never_pushes_it_away() {
        let order = placed(Stage::InProgress, 6);
        assert_eq!(
            next_look(&order, &policy(None), Some(600_000), 0),
            Some(600_000)
        );
        assert_eq!(
            next_look(&order, &policy(None), Some(9_000_000), 0),
            Some(3_600_000)
        );
        assert_eq!(
            next_look(&order, &policy(None), Some(-5), 0),
            Some(3_600_000)
        );
    }

    #[test]
    fn an_ended_order_is_looked_at_only_while_it_may_reopen() {
        let mut order = placed(Stage::Complete, 0);
        order.ended_at = Some(0);
        assert_eq!(next_look(&order, &policy(None), None, 0), None);
        let week = Some(Duration::from_secs(7 * 86_400));
        assert_eq!(next_look(&order, &policy(week), None, 1), Some(86_400_001));
        assert_eq!(next_look(&order, &policy(week), None, 8 * 86_400_000), None);
    }

    #[test]
    fn a_hint_means_now_but_not_twice_in_ten_seconds() {
        let mut order = placed(Stage::InProgress, 0);
        order.look_at = Some(500_000);
        assert_eq!(hinted_look(&order, 100_000), 100_000);
        order.looked_at = Some(95_000);
        assert_eq!(hinted_look(&order, 100_000), 105_000);
        order.look_at = Some(101_000);
        assert_eq!(hinted_look(&order, 100_000), 101_000);
    }
}
