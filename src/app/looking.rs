//! Looking: reading an open order at its vendor on a schedule, and at once where a callback hints
//! that something happened.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adapters::vocabulary::{Millis, Progress};
use adapters::{Found, Vendor};

use crate::app::seeing::is_askable;
use crate::app::story::contact;
use crate::app::{App, AppError, crash};
use crate::clock::millis;
use crate::domain::contact::{Contact, ContactKind};
use crate::domain::looking::next_look;
use crate::domain::order::{Line, Order, Source, Waiting, standing};
use crate::store::{Change, Saved};
use crate::vendors::{Asked, CallFailure, Obstacle, Unsent};

/// A look that is broken off is made again after this.
const CLAIM: Duration = Duration::from_secs(60);
/// How soon an order is looked at again whose row changed while we looked.
const AGAIN: Duration = Duration::from_secs(1);
/// A look that failed is made again within this, whatever the schedule says: what it was made for
/// may have been a callback, which is settled and does not come again.
const FAILED_PAUSE: Duration = Duration::from_secs(600);
/// Looks that were held back come back within so many times the pause they were given, and once.
const DEFERRED_SPREAD: f64 = 4.0;
/// The most orders that a vendor is asked for in one call.
const AT_ONCE: usize = 100;
/// A look that is due within this is made along with others of its connection, where one call shows
/// them all. Shorter than [`CLAIM`], so that a look which is under way is not made twice.
const ALONG: Duration = Duration::from_secs(30);
const MOVED: &str = "moved";
const NOTHING_NEW: &str = "nothing_new";
const UNKNOWN_WORD: &str = "unknown_word";
/// What came of looks that showed their order.
const SHOWN: [&str; 3] = [MOVED, NOTHING_NEW, UNKNOWN_WORD];
const OVERTAKEN: &str = "the order changed in between, so it is looked at again";

impl App {
    /// Claims orders whose look is due, for [`App::look_together`]: each on its own, or, where their
    /// vendor shows many orders in one answer, all of a connection that are due or soon will be.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn claim_looks(&self, most: i64) -> Result<Vec<Vec<Order>>, AppError> {
        let now = self.clock.now();
        let until = now + millis(CLAIM);
        let (mut alone, mut together) = (Vec::new(), BTreeMap::<String, Vec<Order>>::new());
        for order in self.store.claim_looks(now, until, most).await? {
            if order.their_ref.is_some() && self.shows_many(&order.connection_id) {
                let group = together.entry(order.connection_id.clone()).or_default();
                group.push(order);
            } else {
                alone.push(vec![order]);
            }
        }
        let mut claimed = alone;
        for (connection, mut group) in together {
            let (by, room) = (now + millis(ALONG), AT_ONCE - group.len() % AT_ONCE);
            let room = i64::try_from(room).unwrap_or(0);
            let along = self.store.claim_looks_along(&connection, by, until, room);
            group.extend(along.await?);
            claimed.extend(group.chunks(AT_ONCE).map(<[Order]>::to_vec));
        }
        Ok(claimed)
    }

    fn shows_many(&self, connection_id: &str) -> bool {
        let directory = self.directory();
        let connection = directory.connection(connection_id);
        let vendor = connection.and_then(|connection| self.vendor_of(connection));
        vendor.is_some_and(|vendor| vendor.fetch_many.is_some())
    }

    /// Looks at one order, as [`App::look_together`] does at many.
    ///
    /// # Errors
    /// [`AppError::Store`]; the look is then made again.
    pub async fn look(self: Arc<Self>, order: Order) -> Result<(), AppError> {
        self.look_together(vec![order]).await
    }

    /// Looks at orders of one connection and applies what is seen of each, unless that order has
    /// changed meanwhile.
    ///
    /// # Errors
    /// The first [`AppError::Store`]; what was not saved is looked at again.
    pub async fn look_together(self: Arc<Self>, orders: Vec<Order>) -> Result<(), AppError> {
        let directory = self.directory();
        let connection = orders.first().map(|order| &order.connection_id);
        let connection = connection.and_then(|id| directory.connection(id));
        let vendor = connection.and_then(|connection| self.vendor_of(connection));
        let (Some(connection), Some(vendor)) = (connection, vendor) else {
            return self.look_at_none(orders).await;
        };
        let began = self.clock.now();
        let seen = self.see(&orders, connection, &vendor).await;
        crash::point("look.fetched");
        let mut done = Ok(());
        for (order, asked) in orders.into_iter().zip(seen) {
            // What is wrong with one order must not keep the others from being brought home.
            done = done.and(self.take_sight(order, &vendor, began, asked).await);
        }
        done
    }

    async fn look_at_none(&self, orders: Vec<Order>) -> Result<(), AppError> {
        for order in orders {
            let why = "no sheet for the vendor of this order's connection";
            let asked = Asked::<()>::nothing(why);
            let look = contact(ContactKind::Look, self.clock.now(), &asked, "failed", why);
            self.postpone(order, None, Some(FAILED_PAUSE), look).await?;
        }
        Ok(())
    }

    async fn take_sight(
        &self,
        order: Order,
        vendor: &Vendor,
        began: Millis,
        asked: Asked<Found>,
    ) -> Result<(), AppError> {
        let look = |outcome, why: &str| contact(ContactKind::Look, began, &asked, outcome, why);
        match &asked.result {
            Ok(Found::One(progress)) => {
                let look = look(NOTHING_NEW, "");
                self.take_look(order, vendor, progress, look).await
            }
            Ok(Found::NotSeen { .. } | Found::Several(_)) => {
                let look = look("not_seen", "the vendor does not show the order");
                self.postpone(order, Some(vendor), None, look).await
            }
            Err(CallFailure::NotSent(Unsent {
                obstacle: Obstacle::HeldBack { again_in },
                ..
            })) => self.defer(order, *again_in).await,
            Err(error) if !is_askable(vendor) => {
                let look = look("failed", &error.to_string());
                self.save_look(order, None, None, look).await
            }
            Err(error) => {
                let look = look("failed", &error.to_string());
                self.postpone(order, Some(vendor), Some(FAILED_PAUSE), look)
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
            (look.outcome, look.detail) = (MOVED, standing(&next));
        } else if progress.standing.is_none() {
            (look.outcome, look.detail) = (UNKNOWN_WORD, progress.unknown.join(", "));
        }
        change.contacts.push(look.clone());
        let has_ended = verdict.moved && next.stage.is_terminal();
        let is_unannounced =
            has_ended && vendor.callbacks.is_some() && !self.was_announced(&order).await?;
        match self.save_order(&mut next, &change, now).await? {
            Saved::Done => {
                if verdict.moved {
                    tracing::info!(order = %order.id, vendor = %vendor.name, stage = next.stage.as_str(), "a look moved an order");
                    if is_unannounced {
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
                self.alarm_foreign(&order, vendor, "look");
                let why = format!("reference {} belongs to another order", theirs.0);
                (look.outcome, look.detail) = ("refused", why);
                self.save_look(order, Some(Waiting::OwnedByAnother), None, look)
                    .await?;
            }
        }
        Ok(())
    }

    /// Whether the vendor has called back since it last showed us an order.
    async fn was_announced(&self, order: &Order) -> Result<bool, AppError> {
        let contacts = self.store.contacts(&order.id).await?;
        let telling = contacts.iter().rev().find(|contact| match contact.kind {
            ContactKind::Callback => true,
            ContactKind::Look => SHOWN.contains(&contact.outcome.as_str()),
            _ => false,
        });
        Ok(telling.is_some_and(|contact| contact.kind == ContactKind::Callback))
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

    /// Puts a look off that we held back ourselves: nothing was asked, so nothing is told, and the
    /// schedule stays where it was. Those that wait for one vendor's rate come back spread out.
    async fn defer(&self, mut order: Order, again_in: Duration) -> Result<(), AppError> {
        let now = self.clock.now();
        let spread = 1.0 + DEFERRED_SPREAD * rand::random::<f64>();
        order.look_at = Some(now + millis(again_in.max(AGAIN).mul_f64(spread)));
        let change = Change::default();
        self.save_order(&mut order, &change, now).await?;
        Ok(())
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
        self.save_order(&mut order, &change, self.clock.now())
            .await?;
        Ok(())
    }
}
