//! Taking an order of the ATS in: what is checked, what is saved before the vendor is asked, and
//! what is answered, also to the same order again.

use std::sync::Arc;
use std::time::Duration;

use adapters::Vendor;
use adapters::contract::Reference;
use adapters::vocabulary::{Millis, OurRef};
use tokio::time::Instant;

use crate::app::driving::{Drive, Ending, Step, new_lease, when_again};
use crate::app::{App, AppError, crash};
use crate::clock::millis;
use crate::domain::ats_order::AtsOrder;
use crate::domain::order::{Line, Order, Stage};
use crate::domain::tenant::{Connection, Tenant, WhenUnavailable, WhenUnconfirmed};
use crate::egress::Shape;
use crate::seal::{Purpose, random_text};
use crate::store::{CallChange, Change, Placement, Saved, StoreError, new_id};

/// A repeat that waits for a first attempt on another replica looks this often.
const WAIT_POLL: Duration = Duration::from_millis(50);
/// What is left of the budget when we stop waiting, so that the answer itself is in time.
const ANSWER_MARGIN: Duration = Duration::from_millis(250);

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
}

/// A new order that can be placed, with its first step.
struct Ready {
    drive: Drive,
    step: Step,
}

/// What is ordered, at which connection.
struct Target {
    connection: Arc<Connection>,
    vendor: Arc<Vendor>,
    package: String,
    add_ons: Vec<String>,
}

impl App {
    /// Places an order of a tenant, or answers it as before. Comes back within the answer budget;
    /// work that is not done then goes on, also when the caller is gone.
    ///
    /// # Errors
    /// [`AppError`]: nothing was accepted.
    pub async fn place_order(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        ats: AtsOrder,
    ) -> Result<Order, AppError> {
        let (app, tenant) = (Arc::clone(self), Arc::clone(tenant));
        let within = self.setup().options.answer_within + SLOW_DATABASE;
        // A caller who hangs up drops the future that waits, not the one that works. What still
        // waits for the database when the time is up sends nothing: the caller has been turned away.
        let work = self.go_on_with(async move {
            let taken = tokio::time::timeout(within, app.take_in(&tenant, ats)).await;
            taken.unwrap_or(Err(StoreError::Slow.into()))
        });
        work.await.unwrap_or_else(|_| Err(AppError::Unconfirmed))
    }

    async fn take_in(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        ats: AtsOrder,
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
            (None, Some(obstacle)) => Err(obstacle),
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

    fn is_same(&self, incoming: &Incoming, order: &Order) -> bool {
        let keys = &self.setup().keys;
        keys.is_fingerprint_of(&order.fingerprint, &incoming.canonical)
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

    /// The rules for addresses of a tenant's webhooks.
    pub(crate) fn webhook_shape(&self, tenant: &Tenant) -> Shape {
        let options = &tenant.options.webhook;
        Shape {
            allow_http: self.setup().options.allow_http,
            allow: self.setup().options.allow.clone(),
            ports: options.ports.clone(),
            hosts: options
                .hosts
                .iter()
                .filter_map(|name| url::Host::parse(name).ok())
                .collect(),
            own_hosts: url::Url::parse(&self.setup().options.public_url)
                .ok()
                .and_then(|url| url.host().map(|host| host.to_owned()))
                .into_iter()
                .collect(),
        }
    }

    /// An order and its first step, as they will be inserted where its id is new.
    async fn make_ready(self: &Arc<Self>, incoming: &Incoming) -> Result<Ready, AppError> {
        let target = self.target(incoming).await?;
        self.turn_away(incoming, &target)?;
        let order = self.new_order(incoming, &target);
        self.await_person(incoming, &order).await?;
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
        drive.note_begun(&step);
        self.run_and_answer(incoming, drive, step).await.map(Some)
    }

    /// Turns an order away whose vendor is left alone just now, where its tenant does not queue:
    /// nothing would be sent, so nothing has to be remembered, and a vendor that fails costs the
    /// database no write, however many ask.
    fn turn_away(&self, incoming: &Incoming, target: &Target) -> Result<(), AppError> {
        if incoming.tenant.options.when_unavailable == WhenUnavailable::Queue {
            return Ok(());
        }
        let Some(unsent) = self
            .setup()
            .caller
            .held_back(&target.vendor, &target.connection)
        else {
            return Ok(());
        };
        tracing::debug!(why = %unsent.why, "an order is turned away");
        let retry_after = when_again(unsent.again_in());
        Ending::Unavailable { retry_after }.count(&target.vendor);
        Err(AppError::Unavailable { retry_after })
    }

    /// Answers an order whose id is known. `None`: it changed in between, so look again.
    async fn place_again(
        self: &Arc<Self>,
        incoming: &Incoming,
        order: Order,
    ) -> Result<Option<Order>, AppError> {
        let same = self.is_same(incoming, &order);
        let running = order
            .lease_until
            .is_some_and(|until| until > self.clock.now());
        match (order.accepted, order.stage) {
            (true, _) if same => Ok(Some(order)),
            (true, _) => Err(AppError::Conflict),
            (false, Stage::Refused) => self.start_anew(incoming, order).await,
            (false, Stage::Failed) if same => self.go_on(incoming, order).await,
            (false, Stage::Failed) => self.start_anew(incoming, order).await,
            _ if !same => Err(AppError::Conflict),
            _ if running => self.wait_for_first(incoming, order).await,
            _ if order.waiting.is_some() => self.answer_by_row(incoming, &order.id).await.map(Some),
            _ => self.take_up(incoming, order).await,
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
        self.turn_away(incoming, &target)?;
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
        self.turn_away(incoming, &target)?;
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
        new_lease(&mut order, self.first_lease());
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
        new_lease(&mut order, self.first_lease());
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
        let resolved = self.go_on_with(async move { app.resolve(order, true).await });
        if let Ok(ended) = tokio::time::timeout_at(incoming.deadline, resolved).await {
            ended.map_err(|_| AppError::Unconfirmed)??;
        }
        self.answer_by_row(incoming, &id).await.map(Some)
    }

    /// Waits for a first attempt that is still running, on whatever replica. `None`: it left open
    /// whether the order was placed, so look again: this caller may let it be sent again.
    async fn wait_for_first(
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

    async fn run_and_answer(
        self: &Arc<Self>,
        incoming: &Incoming,
        drive: Drive,
        step: Step,
    ) -> Result<Order, AppError> {
        let id = drive.order.id.clone();
        let running = self.go_on_with(drive.run(step));
        let ended = match tokio::time::timeout_at(incoming.deadline, running).await {
            Err(_) => return self.answer_by_row(incoming, &id).await,
            Ok(ended) => ended.map_err(|_| AppError::Unconfirmed)??,
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
    async fn answer_by_row(&self, incoming: &Incoming, id: &str) -> Result<Order, AppError> {
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

    fn drive(
        self: &Arc<Self>,
        incoming: &Incoming,
        target: &Target,
        order: Order,
        calls: Vec<crate::store::Call>,
    ) -> Drive {
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
    }

    /// The calls of an order's own generation, oldest first.
    pub(crate) async fn calls_of(
        &self,
        order: &Order,
    ) -> Result<Vec<crate::store::Call>, AppError> {
        let mut calls = self.store.calls(&order.id).await?;
        calls.retain(|call| call.generation == order.generation);
        Ok(calls)
    }

    fn first_lease(&self) -> Millis {
        self.clock.now() + millis(self.setup().options.vendor_timeout + Duration::from_secs(15))
    }

    fn new_order(&self, incoming: &Incoming, target: &Target) -> Order {
        let (id, now) = (new_id("ord"), self.clock.now());
        let mut order = Order {
            tenant_id: incoming.tenant.id.clone(),
            background_check_id: incoming.ats.background_check_id().to_owned(),
            tracking_id: random_text(),
            connection_id: target.connection.id.clone(),
            package_id: incoming.ats.package_id().to_owned(),
            vendor_package: target.package.clone(),
            vendor_add_ons: target.add_ons.clone(),
            add_on_ids: incoming.ats.add_on_ids().to_vec(),
            webhook_url: incoming.ats.webhook_url().to_owned(),
            fingerprint: self.setup().keys.fingerprint(&incoming.canonical),
            generation: 1,
            our_ref: new_reference(&target.vendor.policy.reference),
            their_ref: None,
            stage: Stage::Placing,
            result: None,
            detail: None,
            accepted: false,
            version: 1,
            memo: adapters::Memo::default(),
            person: self.person(incoming, &target.vendor),
            sealed_order: Some(
                self.setup()
                    .keys
                    .seal(Purpose::AtsOrder, &id, &incoming.canonical),
            ),
            sealed_report: None,
            link_generation: 1,
            lease_token: None,
            lease_until: None,
            due_at: None,
            look_at: None,
            looked_at: None,
            idle_looks: 0,
            waiting: None,
            created_at: now,
            updated_at: now,
            ended_at: None,
            id,
        };
        new_lease(&mut order, self.first_lease());
        order
    }

    /// Who is screened, where their vendor's orders are looked up by person.
    fn person(&self, incoming: &Incoming, vendor: &Vendor) -> Option<String> {
        let person = ["email", "first_name", "last_name"]
            .map(|field| incoming.ats.text(&format!("applicant.{field}")))
            .map(|text| text.unwrap_or_default().trim().to_lowercase())
            .join("\n");
        vendor
            .finds_by_person
            .then(|| self.setup().keys.fingerprint(person.as_bytes()))
    }

    /// Waits until no other order for that person is being placed there: if both were lost, nobody
    /// could tell which of them a look-up has found. The database refuses the second all the same.
    async fn await_person(&self, incoming: &Incoming, order: &Order) -> Result<(), AppError> {
        while order.person.is_some() && self.store.person_is_busy(order).await? {
            if Instant::now() + WAIT_POLL > incoming.deadline {
                return Err(AppError::Unavailable {
                    retry_after: Duration::from_secs(5),
                });
            }
            tokio::time::sleep(WAIT_POLL).await;
        }
        Ok(())
    }

    /// What is ordered, or why it cannot be.
    async fn target(self: &Arc<Self>, incoming: &Incoming) -> Result<Target, AppError> {
        let finding = self.find_offers(
            &incoming.tenant,
            incoming.ats.package_id(),
            incoming.ats.add_on_ids(),
        );
        let found = tokio::time::timeout_at(incoming.deadline, finding).await;
        let ordered = found.unwrap_or(Err(AppError::Unavailable {
            retry_after: Duration::from_secs(5),
        }))?;
        let vendor = self.vendor_of(&ordered.connection).ok_or_else(|| {
            tracing::error!(connection = %ordered.connection.id, vendor = %ordered.connection.vendor, "no sheet for the vendor of this connection");
            AppError::Unavailable { retry_after: Duration::from_secs(60) }
        })?;
        Ok(Target {
            connection: ordered.connection,
            vendor,
            package: ordered.package,
            add_ons: ordered.add_ons,
        })
    }

    /// The target an order already has; `None` where it is not there any more.
    fn same_target(&self, order: &Order) -> Option<Target> {
        let connection = self.directory().connection(&order.connection_id).cloned()?;
        let vendor = self.vendor_of(&connection)?;
        let (package, add_ons) = (order.vendor_package.clone(), order.vendor_add_ons.clone());
        (!connection.retired).then_some(Target {
            connection,
            vendor,
            package,
            add_ons,
        })
    }

    /// The sheet of a connection's vendor.
    pub(crate) fn vendor_of(&self, connection: &Connection) -> Option<Arc<Vendor>> {
        self.setup().vendors.get(&connection.vendor).cloned()
    }

    /// Where a connection's vendor calls back.
    pub fn callback_url(&self, connection: &Connection) -> String {
        format!(
            "{}/callbacks/{}/{}",
            self.setup().options.public_url,
            connection.vendor,
            connection.callback_token.expose()
        )
    }
}

fn missing(unfit: &adapters::Unfit) -> AppError {
    AppError::unfit(
        "applicant_data",
        &unfit.field,
        format!("`{}` {}.", unfit.field, unfit.why),
    )
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

/// A new reference in the alphabet and length that the vendor accepts.
fn new_reference(form: &Reference) -> OurRef {
    let alphabet: Vec<char> = form.alphabet.chars().collect();
    OurRef(
        (0..form.length)
            .map(|_| alphabet[rand::random_range(0..alphabet.len())])
            .collect(),
    )
}
