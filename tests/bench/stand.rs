//! A gateway between a vendor and a webhook receiver, and the two things that are asked of it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;

use crate::client::Client;
use crate::gateway::{Gateway, Plan};
use crate::load;
use crate::sink::Sink;
use crate::vendor::{self, Vendor};

/// Orders placed before anything is measured: connections are open and statements are prepared.
const WARM_UP: u32 = 200;

/// What a placing that is held back is told to wait, at least.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What a measurement may ask for beside the usual.
#[derive(Default)]
pub(crate) struct Unusual {
    /// A vendor that never answers, for a client account of its own.
    pub(crate) hanging: Option<SocketAddr>,
    /// Connections of each client account.
    pub(crate) connections: Option<u32>,
    /// Where else webhooks may go.
    pub(crate) webhooks: Vec<SocketAddr>,
    /// Its files lie in memory, as those of the PostgreSQL do.
    pub(crate) in_memory: bool,
}

/// All that takes part in a measurement.
pub(crate) struct Stand {
    pub(crate) gateway: Gateway,
    pub(crate) vendor: Vendor,
    pub(crate) sink: Sink,
    to_vendor: Client,
    tenants: u32,
}

impl Stand {
    pub(crate) async fn start(
        program: &Path,
        store_url: &str,
        cpu: Option<usize>,
        tenants: u32,
    ) -> Self {
        let usual = Unusual::default();
        Self::of(program, store_url, cpu, tenants, usual).await
    }

    /// With what is unusual about it.
    pub(crate) async fn of(
        program: &Path,
        store_url: &str,
        cpu: Option<usize>,
        tenants: u32,
        unusual: Unusual,
    ) -> Self {
        let (vendor, sink) = (Vendor::start().await, Sink::start().await);
        let plan = Plan {
            program,
            store_url,
            cpu,
            tenants,
            connections: unusual.connections.unwrap_or(1),
            hanging: unusual.hanging,
            vendor: vendor.addr(),
            webhooks: unusual.webhooks.into_iter().chain([sink.addr()]).collect(),
            in_memory: unusual.in_memory,
        };
        let gateway = Gateway::start(plan).await;
        Self {
            gateway,
            to_vendor: Client::new(vendor.addr()),
            vendor,
            sink,
            tenants,
        }
    }

    /// Places orders `0..WARM_UP`, which no measurement uses, and brings them home.
    pub(crate) async fn warm_up(self: &Arc<Self>) -> u32 {
        self.place(0).await;
        self.place_all(1, WARM_UP - 1).await;
        let stand = Arc::clone(self);
        let call_back = move |number| {
            let stand = Arc::clone(&stand);
            async move { stand.call_back(number).await }
        };
        load::closed_loop(8, |number, _| number >= WARM_UP, call_back).await;
        self.sink.wait_for(WARM_UP as usize).await;
        WARM_UP
    }

    /// Places `count` orders from the number `first` on.
    pub(crate) async fn place_all(self: &Arc<Self>, first: u32, count: u32) {
        let stand = Arc::clone(self);
        let place = move |number| {
            let stand = Arc::clone(&stand);
            async move { stand.place(first + number).await }
        };
        load::closed_loop(16, move |number, _| number >= count, place).await;
    }

    /// Places an order and expects it to be taken.
    pub(crate) async fn place(&self, number: u32) {
        self.place_at(&self.gateway, number).await;
    }

    /// The same, at a replica.
    pub(crate) async fn place_at(&self, gateway: &Gateway, number: u32) {
        let body = vendor::order(&self.account(number), number, self.sink.addr());
        let (answered, body) = self.order(gateway, &self.account(number), body).await;
        self.expected(answered, &body, StatusCode::CREATED);
    }

    /// Places an order at the vendor, without the gateway.
    pub(crate) async fn place_at_vendor(&self, number: u32) {
        let (answered, body) = self.to_vendor.send(Vendor::order(number)).await;
        self.expected(answered, &body, StatusCode::CREATED);
    }

    /// Places an order whose webhook goes elsewhere.
    pub(crate) async fn place_for(&self, webhook: SocketAddr, number: u32) {
        let body = vendor::order(&self.account(number), number, webhook);
        let (answered, body) = self.order(&self.gateway, &self.account(number), body).await;
        self.expected(answered, &body, StatusCode::CREATED);
    }

    /// Places an order at the vendor that never answers. Where it is turned away, because that
    /// vendor is left alone by now, it comes back as late as Retry-After says.
    pub(crate) async fn place_at_hanging(&self, number: u32) {
        let body = vendor::order("HANGING", number, self.sink.addr());
        let (answered, _) = self.order(&self.gateway, "HANGING", body).await;
        if answered == StatusCode::SERVICE_UNAVAILABLE {
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    async fn order(&self, gateway: &Gateway, account: &str, body: String) -> (StatusCode, Bytes) {
        let request = Request::post("/v1/orders")
            .header("host", "bench")
            .header("content-type", "application/json")
            .header("authorization", self.basic(account))
            .body(Full::from(body));
        let request = request.expect("a plain request");
        gateway.client.send(request).await
    }

    /// Calls back about an order and expects to be acknowledged.
    pub(crate) async fn call_back(&self, number: u32) {
        self.call_back_at(&self.gateway, number).await;
    }

    /// The same, at a replica.
    pub(crate) async fn call_back_at(&self, gateway: &Gateway, number: u32) {
        let callback = self.vendor.callback(number);
        let (answered, body) = gateway.client.send(callback).await;
        self.expected(answered, &body, StatusCode::OK);
    }

    /// Asks for the list of a client account.
    pub(crate) async fn ask_for_packages(&self, account: u32) {
        let request = Request::get("/v1/packages")
            .header("host", "bench")
            .header("authorization", self.basic(&format!("BENCH{account}")))
            .body(Full::default());
        let request = request.expect("a plain request");
        let (answered, body) = self.gateway.client.send(request).await;
        self.expected(answered, &body, StatusCode::OK);
    }

    fn expected(&self, answered: StatusCode, body: &[u8], status: StatusCode) {
        let body = String::from_utf8_lossy(body);
        let warnings = || self.gateway.warnings();
        assert_eq!(answered, status, "{body}\n{:#?}", warnings());
    }

    fn account(&self, number: u32) -> String {
        format!("BENCH{}", number % self.tenants)
    }

    /// What a client account proves itself with.
    pub(crate) fn basic(&self, account: &str) -> String {
        let pair = format!("{account}:{}", self.gateway.api_secret);
        format!("Basic {}", BASE64.encode(pair))
    }
}
