//! Looking: reading an open order at its vendor on a schedule, and at once where a callback hints
//! that something happened.

use std::sync::Arc;
use std::time::Duration;

use adapters::vocabulary::{Millis, Progress};
use adapters::{FetchOrder, Found, Memo, Vendor};

use crate::app::{App, AppError, crash};
use crate::clock::millis;
use crate::domain::looking::next_look;
use crate::domain::order::{Line, Order, Source, Waiting};
use crate::domain::tenant::Connection;
use crate::store::{Change, Saved};
use crate::vendors::CallFailure;

/// A look that is broken off is made again after this.
const CLAIM: Duration = Duration::from_secs(60);
/// How soon an order is looked at again whose row changed while we looked.
const AGAIN: Duration = Duration::from_secs(1);
/// A look that failed is made again within this, whatever the schedule says: what it was made for
/// may have been a callback, which is settled and does not come again.
const FAILED_PAUSE: Duration = Duration::from_secs(600);

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
            return self
                .postpone(
                    order,
                    None,
                    Some(FAILED_PAUSE),
                    "no sheet for the vendor of this order's connection",
                )
                .await;
        };
        let fetched = self.fetch(&order, connection, &vendor).await;
        crash::point("look.fetched");
        match fetched {
            Ok(Some(Found::One(progress))) => self.take_look(order, &vendor, &progress).await,
            Ok(Some(Found::NotSeen { .. } | Found::Several(_))) => {
                let why = "the vendor does not show the order";
                self.postpone(order, Some(&vendor), None, why).await
            }
            Ok(None) => self.stop_looking(order).await,
            Err(error) => {
                let why = error.to_string();
                self.postpone(order, Some(&vendor), Some(FAILED_PAUSE), &why)
                    .await
            }
        }
    }

    async fn fetch(
        &self,
        order: &Order,
        connection: &Connection,
        vendor: &Vendor,
    ) -> Result<Option<Found>, CallFailure> {
        let (Some(fetch), Some(theirs)) = (vendor.fetch.as_deref(), &order.their_ref) else {
            return Ok(None);
        };
        let operation = FetchOrder::Theirs(theirs.clone());
        let memo = Memo {
            step: String::new(),
            values: order.memo.values.clone(),
        };
        self.setup()
            .caller
            .read_operation(vendor, connection, fetch, &operation, memo)
            .await
            .map(Some)
    }

    async fn take_look(
        &self,
        order: Order,
        vendor: &Vendor,
        progress: &Progress,
    ) -> Result<(), AppError> {
        let mut next = order.clone();
        let now = self.clock.now();
        next.looked_at = Some(now);
        next.idle_looks += 1;
        let (verdict, change) = self.take_news(&mut next, progress, Source::Fetched, vendor, now);
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
            Saved::Stale => self.store.look_by(&order.id, now + millis(AGAIN)).await?,
            Saved::Taken(theirs) => {
                tracing::error!(order = %order.id, vendor = %vendor.name, "a look led to an order that belongs to another order");
                let line = Line::new(
                    "refused_news",
                    format!("reference {} belongs to another order", theirs.0),
                );
                self.save_look(order, Some(Waiting::OwnedByAnother), None, line)
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
        why: &str,
    ) -> Result<(), AppError> {
        let now = self.clock.now();
        tracing::warn!(order = %order.id, tenant = %order.tenant_id, why, "a look brought nothing");
        order.looked_at = Some(now);
        order.idle_looks += 1;
        let scheduled = vendor.and_then(|vendor| next_look(&order, &vendor.policy, None, now));
        let latest = within.map(|pause| now + millis(pause));
        let next = [scheduled, latest].into_iter().flatten().min();
        let line = Line::new("look_failed", why);
        self.save_look(order, None, next, line).await
    }

    async fn stop_looking(&self, order: Order) -> Result<(), AppError> {
        self.save_look(
            order,
            None,
            None,
            Line::new("look_failed", "the vendor cannot be asked for orders"),
        )
        .await
    }

    async fn save_look(
        &self,
        mut order: Order,
        waiting: Option<Waiting>,
        next: Option<Millis>,
        line: Line,
    ) -> Result<(), AppError> {
        order.look_at = next;
        order.waiting = waiting.or(order.waiting);
        let change = Change {
            lines: vec![line],
            ..Change::default()
        };
        self.store
            .save_order(&mut order, &change, self.clock.now())
            .await?;
        Ok(())
    }
}
