//! A vendor on a socket: a simulator that is asked over HTTP and calls back.

mod callbacks;
mod control;
#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adapters::simulator::{
    Arrived, FaultOrder, HeldOrder, Manner, Outgoing, Response as Answer, Simulator,
};
use adapters::vocabulary::Millis;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tokio::sync::Notify;

#[cfg(test)]
pub(super) use script::Script;

use super::control as steering;
use super::journal::{Journal, Received};
use super::serving::{Reply, Serving, dripping, raw_head};

/// A fake vendor that listens and calls back until it is stopped or dropped.
///
/// Beside the vendor's own paths it serves `/_control/`: `GET orders`, `POST orders/{key}`,
/// `POST fault`, `POST callback_url`, `GET requests`.
pub struct FakeVendor {
    serving: Serving,
    desk: Arc<Desk>,
}

impl FakeVendor {
    /// Listens on `listen` (port 0: any free one), inside a tokio runtime. `clock` is the vendor's
    /// time, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on, or no client for callbacks can be made.
    pub fn start(
        simulator: Box<dyn Simulator>,
        listen: SocketAddr,
        clock: impl Fn() -> Millis + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let client = callbacks::client().map_err(io::Error::other)?;
        let desk = Arc::new(Desk {
            simulator: Mutex::new(simulator),
            clock: Box::new(clock),
            journal: Arc::default(),
            happened: Notify::new(),
        });
        let serving = Serving::start(listen, {
            let desk = desk.clone();
            move |request| answer(desk.clone(), request)
        })?;
        let tasks = serving.tasks();
        tasks.spawn(callbacks::send_due(desk.clone(), client, tasks.clone()));
        Ok(Self { serving, desk })
    }

    /// Where it listens: `http://127.0.0.1:8081`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.serving.addr())
    }

    /// The orders it holds, oldest first.
    pub fn orders(&self) -> Vec<HeldOrder> {
        self.desk.simulator().orders()
    }

    /// Moves the order known by `key` (our reference or the vendor's id) to the vendor's own words
    /// and calls back. `false`: there is no such order.
    pub fn advance(&self, key: &str, status: &str, result: Option<&str>) -> bool {
        self.desk.advance(key, status, result).is_some()
    }

    /// Makes it misbehave.
    pub fn fault(&self, fault: FaultOrder) {
        self.desk.fault(fault);
    }

    /// Where callbacks go that no order addresses. Only loopback is ever called.
    pub fn set_callback_url(&self, url: &str) {
        self.desk.set_callback_url(url);
    }

    /// Every request to the vendor's own paths, oldest first.
    pub fn requests(&self) -> Vec<Received> {
        self.desk.journal.received()
    }

    /// Like [`FakeVendor::requests`], as soon as there are `n`, or those there are after `timeout`.
    pub async fn wait_for(&self, n: usize, timeout: Duration) -> Vec<Received> {
        self.desk.journal.wait_for(n, timeout).await
    }

    /// Closes the socket, ends callbacks midway, and returns when nothing of it runs any more.
    pub async fn stop(self) {
        self.serving.stop().await;
    }
}

/// The simulator and what it must be given: the time, and word of what happened.
struct Desk {
    simulator: Mutex<Box<dyn Simulator>>,
    clock: Box<dyn Fn() -> Millis + Send + Sync>,
    journal: Arc<Journal>,
    /// Something happened that callbacks may be due for.
    happened: Notify,
}

impl Desk {
    fn simulator(&self) -> MutexGuard<'_, Box<dyn Simulator>> {
        let simulator = self.simulator.lock();
        simulator.unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Millis {
        (self.clock)()
    }

    fn handle(&self, request: &Arrived) -> Answer {
        let answer = self.simulator().handle(request, self.now());
        self.happened.notify_one();
        answer
    }

    /// The order as it stands after its move; `None`: there is no such order.
    fn advance(&self, key: &str, status: &str, result: Option<&str>) -> Option<HeldOrder> {
        let mut simulator = self.simulator();
        if !simulator.advance(key, status, result, self.now()) {
            return None;
        }
        self.happened.notify_one();
        let mut orders = simulator.orders().into_iter();
        orders.find(|order| order.reference == key || order.id == key)
    }

    fn fault(&self, fault: FaultOrder) {
        self.simulator().fault(fault);
        self.happened.notify_one();
    }

    fn set_callback_url(&self, url: &str) {
        self.simulator().set_callback_url(url);
        self.happened.notify_one();
    }

    fn due(&self) -> Vec<Outgoing> {
        self.simulator().due(self.now())
    }

    fn answered(&self, id: u64, answer: Option<&(u16, Vec<u8>)>) {
        let status = answer.map(|(status, _)| *status);
        let body = answer.map_or(&[][..], |(_, body)| body);
        self.simulator().answered(id, status, body, self.now());
        self.happened.notify_one();
    }
}

async fn answer(desk: Arc<Desk>, request: Request<Bytes>) -> Reply {
    if steering::is_control(&request) {
        return steering::answer(control::routes(desk), request).await;
    }
    let flight = desk.journal.note(&request, desk.now());
    let answer = desk.handle(&arrived(request));
    let (status, headers) = (answer.status, &answer.headers);
    match answer.manner {
        Manner::Never => pending().await,
        Manner::After(pause) => tokio::time::sleep(pause).await,
        Manner::Plainly => {}
        Manner::Reset => {
            flight.answered();
            return Reply::Reset;
        }
        Manner::Truncated => {
            flight.answered();
            return Reply::Cut(truncated(&answer));
        }
        Manner::Dripping => {
            let body = flight.until_sent(dripping(answer.body.into_iter()));
            return sound(status, headers, Body::from_stream(body));
        }
    }
    flight.answered();
    sound(status, headers, Body::from(answer.body))
}

fn arrived(request: Request<Bytes>) -> Arrived {
    let received = Received::of(&request, 0);
    Arrived {
        method: received.method,
        target: received.target,
        headers: received.headers,
        body: received.body,
    }
}

fn sound(status: u16, headers: &[(String, String)], body: Body) -> Reply {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Reply::Sound(response.body(body).unwrap_or_else(|error| {
        let why = format!("BUG: the simulator's answer is no HTTP: {error}\n");
        let mut response = Response::new(Body::from(why));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    }))
}

/// The head, which announces the whole body, and the first half of it.
fn truncated(answer: &Answer) -> Vec<u8> {
    let announced = answer.body.len().max(1);
    let mut bytes = raw_head(answer.status, &answer.headers, announced);
    bytes.extend_from_slice(&answer.body[..answer.body.len() / 2]);
    bytes
}
