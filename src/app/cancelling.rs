//! Cancelling an order at its vendor, where the vendor can. What becomes of the order is what the
//! vendor says of it: a cancel that races a completion ends in the completion.

use std::sync::Arc;
use std::time::Duration;

use adapters::vocabulary::Progress;
use adapters::{CancelOrder, Fault, Memo, Vendor};

use crate::app::driving::end;
use crate::app::story::contact;
use crate::app::{App, AppError, crash};
use crate::domain::contact::ContactKind;
use crate::domain::order::{Line, Order, Source, Stage};
use crate::store::{Change, Saved};
use crate::vendors::CallFailure;

/// How soon a caller may ask again whose cancelling has no known end.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl App {
    /// Cancels an order; returns it as it is then.
    ///
    /// # Errors
    /// [`AppError::NotPossible`] where it has ended, is just being placed, or the vendor cannot;
    /// [`AppError::CancelUnconfirmed`] where the vendor does not say.
    pub async fn cancel_order(self: &Arc<Self>, order: Order) -> Result<Order, AppError> {
        let app = Arc::clone(self);
        // A caller who hangs up does not keep the vendor's answer from being saved.
        let work = self.go_on_with(async move { app.cancel(order).await });
        work.await.unwrap_or_else(|_| {
            Err(AppError::CancelUnconfirmed {
                retry_after: RETRY_AFTER,
            })
        })
    }

    async fn cancel(&self, order: Order) -> Result<Order, AppError> {
        if order.stage.is_terminal() {
            return Err(AppError::NotPossible(format!(
                "This background check has ended already ({}).",
                order.stage.as_str()
            )));
        }
        if order.stage == Stage::Received && order.lease_token.is_none() {
            return self.cancel_unsent(order).await;
        }
        let directory = self.directory();
        let connection = directory
            .connection(&order.connection_id)
            .ok_or(AppError::NotFound)?;
        let vendor = self.vendor_of(connection).ok_or(AppError::NotFound)?;
        let Some(theirs) = order.their_ref.clone() else {
            return Err(being_placed());
        };
        let Some(cancel) = vendor.cancel.as_deref() else {
            return Err(AppError::NotPossible(format!(
                "{} does not offer to cancel a background check.",
                vendor.title
            )));
        };
        let memo = Memo {
            step: String::new(),
            values: order.memo.values.clone(),
        };
        let (operation, began) = (CancelOrder { theirs }, self.clock.now());
        let asked = self
            .setup()
            .caller
            .ask(&vendor, connection, cancel, &operation, memo)
            .await;
        crash::point("cancel.answered");
        let (outcome, detail) = match &asked.result {
            Ok(_) => ("answered", String::new()),
            Err(CallFailure::Fault(Fault::Refused { code, .. })) => ("refused", code.clone()),
            Err(error) => ("failed", error.to_string()),
        };
        let contact = contact(ContactKind::Cancel, began, &asked, outcome, detail);
        self.store.note_contact(&order.id, &contact).await?;
        match asked.result {
            Ok(progress) => self.take_canceled(order, &vendor, &progress).await,
            Err(CallFailure::Fault(Fault::Refused { message, .. })) => {
                self.look_soon(&order).await?;
                Err(AppError::NotPossible(message))
            }
            Err(error) => {
                tracing::warn!(order = %order.id, vendor = %vendor.name, %error, "cancelling failed");
                self.look_soon(&order).await?;
                Err(AppError::CancelUnconfirmed {
                    retry_after: RETRY_AFTER,
                })
            }
        }
    }

    /// Nothing was sent yet, so nothing has to be asked.
    async fn cancel_unsent(&self, mut order: Order) -> Result<Order, AppError> {
        let now = self.clock.now();
        end(&mut order, Stage::Canceled, now);
        let change = Change {
            lines: vec![Line::new(
                "moved",
                "received to canceled, before anything was sent",
            )],
            webhook: self.webhook_for(&order),
            ..Change::default()
        };
        let saved = self.save_order(&mut order, &change, now).await?;
        if saved == Saved::Done {
            Ok(order)
        } else {
            // It was claimed to be placed in between, so by now it may be sent.
            Err(being_placed())
        }
    }

    async fn take_canceled(
        &self,
        mut order: Order,
        vendor: &Vendor,
        progress: &Progress,
    ) -> Result<Order, AppError> {
        let (_, mut change) = self.take_news(
            &mut order,
            progress,
            Source::Fetched,
            vendor,
            self.clock.now(),
        );
        change
            .lines
            .push(Line::new("cancel", "asked for by the ATS or an operator"));
        let id = order.id.clone();
        let saved = self
            .save_order(&mut order, &change, self.clock.now())
            .await?;
        if let Saved::Taken(_) = saved {
            self.alarm_foreign(&order, vendor, "cancel");
        }
        if saved != Saved::Done {
            // News came in between: what the order is now decides, and a look makes sure.
            self.look_soon(&order).await?;
        }
        self.store.order(&id).await?.ok_or(AppError::NotFound)
    }
}

fn being_placed() -> AppError {
    AppError::NotPossible(
        "This background check is being placed right now; please try again in a minute.".into(),
    )
}
