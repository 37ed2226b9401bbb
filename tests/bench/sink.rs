//! The ATS's end: takes webhooks and remembers when the first of each order came.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde::Deserialize;

use crate::serving::{self, Server};

/// How long all webhooks of a run may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A receiver that listens.
pub(crate) struct Sink {
    server: Server,
    arrived: Arc<Arrived>,
}

#[derive(Default)]
struct Arrived(Mutex<HashMap<u32, Arrival>>);

/// When the first webhook of an order came, and how many came.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) first: Instant,
    pub(crate) copies: u32,
}

#[derive(Deserialize)]
struct Webhook<'a> {
    background_check_id: &'a str,
    result: &'a str,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        let arrived = Arc::<Arrived>::default();
        Self {
            server: Server::start(Arc::clone(&arrived), answer).await,
            arrived,
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.server.addr
    }

    /// How many orders have had a webhook.
    pub(crate) fn count(&self) -> usize {
        self.arrived.lock().len()
    }

    /// Waits until `count` orders in all have had a webhook.
    pub(crate) async fn wait_for(&self, count: usize) {
        let since = Instant::now();
        while self.count() < count {
            assert!(since.elapsed() < PATIENCE, "webhooks were lost");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The arrival of an order's webhook.
    pub(crate) fn arrival(&self, number: u32) -> Arrival {
        self.arrived.lock()[&number]
    }
}

impl Arrived {
    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Arrival>> {
        self.0.lock().expect("nobody panics with it")
    }
}

fn answer(arrived: &Arrived, _: &Request<()>, body: &[u8]) -> Response<Full<Bytes>> {
    let first = Instant::now();
    let webhook: Webhook<'_> = serde_json::from_slice(body).expect("a webhook");
    assert_eq!(webhook.result, "Pass");
    let number = webhook.background_check_id.strip_prefix("b-");
    let number = number.and_then(|number| number.parse().ok());
    let number: u32 = number.expect("the number of an order");
    let mut arrived = arrived.lock();
    let arrival = arrived.entry(number);
    arrival.or_insert(Arrival { first, copies: 0 }).copies += 1;
    serving::json(200, Bytes::new())
}
