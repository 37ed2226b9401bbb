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
mod destinations;
pub mod directory;
mod driving;
pub mod error;
pub mod looking;
mod news;
mod offers;
pub mod placing;
mod resealing;
pub mod resolving;
pub mod results;
pub mod retention;
mod seeing;
mod setup;
pub mod silence;
pub mod story;
pub mod tenant_file;
pub mod tenants;
pub mod verifying;
pub mod waiting;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use adapters::vocabulary::Millis;
use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

pub use directory::Directory;
pub use error::AppError;
pub use setup::{AppOptions, DeliveryOptions, Setup, SheetSource, missing_steps};

use crate::cache::Cache;
use crate::clock::Clock;
use crate::domain::order::Order;
use crate::store::{Change, Saved, Store, StoreError};
use crate::trace::{self, Trace};

/// The gateway.
pub struct App {
    /// The database.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// What replicas share and may lose.
    pub cache: Cache,
    /// Work that goes on when whoever asked for it has hung up.
    pub tasks: TaskTracker,
    /// Wake background work after a commit.
    pub signals: Signals,
    setup: ArcSwap<Setup>,
    sheets_revision: AtomicI64,
    pub(crate) directory: ArcSwap<Directory>,
    pub(crate) catalogs: catalog::Catalogs,
    destinations: Arc<destinations::Destinations>,
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
    /// Puts the gateway together; the directory is still empty. `sheets_revision` was read before
    /// the sheets were.
    pub fn new(
        store: Store,
        clock: Clock,
        cache: Cache,
        setup: Setup,
        sheets_revision: i64,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            cache,
            setup: ArcSwap::from_pointee(setup),
            sheets_revision: AtomicI64::new(sheets_revision),
            destinations: Arc::default(),
            tasks: TaskTracker::new(),
            signals: Signals::default(),
            directory: ArcSwap::default(),
            catalogs: catalog::Catalogs::default(),
        })
    }

    /// Saves an order with what changes beside it, and has the update that this causes sent at once.
    ///
    /// # Errors
    /// As [`Store::save_order`].
    pub(crate) async fn save_order(
        &self,
        order: &mut Order,
        change: &Change,
        now: Millis,
    ) -> Result<Saved, StoreError> {
        let saved = self.store.save_order(order, change, now).await?;
        if saved == Saved::Done && change.webhook.is_some() {
            self.signals.deliveries.notify_one();
        }
        Ok(saved)
    }

    /// Starts work that goes on when whoever asked for it has hung up, in the span and the trace of
    /// who asked.
    pub(crate) fn go_on_with<F>(&self, work: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        // Placing an order is a future of many thousand bytes, which would be copied into each that
        // is put around it.
        let work = Box::pin(work);
        self.tasks
            .spawn(trace::inherit(Trace::current(), work).in_current_span())
    }
}
