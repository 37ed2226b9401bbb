//! What the control paths of both fakes share: JSON in, JSON out, refusals as sentences.

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{Request, StatusCode};
use serde::de::DeserializeOwned;
use tower::ServiceExt;

use super::serving::Reply;

/// Paths that begin so steer the fake; all others belong to what it fakes.
const PREFIX: &str = "/_control/";

/// Whether a request is for us rather than for what we fake.
pub(super) fn is_control(request: &Request<Bytes>) -> bool {
    request.uri().path().starts_with(PREFIX)
}

/// Lets the control routes answer.
pub(super) async fn answer(routes: Router, request: Request<Bytes>) -> Reply {
    match routes.oneshot(request.map(Body::from)).await {
        Ok(response) => Reply::Sound(response),
        Err(never) => match never {},
    }
}

/// Why a control request was not followed.
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, message }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error_message": self.message });
        (self.status, Json(body)).into_response()
    }
}

/// The body as JSON; `example` shows what would be right.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("the body must be JSON such as {example}: {error}");
        Refusal::new(StatusCode::BAD_REQUEST, message)
    })
}

/// Answers for a path or method that steers nothing; `known` lists those that do.
pub(super) fn unknown(request: &Request<Body>, known: &str) -> Refusal {
    let (method, path) = (request.method(), request.uri().path());
    let message = format!("`{method} {path}` steers nothing here; there are: {known}");
    Refusal::new(StatusCode::NOT_FOUND, message)
}
