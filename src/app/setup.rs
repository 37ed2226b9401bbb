//! How the gateway works, as far as an operator may change it while it runs.
//!
//! On SIGHUP a process reads its settings and all sheets anew. The others then read the sheets
//! anew as well: a sheet that is changed in a folder all share is in force everywhere at once.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use adapters::Vendor;
use ipnet::IpNet;

use crate::app::{App, AppError};
use crate::domain::tenant::{Connection, Tenant};
use crate::egress::{Shape, WebhookClient};
use crate::seal::Keyring;
use crate::store::{Store, StoreError};
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
#[derive(Clone)]
pub struct Setup {
    /// What seals and signs.
    pub keys: Arc<Keyring>,
    /// Where the sheets are read from.
    pub sheets: SheetSource,
    /// The vendors that are known.
    pub vendors: Registry,
    /// Calls vendors.
    pub caller: Caller,
    /// Calls webhooks.
    pub webhooks: Arc<WebhookClient>,
    /// How to work.
    pub options: AppOptions,
}

/// Where the sheets are read from.
#[derive(Clone, Debug)]
pub struct SheetSource {
    /// The operator's own sheets, beside the shipped ones.
    pub dir: Option<PathBuf>,
    /// Whether the fake vendor is among them.
    pub allow_sandbox: bool,
}

impl SheetSource {
    /// All sheets, as they are now.
    ///
    /// # Errors
    /// One sentence for each mistake in each sheet.
    pub fn load(&self) -> Result<Registry, Vec<String>> {
        Registry::load(self.dir.as_deref(), self.allow_sandbox)
    }
}

/// One sentence for each order under way whose next placing step is in no sheet of `vendors`.
///
/// # Errors
/// [`StoreError`].
pub async fn missing_steps(store: &Store, vendors: &Registry) -> Result<Vec<String>, StoreError> {
    let open = store.open_placing_steps().await?;
    let missing = open.into_iter().filter(|(vendor, step)| {
        let vendor = vendors.get(vendor);
        vendor.is_some_and(|vendor| !vendor.placing_steps.contains(step))
    });
    Ok(missing
        .map(|(vendor, step)| {
            format!("the sheet of `{vendor}` has no placing step `{step}`, which an order under way waits for; put the step back until those orders are placed")
        })
        .collect())
}

impl App {
    /// How the gateway works now. What takes longer than a moment keeps what it got.
    pub fn setup(&self) -> Arc<Setup> {
        self.setup.load_full()
    }

    /// The longest deadline of what a caller waits for, as things are now.
    pub fn longest_deadline(&self) -> Duration {
        let options = &self.setup.load().options;
        options.answer_within.max(options.catalog_first_fetch)
    }

    /// Works as `setup` says from now on, if that suits what the database holds.
    ///
    /// # Errors
    /// One sentence for each reason; nothing has changed.
    pub async fn replace_setup(&self, setup: Setup) -> Result<(), Vec<String>> {
        let unreachable = |error: StoreError| vec![error.to_string()];
        let mut mistakes = missing_steps(&self.store, &setup.vendors)
            .await
            .map_err(unreachable)?;
        mistakes.extend(self.missing_vendors(&setup.vendors));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let directory = self
            .read_directory(&setup)
            .await
            .map_err(|error| vec![error.to_string()])?;
        self.setup.store(Arc::new(setup));
        self.enter_directory(directory);
        Ok(())
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

    /// A vendor that connections use may change while the gateway runs, not go.
    fn missing_vendors(&self, vendors: &Registry) -> Vec<String> {
        let (now, directory) = (self.setup(), self.directory());
        let used: BTreeSet<&str> = directory
            .connections()
            .map(|connection| connection.vendor.as_str())
            .collect();
        used.into_iter()
            .filter(|name| now.vendors.get(name).is_some() && vendors.get(name).is_none())
            .map(|name| format!("the vendor `{name}` would be gone, and connections use it; leave its sheet in `vendors.dir`, or retire them first"))
            .collect()
    }

    /// Has every other process read its sheets anew.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn announce_sheets(&self) -> Result<(), AppError> {
        let revision = self.store.raise_sheets_revision().await?;
        self.sheets_revision.store(revision, Ordering::Relaxed);
        Ok(())
    }

    /// Reads the sheets anew where another process has announced new ones. Sheets with a mistake
    /// leave the old ones in force.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn follow_sheets(&self) -> Result<(), AppError> {
        let revision = self.store.sheets_revision().await?;
        if self.sheets_revision.swap(revision, Ordering::Relaxed) == revision {
            return Ok(());
        }
        let setup = self.setup();
        let replaced = match setup.sheets.load() {
            Ok(vendors) => {
                let setup = Setup {
                    vendors,
                    ..Setup::clone(&setup)
                };
                self.replace_setup(setup).await
            }
            Err(mistakes) => Err(mistakes),
        };
        match replaced {
            Ok(()) => tracing::info!(event = "reloaded", "sheets are reloaded, as elsewhere"),
            Err(mistakes) => {
                for mistake in mistakes {
                    tracing::error!(
                        event = "not_reloaded",
                        mistake,
                        "other processes have new sheets, and here the old ones stay in force"
                    );
                }
            }
        }
        Ok(())
    }
}
