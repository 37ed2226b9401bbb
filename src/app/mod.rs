//! What the gateway does: tenants, catalog, orders, callbacks, deliveries. Both drivers, `http` (when
//! somebody asks) and `background` (when nobody does), call this and nothing below it.
//!
//! An order's way: [`placing`] takes it in, `driving` sends it step by step, [`resolving`] finds
//! out what became of a placing that broke off, [`looking`] and [`callbacks`] bring news, `news`
//! applies them, [`deliveries`] tells the ATS, [`waiting`] is for people, [`story`] tells
//! them everything, and [`silence`] calls them.

pub mod backlog;
pub mod callbacks;
mod cancelling;
pub mod catalog;
pub mod crash;
pub mod deliveries;
pub mod directory;
mod driving;
pub mod error;
pub mod looking;
mod news;
pub mod placing;
mod resealing;
pub mod resolving;
pub mod results;
pub mod retention;
pub mod silence;
pub mod story;
pub mod tenant_file;
pub mod tenants;
pub mod waiting;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

pub use directory::Directory;
pub use error::AppError;

use crate::clock::Clock;
use crate::egress::WebhookClient;
use crate::seal::Keyring;
use crate::store::Store;
use crate::trace::{self, Trace};
use crate::vendors::{Caller, Registry};

/// What the gateway is told about how to work.
#[derive(Clone, Debug)]
pub struct AppOptions {
    /// How the outside reaches us, without a slash at the end.
    pub public_url: String,
    /// An order is answered within this.
    pub answer_within: Duration,
    /// One call to a vendor takes at most this.
    pub vendor_timeout: Duration,
    /// Applicant data are erased after this in any case.
    pub keep_personal_data: Duration,
    /// Webhooks and vendor base URLs may be http.
    pub allow_http: bool,
    /// Addresses that may be called although they are private.
    pub allow: Vec<IpNet>,
    /// Deliveries.
    pub delivery: DeliveryOptions,
    /// How long a catalog is fresh.
    pub catalog_fresh_for: Duration,
    /// How long the first fetch of a catalog may take.
    pub catalog_first_fetch: Duration,
}

/// How deliveries are made.
#[derive(Clone, Debug)]
pub struct DeliveryOptions {
    /// Attempts before a delivery is dead.
    pub attempts: i64,
    /// Attempts at once.
    pub in_flight: usize,
    /// For one tenant.
    pub in_flight_per_tenant: usize,
    /// To one origin of one tenant.
    pub in_flight_per_origin: usize,
    /// One attempt takes at most this.
    pub attempt_timeout: Duration,
}

/// What an operator may change while the gateway runs. It is replaced as a whole, so that nothing
/// ever works with half of a change.
pub struct Setup {
    /// What seals and signs.
    pub keys: Keyring,
    /// The vendors that are known.
    pub vendors: Registry,
    /// Calls vendors.
    pub caller: Caller,
    /// Calls webhooks.
    pub webhooks: WebhookClient,
    /// How to work.
    pub options: AppOptions,
}

/// The gateway.
pub struct App {
    /// The database.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// Work that goes on when whoever asked for it has hung up.
    pub tasks: TaskTracker,
    /// Wake background work after a commit.
    pub signals: Signals,
    setup: ArcSwap<Setup>,
    pub(crate) directory: ArcSwap<Directory>,
    pub(crate) catalogs: catalog::Catalogs,
    pub(crate) flights: deliveries::Flights,
}

/// Wakes background work at once; a poll is the backstop.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "named for the work they wake")]
pub struct Signals {
    pub placing: Notify,
    pub looking: Notify,
    pub callbacks: Notify,
    pub deliveries: Notify,
}

impl App {
    /// Puts the gateway together; the directory is still empty.
    pub fn new(store: Store, clock: Clock, setup: Setup) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            setup: ArcSwap::from_pointee(setup),
            flights: deliveries::Flights::default(),
            tasks: TaskTracker::new(),
            signals: Signals::default(),
            directory: ArcSwap::default(),
            catalogs: catalog::Catalogs::default(),
        })
    }

    /// How the gateway works now. What takes longer than a moment keeps what it got.
    pub fn setup(&self) -> Arc<Setup> {
        self.setup.load_full()
    }

    /// Works as `setup` says from now on, if everything in the database can be had with it.
    ///
    /// # Errors
    /// [`AppError::Store`]; nothing has changed.
    pub async fn replace_setup(&self, setup: Setup) -> Result<(), AppError> {
        let directory = self.read_directory(&setup).await?;
        self.setup.store(Arc::new(setup));
        self.enter_directory(directory);
        Ok(())
    }

    /// Starts work that goes on when whoever asked for it has hung up, in the span and the trace of
    /// who asked.
    pub(crate) fn go_on_with<F>(&self, work: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.tasks
            .spawn(trace::inherit(Trace::current(), work).in_current_span())
    }
}
