//! The same order again: an id that is known is answered as before, gone on with, started anew, or
//! a conflict, and nothing is ordered twice.

use std::sync::Arc;
use std::time::Duration;

use super::answer::lost;
use super::{Incoming, Obstacle, missing};
use crate::app::driving::{Drive, new_lease};
use crate::app::{App, AppError};
use crate::domain::order::{Line, Order, Stage};
use crate::seal::Purpose;
use crate::store::{CallChange, Change, Saved};

impl App {
    /// Whether an order has the content that is asked for now.
    pub(super) fn is_same(&self, incoming: &Incoming, order: &Order) -> bool {
        let keys = &self.setup().keys;
        keys.is_fingerprint_of(&order.fingerprint, &incoming.canonical)
    }

    /// Answers an order whose id is known. `None`: it changed in between, so look again.
    pub(super) async fn place_again(
        self: &Arc<Self>,
        incoming: &Incoming,
        order: Order,
    ) -> Result<Option<Order>, AppError> {
        let same = self.is_same(incoming, &order);
        match (order.accepted, order.stage) {
            (true, _) if same => Ok(Some(order)),
            (true, _) => Err(AppError::Conflict),
            (false, Stage::Refused) => self.start_anew(incoming, order).await,
            (false, Stage::Failed) if same => self.go_on(incoming, order).await,
            (false, Stage::Failed) => self.start_anew(incoming, order).await,
            _ if !same => Err(AppError::Conflict),
            _ => self.wait_or_take_up(incoming, order).await,
        }
    }

    /// An order that may be placed, of which nobody was told.
    async fn wait_or_take_up(
        self: &Arc<Self>,
        incoming: &Incoming,
        order: Order,
    ) -> Result<Option<Order>, AppError> {
        incoming.intent.stands();
        let now = self.clock.now();
        if order.lease_until.is_some_and(|until| until > now) {
            self.wait_for_first(incoming, order).await
        } else if order.waiting.is_some() {
            self.answer_by_row(incoming, &order.id).await.map(Some)
        } else {
            self.take_up(incoming, order).await
        }
    }

    /// Places an order under an id whose earlier order never was: a new generation with a new
    /// reference.
    async fn start_anew(
        self: &Arc<Self>,
        incoming: &Incoming,
        old: Order,
    ) -> Result<Option<Order>, AppError> {
        let target = self.target(incoming).await?;
        self.turn_away(incoming, &target).map_err(Obstacle::told)?;
        let fresh = self.new_order(incoming, &target);
        let order = Order {
            id: old.id.clone(),
            tracking_id: old.tracking_id,
            version: old.version,
            generation: old.generation + 1,
            link_generation: old.link_generation,
            sealed_order: Some(self.setup().keys.seal(
                Purpose::AtsOrder,
                &old.id,
                &incoming.canonical,
            )),
            ..fresh
        };
        self.await_person(incoming, &order).await?;
        let drive = self.drive(incoming, &target, order, Vec::new());
        self.save_and_run(incoming, drive, "starts anew").await
    }

    /// Goes on with an order that was certainly not placed, from the step it had reached: an
    /// applicant who was written to is not written to again.
    async fn go_on(
        self: &Arc<Self>,
        incoming: &Incoming,
        mut order: Order,
    ) -> Result<Option<Order>, AppError> {
        let Some(target) = self.same_target(&order) else {
            return self.start_anew(incoming, order).await;
        };
        self.turn_away(incoming, &target).map_err(Obstacle::told)?;
        order.person = self.person(incoming, &target.vendor);
        self.await_person(incoming, &order).await?;
        order.stage = Stage::Placing;
        order.created_at = self.clock.now();
        order.ended_at = None;
        order.sealed_order = Some(self.setup().keys.seal(
            Purpose::AtsOrder,
            &order.id,
            &incoming.canonical,
        ));
        let calls = self.calls_of(&order).await?;
        let drive = self.drive(incoming, &target, order, calls);
        self.save_and_run(incoming, drive, "asked for again").await
    }

    async fn save_and_run(
        self: &Arc<Self>,
        incoming: &Incoming,
        mut drive: Drive,
        why: &str,
    ) -> Result<Option<Order>, AppError> {
        let memo = drive.order.memo.clone();
        let step = drive.step(&memo).map_err(|unfit| missing(&unfit))?;
        let change = Change {
            lines: vec![Line::new("received", why)],
            calls: vec![CallChange::Begin(step.call.clone())],
            ..Change::default()
        };
        match self
            .save_order(&mut drive.order, &change, self.clock.now())
            .await?
        {
            Saved::Done => {
                incoming.intent.stands();
                drive.note_begun(&step);
                self.run_and_answer(incoming, drive, step).await.map(Some)
            }
            Saved::Stale | Saved::Taken(_) => Ok(None),
        }
    }

    /// Takes up a placing that broke off before anybody was answered: the caller is here again, so
    /// it may be sent again where that is safe.
    async fn take_up(
        self: &Arc<Self>,
        incoming: &Incoming,
        mut order: Order,
    ) -> Result<Option<Order>, AppError> {
        new_lease(&mut order, self.lease_end(Duration::ZERO));
        let change = Change {
            lines: vec![Line::new("received", "asked for again")],
            ..Change::default()
        };
        if self
            .save_order(&mut order, &change, self.clock.now())
            .await?
            != Saved::Done
        {
            return Ok(None);
        }
        let (app, id) = (Arc::clone(self), order.id.clone());
        let until = Some(incoming.deadline.into_std());
        let resolved = self.go_on_with(async move { app.resolve(order, until).await });
        if let Ok(ended) = tokio::time::timeout_at(incoming.deadline, resolved).await
            && let Err(error) = ended.map_err(|_| AppError::Unconfirmed)?
        {
            lost(&error);
        }
        self.answer_by_row(incoming, &id).await.map(Some)
    }
}
