//! Where an operator sits: the gateway's database, opened without serving it.

use std::path::Path;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;

use super::error::CliError;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, LogLevel, LogSettings, Settings};
use crate::startup::{build, keep_key, open_store};
use crate::telemetry::start_log;

/// The application over an open database.
pub(super) struct Desk {
    /// What commands work through.
    pub(super) app: Arc<App>,
    settings: Settings,
}

impl Desk {
    /// Opens the database, lets `work` have it, and closes it again.
    pub(super) async fn with<T>(
        config: Option<&Path>,
        work: impl AsyncFnOnce(&Self) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        Self::open(config::load(config)?, false, work).await
    }

    /// Like [`Desk::with`], but makes the database where `serve` would.
    pub(super) async fn with_new<T>(
        config: Option<&Path>,
        work: impl AsyncFnOnce(&Self) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        let settings = config::load(config)?;
        let migrate = settings.store.migrate;
        Self::open(settings, migrate, work).await
    }

    async fn open<T>(
        settings: Settings,
        migrate: bool,
        work: impl AsyncFnOnce(&Self) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        start_log(&quiet(&settings.log));
        let store = open_store(&settings, false, migrate).await?;
        let app = build(
            &settings,
            store,
            Clock::running(),
            settings.http.public_addr,
        )
        .await?;
        let desk = Self { app, settings };
        let done = work(&desk).await;
        desk.app.store.close().await;
        done
    }

    /// Writes down who did what to which thing.
    pub(super) async fn audit(&self, what: &str, target: &str, note: &str) -> Result<(), CliError> {
        let now = self.app.clock.now();
        Ok(self
            .app
            .store
            .audit(&who(), what, target, note, now)
            .await?)
    }

    /// Whether the outside address is known. It is not where the listener takes any free port and
    /// no `http.public_url` says how it is reached.
    pub(super) fn is_public_url_known(&self) -> bool {
        self.settings.http.public_url.is_some() || self.settings.http.public_addr.port() != 0
    }

    /// Gets ready to take news of an order in. Refuses where they would be sent with a result link
    /// that leads nowhere. A report is sealed, so whoever starts without this key later is refused as
    /// well; a command that only reads keeps none, or a mistaken key would lock out the right one.
    pub(super) async fn expect_news(&self) -> Result<(), CliError> {
        if !self.is_public_url_known() {
            return Err(CliError::SetUp(vec![
                "`http.public_addr` has port 0, so the link to the result cannot be written; set `http.public_url` to how the serving process is reached".to_owned(),
            ]));
        }
        Ok(keep_key(&self.app.store, &self.app.setup().keys).await?)
    }

    /// The account of a tenant, by its internal id.
    pub(super) fn account_of(&self, tenant_id: &str) -> String {
        let directory = self.app.directory();
        let tenant = directory.tenant(tenant_id);
        tenant.map_or_else(|| tenant_id.to_owned(), |tenant| tenant.account_id.clone())
    }
}

/// Who does it: the user of the operating system.
pub(super) fn who() -> String {
    whoami::username().unwrap_or_else(|_| "a user without a name".to_owned())
}

/// A person at a command wants its result, not the story of how it came about. What `serve` warns
/// of, it has told already.
fn quiet(settings: &LogSettings) -> LogSettings {
    LogSettings {
        format: settings.format,
        level: LogLevel(settings.level.0.min(LevelFilter::ERROR)),
    }
}
