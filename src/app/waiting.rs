//! What people do: find an order, and decide what nobody but a person can know.

use adapters::Found;
use adapters::vocabulary::TheirRef;

use crate::app::driving::end;
use crate::app::seeing::is_askable;
use crate::app::story::contact;
use crate::app::{App, AppError};
use crate::domain::contact::ContactKind;
use crate::domain::order::{Line, Order, Stage};
use crate::store::{CallChange, Change, Saved};

/// What a person knows of an order whose end nobody else knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// The vendor has it, under this reference.
    Is(TheirRef),
    /// The vendor does not have it: place it again.
    PlaceAgain,
    /// The vendor does not have it: end it as failed.
    End,
}

impl App {
    /// The tenant's order of that id.
    ///
    /// # Errors
    /// [`AppError::NotFound`]: also where it is another tenant's.
    pub async fn tenant_order(
        &self,
        tenant_id: &str,
        background_check_id: &str,
    ) -> Result<Order, AppError> {
        self.store
            .tenant_order(tenant_id, background_check_id)
            .await?
            .ok_or(AppError::NotFound)
    }

    /// Settles an order that waits for a person, by what the person knows. Audited.
    ///
    /// # Errors
    /// [`AppError::NotPossible`] says why it cannot be settled like that.
    pub async fn resolve_order(
        &self,
        order: Order,
        knowledge: &Knowledge,
        who: &str,
    ) -> Result<(), AppError> {
        if !order.stage.is_unplaced() {
            let message = format!(
                "order {} is {}: only an order whose placing is unknown can be resolved",
                order.id,
                order.stage.as_str()
            );
            return Err(AppError::NotPossible(message));
        }
        let lease_lives = order
            .lease_until
            .is_some_and(|until| until > self.clock.now());
        if lease_lives {
            return Err(AppError::NotPossible(format!(
                "order {} is being placed right now; try again in a minute",
                order.id
            )));
        }
        let id = order.id.clone();
        match knowledge {
            Knowledge::Is(theirs) => self.adopt_by_person(order, theirs).await?,
            Knowledge::PlaceAgain if order.sealed_order.is_none() => {
                return Err(AppError::NotPossible(format!(
                    "order {id} cannot be placed again, because the applicant's data were erased; end it, and the ATS can order anew"
                )));
            }
            Knowledge::PlaceAgain => changed(self.place_again_by_person(order).await?)?,
            Knowledge::End => self.end_by_person(order).await?,
        }
        Ok(self
            .store
            .audit(
                who,
                "order resolve",
                &id,
                &format!("{knowledge:?}"),
                self.clock.now(),
            )
            .await?)
    }

    async fn adopt_by_person(&self, order: Order, theirs: &TheirRef) -> Result<(), AppError> {
        if let Some(owner) = self
            .store
            .order_by_their_ref(&order.connection_id, theirs)
            .await?
            .filter(|owner| owner.id != order.id)
        {
            return Err(belongs(theirs, &format!("order {}", owner.id)));
        }
        let directory = self.directory();
        let connection = directory
            .connection(&order.connection_id)
            .ok_or(AppError::NotFound)?;
        let vendor = self.vendor_of(connection).ok_or(AppError::NotFound)?;
        if !is_askable(&vendor) {
            let why = format!("{} cannot be asked for an order", vendor.title);
            return Err(AppError::NotPossible(why));
        }
        let (began, values) = (self.clock.now(), order.memo.values.clone());
        let asked = self.see_one(theirs, values, connection, &vendor).await;
        match &asked.result {
            Ok(Found::One(progress)) => {
                let found = Line::new("resolved", format!("by a person: it is {}", theirs.0));
                let look = contact(ContactKind::Look, began, &asked, "found", "for a person");
                match self
                    .take_over(&order, &vendor, progress, found, vec![look])
                    .await?
                {
                    Saved::Taken(taken) => Err(belongs(&taken, "another order")),
                    saved => changed(saved == Saved::Done),
                }
            }
            Ok(_) => Err(AppError::NotPossible(format!(
                "{} does not show {}",
                vendor.title, theirs.0
            ))),
            Err(error) => Err(AppError::NotPossible(format!(
                "{} cannot be asked for {}: {error}",
                vendor.title, theirs.0
            ))),
        }
    }

    async fn end_by_person(&self, mut order: Order) -> Result<(), AppError> {
        let now = self.clock.now();
        end(&mut order, Stage::Failed, now);
        let change = Change {
            lines: vec![Line::new(
                "resolved",
                "by a person: not placed; it is ended",
            )],
            calls: vec![CallChange::EndAll {
                outcome: "not_placed",
                took_ms: None,
                at: now,
            }],
            webhook: self.webhook_for(&order),
            ..Change::default()
        };
        changed(self.save_order(&mut order, &change, now).await? == Saved::Done)?;
        Ok(())
    }
}

fn belongs(theirs: &TheirRef, owner: &str) -> AppError {
    AppError::NotPossible(format!("{} belongs to {owner}", theirs.0))
}

fn changed(saved: bool) -> Result<(), AppError> {
    if saved {
        Ok(())
    } else {
        Err(AppError::NotPossible(
            "the order changed in between; look at it again".into(),
        ))
    }
}
