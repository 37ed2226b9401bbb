//! A trial: a fake vendor and a fake ATS that outlive every gateway between them, and a record of
//! what the ATS was told.
//!
//! The clocks are real. Where a trial needs time to have passed, it has passed while no gateway
//! lived: [`Trial::later`] moves every moment in the database back and the vendor's clock forward.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use adapters::simulator::{FaultKind, FaultOrder};
use cleargate::app::App;
use cleargate::app::story::Story;
use cleargate::clock::millis;
use cleargate::domain::order::Order;
use cleargate::sandbox::{FakeAts, FakeVendor, Scene, VendorNeeds, import_file, wall_clock};
use cleargate::seal::{new_key, random_text};
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tempfile::TempDir;

use super::gateway::{Gateway, PATIENCE};
use super::setup::{
    GATEWAY, Setup, Vendor, free_port, loopback, one_authority, reader, scratch, variables,
};
use super::watched::{Watch, Watched};
use crate::support::{Database, import, services};

/// Between two looks at what is waited for. What is asked of the database in between costs more
/// than the wait.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A request of the ATS for an order, and what it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) background_check_id: String,
    /// `None`: nothing yet, or never, because the connection broke.
    pub(crate) status: Option<u16>,
}

/// One vendor, one ATS, one database, and the gateways that come and go between them.
pub(crate) struct Trial {
    /// What it is a trial of, for the reader of a failure.
    pub(crate) name: String,
    pub(crate) kind: Vendor,
    pub(crate) vendor: FakeVendor,
    pub(crate) watch: Watch,
    pub(crate) ats: FakeAts,
    /// A reader of the same database that serves nobody and does nothing in the background.
    pub(crate) app: Arc<App>,
    told: Mutex<Vec<Told>>,
    vendor_ahead: Arc<AtomicI64>,
    store_url: String,
    variables: Vec<(String, String)>,
    port: u16,
    api_secret: String,
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
        let store_url = match setup.database {
            Database::Sqlite => {
                format!("sqlite://{}", folder.path().join("cleargate.db").display())
            }
            Database::Postgres => services::postgres_url().await,
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
            app,
            told: Mutex::default(),
            vendor_ahead,
            store_url,
            variables,
            port,
            api_secret: scene.api_secret,
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
        let address = (
            "CLEARGATE__HTTP__PUBLIC_ADDR".to_owned(),
            loopback(port).to_string(),
        );
        let crash = crash_at.map(|point| ("CLEARGATE_CRASH_AT".to_owned(), point.to_owned()));
        let variables = self.variables.iter().cloned();
        Gateway::start(variables.chain([address]).chain(crash))
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
            });
            told.len() - 1
        };
        let status = self.post("/v1/orders", order.to_string()).await;
        self.told.lock().expect("nobody panics")[number].status = status;
        status
    }

    /// What the ATS has asked for and was answered so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().expect("nobody panics").clone()
    }

    /// Calls the gateway as the tenant; the answer's status, or `None` where the connection broke.
    pub(crate) async fn post(&self, path: &str, body: String) -> Option<u16> {
        let request = client()
            .post(format!("http://{}{path}", loopback(self.port)))
            .basic_auth("ACCT123", Some(&self.api_secret))
            .header("content-type", "application/json")
            .body(body);
        let answer = request.send().await.ok()?;
        Some(answer.status().as_u16())
    }

    /// An order as it is stored, if it is.
    pub(crate) async fn stored(&self, background_check_id: &str) -> Option<Order> {
        let tenant = self.app.tenant_named("ACCT123").expect("it was imported");
        self.app
            .tenant_order(&tenant.id, background_check_id)
            .await
            .ok()
    }

    /// An order's whole story.
    pub(crate) async fn story(&self, background_check_id: &str) -> Option<Story> {
        let order = self.stored(background_check_id).await?;
        Some(self.app.story(order).await.expect("the database works"))
    }

    /// Lets that much time pass after a death.
    pub(crate) async fn later(&self, passed: Duration) {
        self.until_gone().await;
        self.pass_unnoticed(passed).await;
    }

    /// Waits until PostgreSQL has done what a dead gateway had asked it for: a statement that was
    /// on its way is carried out all the same.
    pub(crate) async fn until_gone(&self) {
        if self.store_url.starts_with("postgres") {
            let left = format!(
                "UPDATE revision SET value = value WHERE EXISTS (SELECT 1 FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = '{GATEWAY}')"
            );
            self.until("the database has done with the dead gateway", async || {
                self.sql(&left).await == 0
            })
            .await;
        }
    }

    /// Lets that much time have passed. A gateway that lives must be frozen, or it would notice.
    pub(crate) async fn pass_unnoticed(&self, passed: Duration) {
        let by = millis(passed);
        for (table, columns) in MOMENTS {
            let moved: Vec<String> = columns
                .iter()
                .map(|column| format!("{column} = {column} - {by}"))
                .collect();
            self.sql(&format!("UPDATE {table} SET {}", moved.join(", ")))
                .await;
        }
        self.vendor_ahead.fetch_add(by, Ordering::Relaxed);
    }

    /// Lets whatever a dead gateway held run out, and no other time pass.
    pub(crate) async fn leases_run_out(&self) {
        self.until_gone().await;
        for statement in [
            "UPDATE orders SET lease_until = 0, due_at = 0 WHERE lease_token IS NOT NULL",
            "UPDATE lanes SET due_at = 0 WHERE lease_token IS NOT NULL AND due_at IS NOT NULL",
            "UPDATE callbacks SET due_at = 0 WHERE state = 'new'",
        ] {
            self.sql(statement).await;
        }
    }

    /// Makes every order that is looked at be looked at now.
    pub(crate) async fn looks_are_due(&self) {
        self.sql("UPDATE orders SET look_at = 0 WHERE look_at IS NOT NULL")
            .await;
    }

    /// Lets the vendor's clock show the present again, as its signatures must.
    pub(crate) fn vendor_is_in_the_present(&self) {
        self.vendor_ahead.store(0, Ordering::Relaxed);
    }

    /// Lets time pass for the vendor alone, as when it waits to try a callback again.
    pub(crate) fn vendor_waits(&self, time: Duration) {
        self.vendor_ahead.fetch_add(millis(time), Ordering::Relaxed);
    }

    /// Changes rows by hand; how many.
    pub(crate) async fn sql(&self, statement: &str) -> u64 {
        let mut connection = AnyConnection::connect(&self.store_url)
            .await
            .expect("the database takes connections");
        let done = sqlx::query(AssertSqlSafe(statement.to_owned()))
            .execute(&mut connection)
            .await
            .expect("the statement is right");
        connection.close().await.expect("the database says goodbye");
        done.rows_affected()
    }

    /// Waits for something that happens over sockets or in the database.
    pub(crate) async fn until(&self, what: &str, mut happened: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(10);
        while !happened().await {
            if Instant::now() > deadline {
                panic!(
                    "{}: it never happened that {what}; orders: {:#?}",
                    self.name,
                    self.orders().await
                );
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The orders anybody asked for, as far as they are stored.
    pub(crate) async fn orders(&self) -> Vec<Order> {
        let told = self.told().into_iter();
        let mut ids: Vec<String> = told.map(|told| told.background_check_id).collect();
        ids.sort();
        ids.dedup();
        let mut orders = Vec::new();
        for id in ids {
            orders.extend(self.stored(&id).await);
        }
        orders
    }

    /// Waits until nobody is left whose end is unknown and who does not wait for a person.
    pub(crate) async fn until_known(&self) {
        self.until(
            "every order is placed, ended or with a person",
            async || {
                let orders = self.orders().await;
                orders
                    .iter()
                    .all(|order| !order.stage.is_unplaced() || order.waiting.is_some())
            },
        )
        .await;
    }

    /// Waits until nothing is left to tell the ATS.
    pub(crate) async fn until_told(&self) {
        self.until("the ATS has heard of every end", async || {
            for order in self.orders().await {
                let deliveries = self.app.store.order_deliveries(&order.id).await;
                let deliveries = deliveries.expect("the database works");
                let wanted = order.accepted && order.stage.is_terminal();
                if (wanted && deliveries.is_empty())
                    || deliveries.iter().any(|it| it.state == "pending")
                {
                    return false;
                }
            }
            true
        })
        .await;
    }

    /// Lets every order at the vendor pass, and waits until it is over for the ATS as well.
    pub(crate) async fn finish(&self) {
        self.until_known().await;
        self.vendor_is_in_the_present();
        self.fault(FaultKind::None, "", 0);
        self.pass_all();
        self.until_over().await;
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

    /// Waits until every order has ended and the ATS knows.
    pub(crate) async fn until_over(&self) {
        let ended = async || self.orders().await.iter().all(|it| it.stage.is_terminal());
        self.until("every order has ended", ended).await;
        self.until_told().await;
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
        let paths = self.kind.placing_paths();
        let requests = self.vendor.requests();
        requests
            .iter()
            .filter(|it| it.method == "POST" && paths.contains(&it.path()))
            .count()
    }
}

/// Every moment of an order's placing, of callbacks and of deliveries that is compared with a clock.
/// Looks stay when they were: trials of them say themselves when one is due.
const MOMENTS: &[(&str, &[&str])] = &[
    (
        "orders",
        &[
            "lease_until",
            "due_at",
            "created_at",
            "updated_at",
            "ended_at",
        ],
    ),
    ("calls", &["first_sent_at", "sent_at", "ended_at"]),
    ("callbacks", &["due_at", "received_at", "settled_at"]),
    ("lanes", &["due_at"]),
    ("leases", &["until"]),
];

/// A client for everybody, because making one reads all authorities the machine knows. It keeps no
/// connection, so it never meets one whose other end has died since.
fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()
            .expect("a plain client")
    })
}
