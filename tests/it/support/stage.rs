//! Scenes that several files of tests play in: other tenants, other connections, vendors that come
//! and go, and what may be said about a vendor's journal afterwards.

use std::time::Duration;

use adapters::simulator::{FaultKind, FaultOrder, Pace, Sandbox, sandbox};
use cleargate::domain::order::Stage;
use cleargate::sandbox::{FakeVendor, Received, Scene, import_file};
use cleargate::seal::random_text;
use serde_json::Value;

use super::client::Answer;
use super::{TenantClient, World, import, loopback};

impl World {
    /// Imports the tenants file again, changed.
    pub(crate) async fn import_changed(&self, change: impl FnOnce(&str) -> String) {
        import(self.app(), &change(&self.file), &self.scene).await;
    }

    /// Lets the tenant's connection lead to another address.
    pub(crate) async fn vendor_is_at(&self, base_url: &str) {
        let known = self.vendor.base_url();
        self.import_changed(|file| file.replace(&known, base_url))
            .await;
    }

    /// Another tenant of the same vendor, `ACCT456`.
    pub(crate) async fn second_tenant(&self) -> TenantClient {
        let scene = Scene {
            api_secret: format!("cgs_{}", random_text()),
            ..self.scene.clone()
        };
        let file = import_file(&scene).replace("ACCT123\"\n", "ACCT456\"\n");
        import(self.app(), &file, &scene).await;
        TenantClient::new(self.serving().public, "ACCT456", &scene.api_secret)
    }

    /// A second vendor of the sandbox's kind that has never seen an order.
    pub(crate) fn fresh_sandbox(&self) -> FakeVendor {
        let account = sandbox::Account {
            pace: Pace::manual(),
            ..sandbox::Account::default()
        };
        let clock = self.clock.clone();
        FakeVendor::start(Box::new(Sandbox::new(account)), loopback(), move || {
            clock.now()
        })
        .unwrap()
    }

    /// The ATS's own order with another id.
    pub(crate) fn order_numbered(&self, background_check_id: &str) -> Value {
        with(
            self.order(),
            "/background_check_id",
            background_check_id.into(),
        )
    }

    /// The ATS's own order for an applicant of another last name.
    pub(crate) fn order_for(&self, last_name: &str) -> Value {
        with(self.order(), "/applicant/last_name", last_name.into())
    }

    /// Makes the vendor misbehave on the requests that order something at `path`.
    pub(crate) fn fault_placing(&self, kind: FaultKind, path: &str, times: u32) {
        self.vendor.fault(FaultOrder {
            kind,
            path: path.to_owned(),
            method: "POST".to_owned(),
            times,
        });
    }

    /// Places the ATS's own order at a vendor that is silent for once, and does something while it
    /// is waited for; returns what the caller was answered.
    pub(crate) async fn place_in_silence(&self, meanwhile: impl Future<Output = ()>) -> Answer {
        self.fault(FaultKind::Hang, "/orders", 1);
        let (tenant, order) = (self.tenant(), self.order());
        let (answer, ()) = tokio::join!(tenant.place(&order), async {
            let is_sent = async || self.asked("POST", "/orders") == 1;
            self.until(is_sent, "the order is sent").await;
            meanwhile.await;
        });
        answer
    }

    /// The vendor behaves again.
    pub(crate) fn heal(&self) {
        self.fault(FaultKind::None, "", 0);
    }

    /// Lets time pass until an order is placed or over, or waits for a person.
    pub(crate) async fn until_settled(&self, background_check_id: &str) -> Stage {
        for _ in 0..50 {
            let order = self.stored(background_check_id).await;
            if !order.stage.is_unplaced() || order.waiting.is_some() {
                return order.stage;
            }
            self.pass(Duration::from_secs(100)).await;
        }
        panic!("{background_check_id} is still being placed after more than an hour");
    }

    /// The POSTs the vendor got at paths with `path` in them.
    pub(crate) fn posts(&self, path: &str) -> Vec<Received> {
        let mut posts = self.vendor.requests();
        posts.retain(|request| request.method == "POST" && request.path().contains(path));
        posts
    }

    /// The idempotency keys of the POSTs at `path`, each once, in order of first use.
    pub(crate) fn keys(&self, path: &str) -> Vec<String> {
        let mut keys = Vec::new();
        for request in self.posts(path) {
            let key = request.header("idempotency-key").unwrap().to_owned();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// The vendor has exactly one order, and ours is it.
    pub(crate) async fn is_placed_once(&self, what: &str) {
        let held = self.vendor_orders();
        assert_eq!(held.len(), 1, "{what}: {held:?}");
        let order = self.stored("224466").await;
        assert_eq!(held[0].reference, order.our_ref.0, "{what}");
        assert_eq!(order.stage, Stage::Invited, "{what}");
        assert!(order.accepted, "{what}");
    }
}

/// An order with another value at a JSON pointer; its parent is there.
pub(crate) fn with(mut order: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    order.pointer_mut(parent).unwrap()[name] = value;
    order
}

impl Answer {
    /// Expects a success.
    #[track_caller]
    pub(crate) fn taken(&self, stage: &str) {
        assert_eq!(self.status, 201, "{}", self.body);
        assert_eq!(self.body["stage"], stage, "{}", self.body);
    }

    /// Expects an error of the form that all errors have.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str, field: Option<&str>) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.body["code"], code, "{}", self.text);
        assert_eq!(self.body["field"].as_str(), field, "{}", self.text);
        let sentence = self.body["error_message"].as_str().unwrap();
        assert!(sentence.ends_with('.') && sentence.len() > 10, "{sentence}");
        assert_eq!(self.body["request_id"], self.header("x-request-id"));
        assert_eq!(
            self.header("retry-after").is_empty(),
            !matches!(status, 429 | 503),
            "Retry-After belongs to 429 and 503: {}",
            self.text
        );
    }
}
