//! Steering a fake ATS over HTTP.

use std::sync::Arc;

use adapters::vocabulary::Millis;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, StatusCode};
use serde::Serialize;

use super::{Answer, Desk};
use crate::sandbox::control::{Refusal, parse, unknown};
use crate::sandbox::journal::Received;

const KNOWN: &str = "GET /_control/received, POST /_control/answer";

pub(super) fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/_control/received", get(list_received))
        .route("/_control/answer", post(set_answer))
        .fallback(refuse)
        .method_not_allowed_fallback(refuse)
        .with_state(desk)
}

#[derive(Serialize)]
struct Listing {
    received: Vec<Listed>,
}

/// A request as people read it.
#[derive(Serialize)]
struct Listed {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    /// The body, where it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The body in base64, where it is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// Milliseconds since the Unix epoch.
    at: Millis,
    overlapped: bool,
}

impl From<Received> for Listed {
    fn from(received: Received) -> Self {
        let (body, body_base64) = match String::from_utf8(received.body) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
        };
        Self {
            method: received.method,
            target: received.target,
            headers: received.headers,
            body,
            body_base64,
            at: received.at,
            overlapped: received.overlapped,
        }
    }
}

async fn list_received(State(desk): State<Arc<Desk>>) -> Json<Listing> {
    let received = desk.journal.received();
    let received = received.into_iter().map(Listed::from).collect();
    Json(Listing { received })
}

async fn set_answer(State(desk): State<Arc<Desk>>, body: Bytes) -> Result<Json<Answer>, Refusal> {
    let example =
        r#"{"path": "/hooks", "times": 3, "status": 503, "headers": [["retry-after", "2"]]}"#;
    let answer: Answer = parse(&body, example)?;
    if !(100..=999).contains(&answer.status) {
        let message = format!("`status` is {}; HTTP has 100 to 999", answer.status);
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    desk.answers().add(answer.clone());
    Ok(Json(answer))
}

async fn refuse(request: Request<Body>) -> Refusal {
    unknown(&request, KNOWN)
}
