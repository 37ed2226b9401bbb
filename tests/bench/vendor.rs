//! The vendor: answers at once, remembers what it needs to call back, and nothing else.

use std::collections::HashMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use adapters::callback::hmac_sha256_hex;
use bytes::Bytes;
use cleargate::clock::Clock;
use http::{Method, Request, Response};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::json;

use crate::serving::{self, Server};

/// Its sheet.
pub(crate) const SHEET: &str = include_str!("vendor.toml");
/// What its callbacks are signed with.
pub(crate) const SECRET: &str = "bench-callback-secret";
/// What it offers: the size of catalog that the targets speak of.
const PACKAGES: usize = 20;
const ADD_ONS: usize = 5;

/// A vendor that listens.
pub(crate) struct Vendor {
    server: Server,
    state: Arc<State>,
    clock: Clock,
}

struct State {
    packages: Bytes,
    placed: Mutex<HashMap<u32, Placed>>,
}

struct Placed {
    reference: String,
    callback_path: String,
}

/// What it reads of an order. The number of the order comes as the job's id.
#[derive(Deserialize)]
struct Placing<'a> {
    reference: &'a str,
    callback_url: &'a str,
    job_id: &'a str,
}

impl Vendor {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(State {
            packages: packages(),
            placed: Mutex::default(),
        });
        Self {
            server: Server::start(Arc::clone(&state), answer).await,
            state,
            clock: Clock::running(),
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.server.addr
    }

    /// An order as the gateway sends it here.
    pub(crate) fn order(number: u32) -> Request<Full<Bytes>> {
        let reference = format!("{number:024}");
        let body = json!({
            "reference": reference,
            "callback_url": format!("http://127.0.0.1/v1/callbacks/{}", "x".repeat(60)),
            "package": "package_01",
            "add_ons": [],
            "job_id": number.to_string(),
            "applicant": {
                "id": "12345", "first_name": "John", "last_name": "Doe", "email": "john.doe@mailbox.dev",
            },
        });
        Request::post("/orders")
            .header("host", "bench")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", "x".repeat(47)))
            .header("idempotency-key", format!("{reference}-1"))
            .body(Full::from(body.to_string()))
            .expect("a plain request")
    }

    /// The callback that says an order is complete and passed.
    pub(crate) fn callback(&self, number: u32) -> Request<Full<Bytes>> {
        let placed = self.state.placed();
        let Placed {
            reference,
            callback_path,
        } = &placed[&number];
        let order = json!({
            "id": theirs(number), "reference": reference, "status": "complete", "result": "pass",
        });
        let body = json!({"event": "order.updated", "order": order}).to_string();
        let stamp = (self.clock.now() / 1000).to_string();
        let signed = [stamp.as_bytes(), b".", body.as_bytes()];
        let signature = hmac_sha256_hex(SECRET.as_bytes(), &signed);
        Request::post(callback_path)
            .header("host", "bench")
            .header("content-type", "application/json")
            .header("x-bench-signature", format!("t={stamp},v1={signature}"))
            .body(Full::from(body))
            .expect("a plain request")
    }
}

impl State {
    fn placed(&self) -> MutexGuard<'_, HashMap<u32, Placed>> {
        self.placed.lock().expect("nobody panics with it")
    }
}

fn theirs(number: u32) -> String {
    format!("v-{number}")
}

fn answer(state: &State, request: &Request<()>, body: &[u8]) -> Response<Full<Bytes>> {
    if request.method() == Method::GET {
        assert_eq!(request.uri().path(), "/packages", "nothing else is asked");
        return serving::json(200, state.packages.clone());
    }
    let placing: Placing<'_> = serde_json::from_slice(body).expect("an order");
    let number = placing.job_id.parse().expect("the number of an order");
    let path = placing.callback_url.split_once("/callbacks/");
    let path = path.expect("the gateway's callback URL").1;
    let reference = placing.reference.to_owned();
    let order = json!({
        "id": theirs(number), "reference": reference, "status": "in_progress", "result": null,
    });
    let answer = serving::json(201, order.to_string());
    let placed = Placed {
        reference,
        callback_path: format!("/callbacks/{path}"),
    };
    let before = state.placed().insert(number, placed);
    assert!(before.is_none(), "order {number} was placed twice");
    answer
}

/// A catalog of the usual size.
pub(crate) fn packages() -> Bytes {
    let screenings = [
        "Address to Federal Criminal History (7 year)",
        "Social Security Address/Alias Trace",
        "OFAC Specially Designated Nationals",
    ];
    let packages: Vec<_> = (1..=PACKAGES)
        .map(|n| {
            json!({
                "id": format!("package_{n:02}"), "name": format!("Package {n:02}"), "price": format!("{n}9.99"),
                "description": "A basic background check screening", "screenings": screenings,
            })
        })
        .collect();
    let add_ons: Vec<_> = (1..=ADD_ONS)
        .map(|n| {
            json!({
                "id": format!("add_on_{n:02}"), "name": format!("Add-on {n:02}"), "price": format!("{n}.99"),
                "description": "A 7 panel urine test for prohibited substances",
            })
        })
        .collect();
    Bytes::from(json!({"packages": packages, "add_ons": add_ons}).to_string())
}

/// The order as an ATS sends it. Its number is in its id and in its job's id.
pub(crate) fn order(account: &str, number: u32, webhook: SocketAddr) -> String {
    let mut id = String::new();
    write!(id, "b-{number}").expect("a String takes all");
    json!({
        "account_id": account,
        "hiring_manager_user_id": "67890",
        "background_check_id": id,
        "package_id": "package_01",
        "webhook_url": format!("http://{webhook}/webhooks"),
        "hiring_manager": {"id": "67890", "first_name": "Jill", "last_name": "Smith", "email": "jill.smith@mailbox.dev"},
        "applicant": {
            "id": "12345", "first_name": "John", "last_name": "Doe", "phone": "888-555-1234", "email": "john.doe@mailbox.dev",
            "address": "123 Main St.", "address_2": "Apt. 1", "city": "Springfield", "state": "IL", "zip": "12345"
        },
        "job": {"id": number.to_string()}
    })
    .to_string()
}
