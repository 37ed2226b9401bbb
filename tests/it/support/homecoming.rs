//! What tests of bringing home ask of a world: callbacks carried or forged, sheets that differ from
//! the shipped ones in one word, and what is stored.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adapters::callback::hmac_sha256_hex;
use adapters::simulator::{FaultKind, Outgoing, Pace, Sandbox, sandbox};
use cleargate::app::story::Story;
use cleargate::domain::callback::CallbackRow;
use cleargate::domain::contact::{ContactKind, ContactRow};
use cleargate::domain::order::{HistoryRow, Order};
use cleargate::domain::tenant::Connection;
use http::Method;
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row};
use tempfile::TempDir;

use super::post::Postbag;
use super::{Database, Plan, World};
use crate::support::client::Answer;

/// The shipped sheet of the sandbox, to be told differently.
const SANDBOX_SHEET: &str = include_str!("../../../adapters/sheets/sandbox.toml");

impl Plan {
    /// A tenant of the sandbox vendor, whose callbacks the test carries.
    pub(crate) fn sandbox_by_hand(database: Database) -> (Self, Postbag) {
        let (vendor, bag) = Postbag::of(Sandbox::new(sandbox::Account {
            pace: Pace::manual(),
            ..sandbox::Account::default()
        }));
        (Self::of(database, vendor), bag)
    }

    /// With the sandbox's sheet replaced by one that differs in these texts.
    pub(crate) fn sandbox_sheet(self, folder: &TempDir, edits: &[(&str, &str)]) -> Self {
        let mut sheet = SANDBOX_SHEET.to_owned();
        for (from, to) in edits {
            assert!(sheet.contains(from), "the sandbox's sheet has no `{from}`");
            sheet = sheet.replace(from, to);
        }
        std::fs::write(folder.path().join("sandbox.toml"), sheet).expect("a sheet is written");
        self.setting("VENDORS__DIR", text_of(folder.path()))
    }
}

fn text_of(path: &Path) -> String {
    path.display().to_string()
}

/// Headers of a callback that the sandbox would send with this body at this time.
pub(crate) fn proof(secret: &str, seconds: i64, body: &[u8]) -> Vec<(String, String)> {
    let stamp = seconds.to_string();
    let v1 = hmac_sha256_hex(secret.as_bytes(), &[stamp.as_bytes(), b".", body]);
    vec![(
        "x-sandbox-signature".to_owned(),
        format!("t={stamp},v1={v1}"),
    )]
}

/// What the sandbox would say of an order.
pub(crate) fn says(id: &str, reference: &str, status: &str, result: Option<&str>) -> Vec<u8> {
    let order = json!({
        "id": id, "reference": reference, "status": status, "result": result,
        "report_url": null, "updated_at": "2027-01-15T08:00:00Z",
    });
    json!({"event": "evt_by_hand", "order": order})
        .to_string()
        .into_bytes()
}

impl World {
    /// The tenant's connection.
    pub(crate) fn connection(&self) -> Arc<Connection> {
        self.connection_of("ACCT123")
    }

    /// The connection of that tenant.
    pub(crate) fn connection_of(&self, account: &str) -> Arc<Connection> {
        let tenant = self.app().tenant_named(account).expect("it is there");
        Arc::clone(&tenant.connections[0])
    }

    /// Where the tenant's vendor calls back.
    pub(crate) fn callback_url(&self) -> String {
        self.app().callback_url(&self.connection())
    }

    /// What the sandbox signs its callbacks with.
    pub(crate) fn callback_secret(&self) -> &str {
        let credentials = &self.scene.vendor.credentials;
        let secret = credentials
            .iter()
            .find(|(name, _)| *name == "callback_secret");
        &secret.expect("the sandbox has one").1
    }

    /// Sends anything to a callback address.
    pub(crate) async fn send_callback(
        &self,
        method: Method,
        url: &str,
        headers: &[(String, String)],
        body: Vec<u8>,
    ) -> Answer {
        self.tenant()
            .anonymous()
            .raw(method, url, |request| {
                let named = headers.iter();
                named
                    .fold(request, |request, (name, value)| {
                        request.header(name, value)
                    })
                    .body(body)
            })
            .await
    }

    /// Places an order under this id, for an applicant of its own.
    pub(crate) async fn placed_as(&self, background_check_id: &str) -> Order {
        let mut order = self.order();
        order["background_check_id"] = background_check_id.into();
        order["applicant"]["email"] = format!("{background_check_id}@mailbox.dev").into();
        let answer = self.tenant().place(&order).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        self.stored(background_check_id).await
    }

    /// Carries a callback to where it is addressed, as it is.
    pub(crate) async fn carry(&self, callback: &Outgoing) -> Answer {
        let body = callback.body.clone();
        self.send_callback(Method::POST, &callback.url, &callback.headers, body)
            .await
    }

    /// Carries a callback, which is acknowledged, and lets happen what follows.
    pub(crate) async fn bring(&self, callback: &Outgoing) {
        let answer = self.carry(callback).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.settle().await;
    }

    /// Sends a body of the test's own with the sandbox's proof.
    pub(crate) async fn send_signed(&self, url: &str, body: &[u8]) -> Answer {
        let headers = proof(self.callback_secret(), self.clock.now() / 1000, body);
        self.send_callback(Method::POST, url, &headers, body.to_vec())
            .await
    }

    /// Moves an order at the vendor, which calls nobody.
    pub(crate) fn vendor_moves_silently(&self, key: &str, status: &str, result: Option<&str>) {
        self.fault(FaultKind::Mute, "", 0);
        assert!(self.vendor.advance(key, status, result), "no order {key}");
        self.fault(FaultKind::None, "", 0);
    }

    /// Callbacks in a state.
    pub(crate) async fn callbacks_in(&self, state: &str) -> Vec<CallbackRow> {
        let store = &self.app().store;
        store.callbacks_in(state, 10_000).await.expect("it reads")
    }

    /// The order's history.
    pub(crate) async fn history(&self) -> Vec<HistoryRow> {
        let order = self.stored("224466").await;
        let store = &self.app().store;
        store.history(&order.id).await.expect("it reads")
    }

    /// The contacts of one kind about the order that are kept.
    pub(crate) async fn contacts(&self, kind: ContactKind) -> Vec<ContactRow> {
        let order = self.stored("224466").await;
        let mut contacts = self
            .app()
            .store
            .contacts(&order.id)
            .await
            .expect("it reads");
        contacts.retain(|contact| contact.kind == kind);
        contacts
    }

    /// What the order's story holds, as operators and programs read it.
    pub(crate) async fn story(&self) -> Story {
        let order = self.stored("224466").await;
        self.app().story(order).await.expect("it reads")
    }

    /// The phrases of one kind in the order's history.
    pub(crate) async fn told(&self, kind: &str) -> Vec<String> {
        let lines = self.history().await.into_iter();
        lines
            .filter(|line| line.kind == kind)
            .map(|line| line.detail)
            .collect()
    }

    /// How often the vendor was asked for a path that begins so, by that method.
    pub(crate) fn asked(&self, method: &str, path: &str) -> usize {
        let requests = self.vendor.requests();
        let asked = requests
            .iter()
            .filter(|request| request.method == method && request.path().starts_with(path));
        asked.count()
    }

    /// Status and result of every webhook, in their order.
    pub(crate) fn told_ats(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let webhooks = self.webhooks().into_iter();
        webhooks
            .map(|webhook| (text(&webhook["status"]), text(&webhook["result"])))
            .collect()
    }

    /// Expects the ATS to have been told exactly this: statuses and results.
    #[track_caller]
    pub(crate) fn expect_told(&self, expected: &[(&str, &str)]) {
        let told = self.told_ats();
        let told: Vec<_> = told
            .iter()
            .map(|(status, result)| (status.as_str(), result.as_str()))
            .collect();
        assert_eq!(told, expected);
    }

    /// Lets time pass in steps, each with everything that is due then.
    pub(crate) async fn pass_slowly(&self, time: Duration, step: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let now = step.min(left);
            self.pass(now).await;
            left -= now;
        }
    }

    /// The value of a metric of one vendor, over everything that runs in this process.
    pub(crate) async fn metric(&self, name: &str, vendor: &str) -> f64 {
        let url = format!("http://{}/metrics", self.serving().operations);
        let page = self.tenant().anonymous().get(&url).await.text;
        let label = format!("vendor=\"{vendor}\"");
        let of_vendor = |line: &&str| line.starts_with(name) && line.contains(&label);
        let values = page.lines().filter(of_vendor).filter_map(|line| {
            let (_, value) = line.rsplit_once(' ')?;
            value.parse::<f64>().ok()
        });
        values.sum()
    }

    /// The first column of a query's rows, for what has no other outside.
    pub(crate) async fn query(&self, sql: &str) -> Vec<String> {
        let mut connection = self.database().await;
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut connection)
            .await
            .expect("the query is right");
        let texts = rows.iter().map(|row| row.get::<String, _>(0)).collect();
        connection.close().await.expect("it says goodbye");
        texts
    }

    /// Runs a statement behind the gateway's back.
    pub(crate) async fn execute(&self, sql: &str) {
        let mut connection = self.database().await;
        sqlx::query(AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await
            .expect("the statement is right");
        connection.close().await.expect("it says goodbye");
    }

    async fn database(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        AnyConnection::connect(self.settings.store.url.expose())
            .await
            .expect("the database takes one more")
    }
}
