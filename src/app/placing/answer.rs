//! What a caller is answered, and when: as soon as the end of its order is known, or at the end of
//! the budget by what its row says then.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::{Incoming, WAIT_POLL};
use crate::app::driving::{Drive, Ending, Step};
use crate::app::{App, AppError};
use crate::domain::order::{Line, Order, Stage};
use crate::domain::tenant::WhenUnconfirmed;
use crate::store::{Change, Saved};

/// What is left of the budget when we stop waiting, so that the answer itself is in time.
pub(super) const ANSWER_MARGIN: Duration = Duration::from_millis(250);

/// Whether an intent is known to stand for an order, be it of this request or of an earlier one: from
/// then on its vendor may have it, and nobody may hear that nothing was ordered.
#[derive(Clone, Default)]
pub(super) struct Intent(Arc<AtomicBool>);

impl Intent {
    pub(super) fn stands(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// What is told of a failure.
    pub(super) fn judge(&self, error: AppError) -> AppError {
        match error {
            AppError::Store(lost) if self.0.load(Ordering::Relaxed) => {
                tracing::error!(
                    error = &lost as &dyn Error,
                    "the database was lost while an order was being placed"
                );
                AppError::Unconfirmed
            }
            error => error,
        }
    }
}

impl App {
    /// Waits for a first attempt that is still running, on whatever replica. `None`: it left open
    /// whether the order was placed, so look again: this caller may let it be sent again.
    pub(super) async fn wait_for_first(
        self: &Arc<Self>,
        incoming: &Incoming,
        order: Order,
    ) -> Result<Option<Order>, AppError> {
        let id = order.id;
        while Instant::now() < incoming.deadline {
            tokio::time::sleep(WAIT_POLL).await;
            let Some(now) = self.store.order(&id).await? else {
                break;
            };
            if now.stage == Stage::Unconfirmed && !now.accepted && now.lease_token.is_none() {
                return Ok(None);
            }
            if now.accepted || !now.stage.is_unplaced() {
                break;
            }
        }
        self.answer_by_row(incoming, &id).await.map(Some)
    }

    /// Sends the first step, and waits for the end of the drive as long as the budget allows.
    pub(super) async fn run_and_answer(
        self: &Arc<Self>,
        incoming: &Incoming,
        drive: Drive,
        step: Step,
    ) -> Result<Order, AppError> {
        let id = drive.order.id.clone();
        let running = self.go_on_with(drive.run(step));
        let ended = match tokio::time::timeout_at(incoming.deadline, running).await {
            Err(_) => return self.answer_by_row(incoming, &id).await,
            Ok(ended) => match ended.map_err(|_| AppError::Unconfirmed)? {
                Ok(ended) => ended,
                Err(error) => {
                    lost(&error);
                    return self.answer_by_row(incoming, &id).await;
                }
            },
        };
        let own = incoming.began.elapsed().saturating_sub(ended.vendor_time);
        metrics::histogram!("order_own_seconds").record(own);
        match ended.ending {
            _ if ended.order.accepted => Ok(ended.order),
            Ending::Refused { field, message } => Err(AppError::Refused { field, message }),
            Ending::Unavailable { retry_after } => Err(AppError::Unavailable { retry_after }),
            Ending::Unconfirmed => Err(AppError::Unconfirmed),
            Ending::Placed | Ending::Overtaken => self.answer_by_row(incoming, &id).await,
        }
    }

    /// The answer that the row calls for. A placing that is still running is accepted here, in a
    /// commit of its own before the answer is written, where the tenant wants that.
    pub(super) async fn answer_by_row(
        &self,
        incoming: &Incoming,
        id: &str,
    ) -> Result<Order, AppError> {
        loop {
            let mut order = self.store.order(id).await?.ok_or(AppError::NotFound)?;
            if order.accepted {
                return Ok(order);
            }
            match order.stage {
                Stage::Refused => return Err(refused_before(&order)),
                Stage::Failed => {
                    return Err(AppError::Unavailable {
                        retry_after: Duration::from_secs(5),
                    });
                }
                _ if incoming.tenant.options.when_unconfirmed == WhenUnconfirmed::Error => {
                    return Err(AppError::Unconfirmed);
                }
                _ => {}
            }
            order.accepted = true;
            let change = Change {
                lines: vec![Line::new("accepted", "while still being placed")],
                ..Change::default()
            };
            if self
                .save_order(&mut order, &change, self.clock.now())
                .await?
                == Saved::Done
            {
                return Ok(order);
            }
        }
    }
}

/// What a drive has come to could not be saved, so what stands is its intent: it is answered like one
/// that is still running, and background work finds out.
pub(super) fn lost(error: &(dyn Error + 'static)) {
    tracing::error!(error, "what became of a placing could not be saved");
}

/// The refusal of an order that was answered before; the vendor's own words are not kept.
fn refused_before(order: &Order) -> AppError {
    let field = order
        .detail
        .as_deref()
        .and_then(|detail| detail.split_once(':'))
        .map(|(_, field)| field.to_owned());
    let message = match &field {
        Some(field) => format!("The screening provider refused the order because of `{field}`."),
        None => "The screening provider refused the order.".to_owned(),
    };
    AppError::Refused { field, message }
}
