//! The cast of the tests.
//!
//! A [`World`] is a gateway with a tenant between an [`Ats`](cleargate::sandbox::FakeAts) and a
//! [`Vendor`](cleargate::sandbox::FakeVendor), all on real sockets, with one held clock that only
//! [`World::pass`] moves. Nothing happens in the background by itself: [`World::settle`] runs what
//! is due, so a test never sleeps. Vendors move by themselves only where a test asks for a pace.
//!
//! [`on_both_databases!`] makes a test of each body for SQLite and for PostgreSQL.

pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod deliveries;
pub(crate) mod homecoming;
pub(crate) mod name_server;
pub(crate) mod post;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod redis;
pub(crate) mod rows;
pub(crate) mod services;
pub(crate) mod stage;
pub(crate) mod trial;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use adapters::simulator::{
    Checkr, FaultKind, FaultOrder, HeldOrder, Pace, Sandbox, Simulator, checkr, named, sandbox,
};
use adapters::vocabulary::Private;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cleargate::app::App;
use cleargate::app::tenant_file::TenantFile;
use cleargate::background;
use cleargate::clock::Clock;
use cleargate::config::Settings;
use cleargate::domain::order::Order;
use cleargate::sandbox::{FakeAts, FakeVendor, Scene, VendorNeeds, exports, import_file};
use cleargate::seal::{new_key, random_text};
use cleargate::startup::Serving;
use tempfile::TempDir;

pub(crate) use client::TenantClient;

/// Where every held clock begins: 2027-01-15T08:00:00Z.
pub(crate) const NOON: i64 = 1_800_000_000_000;

/// How long a test waits for something that happens over real sockets before it gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Makes a test on SQLite and one on PostgreSQL of each body.
macro_rules! on_both_databases {
    ($(async fn $name:ident($database:ident) $body:block)*) => {
        $(mod $name {
            use super::*;

            async fn body($database: crate::support::Database) $body

            #[tokio::test]
            async fn on_sqlite() {
                body(crate::support::Database::Sqlite).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                body(crate::support::Database::Postgres).await;
            }
        })*
    };
}
pub(crate) use on_both_databases;

/// A program that is killed when the thread that starts it ends, however that comes: also where the
/// tests are killed themselves, and nobody is left to drop anything.
pub(crate) fn mortal(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// Which database a world stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

/// A world to be made.
pub(crate) struct Plan {
    database: Database,
    vendor: Box<dyn Simulator>,
    settings: Vec<(&'static str, String)>,
    edit_tenant: Vec<(String, String)>,
    clock: Clock,
    background: bool,
    apart: bool,
}

impl Plan {
    /// A tenant of the sandbox vendor, whose orders move only when told.
    pub(crate) fn sandbox(database: Database) -> Self {
        let account = sandbox::Account {
            pace: Pace::manual(),
            ..sandbox::Account::default()
        };
        Self::of(database, Box::new(Sandbox::new(account)))
    }

    /// A tenant of Checkr, whose orders move only when told.
    pub(crate) fn checkr(database: Database) -> Self {
        let account = checkr::Account {
            pace: Pace::manual(),
            ..checkr::Account::default()
        };
        Self::of(database, Box::new(Checkr::new(account)))
    }

    /// A tenant of a shipped vendor, whose orders move as time passes.
    pub(crate) fn vendor(database: Database, name: &str) -> Self {
        Self::of(database, named(name).expect("it has a fake"))
    }

    /// A tenant of that vendor.
    pub(crate) fn of(database: Database, vendor: Box<dyn Simulator>) -> Self {
        Self {
            database,
            vendor,
            settings: Vec::new(),
            edit_tenant: Vec::new(),
            clock: Clock::held(NOON),
            background: false,
            apart: false,
        }
    }

    /// With an ATS that has a host of its own for each order, so that no two orders share a
    /// destination.
    pub(crate) fn apart(mut self) -> Self {
        self.apart = true;
        self
    }

    /// With a setting, as its variable names it behind `CLEARGATE__`.
    pub(crate) fn setting(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((variable, value.into()));
        self
    }

    /// With time that runs and background work that does itself, as in production.
    pub(crate) fn running(mut self) -> Self {
        self.clock = Clock::running();
        self.background = true;
        self
    }

    /// With a line in the tenant's own table of the import file, such as `when_unavailable = "queue"`.
    pub(crate) fn tenant(self, line: &str) -> Self {
        self.edit("name = ", &format!("{line}\nname = "))
    }

    /// With a replacement in the import file.
    pub(crate) fn edit(mut self, from: &str, to: &str) -> Self {
        self.edit_tenant.push((from.to_owned(), to.to_owned()));
        self
    }

    /// Starts it all.
    pub(crate) async fn start(self) -> World {
        let clock = self.clock;
        let vendors_clock = clock.clone();
        let needs = VendorNeeds::of(self.vendor.as_ref());
        let vendor = FakeVendor::start(self.vendor, loopback(), move || vendors_clock.now())
            .expect("loopback has a free port");
        let ats = if self.apart { everywhere() } else { loopback() };
        let ats = FakeAts::start(ats).expect("there is a free port");
        let scene = Scene {
            vendor: needs,
            vendor_url: vendor.base_url(),
            receiver: ats.addr(),
            api_secret: format!("cgs_{}", random_text()),
        };
        let folder = TempDir::new().expect("a temporary folder");
        let store_url = match self.database {
            Database::Sqlite => {
                format!("sqlite://{}", folder.path().join("cleargate.db").display())
            }
            Database::Postgres => services::postgres_url().await,
        };
        std::fs::write(folder.path().join("key"), new_key()).expect("a key is written");
        let settings = settings(&store_url, folder.path(), &self.settings);
        let serving = Serving::start(&settings, clock.clone(), self.background)
            .await
            .expect("the gateway starts");
        let mut file = import_file(&scene);
        if !self
            .edit_tenant
            .iter()
            .any(|(_, to)| to.contains("requests_per_second"))
        {
            file = file.replacen("name = ", "requests_per_second = 100000\nname = ", 1);
        }
        for (from, to) in &self.edit_tenant {
            assert!(
                file.contains(from),
                "the import file has no `{from}`:\n{file}"
            );
            file = file.replacen(from, to, 1);
        }
        import(&serving.app, &file, &scene).await;
        let world = World {
            settings,
            clock,
            vendor,
            ats,
            scene,
            file,
            serving: Some(serving),
            background: self.background,
            apart: self.apart,
            _folder: folder,
        };
        world.point_account_callbacks();
        world
    }
}

/// DER as a PEM file holds it.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// All of 127.0.0.0/8, which leads to this machine.
fn everywhere() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 0))
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn settings(
    store_url: &str,
    folder: &std::path::Path,
    more: &[(&'static str, String)],
) -> Settings {
    let key = format!("file:{}", folder.join("key").display());
    let base = [
        ("HTTP__PUBLIC_ADDR", "127.0.0.1:0"),
        ("HTTP__OPERATIONS_ADDR", "127.0.0.1:0"),
        ("HTTP__DRAIN_DELAY", "0s"),
        ("STORE__URL", store_url),
        ("STORE__CONNECTIONS", "4"),
        ("SECURITY__KEY", &key),
        ("VENDORS__ALLOW_SANDBOX", "true"),
        ("EGRESS__ALLOW", "127.0.0.0/8"),
        ("EGRESS__ALLOW_HTTP", "true"),
        ("ORDERS__VENDOR_TIMEOUT", "400ms"),
        ("ORDERS__ANSWER_WITHIN", "3s"),
        ("DELIVERY__ATTEMPT_TIMEOUT", "1s"),
    ];
    let base = base.map(|(name, value)| (name, value.to_owned()));
    let all: HashMap<&str, String> = base.into_iter().chain(more.iter().cloned()).collect();
    let variables = all
        .into_iter()
        .map(|(name, value)| (format!("CLEARGATE__{name}"), value));
    Settings::from_sources(None, variables).expect("the tests' settings are right")
}

/// Imports a tenants file whose references are the scene's own, or `text:VALUE`.
pub(crate) async fn import(app: &Arc<App>, file: &str, scene: &Scene) {
    let known: HashMap<String, String> = exports(scene).into_iter().collect();
    let resolve = move |reference: &str| {
        if let Some(text) = reference.strip_prefix("text:") {
            return Ok(Private::new(text.to_owned()));
        }
        let name = reference.trim_start_matches("env:");
        known
            .get(name)
            .map(|value| Private::new(value.clone()))
            .ok_or_else(|| format!("`{reference}` is not known"))
    };
    let file = TenantFile::parse("tenants.toml", file).expect("the import file is read");
    app.import_tenants(&file, &resolve)
        .await
        .expect("the import file is right");
}

/// A gateway between a fake ATS and a fake vendor.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) vendor: FakeVendor,
    pub(crate) ats: FakeAts,
    pub(crate) scene: Scene,
    /// The tenants file that was imported.
    pub(crate) file: String,
    serving: Option<Serving>,
    background: bool,
    apart: bool,
    /// Holds the database; removed with the world.
    _folder: TempDir,
}

impl World {
    /// The gateway that serves now.
    pub(crate) fn serving(&self) -> &Serving {
        self.serving.as_ref().expect("the gateway serves")
    }

    /// The gateway's inside, for what has no outside.
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.serving().app
    }

    /// The tenant, as its ATS calls us.
    pub(crate) fn tenant(&self) -> TenantClient {
        TenantClient::new(self.serving().public, "ACCT123", &self.scene.api_secret)
    }

    /// The ATS's own order, with its webhook at the fake ATS and an address that vendors accept.
    pub(crate) fn order(&self) -> serde_json::Value {
        serde_json::json!({
            "account_id": "ACCT123",
            "hiring_manager_user_id": "67890",
            "background_check_id": "224466",
            "package_id": self.first_package(),
            "webhook_url": self.ats.url("/yourco_webhooks"),
            "hiring_manager": {"id": "67890", "first_name": "Jill", "last_name": "Smith", "email": "jill.smith@mailbox.dev"},
            "applicant": {
                "id": "12345", "first_name": "John", "last_name": "Doe", "phone": "888-555-1234", "email": "john.doe@mailbox.dev",
                "address": "123 Main St.", "address_2": "Apt. 1", "city": "Springfield", "state": "IL", "zip": "12345"
            },
            "job": {"id": "12345"}
        })
    }

    fn first_package(&self) -> &'static str {
        if self.scene.vendor.name == "sandbox" {
            "PKG001"
        } else {
            "driver_pro"
        }
    }

    /// Places the ATS's own order and expects it to be taken; returns it as it is stored.
    pub(crate) async fn placed(&self) -> Order {
        let answer = self.tenant().place(&self.order()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        self.stored("224466").await
    }

    /// An order as it is stored.
    pub(crate) async fn stored(&self, background_check_id: &str) -> Order {
        let app = self.app();
        let tenant = app.tenant_named("ACCT123").expect("the tenant is there");
        app.tenant_order(&tenant.id, background_check_id)
            .await
            .expect("the order is there")
    }

    /// Lets time pass, and then everything happen that is due by then.
    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.settle().await;
    }

    /// Lets everything happen that is due now.
    pub(crate) async fn settle(&self) {
        background::run_due(self.app())
            .await
            .expect("the database works");
    }

    /// Moves an order at the vendor and waits until its callback has been answered.
    pub(crate) async fn vendor_says(&self, reference: &str, status: &str, result: Option<&str>) {
        let before = self.callbacks_taken().await;
        assert!(
            self.vendor.advance(reference, status, result),
            "the vendor has no order {reference}"
        );
        self.until(
            async || self.callbacks_taken().await > before,
            "the callback is taken",
        )
        .await;
    }

    /// Callbacks that are or were in the inbox.
    pub(crate) async fn callbacks_taken(&self) -> usize {
        let store = &self.app().store;
        let mut taken = 0;
        for state in ["new", "parked", "settled"] {
            taken += store
                .callbacks_in(state, 10_000)
                .await
                .expect("the database works")
                .len();
        }
        taken
    }

    /// Polls for something that happens over sockets, with a deadline.
    pub(crate) async fn until(&self, mut happened: impl AsyncFnMut() -> bool, what: &str) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while !happened().await {
            assert!(
                std::time::Instant::now() < deadline,
                "it never happened that {what}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The webhooks the ATS has received, parsed.
    pub(crate) fn webhooks(&self) -> Vec<serde_json::Value> {
        let received = self.ats.received();
        received
            .iter()
            .map(|webhook| serde_json::from_slice(&webhook.body).expect("a webhook is JSON"))
            .collect()
    }

    /// The vendor's orders.
    pub(crate) fn vendor_orders(&self) -> Vec<HeldOrder> {
        self.vendor.orders()
    }

    /// Makes the vendor misbehave on requests whose path has `path` in it, so many times.
    pub(crate) fn fault(&self, kind: FaultKind, path: &str, times: u32) {
        self.vendor.fault(FaultOrder {
            kind,
            path: path.to_owned(),
            method: String::new(),
            times,
        });
    }

    /// Ends the gateway and starts it again on the same database.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.serving = Some(self.replica().await);
        self.point_account_callbacks();
    }

    /// Ends the gateway; the vendor and the ATS go on.
    pub(crate) async fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.drain().await;
        }
    }

    /// A gateway more on the same database.
    pub(crate) async fn replica(&self) -> Serving {
        Serving::start(&self.settings, self.clock.clone(), self.background)
            .await
            .expect("another gateway starts")
    }

    /// Vendors with one callback address per account are told ours by an operator.
    fn point_account_callbacks(&self) {
        let tenant = self
            .app()
            .tenant_named("ACCT123")
            .expect("the tenant is there");
        let connection = &tenant.connections[0];
        self.vendor
            .set_callback_url(&self.app().callback_url(connection));
    }
}
