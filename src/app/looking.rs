//! Looking: reading an open order at its vendor on a schedule, and at once where a callback hints
//! that something happened.

use std::sync::Arc;
use std::time::Duration;

use adapters::vocabulary::{Millis, Progress};
use adapters::{FetchOrder, Found, Memo, Vendor};

use crate::app::story::contact;
use crate::app::{App, AppError, crash};
use crate::clock::millis;
use crate::domain::contact::{Contact, ContactKind};
use crate::domain::looking::next_look;
use crate::domain::order::{Line, Order, Source, Waiting, standing};
use crate::store::{Change, Saved};

/// A look that is broken off is made again after this.
const CLAIM: Duration = Duration::from_secs(60);
/// How soon an order is looked at again whose row changed while we looked.
const AGAIN: Duration = Duration::from_secs(1);
/// A look that failed is made again within this, whatever the schedule says: what it was made for
/// may have been a callback, which is settled and does not come again.
const FAILED_PAUSE: Duration = Duration::from_secs(600);
const OVERTAKEN: &str = "the order changed in between, so it is looked at again";

impl App {
    /// Claims orders whose look is due, for [`App::look`].
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn claim_looks(&self, most: i64) -> Result<Vec<Order>, AppError> {
        let now = self.clock.now();
        Ok(self
            .store
            .claim_looks(now, now + millis(CLAIM), most)
            .await?)
    }

    /// Looks at one order and applies what is seen, unless the order has changed meanwhile.
    ///
    /// # Errors
    /// [`AppError::Store`]; the look is then made again.
    pub async fn look(self: Arc<Self>, order: Order) -> Result<(), AppError> {
        let directory = self.directory();
        let connection = directory.connection(&order.connection_id);
        let vendor = connection.and_then(|connection| self.vendor_of(connection));
        let (Some(connection), Some(vendor)) = (connection, vendor) else {
            let why = "no sheet for the vendor of this order's connection";
            let look = not_asked(self.clock.now(), why);
            return self.postpone(order, None, Some(FAILED_PAUSE), look).await;
        };
        let (Some(fetch), Some(theirs)) = (vendor.fetch.as_deref(), &order.their_ref) else {
            let look = not_asked(self.clock.now(), "the vendor cannot be asked for orders");
            return self.save_look(order, None, None, look).await;
        };
        let (operation, began) = (FetchOrder::Theirs(theirs.clone()), self.clock.now());
        let memo = Memo {
            step: String::new(),
            values: order.memo.values.clone(),
        };
        let asked = self
            .setup()
            .caller
            .ask(&vendor, connection, fetch, &operation, memo)
            .await;
        crash::point("look.fetched");
        let look = |outcome, why: &str| contact(ContactKind::Look, began, &asked, outcome, why);
        match &asked.result {
            Ok(Found::One(progress)) => {
                let look = look("nothing_new", "");
                self.take_look(order, &vendor, progress, look).await
            }
            Ok(Found::NotSeen { .. } | Found::Several(_)) => {
                let look = look("not_seen", "the vendor does not show the order");
                self.postpone(order, Some(&vendor), None, look).await
            }
            Err(error) => {
                let look = look("failed", &error.to_string());
                self.postpone(order, Some(&vendor), Some(FAILED_PAUSE), look)
                    .await
            }
        }
    }

    async fn take_look(
        &self,
        order: Order,
        vendor: &Vendor,
        progress: &Progress,
        mut look: Contact,
    ) -> Result<(), AppError> {
        let mut next = order.clone();
        let now = self.clock.now();
        next.looked_at = Some(now);
        next.idle_looks += 1;
        let (verdict, mut change) =
            self.take_news(&mut next, progress, Source::Fetched, vendor, now);
        if verdict.moved {
            (look.outcome, look.detail) = ("moved", standing(&next));
        } else if progress.standing.is_none() {
            (look.outcome, look.detail) = ("unknown_word", progress.unknown.join(", "));
        }
        change.contacts.push(look.clone());
        match self.store.save_order(&mut next, &change, now).await? {
            Saved::Done => {
                if verdict.moved {
                    tracing::info!(order = %order.id, vendor = %vendor.name, stage = next.stage.as_str(), "a look moved an order");
                    self.signals.deliveries.notify_one();
                    if next.stage.is_terminal() {
                        metrics::counter!("orders_ended_by_look_total", "vendor" => vendor.name.clone()).increment(1);
                    }
                }
            }
            // Somebody changed the order while we looked: what we saw may be old news.
            Saved::Stale => {
                (look.outcome, look.detail) = ("overtaken", OVERTAKEN.to_owned());
                self.store.note_contact(&order.id, &look).await?;
                self.store.look_by(&order.id, now + millis(AGAIN)).await?;
            }
            Saved::Taken(theirs) => {
                tracing::error!(order = %order.id, vendor = %vendor.name, "a look led to an order that belongs to another order");
                let why = format!("reference {} belongs to another order", theirs.0);
                (look.outcome, look.detail) = ("refused", why);
                self.save_look(order, Some(Waiting::OwnedByAnother), None, look)
                    .await?;
            }
        }
        Ok(())
    }

    /// Leaves the order as it is until the next look on the schedule, `within` a time where that is
    /// given.
    async fn postpone(
        &self,
        mut order: Order,
        vendor: Option<&Vendor>,
        within: Option<Duration>,
        look: Contact,
    ) -> Result<(), AppError> {
        let now = self.clock.now();
        tracing::warn!(order = %order.id, tenant = %order.tenant_id, why = look.detail, "a look brought nothing");
        order.looked_at = Some(now);
        order.idle_looks += 1;
        let scheduled = vendor.and_then(|vendor| next_look(&order, &vendor.policy, None, now));
        let latest = within.map(|pause| now + millis(pause));
        let next = [scheduled, latest].into_iter().flatten().min();
        self.save_look(order, None, next, look).await
    }

    async fn save_look(
        &self,
        mut order: Order,
        waiting: Option<Waiting>,
        next: Option<Millis>,
        look: Contact,
    ) -> Result<(), AppError> {
        order.look_at = next;
        order.waiting = waiting.or(order.waiting);
        let refused = waiting.map(|_| Line::new("refused_news", look.detail.clone()));
        let change = Change {
            lines: refused.into_iter().collect(),
            contacts: vec![look],
            ..Change::default()
        };
        self.store
            .save_order(&mut order, &change, self.clock.now())
            .await?;
        Ok(())
    }
}

/// A look that could not even be said.
fn not_asked(at: Millis, why: &str) -> Contact {
    Contact {
        kind: ContactKind::Look,
        at,
        step: String::new(),
        effect: "read",
        took_ms: 0,
        outcome: "failed",
        detail: why.to_owned(),
    }
}
