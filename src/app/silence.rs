//! Orders of which their vendor has said nothing new for too long are put before a person. They
//! stay open and are looked at as before, and leave the list with the first change.

use crate::app::{App, AppError};
use crate::clock::millis;
use crate::domain::order::{Line, Order, Waiting};
use crate::store::{Change, Saved};

/// Orders of one vendor that are put before a person in one go.
const BATCH: i64 = 100;

impl App {
    /// Puts orders that had no news for their vendor's `no_news_after` before a person; returns how
    /// many.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn notice_silence(&self) -> Result<usize, AppError> {
        let (setup, directory) = (self.setup(), self.directory());
        let mut vendors: Vec<&str> = directory
            .connections()
            .map(|it| it.vendor.as_str())
            .collect();
        vendors.sort_unstable();
        vendors.dedup();
        let mut noticed = 0;
        for vendor in vendors {
            let patience = setup.caller.settings_of(vendor).no_news_after;
            let before = self.clock.now() - millis(patience);
            for order in self.store.silent_orders(vendor, before, BATCH).await? {
                noticed += usize::from(self.put_before_a_person(order).await?);
            }
        }
        Ok(noticed)
    }

    /// False where news came in between.
    async fn put_before_a_person(&self, mut order: Order) -> Result<bool, AppError> {
        order.waiting = Some(Waiting::NoNews);
        let change = Change {
            lines: vec![Line::new("waiting", Waiting::NoNews.as_str())],
            ..Change::default()
        };
        let saved = self
            .save_order(&mut order, &change, self.clock.now())
            .await?;
        if saved == Saved::Done {
            tracing::warn!(order = %order.id, tenant = %order.tenant_id, reason = Waiting::NoNews.as_str(), "an order waits for a person");
        }
        Ok(saved == Saved::Done)
    }
}
