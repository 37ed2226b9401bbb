//! One background check: its stages, and the only function that moves it, [`apply`].

use adapters::Memo;
use adapters::vocabulary::{Millis, OurRef, Outcome, Progress, Standing, TheirRef};
use serde::{Deserialize, Serialize};

pub use crate::domain::waiting::Waiting;

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
    fn rank(self) -> u8 {
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

/// One order, as it is stored.
#[derive(Clone, Debug)]
pub struct Order {
    /// Ours, internal.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// The ATS's key; unique in the tenant.
    pub background_check_id: String,
    /// Our key that is safe to show.
    pub tracking_id: String,
    /// At which connection it is placed.
    pub connection_id: String,
    /// The package as it was offered.
    pub package_id: String,
    /// The add-ons as they were offered.
    pub add_on_ids: Vec<String>,
    /// The vendor's id of the package.
    pub vendor_package: String,
    /// The vendor's ids of the add-ons.
    pub vendor_add_ons: Vec<String>,
    /// Where the ATS wants to be told. Its path may be secret: never logged.
    pub webhook_url: String,
    /// Keyed digest of what the ATS asked for.
    pub fingerprint: String,
    /// Raised each time the same id starts anew.
    pub generation: i64,
    /// Our reference at the vendor, of this generation.
    pub our_ref: OurRef,
    /// The vendor's reference we follow.
    pub their_ref: Option<TheirRef>,
    /// Where it stands.
    pub stage: Stage,
    /// What it says, once complete.
    pub result: Option<Outcome>,
    /// A short code in the vendor's or the sheet's words.
    pub detail: Option<String>,
    /// Whether somebody was answered 201 for it, or the vendor has it.
    pub accepted: bool,
    /// Raised with every change.
    pub version: i64,
    /// Where placing stands, and what later operations need.
    pub memo: Memo,
    /// A keyed digest of the applicant, at vendors whose orders are looked up by person: only one
    /// order for one is then being placed at a time. It is kept as long as `sealed_order`.
    pub person: Option<String>,
    /// The ATS's order, sealed; gone once the vendor has accepted.
    pub sealed_order: Option<Vec<u8>>,
    /// Where the report is read ([`adapters::vocabulary::Report`]), sealed: some links show the
    /// report to whoever has them.
    pub sealed_report: Option<Vec<u8>>,
    /// Raised to revoke result links.
    pub link_generation: i64,
    /// Who places or resolves it now.
    pub lease_token: Option<String>,
    /// Until when.
    pub lease_until: Option<Millis>,
    /// When background work on placing it is due; `None`: never.
    pub due_at: Option<Millis>,
    /// When it is looked at next; `None`: never.
    pub look_at: Option<Millis>,
    /// When it was looked at last.
    pub looked_at: Option<Millis>,
    /// How many looks found nothing new since something last changed.
    pub idle_looks: i64,
    /// Why it waits for a person; `None`: it does not.
    pub waiting: Option<Waiting>,
    /// When the ATS placed it; later again where it was placed again because it had not been taken.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
    /// When it ended.
    pub ended_at: Option<Millis>,
}

/// A line of an order's history. Nothing personal or secret may be in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What happened, a stable word: `received`, `vendor_call`, `callback`.
    pub kind: String,
    /// More of it, a phrase for people.
    pub detail: String,
}

impl Line {
    /// A line.
    pub fn new(kind: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            detail: detail.into(),
        }
    }
}

/// A line of history, as it was saved.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryRow {
    /// When, in milliseconds since the Unix epoch.
    pub at: Millis,
    /// What happened.
    pub kind: String,
    /// More of it.
    pub detail: String,
}

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
pub(crate) mod tests {
    use super::*;
    use Outcome::{Fail, Pass, Review};
    use adapters::vocabulary::Standing::{Canceled, Complete, InProgress, Invited, OnHold};

    pub(crate) fn order(stage: Stage, result: Option<Outcome>) -> Order {
        Order {
            id: "ord_1".into(),
            tenant_id: "ten_1".into(),
            background_check_id: "224466".into(),
            tracking_id: "trk_1".into(),
            connection_id: "con_1".into(),
            package_id: "PKG001".into(),
            vendor_package: "basic".into(),
            vendor_add_ons: vec![],
            add_on_ids: vec![],
            webhook_url: "https://ats.example.com/hooks".into(),
            fingerprint: String::new(),
            generation: 1,
            our_ref: OurRef("r1".into()),
            their_ref: None,
            stage,
            result,
            detail: None,
            accepted: true,
            version: 1,
            memo: Memo::default(),
            person: None,
            sealed_order: Some(vec![1]),
            sealed_report: None,
            link_generation: 1,
            lease_token: None,
            lease_until: None,
            due_at: None,
            look_at: None,
            looked_at: None,
            idle_looks: 0,
            waiting: None,
            created_at: 0,
            updated_at: 0,
            ended_at: None,
        }
    }

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

    #[test]
    fn every_stage_reads_back_from_its_word() {
        for stage in Stage::ALL {
            assert_eq!(Stage::parse(stage.as_str()), Some(stage));
        }
    }
}
