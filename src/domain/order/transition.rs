//! How news moves an order: [`apply`], the only function that does so because of what a vendor says.

use adapters::vocabulary::{Millis, Outcome, Progress, Standing};

use super::{Order, Stage};

/// Where news of an order comes from, which decides what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The vendor's own answer to placing it.
    Answer,
    /// A verified callback's payload.
    Payload,
    /// The vendor's answer to a look that began with the order as it is now.
    Fetched,
}

/// What came of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The stage or the result changed, so the ATS may have to be told.
    pub moved: bool,
    /// The order should be looked at now: the news cannot be taken at its word.
    pub look: bool,
    /// The order stands where the news says, so what else it says is of this order as it is now.
    pub taken: bool,
}

/// Applies news to an order: the only place where a stage or a result changes because of what a
/// vendor says.
///
/// A payload may only move an open order forward by rank; a complete order it may only make worse,
/// and it makes us look. A fetched answer may move an open order in any direction, and a terminal
/// one where the vendor reopens orders. An unknown word (`standing` is `None`) moves nothing, but
/// what the vendor itself shows us under a reference of its own is placed, whatever it calls it.
pub fn apply(
    order: &mut Order,
    news: &Progress,
    source: Source,
    reopens: bool,
    now: Millis,
) -> Verdict {
    let before = (order.stage, order.result);
    let (mut look, mut taken) = (false, false);
    let unplaced = before.0.is_unplaced();
    let to = match news.standing {
        None if unplaced && source != Source::Payload => Some((Stage::InProgress, None)),
        standing => standing.map(staged),
    };
    if let Some((stage, result)) = to {
        match decide(before, (stage, result), source, reopens) {
            Decision::Keep => {}
            Decision::Look => look = true,
            Decision::Move { and_look } => {
                order.stage = stage;
                order.result = result;
                look = and_look;
            }
        }
        taken = (order.stage, order.result) == (stage, result);
        if taken {
            order.detail.clone_from(&news.detail);
        }
    }
    take_references(order, news);
    // A payload has told that the vendor has the order, and not where it stands.
    look |= order.stage.is_unplaced();
    let moved = (order.stage, order.result) != before;
    if moved {
        order.updated_at = now;
        order.idle_looks = 0;
        order.waiting = None;
        order.ended_at = order.stage.is_terminal().then_some(now);
    }
    if !order.stage.is_unplaced() {
        // The vendor has it: nothing is left to be placed, and the applicant is forgotten.
        order.sealed_order = None;
        order.lease_token = None;
        order.lease_until = None;
        order.due_at = None;
    }
    Verdict { moved, look, taken }
}

enum Decision {
    Keep,
    Look,
    Move { and_look: bool },
}

type Standpoint = (Stage, Option<Outcome>);

fn decide(from: Standpoint, to: Standpoint, source: Source, reopens: bool) -> Decision {
    if from == to {
        return Decision::Keep;
    }
    let open = !from.0.is_terminal();
    match source {
        // A callback may have overtaken the answer to placing; then it knows better.
        Source::Answer if from.0.is_unplaced() => Decision::Move { and_look: false },
        Source::Answer => Decision::Keep,
        Source::Fetched if open || reopens => Decision::Move { and_look: false },
        Source::Fetched => Decision::Keep,
        Source::Payload if open && to.0.rank() > from.0.rank() => {
            Decision::Move { and_look: false }
        }
        Source::Payload
            if from.0 == Stage::Complete && to.0 == Stage::Complete && to.1 > from.1 =>
        {
            Decision::Move { and_look: true }
        }
        Source::Payload => Decision::Look,
    }
}

fn staged(standing: Standing) -> Standpoint {
    match standing {
        Standing::Invited => (Stage::Invited, None),
        Standing::InProgress => (Stage::InProgress, None),
        Standing::OnHold => (Stage::OnHold, None),
        Standing::Complete(outcome) => (Stage::Complete, Some(outcome)),
        Standing::Canceled => (Stage::Canceled, None),
        Standing::Expired => (Stage::Expired, None),
        Standing::Failed => (Stage::Failed, None),
    }
}

/// The vendor has the order under this reference, whoever was answered what for it.
fn take_references(order: &mut Order, news: &Progress) {
    order.accepted = true;
    order.their_ref = Some(news.theirs.clone());
    order.memo.step.clear();
    order.memo.values.extend(news.keep.clone());
}

#[cfg(test)]
mod tests {
    use super::super::tests::order;
    use super::*;
    use Outcome::{Fail, Pass, Review};
    use adapters::vocabulary::Standing::{Canceled, Complete, InProgress, Invited, OnHold};
    use adapters::vocabulary::TheirRef;

    fn check(
        from: Standpoint,
        says: Standing,
        source: Source,
        reopens: bool,
    ) -> (Standpoint, bool) {
        let mut order = order(from.0, from.1);
        let news = Progress::new(TheirRef("t".into()), Some(says));
        let verdict = apply(&mut order, &news, source, reopens, 5);
        assert_eq!(verdict.moved, (order.stage, order.result) != from);
        ((order.stage, order.result), verdict.look)
    }

    const COMPLETE_PASS: Standpoint = (Stage::Complete, Some(Pass));
    const IN_PROGRESS: Standpoint = (Stage::InProgress, None);

    #[test]
    fn a_payload_moves_an_open_order_forward_only() {
        assert_eq!(
            check((Stage::Invited, None), InProgress, Source::Payload, false),
            (IN_PROGRESS, false)
        );
        assert_eq!(
            check(IN_PROGRESS, Complete(Pass), Source::Payload, false),
            (COMPLETE_PASS, false)
        );
        assert_eq!(
            check(IN_PROGRESS, Invited, Source::Payload, false),
            (IN_PROGRESS, true)
        );
        assert_eq!(
            check((Stage::OnHold, None), InProgress, Source::Payload, false),
            ((Stage::OnHold, None), true)
        );
    }

    #[test]
    fn a_payload_never_improves_a_complete_order_but_may_make_it_worse() {
        let complete = |outcome| (Stage::Complete, Some(outcome));
        assert_eq!(
            check(complete(Fail), Complete(Pass), Source::Payload, true),
            (complete(Fail), true)
        );
        assert_eq!(
            check(complete(Review), Complete(Pass), Source::Payload, true),
            (complete(Review), true)
        );
        assert_eq!(
            check(complete(Pass), Complete(Fail), Source::Payload, false),
            (complete(Fail), true)
        );
        assert_eq!(
            check(
                (Stage::Canceled, None),
                Complete(Pass),
                Source::Payload,
                true
            ),
            ((Stage::Canceled, None), true)
        );
        assert_eq!(
            check(COMPLETE_PASS, Canceled, Source::Payload, true),
            (COMPLETE_PASS, true)
        );
    }

    #[test]
    fn a_fetched_answer_moves_an_open_order_anywhere_and_a_terminal_one_only_where_it_reopens() {
        assert_eq!(
            check((Stage::OnHold, None), Invited, Source::Fetched, false),
            ((Stage::Invited, None), false)
        );
        assert_eq!(
            check(COMPLETE_PASS, InProgress, Source::Fetched, false),
            (COMPLETE_PASS, false)
        );
        assert_eq!(
            check(COMPLETE_PASS, InProgress, Source::Fetched, true),
            (IN_PROGRESS, false)
        );
        assert_eq!(
            check(COMPLETE_PASS, OnHold, Source::Fetched, true),
            ((Stage::OnHold, None), false)
        );
    }

    #[test]
    fn an_unknown_word_moves_nothing() {
        for source in [Source::Answer, Source::Payload, Source::Fetched] {
            let mut order = order(Stage::InProgress, None);
            let news = Progress::new(TheirRef("t".into()), None);
            assert_eq!(
                apply(&mut order, &news, source, true, 5),
                Verdict {
                    moved: false,
                    look: false,
                    taken: false
                }
            );
            assert_eq!(order.stage, Stage::InProgress);
        }
    }

    #[test]
    fn an_order_that_the_vendor_has_is_placed_whatever_word_it_uses() {
        let news = Progress::new(TheirRef("t".into()), None);
        for source in [Source::Answer, Source::Fetched] {
            let mut order = order(Stage::Unconfirmed, None);
            assert!(apply(&mut order, &news, source, false, 5).moved);
            assert_eq!((order.stage, order.sealed_order), (Stage::InProgress, None));
        }
        let mut order = order(Stage::Unconfirmed, None);
        let verdict = apply(&mut order, &news, Source::Payload, false, 5);
        assert_eq!((verdict.moved, verdict.look), (false, true));
        assert_eq!(order.their_ref, Some(news.theirs));
    }

    #[test]
    fn without_a_look_the_worst_result_stands_whatever_the_order_of_payloads() {
        for says in [
            [Pass, Review, Fail],
            [Fail, Review, Pass],
            [Review, Fail, Pass],
            [Pass, Fail, Review],
        ] {
            let mut order = order(Stage::InProgress, None);
            for outcome in says {
                let news = Progress::new(TheirRef("t".into()), Some(Complete(outcome)));
                apply(&mut order, &news, Source::Payload, true, 5);
            }
            assert_eq!(order.result, Some(Fail));
        }
    }

    #[test]
    fn the_applicant_is_forgotten_as_soon_as_the_vendor_has_the_order() {
        let mut order = order(Stage::Placing, None);
        let news = Progress::new(TheirRef("t".into()), Some(Invited));
        apply(&mut order, &news, Source::Answer, false, 5);
        assert_eq!(order.sealed_order, None);
    }
}
