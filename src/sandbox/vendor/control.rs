//! Steering a fake vendor over HTTP, for people and for tests in another process.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapters::simulator::{FaultOrder, HeldOrder};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::{Request, StatusCode};
use serde::{Deserialize, Serialize};

use super::{Desk, callbacks};
use crate::sandbox::control::{Refusal, parse, unknown};

const KNOWN: &str = "GET /_control/orders, POST /_control/orders/{reference or id}, \
     POST /_control/fault, POST /_control/callback_url, GET /_control/requests";

pub(super) fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/_control/orders", get(list_orders))
        .route("/_control/orders/{key}", post(advance_order))
        .route("/_control/fault", post(set_fault))
        .route("/_control/callback_url", post(set_callback_url))
        .route("/_control/requests", get(count_requests))
        .fallback(refuse)
        .method_not_allowed_fallback(refuse)
        .with_state(desk)
}

#[derive(Serialize)]
struct Orders {
    orders: Vec<HeldOrder>,
}

async fn list_orders(State(desk): State<Arc<Desk>>) -> Json<Orders> {
    let orders = desk.simulator().orders();
    Json(Orders { orders })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    status: String,
    #[serde(default)]
    result: Option<String>,
}

async fn advance_order(
    State(desk): State<Arc<Desk>>,
    Path(key): Path<String>,
    body: Bytes,
) -> Result<Json<HeldOrder>, Refusal> {
    let to: Move = parse(&body, r#"{"status": "complete", "result": "clear"}"#)?;
    let moved = desk.advance(&key, &to.status, to.result.as_deref());
    moved.map(Json).ok_or_else(|| {
        let message = format!(
            "no order has the reference or id `{key}`; GET /_control/orders lists those there are"
        );
        Refusal::new(StatusCode::NOT_FOUND, message)
    })
}

async fn set_fault(
    State(desk): State<Arc<Desk>>,
    body: Bytes,
) -> Result<Json<FaultOrder>, Refusal> {
    let example = r#"{"kind": "act_and_hang", "path": "/orders", "method": "POST", "times": 1}"#;
    let fault: FaultOrder = parse(&body, example)?;
    desk.fault(fault.clone());
    Ok(Json(fault))
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct CallbackUrl {
    url: String,
}

async fn set_callback_url(
    State(desk): State<Arc<Desk>>,
    body: Bytes,
) -> Result<Json<CallbackUrl>, Refusal> {
    let to: CallbackUrl = parse(&body, r#"{"url": "http://127.0.0.1:8080/callbacks/..."}"#)?;
    callbacks::loopback(&to.url).map_err(|why| {
        let message = format!("the callback URL cannot be used: {why}");
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    })?;
    desk.set_callback_url(&to.url);
    Ok(Json(to))
}

/// Counts by `METHOD /path` of the requests to the vendor's own paths; steering is not counted.
async fn count_requests(State(desk): State<Arc<Desk>>) -> Json<BTreeMap<String, u64>> {
    Json(desk.journal.counts())
}

async fn refuse(request: Request<Body>) -> Refusal {
    unknown(&request, KNOWN)
}
