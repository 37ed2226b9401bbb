//! Sending an order to its vendor, step by step: the drive loop.
//!
//! Every send is preceded by one conditional update that checks the order's placing lease and
//! writes the intent. No row changed, no send. What came of the send is committed before the next
//! step's intent, in the same transaction. A process that is frozen between that check and the
//! write to the socket is the one gap; only a vendor that dedupes on a key closes it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters::vocabulary::{Millis, Progress};
use adapters::{Context, Effect, Fault, Memo, PlaceOrder, Request, Turn, Unfit, Vendor};

use crate::app::{App, crash};
use crate::clock::millis;
use crate::domain::ats_order::AtsOrder;
use crate::domain::contact::{Contact, ContactKind};
use crate::domain::order::{Line, Order, Source, Stage, Waiting};
use crate::domain::tenant::{Connection, Tenant, WhenUnavailable, WhenUnconfirmed};
use crate::seal::{Purpose, random_text};
use crate::store::{Call, CallChange, Change, Saved, StoreError};
use crate::vendors::Sent;

/// A lease outlives the call it is for by this much.
const LEASE_MARGIN: Duration = Duration::from_secs(15);
/// Copies of one repeatable request that one drive sends.
const MOST_COPIES: i64 = 3;
/// The pause before another copy, where the vendor names none; and the longest it may name.
const COPY_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_COPY_PAUSE: Duration = Duration::from_secs(2);
/// A key counts as dead this long before the vendor forgets it.
const KEY_MARGIN: Duration = Duration::from_secs(600);

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

/// Everything that placing one order needs.
pub(crate) struct Drive {
    app: Arc<App>,
    tenant: Arc<Tenant>,
    connection: Arc<Connection>,
    vendor: Arc<Vendor>,
    operation: PlaceOrder,
    pub(crate) order: Order,
    calls: Vec<Call>,
    /// Steps that led on to another one.
    turns: usize,
}

/// A request whose intent is to be committed, or has been.
pub(crate) struct Step {
    pub(crate) request: Request,
    pub(crate) call: Call,
    /// A moment before its commit began: the first byte leaves soon after it, or not at all.
    pub(crate) since: Instant,
}

/// What one copy of a request led to.
enum Heard {
    Done(Progress),
    Next(Memo),
    Refused {
        code: String,
        field: Option<String>,
        message: String,
    },
    /// Certainly nothing was done. The word is stored with the call.
    NotDone {
        word: &'static str,
        reason: String,
        retry_after: Option<Duration>,
    },
    /// It may have been done.
    InDoubt {
        reason: String,
        pause: Option<Duration>,
    },
}

enum Kept {
    Yes,
    Overtaken,
    OwnedByAnother,
}

impl Drive {
    /// Prepares to place `order`. The lease in it is the drive's own.
    pub(crate) fn new(
        app: &Arc<App>,
        tenant: Arc<Tenant>,
        connection: Arc<Connection>,
        vendor: Arc<Vendor>,
        order: Order,
        ats: &AtsOrder,
        calls: Vec<Call>,
    ) -> Self {
        let operation = PlaceOrder {
            order: Arc::new(ats.for_vendor(
                &order.vendor_package,
                &order.vendor_add_ons,
                order.created_at,
            )),
            ours: order.our_ref.clone(),
            callback_url: app.callback_url(&connection),
        };
        Self {
            app: Arc::clone(app),
            tenant,
            connection,
            vendor,
            operation,
            order,
            calls,
            turns: 0,
        }
    }

    pub(crate) fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    fn now(&self) -> Millis {
        self.app.clock.now()
    }

    fn lease_end(&self, pause: Duration) -> Millis {
        self.now() + millis(pause + self.app.setup().options.vendor_timeout + LEASE_MARGIN)
    }

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

    fn context<'a>(&'a self, key: &'a str) -> Context<'a> {
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
        let until = self.lease_end(Duration::ZERO);
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
        let (until, now, turn) = (self.lease_end(pause), self.now(), step.call.turn);
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

    /// Sends committed steps until the drive ends, and commits its end.
    pub(crate) async fn run(mut self, mut step: Step) -> Result<Ended, StoreError> {
        let mut vendor_time = Duration::ZERO;
        loop {
            crash::point("placing.intent_committed");
            let asked = Instant::now();
            let sent = self
                .app
                .setup()
                .caller
                .send(&self.vendor, &self.connection, &step.request, step.since)
                .await;
            let took = asked.elapsed();
            vendor_time += took;
            step.call.took_ms = Some(millis(took));
            crash::point("placing.answered");
            self.log(&step, &sent);
            let ending = match self.hear(&step, sent) {
                Heard::Done(progress) => self.placed(&step, &progress).await?,
                Heard::Next(memo) => match self.follow(&step, memo).await? {
                    Ok(next) => {
                        step = next;
                        continue;
                    }
                    Err(ending) => ending,
                },
                Heard::Refused {
                    code,
                    field,
                    message,
                } => self.refused(&step, &code, field, message).await?,
                Heard::NotDone {
                    word,
                    reason,
                    retry_after,
                } if step.call.copies == 1 => {
                    self.unavailable(&step, word, reason, retry_after).await?
                }
                Heard::NotDone { reason, .. } => self.unconfirmed(&step, reason).await?,
                Heard::InDoubt { reason, pause } => {
                    let pause = pause.unwrap_or(COPY_PAUSE).min(LONGEST_COPY_PAUSE);
                    let lost = self.lost(&step, &reason);
                    if !self.may_repeat(&step) {
                        self.unconfirmed(&step, reason).await?
                    } else if self.repeat(&mut step, pause, Some(lost)).await? {
                        tokio::time::sleep(pause).await;
                        vendor_time += pause;
                        continue;
                    } else {
                        Ending::Overtaken
                    }
                }
            };
            crash::point("placing.end_committed");
            ending.count(&self.vendor);
            return Ok(Ended {
                order: self.order,
                ending,
                vendor_time,
            });
        }
    }

    fn may_repeat(&self, step: &Step) -> bool {
        step.call.copies < MOST_COPIES && is_alive(&step.call, self.now())
    }

    fn hear(&self, step: &Step, sent: Sent) -> Heard {
        let reply = match sent {
            Sent::Never(unsent) => {
                return Heard::NotDone {
                    word: "never",
                    retry_after: unsent.again_in(),
                    reason: unsent.why,
                };
            }
            Sent::Maybe(reason) => {
                return Heard::InDoubt {
                    reason,
                    pause: None,
                };
            }
            Sent::Answered(reply) => reply,
        };
        let decoded = self.vendor.place.decode(
            &self.operation,
            &self.order.memo,
            &self.context(&step.call.key),
            &reply,
        );
        match decoded {
            Ok(Turn::Done(progress)) => Heard::Done(progress),
            Ok(Turn::Next(memo)) if self.turns < self.vendor.policy.most_turns => Heard::Next(memo),
            Ok(Turn::Next(_)) => in_doubt("placing takes more steps than the vendor's sheet says"),
            Err(Fault::Refused {
                code,
                field,
                message,
            }) => Heard::Refused {
                code,
                field,
                message: sentence(message),
            },
            Err(Fault::Busy(wish)) => Heard::NotDone {
                word: "busy",
                reason: "the vendor is busy".into(),
                retry_after: wish,
            },
            Err(Fault::Denied) => Heard::NotDone {
                word: "denied",
                reason: "the vendor refused our credentials".into(),
                retry_after: Some(Duration::from_secs(60)),
            },
            Err(Fault::NotReady(pause)) => Heard::InDoubt {
                reason: "the vendor is still at work on it".into(),
                pause,
            },
            Err(Fault::Duplicate(_)) => in_doubt("the vendor says that this was ordered before"),
            Err(Fault::Unclear(reason)) => Heard::InDoubt {
                reason,
                pause: None,
            },
        }
    }

    /// Commits a step's success together with the next step's intent.
    async fn follow(
        &mut self,
        step: &Step,
        memo: Memo,
    ) -> Result<Result<Step, Ending>, StoreError> {
        let ended = self.ended(step, "answered", String::new());
        self.end_in_memory(step, "answered");
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
        let until = self.lease_end(Duration::ZERO);
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

    async fn placed(&mut self, step: &Step, progress: &Progress) -> Result<Ending, StoreError> {
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

    async fn refused(
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

    async fn unavailable(
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

    async fn unconfirmed(&mut self, step: &Step, reason: String) -> Result<Ending, StoreError> {
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

    fn accepts_unconfirmed(&self) -> bool {
        self.tenant.options.when_unconfirmed == WhenUnconfirmed::Accept
    }

    fn ended(&self, step: &Step, outcome: &'static str, detail: String) -> CallChange {
        CallChange::End {
            turn: step.call.turn,
            outcome,
            detail,
            took_ms: step.call.took_ms,
            at: self.now(),
        }
    }

    /// What there is to tell of a copy whose end is not known.
    fn lost(&self, step: &Step, reason: &str) -> Contact {
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

    fn end_in_memory(&mut self, step: &Step, outcome: &str) {
        if let Some(call) = self
            .calls
            .iter_mut()
            .find(|call| call.turn == step.call.turn)
        {
            call.outcome = Some(outcome.to_owned());
        }
    }

    /// Saves a change of the order, deciding again where the row has changed in between, and only
    /// while the lease is ours.
    async fn update(&mut self, decide: impl Fn(&mut Order) -> Change) -> Result<Kept, StoreError> {
        let token = self.order.lease_token.clone();
        loop {
            let mut next = self.order.clone();
            let change = decide(&mut next);
            match self.app.save_order(&mut next, &change, self.now()).await? {
                Saved::Done => {
                    self.order = next;
                    return Ok(Kept::Yes);
                }
                Saved::Taken(_) => return Ok(Kept::OwnedByAnother),
                Saved::Stale => match self.app.store.order(&self.order.id).await? {
                    Some(order) if order.lease_token == token => self.order = order,
                    Some(order) => {
                        self.order = order;
                        return Ok(Kept::Overtaken);
                    }
                    None => return Ok(Kept::Overtaken),
                },
            }
        }
    }

    fn log(&self, step: &Step, sent: &Sent) {
        let (outcome, reason) = match sent {
            Sent::Never(unsent) => ("never", unsent.why.as_str()),
            Sent::Maybe(reason) => ("maybe", reason.as_str()),
            Sent::Answered(_) => ("answered", ""),
        };
        tracing::info!(
            order = %self.order.id, tenant = %self.order.tenant_id, vendor = %self.vendor.name,
            step = %step.call.step, copy = step.call.copies, outcome, reason, "vendor call"
        );
    }
}

/// When whoever was turned away may come again, where `wish` is the vendor's own.
pub(crate) fn when_again(wish: Option<Duration>) -> Duration {
    wish.unwrap_or(Duration::from_secs(5))
        .clamp(Duration::from_secs(1), Duration::from_secs(3600))
}

fn in_doubt(reason: &str) -> Heard {
    Heard::InDoubt {
        reason: reason.to_owned(),
        pause: None,
    }
}

/// A vendor's own words often lack the full stop.
fn sentence(mut text: String) -> String {
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
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

/// A fresh lease on an order, unguessable so that nobody else's late work passes for the holder's.
pub(crate) fn new_lease(order: &mut Order, until: Millis) {
    order.lease_token = Some(random_text());
    lease(order, until);
}

fn lease(order: &mut Order, until: Millis) {
    order.lease_until = Some(until);
    order.due_at = Some(until);
}

/// Gives the lease up; background work on placing is due at `due_at`.
pub(crate) fn release(order: &mut Order, due_at: Option<Millis>) {
    order.lease_token = None;
    order.lease_until = None;
    order.due_at = due_at;
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

/// The pause before placing is tried again: longer the longer it has been tried, but so that after
/// an outage of half an hour all is settled within two minutes.
pub(crate) fn pause_by_age(order: &Order, now: Millis) -> Duration {
    let age = Duration::from_millis(u64::try_from(now - order.created_at).unwrap_or(0));
    (age / 32).clamp(Duration::from_secs(5), Duration::from_secs(600))
}
