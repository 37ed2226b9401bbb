//! Deliveries against a model of what is promised about them, over random sequences of what may
//! happen to a lane. The sequences are the same in every run.

use cleargate::domain::delivery::{DeadReason, Next};
use cleargate::store::{Discarded, Settled};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::deliveries::settlement;
use super::*;
use crate::support::on_both_databases;

const SEQUENCES: usize = 12;
const LANES: usize = 3;
/// How long a claim holds a lane.
const LEASE: Millis = 100;

on_both_databases! {
    async fn whatever_happens_every_update_is_accounted_for(database) {
        let base = Base::on(database).await;
        let mut runner = TestRunner::deterministic();
        let sequence = prop::collection::vec(step(), 20..50);
        for number in 0..SEQUENCES {
            let steps = sequence.new_tree(&mut runner).expect("the strategy makes sequences").current();
            let mut run = Run::new(&base, number).await;
            for (done, step) in steps.iter().enumerate() {
                run.take(step).await;
                run.check(&steps[..=done]).await;
            }
            run.close().await;
        }
    }
}

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    Enqueue(usize),
    /// Every lane that is due is claimed.
    Claim,
    /// One of the claims ever made is settled, perhaps late or again.
    Settle(prop::sample::Index, End),
    /// The newest claim is given back.
    Release,
    Redeliver(usize),
    Discard(usize),
    Pass(Millis),
}

#[derive(Clone, Copy, Debug)]
enum End {
    Delivered,
    Again,
    Exhausted,
    Gone,
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        4 => Just(End::Delivered),
        3 => Just(End::Again),
        2 => Just(End::Exhausted),
        1 => Just(End::Gone),
    ];
    prop_oneof![
        4 => (0..LANES).prop_map(Step::Enqueue),
        4 => Just(Step::Claim),
        4 => (any::<prop::sample::Index>(), end).prop_map(|(claim, end)| Step::Settle(claim, end)),
        1 => Just(Step::Release),
        1 => (0..LANES).prop_map(Step::Redeliver),
        1 => (0..LANES).prop_map(Step::Discard),
        2 => (1..2 * LEASE).prop_map(Step::Pass),
    ]
}

/// A lane as it is promised to be.
#[derive(Default)]
struct Lane {
    /// What became of each update, in their sequence.
    updates: Vec<&'static str>,
    /// The update in flight and the claim that sends it.
    flight: Option<(usize, String)>,
    /// Attempts made on the update that is next.
    attempts: i64,
    due: Option<Millis>,
    closed: bool,
}

impl Lane {
    fn enqueue(&mut self, now: Millis) {
        let flying = self.flight.as_ref().map(|(update, _)| *update);
        self.supersede_but(flying);
        if self.closed {
            self.updates.push("dead gone");
            return;
        }
        self.updates.push("pending");
        self.due = self.due.or(Some(now));
        if flying.is_none() {
            self.attempts = 0;
        }
    }

    fn supersede_but(&mut self, kept: Option<usize>) {
        for (number, state) in self.updates.iter_mut().enumerate() {
            if *state == "pending" && Some(number) != kept {
                *state = "superseded";
            }
        }
    }

    fn newest(&self) -> usize {
        self.updates.len() - 1
    }

    /// The update and the number of the attempt that a claim begins now.
    fn claim(&mut self, token: &str, now: Millis) -> Option<(usize, i64)> {
        self.due.filter(|due| *due <= now)?;
        // One whose lease has run out is sent again, because nobody knows whether it arrived.
        let update = self
            .flight
            .as_ref()
            .map_or(self.newest(), |(update, _)| *update);
        self.flight = Some((update, token.to_owned()));
        self.due = Some(now + LEASE);
        self.attempts += 1;
        Some((update, self.attempts))
    }

    fn holds(&self, token: &str) -> Option<usize> {
        let (update, holder) = self.flight.as_ref()?;
        (holder == token).then_some(*update)
    }

    fn settle(&mut self, token: &str, end: End, now: Millis) -> Settled {
        let Some(update) = self.holds(token) else {
            return Settled::Late;
        };
        self.flight = None;
        let overtaken = update < self.newest();
        match end {
            End::Delivered => self.updates[update] = "delivered",
            End::Exhausted => self.updates[update] = "dead exhausted",
            End::Gone => {
                self.updates[update] = "dead gone";
                for state in &mut self.updates {
                    if *state == "pending" {
                        *state = "dead gone";
                    }
                }
                self.closed = true;
            }
            End::Again => {
                self.supersede_but(Some(self.newest()));
                self.due = Some(again(now));
                self.attempts = if overtaken { 0 } else { self.attempts };
                return Settled::InTime;
            }
        }
        self.attempts = 0;
        self.due = (overtaken && !self.closed).then_some(now);
        self.due.map_or(Settled::InTime, |_| Settled::Followed)
    }

    fn release(&mut self, token: &str, now: Millis) {
        if let Some(update) = self.holds(token) {
            self.flight = None;
            self.due = Some(again(now));
            self.attempts -= 1;
            if update < self.newest() {
                self.attempts = 0;
                self.supersede_but(Some(self.newest()));
            }
        }
    }

    fn redeliver(&mut self, now: Millis) -> bool {
        let Some(newest) = self
            .updates
            .last_mut()
            .filter(|state| state.starts_with("dead"))
        else {
            return false;
        };
        *newest = "pending";
        (self.due, self.attempts, self.closed) = (Some(now), 0, false);
        true
    }
}

impl Lane {
    fn discard(&mut self, now: Millis) -> Discarded {
        let ends = |state: &&mut &'static str| **state == "pending" || state.starts_with("dead");
        let ended: Vec<_> = self.updates.iter_mut().filter(ends).collect();
        if ended.is_empty() {
            return Discarded::Nothing;
        }
        if self.flight.is_some() && self.due.is_some_and(|lease_ends| lease_ends > now) {
            return Discarded::BeingSent;
        }
        let number = ended.len();
        for state in ended {
            *state = match *state {
                "dead gone" => "discarded gone",
                "dead exhausted" => "discarded exhausted",
                _ => "discarded",
            };
        }
        (self.flight, self.due, self.attempts) = (None, None, 0);
        Discarded::Done(number.try_into().expect("they are few"))
    }
}

fn again(now: Millis) -> Millis {
    now + LEASE / 2
}

/// The store and the model, side by side.
struct Run<'a> {
    base: &'a Base,
    orders: Vec<Order>,
    lanes: Vec<Lane>,
    claims: Vec<Claimed>,
    now: Millis,
}

impl<'a> Run<'a> {
    async fn new(base: &'a Base, number: usize) -> Self {
        let mut orders = Vec::new();
        for lane in 0..LANES {
            orders.push(base.inserted(&format!("{number}-{lane}")).await);
        }
        Self {
            base,
            orders,
            lanes: (0..LANES).map(|_| Lane::default()).collect(),
            claims: Vec::new(),
            now: NOW,
        }
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Enqueue(lane) => {
                self.lanes[*lane].enqueue(self.now);
                let body = self.lanes[*lane].updates.len().to_string();
                self.base
                    .enqueue(&mut self.orders[*lane], &body, self.now)
                    .await;
            }
            Step::Claim => self.claim().await,
            Step::Settle(claim, end) if !self.claims.is_empty() => {
                let claimed = claim.get(&self.claims).clone();
                self.settle(&claimed, *end).await;
            }
            Step::Release if !self.claims.is_empty() => {
                let claimed = self.claims[self.claims.len() - 1].clone();
                let lane = self.lane_of(&claimed);
                self.lanes[lane].release(&claimed.token, self.now);
                let released = self
                    .base
                    .store
                    .release_lane(&claimed, again(self.now), self.now);
                released.await.expect("the database works");
            }
            Step::Settle(..) | Step::Release => {}
            Step::Redeliver(lane) => {
                let expected = self.lanes[*lane].redeliver(self.now);
                let done = self
                    .base
                    .store
                    .redeliver(&self.orders[*lane].id, self.now)
                    .await;
                assert_eq!(done.expect("the database works"), expected);
            }
            Step::Discard(lane) => {
                let expected = self.lanes[*lane].discard(self.now);
                let order = &self.orders[*lane].id;
                let done = self.base.store.discard(order, self.now).await;
                assert_eq!(done.expect("the database works"), expected);
            }
            Step::Pass(time) => self.now += time,
        }
    }

    async fn claim(&mut self) {
        let token = format!("token {}", self.claims.len());
        let claimed = self.base.claim(&token, self.now, self.now + LEASE).await;
        for (lane, order) in self.orders.iter().enumerate() {
            let expected = self.lanes[lane].claim(&token, self.now);
            let found = claimed.iter().find(|claimed| claimed.order_id == order.id);
            let found = found.map(|claimed| {
                assert_eq!(claimed.body, claimed.sequence.to_string());
                (
                    usize::try_from(claimed.sequence - 1).expect("from 1"),
                    claimed.attempt,
                )
            });
            assert_eq!(found, expected, "lane {lane}");
        }
        self.claims.extend(claimed);
    }

    async fn settle(&mut self, claimed: &Claimed, end: End) {
        let next = match end {
            End::Delivered => Next::Delivered,
            End::Again => Next::Again(again(self.now)),
            End::Exhausted => Next::Dead(DeadReason::Exhausted),
            End::Gone => Next::Dead(DeadReason::Gone),
        };
        let lane = self.lane_of(claimed);
        let expected = self.lanes[lane].settle(&claimed.token, end, self.now);
        let settled = self
            .base
            .store
            .settle_attempt(claimed, &settlement(next), self.now)
            .await;
        assert_eq!(settled.expect("the database works"), expected);
    }

    fn lane_of(&self, claimed: &Claimed) -> usize {
        let lane = self
            .orders
            .iter()
            .position(|order| order.id == claimed.order_id);
        lane.expect("it is of this run")
    }

    /// Compares every update with the model. An update is in one state at a time, so the model's
    /// list accounts for each that was enqueued.
    async fn check(&self, steps: &[Step]) {
        for (lane, order) in self.orders.iter().enumerate() {
            let states = self.base.states(order).await;
            assert_eq!(
                states, self.lanes[lane].updates,
                "lane {lane} after {steps:?}"
            );
            let waiting = states.iter().filter(|state| *state == "pending").count();
            let most = 1 + usize::from(self.lanes[lane].flight.is_some());
            assert!(waiting <= most, "lane {lane} after {steps:?}");
        }
    }

    /// Ends everything, so that the next run finds no lane of this one.
    async fn close(mut self) {
        self.now += 10 * LEASE;
        loop {
            let token = new_token(&self.claims);
            let claimed = self.base.claim(&token, self.now, self.now + LEASE).await;
            if claimed.is_empty() {
                return;
            }
            for claimed in claimed {
                let settled = self
                    .base
                    .store
                    .settle_attempt(&claimed, &settlement(Next::Delivered), self.now)
                    .await;
                assert_ne!(settled.expect("the database works"), Settled::Late);
                self.claims.push(claimed);
            }
        }
    }
}

fn new_token(claims: &[Claimed]) -> String {
    format!("closing {}", claims.len())
}
