//! A step's intent: the request and its key, committed before a byte of it leaves.

use std::time::{Duration, Instant};

use adapters::vocabulary::Millis;
use adapters::{Context, Effect, Memo, Request, Unfit};

use super::lease::lease;
use super::{Drive, Ending, Kept};
use crate::app::App;
use crate::clock::millis;
use crate::domain::contact::Contact;
use crate::domain::order::{Order, Stage};
use crate::seal::Purpose;
use crate::store::{Call, CallChange, Change, StoreError};

/// Copies of one repeatable request that one drive sends.
const MOST_COPIES: i64 = 3;
/// A key counts as dead this long before the vendor forgets it.
const KEY_MARGIN: Duration = Duration::from_secs(600);

/// A request whose intent is to be committed, or has been.
pub(crate) struct Step {
    pub(crate) request: Request,
    pub(crate) call: Call,
    /// A moment before its commit began: the first byte leaves soon after it, or not at all.
    pub(crate) since: Instant,
}

impl App {
    /// The calls of an order's own generation, oldest first.
    pub(crate) async fn calls_of(&self, order: &Order) -> Result<Vec<Call>, StoreError> {
        let mut calls = self.store.calls(&order.id).await?;
        calls.retain(|call| call.generation == order.generation);
        Ok(calls)
    }
}

impl Drive {
    /// The step that `memo` names, with a key of its own: the key of an earlier call of the same
    /// step only where that call certainly did nothing and left nothing stored, and while the vendor
    /// still knows the key.
    pub(crate) fn step(&self, memo: &Memo) -> Result<Step, Unfit> {
        let turn = self.calls.last().map_or(1, |call| call.turn + 1);
        let mut key = format!("{}-{turn}", self.order.our_ref.0);
        let request = self.encode(memo, &key)?;
        let earlier = self.calls.last().filter(|call| call.step == request.step);
        let now = self.now();
        let earlier = earlier
            .filter(|call| matches!(call.outcome.as_deref(), Some("never" | "busy" | "denied")))
            .filter(|call| is_alive(call, now));
        let request = match earlier {
            Some(call) => {
                key.clone_from(&call.key);
                self.encode(memo, &key)?
            }
            None => request,
        };
        // A key that is used again is as old as it was: the vendor may have counted from then.
        let first_sent_at = earlier.map_or(now, |call| call.first_sent_at);
        let sealed = serde_json::to_vec(&request).expect("a request always serializes");
        let call = Call {
            generation: self.order.generation,
            turn,
            step: request.step.clone(),
            key,
            effect: request.effect,
            sealed_request: Some(self.app.setup().keys.seal(
                Purpose::VendorRequest,
                &self.order.id,
                &sealed,
            )),
            first_sent_at,
            sent_at: now,
            copies: 1,
            took_ms: None,
            outcome: None,
            detail: None,
            ended_at: None,
        };
        Ok(Step {
            request,
            call,
            since: Instant::now(),
        })
    }

    fn encode(&self, memo: &Memo, key: &str) -> Result<Request, Unfit> {
        self.vendor
            .place
            .encode(&self.operation, memo, &self.context(key))
    }

    /// What an adapter may know beside the order.
    pub(super) fn context<'a>(&'a self, key: &'a str) -> Context<'a> {
        Context {
            settings: &self.connection.settings,
            key,
            base_url: &self.connection.base_url,
        }
    }

    /// Notes that the step's intent was committed with the order itself.
    pub(crate) fn note_begun(&mut self, step: &Step) {
        self.calls.push(step.call.clone());
    }

    /// Commits the first intent of a drive on an order that is leased already.
    pub(crate) async fn begin(&mut self, step: &Step) -> Result<bool, StoreError> {
        let until = self.app.lease_end(Duration::ZERO);
        let begun = CallChange::Begin(step.call.clone());
        self.note_begun(step);
        let kept = self
            .update(|order| {
                order.stage = Stage::Placing;
                lease(order, until);
                Change {
                    calls: vec![begun.clone()],
                    ..Change::default()
                }
            })
            .await?;
        Ok(matches!(kept, Kept::Yes))
    }

    /// Commits that another copy of an open call is about to leave; `lost` is the one before it.
    pub(crate) async fn repeat(
        &mut self,
        step: &mut Step,
        pause: Duration,
        lost: Option<Contact>,
    ) -> Result<bool, StoreError> {
        let (until, now, turn) = (self.app.lease_end(pause), self.now(), step.call.turn);
        step.call.copies += 1;
        step.since = Instant::now() + pause;
        let kept = self
            .update(|order| {
                lease(order, until);
                Change {
                    calls: vec![CallChange::Repeat { turn, at: now }],
                    contacts: lost.iter().cloned().collect(),
                    ..Change::default()
                }
            })
            .await?;
        Ok(matches!(kept, Kept::Yes))
    }

    /// Whether another copy of the step would do nothing new, and is not one too many.
    pub(super) fn may_repeat(&self, step: &Step) -> bool {
        step.call.copies < MOST_COPIES && is_alive(&step.call, self.now())
    }

    /// Commits a step's success together with the next step's intent.
    pub(super) async fn follow(
        &mut self,
        step: &Step,
        memo: Memo,
    ) -> Result<Result<Step, Ending>, StoreError> {
        let ended = self.ended(step, "answered", String::new());
        self.end_in_memory(step, "answered");
        if self.is_turned_away().await? {
            return Ok(Err(self.stop_before(memo, ended).await?));
        }
        self.turns += 1;
        self.order.memo = memo.clone();
        let next = match self.step(&memo) {
            Ok(next) => next,
            Err(unfit) => {
                let message = format!("`{}` {}.", unfit.field, unfit.why);
                return Ok(Err(self
                    .refused(step, "unfit", Some(unfit.field), message)
                    .await?));
            }
        };
        let until = self.app.lease_end(Duration::ZERO);
        let begun = CallChange::Begin(next.call.clone());
        self.note_begun(&next);
        let kept = self
            .update(|order| {
                order.memo = memo.clone();
                lease(order, until);
                Change {
                    calls: vec![ended.clone(), begun.clone()],
                    ..Change::default()
                }
            })
            .await?;
        Ok(if matches!(kept, Kept::Yes) {
            Ok(next)
        } else {
            Err(Ending::Overtaken)
        })
    }
}

/// True while another copy of the call would do nothing new at the vendor.
pub(crate) fn is_alive(call: &Call, now: Millis) -> bool {
    match call.effect {
        Effect::Read => true,
        Effect::Repeatable { within } => {
            now < call.first_sent_at + millis(within.saturating_sub(KEY_MARGIN))
        }
        Effect::Once => false,
    }
}
