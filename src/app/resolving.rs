//! Placing that was broken off or put off: queued orders are sent, orders whose end is unknown are
//! found out about. Nothing here may order twice: what is open is repeated only where the vendor
//! dedupes on a key that is still alive, else it is looked up, else a person decides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters::contract::Ambiguity;
use adapters::vocabulary::{Millis, Progress};
use adapters::{FetchOrder, Found, Memo, Vendor};

use crate::app::driving::{Drive, Step, end, is_alive, pause_by_age, release};
use crate::app::story::contact;
use crate::app::{App, AppError, crash};
use crate::clock::millis;
use crate::domain::ats_order::AtsOrder;
use crate::domain::contact::{Contact, ContactKind};
use crate::domain::order::{Line, Order, Source, Stage, Waiting};
use crate::domain::tenant::Connection;
use crate::seal::{Purpose, random_text};
use crate::store::{Call, CallChange, Change, Saved, StoreError};

/// A claimed order is leased this long, until its first intent sets the lease anew.
const CLAIM: Duration = Duration::from_secs(60);

/// So often an order is found absent after an unclear answer, and then nothing is sent any more: who
/// knows what a vendor makes of requests that it never answers and never shows.
const MOST_ABSENCES: usize = 3;

/// What is decided about an open call.
enum Resolution {
    /// The vendor has the order.
    Adopt(Box<Progress>),
    /// It is certainly not there.
    Absent,
    /// Ask again then.
    Later(Millis),
    /// A person decides.
    Person(Waiting),
}

impl App {
    /// Claims orders whose placing is due, for [`App::work_due_order`].
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn claim_due_orders(&self, most: i64) -> Result<Vec<Order>, AppError> {
        let now = self.clock.now();
        Ok(self
            .store
            .claim_due_orders(&random_text(), now, now + millis(CLAIM), most)
            .await?)
    }

    /// Sends a queued order, or finds out what became of one whose placing broke off.
    ///
    /// # Errors
    /// [`AppError::Store`]; the order is due again when its lease runs out.
    pub async fn work_due_order(self: Arc<Self>, order: Order) -> Result<(), AppError> {
        self.resolve(order, None).await
    }

    /// Goes on with a leased order. It is sent only where somebody was answered 201 for it, or asks
    /// for it now and is answered `until` then; else it is only looked up.
    pub(crate) async fn resolve(
        self: Arc<Self>,
        order: Order,
        until: Option<Instant>,
    ) -> Result<(), AppError> {
        let may_send = may_send(&order, until);
        let calls = self.calls_of(&order).await?;
        let open = calls.iter().rfind(|call| call.outcome.is_none()).cloned();
        match open {
            None if may_send => self.send_from_memo(order, calls, until).await,
            None => self.close_unsent(order).await,
            Some(call) if may_send && is_alive(&call, self.clock.now()) => {
                self.send_again(order, calls, call, until).await
            }
            Some(call) => self.find_out(order, calls, call, until).await,
        }
    }

    /// No intent stands and nobody was told that the order was taken: it never was.
    async fn close_unsent(&self, order: Order) -> Result<(), AppError> {
        self.save_resolved(order, |order, now| {
            end(order, Stage::Failed, now);
            lines("failed", "broken off before anything was sent")
        })
        .await
    }

    async fn send_from_memo(
        self: Arc<Self>,
        order: Order,
        calls: Vec<Call>,
        until: Option<Instant>,
    ) -> Result<(), AppError> {
        let Some(drive) = self.drive_stored(&order, calls) else {
            return self.leave_to_person(order, Waiting::CannotGoOn).await;
        };
        let mut drive = drive.asked_until(until);
        let memo = order.memo.clone();
        let Ok(step) = drive.step(&memo) else {
            return self.leave_to_person(order, Waiting::CannotGoOn).await;
        };
        if drive.begin(&step).await? {
            drive.run(step).await?;
        }
        Ok(())
    }

    /// Sends the very bytes of an open call once more, within the life of its key.
    async fn send_again(
        self: Arc<Self>,
        order: Order,
        calls: Vec<Call>,
        call: Call,
        until: Option<Instant>,
    ) -> Result<(), AppError> {
        let request = call
            .sealed_request
            .as_deref()
            .and_then(|sealed| {
                self.setup()
                    .keys
                    .open(Purpose::VendorRequest, &order.id, sealed)
                    .ok()
            })
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let (Some(request), Some(drive)) = (request, self.drive_stored(&order, calls)) else {
            return self.leave_to_person(order, Waiting::CannotGoOn).await;
        };
        let mut drive = drive.asked_until(until);
        let mut step = Step {
            request,
            call,
            since: Instant::now(),
        };
        if drive.repeat(&mut step, Duration::ZERO, None).await? {
            drive.run(step).await?;
        }
        Ok(())
    }

    async fn find_out(
        self: Arc<Self>,
        order: Order,
        calls: Vec<Call>,
        call: Call,
        until: Option<Instant>,
    ) -> Result<(), AppError> {
        let directory = self.directory();
        let connection = directory.connection(&order.connection_id).cloned();
        let vendor = connection
            .as_deref()
            .and_then(|connection| self.vendor_of(connection));
        let (Some(connection), Some(vendor)) = (connection, vendor) else {
            return self.leave_to_person(order, Waiting::CannotGoOn).await;
        };
        let resolution = self.look_up(&order, &connection, &vendor, &call).await?;
        crash::point("resolve.looked_up");
        let may_send = may_send(&order, until);
        match resolution {
            Resolution::Adopt(progress) => self.adopt(order, &vendor, &progress).await,
            Resolution::Absent
                if may_send
                    && vendor.policy.ambiguity == Ambiguity::LookUpThenRepeat
                    && absences(&calls) + 1 >= MOST_ABSENCES =>
            {
                self.leave_to_person(order, Waiting::NeverTaken).await
            }
            Resolution::Absent
                if may_send && vendor.policy.ambiguity == Ambiguity::LookUpThenRepeat =>
            {
                let mut order = order;
                let mut calls = calls;
                if self.end_call(&mut order, &call, "absent").await? {
                    calls
                        .iter_mut()
                        .filter(|known| known.turn == call.turn)
                        .for_each(|known| known.outcome = Some("absent".into()));
                    return self.send_from_memo(order, calls, until).await;
                }
                Ok(())
            }
            Resolution::Absent if !may_send => {
                let ended = CallChange::End {
                    turn: call.turn,
                    outcome: "absent",
                    detail: String::new(),
                    took_ms: None,
                    at: self.clock.now(),
                };
                self.save_resolved(order, move |order, now| {
                    end(order, Stage::Failed, now);
                    Change {
                        calls: vec![ended.clone()],
                        ..lines("failed", "the vendor does not have it")
                    }
                })
                .await
            }
            Resolution::Absent => self.leave_to_person(order, Waiting::NotSeen).await,
            Resolution::Person(why) => self.leave_to_person(order, why).await,
            Resolution::Later(at) => {
                self.save_resolved(order, move |order, _| {
                    order.stage = Stage::Unconfirmed;
                    release(order, Some(at));
                    Change::default()
                })
                .await
            }
        }
    }

    async fn look_up(
        &self,
        order: &Order,
        connection: &Connection,
        vendor: &Vendor,
        call: &Call,
    ) -> Result<Resolution, StoreError> {
        let now = self.clock.now();
        if let Ambiguity::WaitForCallback(pause) = vendor.policy.ambiguity {
            let until = call.sent_at + millis(pause);
            return Ok(if now < until {
                Resolution::Later(until)
            } else {
                Resolution::Person(Waiting::CannotLookUp)
            });
        }
        let fetch = vendor
            .fetch
            .as_deref()
            .filter(|_| vendor.finds_ours && vendor.policy.ambiguity != Ambiguity::Person);
        let Some(fetch) = fetch else {
            return Ok(Resolution::Person(Waiting::CannotLookUp));
        };
        let Some(ats) = self.ats_order(order) else {
            return Ok(Resolution::Person(Waiting::CannotGoOn));
        };
        let operation = FetchOrder::Ours {
            order: Arc::new(ats.for_vendor(
                &order.vendor_package,
                &order.vendor_add_ons,
                order.created_at,
            )),
            ours: order.our_ref.clone(),
            first_sent_at: call.first_sent_at,
        };
        let memo = Memo {
            step: String::new(),
            values: order.memo.values.clone(),
        };
        let proven_from = call.sent_at + millis(vendor.policy.absent_after);
        let asked = self
            .setup()
            .caller
            .ask(vendor, connection, fetch, &operation, memo)
            .await;
        let (outcome, detail) = match &asked.result {
            Ok(Found::One(_)) => ("found", String::new()),
            Ok(Found::Several(_)) => ("several", String::new()),
            Ok(Found::NotSeen { blind: true }) => ("not_seen", "which proves nothing here".into()),
            Ok(Found::NotSeen { blind: false }) => ("not_seen", String::new()),
            Err(error) => ("failed", error.to_string()),
        };
        let contact = contact(ContactKind::LookUp, now, &asked, outcome, detail);
        self.store.note_contact(&order.id, &contact).await?;
        Ok(match asked.result {
            Ok(Found::One(progress)) => Resolution::Adopt(Box::new(progress)),
            Ok(Found::Several(_)) => Resolution::Person(Waiting::Several),
            Ok(Found::NotSeen { blind: true }) => Resolution::Person(Waiting::NotSeen),
            Ok(Found::NotSeen { blind: false }) if now >= proven_from => Resolution::Absent,
            Ok(Found::NotSeen { blind: false }) => Resolution::Later(proven_from),
            Err(error) => {
                tracing::warn!(order = %order.id, vendor = %vendor.name, %error, "looking an unconfirmed order up failed");
                Resolution::Later(now + millis(pause_by_age(order, now)))
            }
        })
    }

    async fn adopt(
        &self,
        order: Order,
        vendor: &Vendor,
        progress: &Progress,
    ) -> Result<(), AppError> {
        let found = Line::new("found", "at the vendor, by our reference");
        match self
            .take_over(&order, vendor, progress, found, Vec::new())
            .await?
        {
            Saved::Done | Saved::Stale => Ok(()),
            Saved::Taken(_) => {
                self.alarm_foreign(&order, vendor, "look_up");
                self.leave_to_person(order, Waiting::OwnedByAnother).await
            }
        }
    }

    /// Takes an order over that was found at the vendor, as `found` says; `looks` are how.
    pub(crate) async fn take_over(
        &self,
        order: &Order,
        vendor: &Vendor,
        progress: &Progress,
        found: Line,
        looks: Vec<Contact>,
    ) -> Result<Saved, AppError> {
        let mut next = order.clone();
        let now = self.clock.now();
        let (_, mut change) = self.take_news(&mut next, progress, Source::Answer, vendor, now);
        change.lines.push(found);
        change.contacts = looks;
        let saved = self.save_order(&mut next, &change, now).await?;
        Ok(saved)
    }

    async fn leave_to_person(&self, order: Order, why: Waiting) -> Result<(), AppError> {
        tracing::warn!(order = %order.id, tenant = %order.tenant_id, reason = why.as_str(), "an order waits for a person");
        self.save_resolved(order, move |order, now| {
            order.stage = Stage::Unconfirmed;
            order.waiting = Some(why);
            order.updated_at = now;
            release(order, None);
            lines("waiting", why.as_str())
        })
        .await
    }

    async fn end_call(
        &self,
        order: &mut Order,
        call: &Call,
        outcome: &'static str,
    ) -> Result<bool, AppError> {
        let now = self.clock.now();
        let ended = CallChange::End {
            turn: call.turn,
            outcome,
            detail: String::new(),
            took_ms: None,
            at: now,
        };
        let change = Change {
            calls: vec![ended],
            ..lines("absent", "the vendor does not have it; it is placed again")
        };
        Ok(self.save_order(order, &change, now).await? == Saved::Done)
    }

    /// Saves a decision about a leased order. Where the row has changed in between, somebody knows
    /// better, and the decision is dropped.
    async fn save_resolved(
        &self,
        mut order: Order,
        decide: impl Fn(&mut Order, Millis) -> Change,
    ) -> Result<(), AppError> {
        let now = self.clock.now();
        let mut change = decide(&mut order, now);
        change.webhook = order
            .stage
            .is_terminal()
            .then(|| self.webhook_for(&order))
            .flatten();
        self.save_order(&mut order, &change, now).await?;
        Ok(())
    }

    fn drive_stored(self: &Arc<Self>, order: &Order, calls: Vec<Call>) -> Option<Drive> {
        let directory = self.directory();
        let tenant = directory.tenant(&order.tenant_id)?.clone();
        let connection = directory.connection(&order.connection_id)?.clone();
        let vendor = self.vendor_of(&connection)?;
        let ats = self.ats_order(order)?;
        Some(Drive::new(
            self,
            tenant,
            connection,
            vendor,
            order.clone(),
            &ats,
            calls,
        ))
    }

    /// The ATS's order, as long as it is kept.
    fn ats_order(&self, order: &Order) -> Option<AtsOrder> {
        let sealed = order.sealed_order.as_deref()?;
        let canonical = self
            .setup()
            .keys
            .open(Purpose::AtsOrder, &order.id, sealed)
            .ok()?;
        AtsOrder::from_canonical(&canonical).ok()
    }

    /// Puts an accepted order back to be placed under a new key, because a person knows that the
    /// vendor does not have it.
    pub(crate) async fn place_again_by_person(&self, mut order: Order) -> Result<bool, AppError> {
        let now = self.clock.now();
        order.stage = Stage::Received;
        order.waiting = None;
        order.accepted = true;
        order.updated_at = now;
        release(&mut order, Some(now));
        let change = Change {
            calls: vec![CallChange::EndAll {
                outcome: "not_placed",
                took_ms: None,
                at: now,
            }],
            ..lines("resolved", "by a person: not placed; it is placed again")
        };
        let saved = self.save_order(&mut order, &change, now).await? == Saved::Done;
        self.signals.placing.notify_one();
        Ok(saved)
    }
}

/// Whether somebody was answered 201 for an order, or asks for it now and is answered `until` then.
fn may_send(order: &Order, until: Option<Instant>) -> bool {
    order.accepted || until.is_some_and(|until| Instant::now() < until)
}

/// How often the order was found absent since it was placed at first, or anew by a person.
fn absences(calls: &[Call]) -> usize {
    let outcomes = calls.iter().rev().map(|call| call.outcome.as_deref());
    outcomes
        .take_while(|outcome| *outcome != Some("not_placed"))
        .filter(|outcome| *outcome == Some("absent"))
        .count()
}

fn lines(kind: &str, detail: &str) -> Change {
    Change {
        lines: vec![Line::new(kind, detail)],
        ..Change::default()
    }
}
