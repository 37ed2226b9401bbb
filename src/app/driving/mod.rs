//! Sending an order to its vendor, step by step: the drive loop.
//!
//! Every send is preceded by one conditional update that checks the order's placing lease and
//! writes the intent. No row changed, no send. What came of the send is committed before the next
//! step's intent, in the same transaction. A process that is frozen between that check and the
//! write to the socket is the one gap; only a vendor that dedupes on a key closes it.
//!
//! Here is the loop. `lease` says who may send, `intent` commits what is to be sent, `answer` reads
//! what came of it, and `ending` commits how the drive ends.

mod answer;
mod ending;
mod intent;
mod lease;

use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters::vocabulary::Millis;
use adapters::{PlaceOrder, Vendor};

use crate::app::{App, crash};
use crate::clock::millis;
use crate::domain::ats_order::AtsOrder;
use crate::domain::order::Order;
use crate::domain::tenant::{Connection, Tenant};
use crate::store::{Call, Change, Saved, StoreError};
use crate::vendors::Sent;
use answer::Heard;
pub(crate) use ending::{Ended, Ending, end};
pub(crate) use intent::{Step, is_alive};
pub(crate) use lease::{new_lease, pause_by_age, release, when_again};

/// The pause before another copy, where the vendor names none; and the longest it may name.
const COPY_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_COPY_PAUSE: Duration = Duration::from_secs(2);

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
    /// Somebody asks for it who is answered then.
    asked_until: Option<Instant>,
}

/// Whether a change was saved.
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
            asked_until: None,
        }
    }

    /// Somebody asks for it who is answered then: from there on nothing more is sent unless the
    /// answer was that the order is taken.
    pub(crate) fn asked_until(self, asked_until: Option<Instant>) -> Self {
        Self {
            asked_until,
            ..self
        }
    }

    pub(crate) fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    fn now(&self) -> Millis {
        self.app.clock.now()
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
                    if !self.may_repeat(&step) || self.is_turned_away().await? {
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

    /// Whether whoever asked was answered by now, and not that the order is taken.
    async fn is_turned_away(&mut self) -> Result<bool, StoreError> {
        if self.order.accepted || self.asked_until.is_none_or(|until| Instant::now() < until) {
            return Ok(false);
        }
        let row = self.app.store.order(&self.order.id).await?;
        Ok(row.is_none_or(|row| !row.accepted))
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
