//! Taking an order of the ATS in: what is checked, what is saved before the vendor is asked, and
//! what is answered, also to the same order again.
//!
//! Here is the way of an order whose id is new. `target` says what is ordered where, `new_order` makes
//! the row, `obstacle` is why neither can be, `idempotency` answers an id that is known, and `answer`
//! waits and says what is told.

mod answer;
mod idempotency;
mod new_order;
mod obstacle;
mod target;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::app::driving::{Drive, Step, new_lease};
use crate::app::{App, AppError, crash};
use crate::domain::ats_order::AtsOrder;
use crate::domain::order::{Line, Order};
use crate::domain::tenant::Tenant;
use crate::store::{Call, CallChange, Change, Placement, StoreError};
use answer::{ANSWER_MARGIN, Intent};
use obstacle::Obstacle;
use target::Target;

/// A repeat that waits for a first attempt on another replica looks this often.
const WAIT_POLL: Duration = Duration::from_millis(50);

/// How long the database may keep an answer beyond its budget, before the answer is that there is
/// none.
const SLOW_DATABASE: Duration = Duration::from_secs(2);

/// An order of the ATS on its way in.
struct Incoming {
    tenant: Arc<Tenant>,
    ats: AtsOrder,
    canonical: Vec<u8>,
    began: Instant,
    deadline: Instant,
    intent: Intent,
}

/// A new order that can be placed, with its first step.
struct Ready {
    drive: Drive,
    step: Step,
}

impl App {
    /// Places an order of a tenant, or answers it as before. Comes back within the answer budget;
    /// work that is not done then goes on, also when the caller is gone.
    ///
    /// # Errors
    /// [`AppError`]: nothing was accepted, but for [`AppError::Unconfirmed`], which leaves it open.
    pub async fn place_order(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        ats: AtsOrder,
    ) -> Result<Order, AppError> {
        let (app, tenant) = (Arc::clone(self), Arc::clone(tenant));
        let within = self.setup().options.answer_within + SLOW_DATABASE;
        // A caller who hangs up drops the future that waits, not the one that works. What still
        // waits for the database when the time is up sends nothing: no intent of it stands.
        let work = self.go_on_with(async move {
            let intent = Intent::default();
            let taken = Box::pin(app.take_in(&tenant, ats, intent.clone()));
            let taken = tokio::time::timeout(within, taken).await;
            let taken = taken.unwrap_or(Err(StoreError::Slow.into()));
            taken.map_err(|error| intent.judge(error))
        });
        work.await.unwrap_or_else(|_| Err(AppError::Unconfirmed))
    }

    async fn take_in(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        ats: AtsOrder,
        intent: Intent,
    ) -> Result<Order, AppError> {
        let began = Instant::now();
        let given = ats.text("account_id");
        if given.is_some_and(|account| account != tenant.account_id) {
            return Err(AppError::WrongAccount);
        }
        self.check_webhook(tenant, ats.webhook_url())?;
        let incoming = Incoming {
            tenant: Arc::clone(tenant),
            canonical: ats.canonical(),
            ats,
            intent,
            began,
            deadline: began
                + self
                    .setup()
                    .options
                    .answer_within
                    .saturating_sub(ANSWER_MARGIN),
        };
        loop {
            match self.try_to_answer(&incoming).await {
                Ok(Some(order)) => return Ok(order),
                Ok(None) => {}
                Err(AppError::Store(lost)) => return self.unless_accepted(&incoming, lost).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Places an order, or answers it as before. `None`: it changed in between, so try again.
    async fn try_to_answer(
        self: &Arc<Self>,
        incoming: &Incoming,
    ) -> Result<Option<Order>, AppError> {
        // Nearly every order is new, so it is not looked for first: inserting it tells as well.
        // Why it cannot be placed is said only where it is not known.
        let obstacle = match self.make_ready(incoming).await {
            Ok(ready) => match self.place_new(incoming, ready).await? {
                Some(order) => return Ok(Some(order)),
                None => None,
            },
            Err(obstacle) => Some(obstacle),
        };
        match (self.known(incoming).await?, obstacle) {
            (None, Some(obstacle)) => Err(obstacle.told()),
            (None, None) => Ok(None),
            (Some(order), _) => self.place_again(incoming, order).await,
        }
    }

    /// A commit whose answer was lost may have been carried out, and nobody is to hear that an order
    /// was not taken which will be sent: the row knows.
    async fn unless_accepted(
        &self,
        incoming: &Incoming,
        lost: StoreError,
    ) -> Result<Order, AppError> {
        match self.known(incoming).await {
            Ok(Some(order)) if order.accepted && self.is_same(incoming, &order) => Ok(order),
            _ => Err(lost.into()),
        }
    }

    async fn known(&self, incoming: &Incoming) -> Result<Option<Order>, StoreError> {
        self.store
            .tenant_order(&incoming.tenant.id, incoming.ats.background_check_id())
            .await
    }

    /// Whether a tenant's webhook may go there, as far as the address alone tells.
    fn check_webhook(&self, tenant: &Tenant, url: &str) -> Result<(), AppError> {
        self.webhook_shape(tenant)
            .check(url)
            .map(|_| ())
            .map_err(|refusal| {
                let message = format!("`webhook_url` cannot be used: {refusal}.");
                AppError::unfit("webhook_url_refused", "webhook_url", message)
            })
    }

    /// An order and its first step, as they will be inserted where its id is new.
    async fn make_ready(self: &Arc<Self>, incoming: &Incoming) -> Result<Ready, Obstacle> {
        let target = self.target(incoming).await?;
        self.turn_away(incoming, &target)?;
        let order = self.new_order(incoming, &target);
        while self.is_person_busy(&order).await? {
            // An order that is known need not wait for that to be answered.
            let known = self.known(incoming).await.map_err(AppError::from)?;
            self.pause_for_person(incoming, known.is_some()).await?;
        }
        let drive = self.drive(incoming, &target, order, Vec::new());
        let step = drive
            .step(&drive.order.memo)
            .map_err(|unfit| missing(&unfit))?;
        Ok(Ready { drive, step })
    }

    /// Places an order whose id is new. `None`: its id is known.
    async fn place_new(
        self: &Arc<Self>,
        incoming: &Incoming,
        Ready { mut drive, step }: Ready,
    ) -> Result<Option<Order>, AppError> {
        let change = Change {
            lines: vec![Line::new(
                "received",
                format!(
                    "package {}, at {}",
                    incoming.ats.package_id(),
                    drive.vendor().name
                ),
            )],
            calls: vec![CallChange::Begin(step.call.clone())],
            ..Change::default()
        };
        crash::point("placing.before_intent");
        if let Placement::Exists = self
            .store
            .insert_order(&drive.order, &change, self.clock.now())
            .await?
        {
            return Ok(None);
        }
        incoming.intent.stands();
        drive.note_begun(&step);
        self.run_and_answer(incoming, drive, step).await.map(Some)
    }

    /// Prepares to place an order at once, and leases it for that.
    fn drive(
        self: &Arc<Self>,
        incoming: &Incoming,
        target: &Target,
        mut order: Order,
        calls: Vec<Call>,
    ) -> Drive {
        new_lease(&mut order, self.lease_end(Duration::ZERO));
        let (tenant, connection) = (Arc::clone(&incoming.tenant), Arc::clone(&target.connection));
        Drive::new(
            self,
            tenant,
            connection,
            Arc::clone(&target.vendor),
            order,
            &incoming.ats,
            calls,
        )
        .asked_until(Some(incoming.deadline.into_std()))
    }
}

fn missing(unfit: &adapters::Unfit) -> AppError {
    AppError::unfit(
        "applicant_data",
        &unfit.field,
        format!("`{}` {}.", unfit.field, unfit.why),
    )
}
