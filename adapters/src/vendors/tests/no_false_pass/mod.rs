//! No false pass, played between every sheet and its fake: a vendor says random words (its own,
//! near misses, none at all), moves orders back and forth, calls back twice and out of order, and
//! answers with members missing. Whatever comes, an order passes only where the vendor stands on
//! a pass at that moment, by its own documentation.
//!
//! What a pass is stands in [`speeches`], written from the vendors' documentation and not from our
//! sheets. What the gateway does with several answers is another promise; `tests/it/homecoming`
//! keeps it.

mod speeches;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::sample::{Index, select};
use proptest::strategy::{Just, ValueTree};
use proptest::test_runner::TestRunner;

use self::speeches::{SPEECHES, Speech};
use super::pair::{PASS, Pair, Spoil, order};
use crate::callback::Says;
use crate::conformance::Document;
use crate::contract::{Fault, FetchOrder, Found};
use crate::simulator::Outgoing;
use crate::vocabulary::{Progress, TheirRef};

/// Orders for each vendor, and what happens to each of them.
const CASES: usize = 60;
const ACTS: usize = 12;

/// What a vendor says of an order: its status, and its result where there is one.
type Words = (String, Option<String>);

/// What happens next to an order.
#[derive(Clone, Debug)]
enum Act {
    Says(Words),
    /// One of the callbacks so far arrives, perhaps again and perhaps late.
    Arrives(Index),
    Looks,
    /// A look is answered with something missing.
    LooksInPart(Index),
}

/// A word as a vendor might misspell it, or mean something else by it.
fn near(word: &str, other: &str, way: usize) -> String {
    let shortened = word.chars().count().saturating_sub(1);
    match way {
        0 => word.to_uppercase(),
        1 => word.to_lowercase(),
        2 => format!(" {word} "),
        3 => format!("not {word}"),
        4 => format!("un{word}"),
        5 => format!("{word}ed"),
        6 => format!("{word}?"),
        7 => word.chars().take(shortened).collect(),
        8 => format!("{word} {other}"),
        9 => format!("{word}{word}"),
        10 => word.replace(['a', 'A'], "\u{430}"),
        _ => format!("{word}\u{200b}"),
    }
}

/// How many ways of [`near`] there are.
const WAYS: usize = 12;

fn word(known: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    let misspelled = (select(known), select(known), 0..WAYS);
    prop_oneof![
        6 => select(known).prop_map(str::to_owned),
        2 => misspelled.prop_map(|(word, other, way)| near(word, other, way)),
        1 => select(&["", "gremlins", "null", "0", "true", "partial", "error"][..])
            .prop_map(str::to_owned),
    ]
}

fn words(speech: &'static Speech) -> impl Strategy<Value = Words> + Clone {
    let status =
        prop_oneof![2 => word(speech.statuses), 1 => select(speech.done).prop_map(str::to_owned)];
    let result =
        prop_oneof![1 => word(speech.results), 1 => select(speech.good).prop_map(str::to_owned)];
    let result = (result, select(speech.modifiers)).prop_map(|(word, more)| word + more);
    let silent = u32::from(speech.may_be_silent);
    let result = prop_oneof![6 => result.prop_map(Some), silent => Just(None)];
    (status, result)
}

fn lives(speech: &'static Speech) -> Vec<Vec<Act>> {
    let act = prop_oneof![
        4 => words(speech).prop_map(Act::Says),
        2 => any::<Index>().prop_map(Act::Arrives),
        3 => Just(Act::Looks),
        3 => any::<Index>().prop_map(Act::LooksInPart),
    ];
    let lives = vec(vec(act, ACTS), CASES);
    let mut runner = TestRunner::deterministic();
    lives.new_tree(&mut runner).unwrap().current()
}

/// One order between the vendor and us.
struct Life<'p> {
    speech: &'static Speech,
    pair: &'p mut Pair,
    theirs: TheirRef,
    said: Vec<Words>,
    /// Every callback so far, and whether the vendor stood on a pass when it was sent.
    callbacks: Vec<(Outgoing, bool)>,
    passes: usize,
}

impl Life<'_> {
    fn is_pass(&self) -> bool {
        self.speech.stands_on_a_pass(&self.said)
    }

    fn acts(&mut self, act: &Act) {
        self.pair.now += 1;
        match act {
            Act::Says((status, result)) => {
                let (fake, now) = (&mut self.pair.fake, self.pair.now);
                if fake.advance(&self.theirs.0, status, result.as_deref(), now) {
                    self.said.push((status.clone(), result.clone()));
                }
            }
            Act::Arrives(which) if !self.callbacks.is_empty() => {
                let (callback, was_pass) = which.get(&self.callbacks).clone();
                self.arrives(&callback, was_pass);
            }
            Act::Arrives(_) => {}
            Act::Looks => self.looks(None),
            Act::LooksInPart(which) => self.looks(Some(*which)),
        }
        for sent in self.pair.fake.due(self.pair.now) {
            let mut earlier = self.callbacks.iter();
            let first = earlier.find(|(callback, _)| callback.id == sent.id);
            let is_pass = first.map_or(self.is_pass(), |(_, was_pass)| *was_pass);
            self.callbacks.push((sent, is_pass));
        }
    }

    fn arrives(&mut self, callback: &Outgoing, was_pass: bool) {
        for note in self.pair.hear(callback).notes {
            match note.says {
                Says::Look => self.looks(None),
                Says::Progress(progress) => self.judge(&progress, was_pass, "a callback"),
            }
        }
    }

    fn looks(&mut self, lacking: Option<Index>) {
        let may_lack = self.speech.may_lack;
        self.pair.spoil = lacking
            .map(|which| -> Spoil { Box::new(move |body| without_one(body, which, may_lack)) });
        let found = self.pair.fetch(&FetchOrder::Theirs(self.theirs.clone()));
        self.pair.spoil = None;
        match found {
            Ok(Found::One(progress)) => self.judge(&progress, self.is_pass(), "a look"),
            Ok(_) | Err(Fault::Unclear(_) | Fault::NotReady(_)) if lacking.is_some() => {}
            other => panic!("{other:?}\n{}", self.story()),
        }
    }

    fn judge(&mut self, progress: &Progress, may_pass: bool, source: &str) {
        let passes = progress.standing == PASS;
        assert!(!passes || may_pass, "{source} passes\n{}", self.story());
        self.passes += usize::from(passes);
    }

    fn story(&self) -> String {
        let vendor = self.speech.vendor;
        format!(
            "{vendor} {:?}\nhas said {:?}",
            self.speech.settings, self.said
        )
    }
}

/// The document without one of its members or texts. Those that a vendor leaves out of good answers
/// stay.
fn without_one(body: Vec<u8>, which: Index, may_lack: &[&str]) -> Vec<u8> {
    let mut lacking = Document::parse(&body).lacking();
    lacking.retain(|(place, _)| !may_lack.contains(&place.name()));
    match lacking.is_empty() {
        true => body,
        false => which.get(&lacking).1.clone(),
    }
}

fn pair(speech: &Speech) -> Pair {
    let mut pair = Pair::of(speech.vendor);
    for (name, value) in pair.fake.settings() {
        pair.settings.insert(name.to_owned(), value);
    }
    for (name, value) in speech.settings {
        let value = serde_json::from_str(value).expect("it is JSON");
        pair.settings.insert((*name).to_owned(), value);
    }
    pair
}

/// A package that the fake sells. The first in a list may have nothing in it.
fn package(pair: &mut Pair) -> String {
    if let Some(package) = pair.fake.packages().first() {
        return (*package).to_owned();
    }
    let catalog = pair.list().expect("it lists packages");
    let package = catalog.packages.last().expect("it sells something");
    package.vendor_id.clone()
}

/// Plays all lives of a vendor; how often an order passed.
fn played(speech: &'static Speech) -> usize {
    let mut pair = pair(speech);
    let package = package(&mut pair);
    let mut passes = 0;
    for (nth, acts) in lives(speech).iter().enumerate() {
        pair.next_order();
        pair.now += 3_600_000; // so that no rate is exceeded
        let mut order = order(&package);
        order.applicant.email = Some(format!("dana.{nth}@mailbox.dev").as_str().into());
        let theirs = pair.place(&order).expect("it is placed").theirs;
        drop(pair.fake.due(pair.now));
        let mut life = Life {
            speech,
            pair: &mut pair,
            theirs,
            said: Vec::new(),
            callbacks: Vec::new(),
            passes: 0,
        };
        for act in acts {
            life.acts(act);
        }
        passes += life.passes;
    }
    passes
}

fn passes_nobody_falsely(vendor: &str) {
    let spoken = SPEECHES.iter().filter(|speech| speech.vendor == vendor);
    let played: Vec<_> = spoken
        .map(|speech| (speech.settings, played(speech)))
        .collect();
    assert!(!played.is_empty(), "{vendor} says nothing");
    for (settings, passes) in played {
        assert!(
            passes > CASES / 10,
            "{vendor} {settings:?}: {passes} passes are too few to show anything"
        );
    }
}

macro_rules! each {
    ($($vendor:ident)*) => {$(
        #[test]
        fn $vendor() {
            super::passes_nobody_falsely(stringify!($vendor));
        }
    )*};
}

mod an_order_passes_only_where_it_stands_on_a_pass_with {
    each! { sandbox checkr sterling certn tazworks accurate yardstik accio tazworks_xml }
}

#[test]
fn every_shipped_vendor_speaks() {
    for vendor in crate::shipped() {
        let speaks = SPEECHES.iter().any(|speech| speech.vendor == vendor.name);
        assert!(speaks, "{} has no speech", vendor.name);
    }
}
