//! What the gateway itself costs a call that only reads, at 500 a second: the whole stack of layers,
//! with authentication, a rate and permits, on real sockets, less what the vendor took.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters::contract::Method;
use adapters::vocabulary::Private;
use adapters::{Effect, Request as VendorRequest};
use bytes::Bytes;
use cleargate::cache::Cache;
use cleargate::clock::Clock;
use cleargate::config::Settings;
use cleargate::domain::tenant::{Connection, Credentials};
use cleargate::seal::{Keyring, new_key};
use cleargate::vendors::{Caller, CallerOptions, Sent};
use http::{Request, Response};
use http_body_util::Full;

use crate::figures::{Figures, Target, Times};
use crate::serving::{self, Server};
use crate::{Effort, load, processes, vendor};

/// Calls a second.
const RATE: u32 = 500;
const TARGETS: [(f64, Target); 2] = [(50.0, Target::AtMost(0.2)), (99.0, Target::AtMost(2.0))];

pub(crate) async fn measure(effort: &Effort, figures: &mut Figures) {
    processes::keep_to_none();
    let server = Server::start(Arc::new(()), answer).await;
    let desk = Arc::new(Desk::calling(&format!("http://{}", server.addr)));
    let total = RATE * u32::try_from(effort.lasting.as_secs()).expect("seconds");
    for _ in 0..effort.rounds {
        let times = load::open_loop(RATE, total, |_, _| {
            let desk = Arc::clone(&desk);
            async move { desk.read().await }
        });
        let times = times.await;
        let through = Times::new(times.iter().map(|(stack, _)| *stack));
        let plain = Times::new(times.iter().map(|(_, plain)| *plain));
        for (percent, target) in TARGETS {
            let own = through.percentile(percent) - plain.percentile(percent);
            let what = format!("reads: through the stack less a plain request, p{percent}");
            figures.take(&what, "ms", target, own.max(0.0));
        }
        let bare = [(50.0, Target::None), (99.0, Target::None)];
        figures.take_times("reads: a plain request beside it", &plain, &bare);
    }
}

fn answer((): &(), _: &Request<()>, _: &[u8]) -> Response<Full<Bytes>> {
    serving::json(200, r#"{"id":"v-1","status":"in_progress","result":null}"#)
}

/// What calls the vendor: once through the stack, once plainly.
struct Desk {
    caller: Caller,
    vendor: adapters::Vendor,
    connection: Connection,
    request: VendorRequest,
    plain: reqwest::Client,
}

impl Desk {
    fn calling(base_url: &str) -> Self {
        let calls = "[vendors.calls]\nrate = \"100000/s\"\nin_flight = 1000";
        let settings = Settings::from_sources(Some(("bench.toml", calls)), []).expect("right");
        let options = CallerOptions {
            attempt_timeout: Duration::from_secs(5),
            settings: settings.vendors,
        };
        let keys = Keyring::new(&Private::new(new_key()), &[]).expect("a key");
        let caller = Caller::new(options, Clock::running(), Cache::default(), Arc::new(keys));
        Self {
            caller: caller.expect("its settings can be used"),
            vendor: adapters::sheet::load("bench.toml", vendor::SHEET).expect("the sheet is right"),
            connection: connection(base_url),
            request: VendorRequest {
                step: "order".to_owned(),
                method: Method::Get,
                path: "/orders/v-1".to_owned(),
                query: Vec::new(),
                headers: Vec::new(),
                mime: None,
                body: Vec::new(),
                effect: Effect::Read,
            },
            plain: reqwest::Client::new(),
        }
    }

    /// How long a call took through the stack, and how long a plain one after it.
    async fn read(&self) -> (Duration, Duration) {
        let began = Instant::now();
        let sent = self
            .caller
            .send(&self.vendor, &self.connection, &self.request, began);
        let sent = sent.await;
        let stack = began.elapsed();
        assert!(matches!(sent, Sent::Answered(ref reply) if reply.status == 200));
        let began = Instant::now();
        let url = format!("{}/orders/v-1", self.connection.base_url);
        let reply = self.plain.get(url).send().await.expect("an answer");
        whole(reply).await;
        (stack, began.elapsed())
    }
}

#[expect(clippy::disallowed_methods, reason = "both ends are ours")]
async fn whole(reply: reqwest::Response) {
    reply.bytes().await.expect("a body");
}

fn connection(base_url: &str) -> Connection {
    let secret = |name: &str| (name.to_owned(), vec![Private::from("bench")]);
    Connection {
        id: "one".to_owned(),
        tenant_id: "tenant".to_owned(),
        name: "main".to_owned(),
        label: "Bench".to_owned(),
        vendor: "bench".to_owned(),
        base_url: base_url.to_owned(),
        prefix: String::new(),
        settings: BTreeMap::new(),
        overlay: Vec::new(),
        credentials: Credentials::from_iter([secret("api_key"), secret("callback_secret")]),
        callback_token: Private::from("token"),
        retired: false,
    }
}
