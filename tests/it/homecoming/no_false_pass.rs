//! No false pass: whatever vendors say, in whatever order and however often it reaches us, the ATS
//! hears of a pass only where the vendor meant one, and hears last what the vendor said last.
//!
//! The cases are random but the same in every run. All of a test's orders live in one world and
//! act in turns, which also mixes their callbacks and looks.

use std::collections::HashMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::sample::{Index, select};
use proptest::strategy::{Just, ValueTree};
use proptest::test_runner::TestRunner;

use crate::support::post::Postbag;
use crate::support::{Database, Plan, World, on_both_databases};
use adapters::simulator::{Checkr, FaultKind, Outgoing, Pace, checkr};

const CASES: usize = 60;
const TURNS: usize = 7;
const TURN: Duration = Duration::from_secs(7);

/// A vendor's status and result.
type Words = (&'static str, Option<&'static str>);

/// A vendor, as far as the promise is concerned.
struct Speech {
    /// What it says now and then.
    words: &'static [Words],
    /// What it says in the end, and what the ATS has to hear then: status and result.
    ends: &'static [(Words, (&'static str, &'static str))],
    /// Whether it means that nothing stands against the applicant.
    is_pass: fn(Words) -> bool,
    /// Whether it may say more after it has ended, and is asked.
    reopens: bool,
}

const SANDBOX: Speech = Speech {
    words: &[
        ("in_progress", None),
        ("on_hold", Some("pass")),
        ("invited", None),
        ("", Some("pass")),
        ("bewitched", Some("pass")),
        ("completed", Some("pass")),
        ("not complete", Some("pass")),
        ("complete", None),
        ("complete", Some("")),
        ("complete", Some("gremlins")),
        ("complete", Some("no pass")),
        ("complete", Some("passed?")),
        ("COMPLETE", Some("Pass")),
        ("complete", Some("FAIL")),
        ("canceled", Some("pass")),
    ],
    ends: &[
        (("complete", Some("pass")), ("complete", "Pass")),
        (("complete", Some("review")), ("complete", "Review")),
        (("complete", Some("fail")), ("complete", "Fail")),
        (("canceled", None), ("canceled", "")),
        (("expired", None), ("expired", "")),
    ],
    is_pass: |(status, result)| {
        let result = result.unwrap_or_default();
        status.eq_ignore_ascii_case("complete") && result.eq_ignore_ascii_case("pass")
    },
    reopens: false,
};

const CHECKR: Speech = Speech {
    words: &[
        ("completed", None),
        ("pending", Some("clear")),
        ("suspended", None),
        ("paused", Some("clear")),
        ("dispute", Some("clear")),
        ("bewitched", Some("clear")),
        ("complete", None),
        ("complete", Some("sparkling")),
        ("complete", Some("clear+includes_canceled")),
        ("Complete", Some("clear+includes_canceled")),
        ("COMPLETE", Some("Clear+adjudication=post_adverse_action")),
        ("complete", Some("clear+adjudication=null")),
        ("complete", Some("consider+adjudication=null")),
        ("clear", Some("consider+adjudication=null")),
        ("clear", Some("clear+adjudication=engaged")),
        ("Consider", Some("clear+adjudication=null")),
    ],
    ends: &[
        (
            ("complete", Some("clear+adjudication=null")),
            ("complete", "Pass"),
        ),
        (
            ("complete", Some("consider+adjudication=null")),
            ("complete", "Review"),
        ),
        (
            (
                "complete",
                Some("clear+includes_canceled+adjudication=null"),
            ),
            ("complete", "Review"),
        ),
        (
            ("complete", Some("clear+adjudication=post_adverse_action")),
            ("complete", "Fail"),
        ),
        (("canceled", None), ("canceled", "")),
    ],
    is_pass: |(status, result)| {
        let mut parts = result.unwrap_or_default().split('+');
        let is_clear = parts
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("clear"));
        let ended = ["complete", "clear"]
            .iter()
            .any(|word| status.eq_ignore_ascii_case(word));
        ended
            && is_clear
            && parts.all(|part| part == "adjudication=null" || part == "adjudication=engaged")
    },
    reopens: true,
};

/// What happens to one order in one turn.
#[derive(Clone, Debug)]
enum Act {
    Says(Words),
    /// One of the callbacks so far arrives, perhaps again.
    Arrives(Index),
    Nothing,
}

/// One order's life, and whether its last callback gets lost.
#[derive(Clone, Debug)]
struct Case {
    acts: Vec<Act>,
    end: (Words, (&'static str, &'static str)),
    end_is_lost: bool,
}

fn cases(speech: &Speech) -> Vec<Case> {
    let act = prop_oneof![
        3 => select(speech.words).prop_map(Act::Says),
        3 => any::<Index>().prop_map(Act::Arrives),
        1 => Just(Act::Nothing),
    ];
    let case = (vec(act, TURNS), select(speech.ends), any::<bool>());
    let case = case.prop_map(|(acts, end, end_is_lost)| Case {
        acts,
        end,
        end_is_lost,
    });
    let mut runner = TestRunner::deterministic();
    vec(case, CASES).new_tree(&mut runner).unwrap().current()
}

/// What goes wrong with the vendor's answers, turn by turn.
const FAULTS: [FaultKind; TURNS] = [
    FaultKind::None,
    FaultKind::Unavailable,
    FaultKind::None,
    FaultKind::ActAndTruncate,
    FaultKind::TooMany,
    FaultKind::None,
    FaultKind::Reset,
];

/// One order on its way.
struct Life {
    case: Case,
    id: String,
    reference: String,
    callbacks: Vec<Outgoing>,
    said: Vec<Words>,
}

impl Life {
    fn says(&mut self, world: &World, bag: &Postbag, (status, result): Words) {
        assert!(world.vendor.advance(&self.reference, status, result));
        self.callbacks.extend(bag.take());
        self.said.push((status, result));
    }

    async fn acts(&mut self, world: &World, bag: &Postbag, turn: usize) {
        match self.case.acts[turn].clone() {
            Act::Says(words) => self.says(world, bag, words),
            Act::Arrives(which) if !self.callbacks.is_empty() => {
                let callback = which.get(&self.callbacks);
                assert_eq!(world.carry(callback).await.status, 200);
            }
            Act::Arrives(_) | Act::Nothing => {}
        }
    }

    async fn ends(&mut self, world: &World, bag: &Postbag) {
        let before = self.callbacks.len();
        self.says(world, bag, self.case.end.0);
        if !self.case.end_is_lost {
            for callback in &self.callbacks[before..] {
                assert_eq!(world.carry(callback).await.status, 200);
            }
        }
    }

    /// Whether the vendor had ended before its end, so that a vendor that reopens nothing is not
    /// asked again.
    fn spoke_after_its_end(&self) -> bool {
        let (_, before) = self.said.split_last().expect("it has ended");
        let open = [
            "in_progress",
            "on_hold",
            "invited",
            "",
            "bewitched",
            "completed",
            "not complete",
        ];
        before.iter().any(|(status, _)| !open.contains(status))
    }

    fn judge(&self, speech: &Speech, told: &[(String, String)]) {
        let story = format!(
            "{:?}\nlost: {}\nsaid: {:?}\ntold: {told:?}",
            self.case.acts, self.case.end_is_lost, self.said
        );
        let passed = told.iter().any(|(_, result)| result == "Pass");
        assert!(
            !passed || self.said.iter().any(|words| (speech.is_pass)(*words)),
            "a false pass\n{story}"
        );
        if !speech.reopens && self.spoke_after_its_end() {
            return;
        }
        let (status, result) = told.last().unwrap_or_else(|| panic!("never told\n{story}"));
        let (end_status, end_result) = self.case.end.1;
        assert_eq!(status, end_status, "{story}");
        let is_as_bad = if speech.reopens {
            result == end_result
        } else {
            rank(result) >= rank(end_result)
        };
        assert!(is_as_bad, "better than the vendor's last word\n{story}");
    }
}

fn rank(result: &str) -> usize {
    ["", "Pass", "Review", "Fail"]
        .iter()
        .position(|known| *known == result)
        .unwrap()
}

async fn live(world: &World, bag: &Postbag, speech: &Speech) -> Vec<Life> {
    let mut lives = Vec::new();
    for (number, case) in cases(speech).into_iter().enumerate() {
        let id = format!("check-{number}");
        let order = world.placed_as(&id).await;
        let (callbacks, reference) = (bag.take(), order.our_ref.0);
        lives.push(Life {
            case,
            id,
            reference,
            callbacks,
            said: Vec::new(),
        });
    }
    for (turn, fault) in FAULTS.into_iter().enumerate() {
        for life in &mut lives {
            life.acts(world, bag, turn).await;
        }
        world.fault(fault, "", 40);
        world.pass(TURN).await;
        world.fault(FaultKind::None, "", 0);
    }
    for life in &mut lives {
        life.ends(world, bag).await;
    }
    lives
}

/// Longer than any look that is due may be away, for both vendors; and then until every webhook
/// that had to wait for a free place has left.
async fn pass_two_days(world: &World) {
    world.settle().await;
    for _ in 0..2 {
        world.pass(Duration::from_secs(90_000)).await;
    }
    while !world
        .query("SELECT webhook_id FROM deliveries WHERE state = 'pending'")
        .await
        .is_empty()
    {
        world.pass(Duration::from_secs(2)).await;
    }
}

async fn keep_the_promise(world: &World, bag: &Postbag, speech: &Speech) {
    let lives = live(world, bag, speech).await;
    pass_two_days(world).await;
    let mut told: HashMap<String, Vec<(String, String)>> = HashMap::new();
    for (webhook, words) in world.webhooks().iter().zip(world.told_ats()) {
        let id = webhook["background_check_id"].as_str().unwrap();
        told.entry(id.to_owned()).or_default().push(words);
    }
    assert!(
        told.values().flatten().any(|(_, result)| result == "Pass"),
        "some do pass"
    );
    for life in &lives {
        life.judge(speech, told.get(&life.id).map_or(&[][..], Vec::as_slice));
    }
}

fn checkr(database: Database) -> (Plan, Postbag) {
    let (vendor, bag) = Postbag::of(Checkr::new(checkr::Account {
        pace: Pace::manual(),
        requests_per_minute: 1_000_000,
        ..checkr::Account::default()
    }));
    (Plan::of(database, vendor), bag)
}

on_both_databases! {
    async fn a_vendor_whose_callbacks_are_believed_is_never_misheard(database) {
        let (plan, bag) = Plan::sandbox_by_hand(database);
        let world = plan.start().await;
        keep_the_promise(&world, &bag, &SANDBOX).await;
    }

    async fn a_vendor_that_is_looked_at_is_never_misheard(database) {
        let (plan, bag) = checkr(database);
        let world = plan.start().await;
        keep_the_promise(&world, &bag, &CHECKR).await;
    }
}
