//! A trial: a fake vendor and a fake ATS that outlive every gateway between them, and a record of
//! what the ATS was told.
//!
//! The clocks are real. Where a trial needs time to have passed, it has passed while no gateway
//! lived: [`Trial::later`] moves every moment in the database back and the vendor's clock forward.

pub(crate) mod checker;
mod ends;
pub(crate) mod gateway;
mod rows;
pub(crate) mod setup;
mod time;
pub(crate) mod watched;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use adapters::simulator::{FaultKind, FaultOrder};
use adapters::vocabulary::Millis;
use cleargate::app::App;
use cleargate::sandbox::{FakeAts, FakeVendor, Scene, VendorNeeds, import_file, wall_clock};
use cleargate::seal::{new_key, random_text};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::gateway::{Gateway, PATIENCE};
use self::setup::{
    GATEWAY, Setup, Vendor, free_port, loopback, one_authority, reader, scratch, variables,
};
use self::watched::{Watch, Watched};
use super::{Database, import, services};

/// Attempts under way at one origin, for each replica, where no setting says otherwise.
const CAP: usize = 8;

/// A request of the ATS for an order, and what it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) background_check_id: String,
    /// `None`: nothing yet, or never, because the connection broke.
    pub(crate) status: Option<u16>,
    /// The answer's body, where it is JSON.
    pub(crate) body: Value,
    /// A gateway has answered, and no load balancer in its place.
    pub(crate) by_us: bool,
    /// When, by the vendor's clock.
    pub(crate) at: Millis,
}

/// One vendor, one ATS, one database, and the gateways that come and go between them.
pub(crate) struct Trial {
    /// What it is a trial of, for the reader of a failure.
    pub(crate) name: String,
    pub(crate) kind: Vendor,
    pub(crate) vendor: FakeVendor,
    pub(crate) watch: Watch,
    pub(crate) ats: FakeAts,
    /// Where else webhooks go.
    pub(crate) other_ats: Option<FakeAts>,
    /// A reader of the same database that serves nobody and does nothing in the background.
    pub(crate) app: Arc<App>,
    told: Mutex<Vec<Told>>,
    /// The logs of all gateways there were.
    logs: Mutex<Vec<Arc<Mutex<String>>>>,
    /// Where gateways have listened.
    ports: Mutex<BTreeSet<u16>>,
    time_was_moved: AtomicBool,
    vendor_ahead: Arc<AtomicI64>,
    store_url: String,
    variables: Vec<(String, String)>,
    port: u16,
    scene: Scene,
    /// The tenants file that was imported.
    file: String,
    _folder: TempDir,
}

impl Trial {
    pub(crate) async fn new(name: impl Into<String>, setup: &Setup) -> Self {
        // Many at once would keep each other waiting for longer than a database may take.
        static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let _turn = ONE_AT_A_TIME.lock().await;
        let watch = Watch::default();
        let simulator = Watched {
            vendor: setup.vendor.simulator(setup.pace),
            watch: watch.clone(),
        };
        let needs = VendorNeeds::of(&simulator);
        let vendor_ahead = Arc::new(AtomicI64::new(0));
        let ahead = Arc::clone(&vendor_ahead);
        let vendor = FakeVendor::start(Box::new(simulator), loopback(0), move || {
            wall_clock() + ahead.load(Ordering::Relaxed)
        })
        .expect("loopback has a free port");
        let ats = FakeAts::start(loopback(0)).expect("loopback has a free port");
        let scene = Scene {
            vendor: needs,
            vendor_url: vendor.base_url(),
            receiver: ats.addr(),
            api_secret: format!("cgs_{}", random_text()),
        };
        let folder = scratch();
        let store_url = match (&setup.store_url, setup.database) {
            (Some(url), _) => url.clone(),
            (None, Database::Sqlite) => {
                format!("sqlite://{}", folder.path().join("cleargate.db").display())
            }
            (None, Database::Postgres) => services::postgres_url().await,
        };
        let port = free_port();
        std::fs::write(folder.path().join("key"), new_key()).expect("a key is written");
        let key = format!("file:{}", folder.path().join("key").display());
        let mut variables = variables(&store_url, &key, port, setup.settings);
        let app = reader(&variables, port).await;
        if setup.database == Database::Postgres {
            let named = format!("{store_url}?application_name={GATEWAY}");
            variables.push(("CLEARGATE__STORE__URL".to_owned(), named));
        }
        variables.push(one_authority(folder.path()));
        let file = import_file(&scene).replacen(setup.edit.0, setup.edit.1, 1);
        import(&app, &file, &scene).await;
        let tenant = app.tenant_named("ACCT123").expect("it was imported");
        vendor.set_callback_url(&app.callback_url(&tenant.connections[0]));
        Self {
            name: name.into(),
            kind: setup.vendor,
            vendor,
            watch,
            ats,
            other_ats: None,
            app,
            told: Mutex::default(),
            logs: Mutex::default(),
            ports: Mutex::default(),
            time_was_moved: AtomicBool::new(false),
            vendor_ahead,
            store_url,
            variables,
            port,
            scene,
            file,
            _folder: folder,
        }
    }

    /// Starts a gateway and waits until it serves. It dies at `crash_at`: `POINT` or `POINT:N`.
    pub(crate) async fn serve(&self, crash_at: Option<&str>) -> Gateway {
        let mut gateway = self.launch(crash_at);
        gateway.until_listening().await;
        gateway
    }

    /// Starts a gateway on the same database that listens elsewhere: another replica.
    pub(crate) async fn serve_beside(&self) -> Gateway {
        let mut gateway = self.launch_at(free_port(), None);
        gateway.until_listening().await;
        gateway
    }

    /// Starts a gateway that may die before it serves.
    pub(crate) fn launch(&self, crash_at: Option<&str>) -> Gateway {
        self.launch_at(self.port, crash_at)
    }

    fn launch_at(&self, port: u16, crash_at: Option<&str>) -> Gateway {
        let crash = crash_at.map(|point| ("CLEARGATE_CRASH_AT".to_owned(), point.to_owned()));
        self.launch_with(&[], port, crash)
    }

    /// Starts a gateway that listens on a port of its own, under a command, with more variables.
    pub(crate) fn launch_with(
        &self,
        command: &[String],
        port: u16,
        more: impl IntoIterator<Item = (String, String)>,
    ) -> Gateway {
        let address = setting("HTTP__PUBLIC_ADDR", loopback(port).to_string());
        let variables = self.variables.iter().cloned();
        let gateway = Gateway::start(command, variables.chain([address]).chain(more));
        self.ports.lock().expect("nobody panics").insert(port);
        let mut logs = self.logs.lock().expect("nobody panics");
        logs.push(gateway.kept_log());
        gateway
    }

    /// Gives a setting to the gateways that are started from now on.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.push(setting(name, value));
    }

    /// Imports the tenants file again, changed.
    pub(crate) async fn import_changed(&self, change: impl FnOnce(&str) -> String) {
        import(&self.app, &change(&self.file), &self.scene).await;
    }

    /// Where the tenant's vendor calls back.
    pub(crate) fn callback_url(&self) -> String {
        let tenant = self.app.tenant_named("ACCT123").expect("it was imported");
        self.app.callback_url(&tenant.connections[0])
    }

    /// One of the gateway's credentials at the vendor.
    pub(crate) fn credential(&self, name: &str) -> &str {
        let mut credentials = self.scene.vendor.credentials.iter();
        &credentials
            .find(|(known, _)| *known == name)
            .expect("it is one")
            .1
    }

    /// Where the outside reaches the gateways: by themselves, or through what stands before them.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Attempts that may be under way at one origin at once, over all gateways.
    pub(crate) fn most_under_way(&self) -> usize {
        let replicas = self.ports.lock().expect("nobody panics").len();
        CAP * replicas
    }

    /// What all gateways have logged.
    pub(crate) fn logs(&self) -> Vec<String> {
        let logs = self.logs.lock().expect("nobody panics");
        let logs = logs
            .iter()
            .map(|log| log.lock().expect("nobody panics").clone());
        logs.collect()
    }

    /// What must stand in no log: secrets, and what is about people.
    pub(crate) fn unsayable(&self) -> Vec<String> {
        let tenant = self.app.tenant_named("ACCT123").expect("it was imported");
        let token = tenant.connections[0].callback_token.expose().clone();
        let people = ["mailbox.dev", "888-555-1234", "123 Main St.", "/hooks/"];
        let credentials = &self.scene.vendor.credentials;
        let credentials = credentials.iter().map(|(_, secret)| secret.clone());
        credentials
            .chain([self.scene.api_secret.clone(), token])
            .chain(people.map(str::to_owned))
            .collect()
    }

    /// An order of the ATS. `first_name` makes two orders of one id differ.
    pub(crate) fn order(&self, background_check_id: &str, first_name: &str) -> Value {
        json!({
            "account_id": "ACCT123",
            "hiring_manager_user_id": "67890",
            "background_check_id": background_check_id,
            "package_id": self.kind.package(),
            "webhook_url": self.ats.url(&format!("/hooks/{background_check_id}")),
            "hiring_manager": {"id": "67890", "first_name": "Jill", "last_name": "Smith", "email": "jill.smith@mailbox.dev"},
            "applicant": {
                "id": "12345", "first_name": first_name, "last_name": "Doe", "phone": "888-555-1234",
                "email": format!("john.{background_check_id}@mailbox.dev"), "address": "123 Main St.",
                "address_2": "Apt. 1", "city": "Springfield", "state": "IL", "zip": "12345"
            },
            "job": {"id": "12345"}
        })
    }

    /// Places an order and notes what the ATS was told; `None`: the connection broke.
    pub(crate) async fn place(&self, order: &Value) -> Option<u16> {
        let number = {
            let mut told = self.told.lock().expect("nobody panics");
            told.push(Told {
                background_check_id: order["background_check_id"].as_str().unwrap().to_owned(),
                status: None,
                body: Value::Null,
                by_us: false,
                at: 0,
            });
            told.len() - 1
        };
        let mut answer = self.ask("/v1/orders", order.to_string()).await;
        let body = match &mut answer {
            Some(answer) => answer.chunk().await.ok().flatten(),
            None => None,
        };
        let told = &mut self.told.lock().expect("nobody panics")[number];
        told.status = answer.as_ref().map(|it| it.status().as_u16());
        told.body = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
        told.by_us = answer.is_some_and(|it| it.headers().contains_key("x-request-id"));
        told.at = self.vendors_time();
        told.status
    }

    /// What the ATS has asked for and was answered so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().expect("nobody panics").clone()
    }

    /// Calls the gateway as the tenant; the answer's status, or `None` where the connection broke.
    pub(crate) async fn post(&self, path: &str, body: String) -> Option<u16> {
        Some(self.ask(path, body).await?.status().as_u16())
    }

    /// Asks for something as the tenant; the answer's status, or `None` where the connection broke.
    pub(crate) async fn get(&self, path: &str) -> Option<u16> {
        let url = format!("http://{}{path}", loopback(self.port));
        let request = client().get(url);
        let request = request.basic_auth("ACCT123", Some(&self.scene.api_secret));
        Some(request.send().await.ok()?.status().as_u16())
    }

    async fn ask(&self, path: &str, body: String) -> Option<reqwest::Response> {
        let request = client()
            .post(format!("http://{}{path}", loopback(self.port)))
            .basic_auth("ACCT123", Some(&self.scene.api_secret))
            .header("content-type", "application/json")
            .body(body);
        request.send().await.ok()
    }

    /// Lets every order at the vendor pass.
    pub(crate) fn pass_all(&self) {
        let (status, result) = match self.kind {
            Vendor::Sandbox => ("complete", "pass"),
            Vendor::Checkr => ("complete", "clear"),
        };
        for order in self.vendor.orders() {
            self.vendor.advance(&order.id, status, Some(result));
        }
    }

    /// Makes the vendor misbehave.
    pub(crate) fn fault(&self, kind: FaultKind, path: &str, times: u32) {
        self.vendor.fault(FaultOrder {
            kind,
            path: path.to_owned(),
            method: String::new(),
            times,
        });
    }

    /// How many requests that place something have reached the vendor.
    pub(crate) fn placings(&self) -> usize {
        self.placings_with_their_time().len()
    }

    /// Every request that places something: when it arrived, by the vendor's clock, and its body.
    pub(crate) fn placings_with_their_time(&self) -> Vec<(Millis, String)> {
        let paths = self.kind.placing_paths();
        let mut requests = self.vendor.requests();
        requests.retain(|it| it.method == "POST" && paths.contains(&it.path()));
        let requests = requests.into_iter();
        requests
            .map(|it| (it.at, String::from_utf8_lossy(&it.body).into_owned()))
            .collect()
    }
}

/// A setting as a variable.
fn setting(name: &str, value: impl Into<String>) -> (String, String) {
    (format!("CLEARGATE__{name}"), value.into())
}

/// A client for everybody, because making one reads all authorities the machine knows. It keeps no
/// connection, so it never meets one whose other end has died since.
fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(2 * PATIENCE)
            .build()
            .expect("a plain client")
    })
}
