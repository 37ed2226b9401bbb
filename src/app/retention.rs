//! Forgetting the applicant: what was sealed is erased when the vendor has accepted or the order
//! has ended, and in any case after a while. An order that still waits to be placed then can never
//! be, so it ends, and the ATS is told.

use crate::app::driving::end;
use crate::app::{App, AppError};
use crate::clock::millis;
use crate::domain::order::{Line, Order, Stage, Waiting};
use crate::store::{CallChange, Change};

/// Orders that are erased in one go.
const BATCH: i64 = 100;

impl App {
    /// Erases applicant data that have been kept for too long; returns of how many orders.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn erase_old_data(&self) -> Result<usize, AppError> {
        let before = self.clock.now() - millis(self.setup().options.keep_personal_data);
        let orders = self.store.orders_sealed_before(before, BATCH).await?;
        let count = orders.len();
        for order in orders {
            self.erase(order).await?;
        }
        Ok(count)
    }

    async fn erase(&self, mut order: Order) -> Result<(), AppError> {
        let now = self.clock.now();
        if order.lease_until.is_some_and(|until| until > now) {
            return Ok(());
        }
        let mut change = Change {
            calls: vec![CallChange::EndAll {
                outcome: "erased",
                took_ms: None,
                at: now,
            }],
            ..Change::default()
        };
        order.sealed_order = None;
        if order.stage == Stage::Received {
            end(&mut order, Stage::Failed, now);
            change
                .lines
                .push(Line::new("failed", "it could not be placed for too long"));
            change.webhook = self.webhook_for(&order);
        } else if order.stage.is_unplaced() {
            order.stage = Stage::Unconfirmed;
            order.waiting.get_or_insert(Waiting::CannotGoOn);
            order.due_at = None;
            change.lines.push(Line::new(
                "waiting",
                "the applicant's data were erased before it was placed for certain",
            ));
        }
        self.save_order(&mut order, &change, now).await?;
        Ok(())
    }
}
