//! The route table, and what every request passes: an id, a span, a count, a last resort.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use metrics_exporter_prometheus::PrometheusHandle;
use tracing::Instrument as _;

use super::error::ApiError;
use super::operations::Readiness;
use super::{ats, callbacks, operations as ops, results, status};
use crate::app::App;
use crate::trace::Trace;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the edge itself needs to know.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Largest body of an order, in bytes.
    pub body_limit: usize,
    /// How long a body may take.
    pub body_timeout: Duration,
    /// How long any answer may take: longer than everything that has a deadline of its own, so
    /// that only a database that stands still makes anybody wait for it.
    pub longest_answer: Duration,
    /// The provider's logo, a PNG.
    pub logo: Bytes,
}

/// The routes of the public listener.
pub fn public(app: Arc<App>, edge: Edge) -> Router {
    Router::new()
        .route("/v1/packages", get(ats::packages).post(ats::packages))
        .route("/v1/orders", post(ats::place_order))
        .route(
            "/v1/orders/{background_check_id}",
            get(status::order_status),
        )
        .route(
            "/v1/orders/{background_check_id}/cancel",
            post(ats::cancel_order),
        )
        .route("/v1/logo.png", get(ats::logo))
        .route(
            "/background_checks/{tracking_id}/results",
            get(results::show).post(results::report),
        )
        .route("/callbacks/{vendor}/{token}", any(callbacks::receive))
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async || {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This address does not take this method.",
            )
        })
        .with_state(app)
        .layer(middleware::from_fn_with_state(edge.longest_answer, in_time))
        .layer(Extension(Arc::new(edge)))
        .layer(middleware::from_fn(observe))
}

/// The routes of the operations listener.
pub fn operations(readiness: Readiness, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/healthz", get(ops::health))
        .route("/readyz", get(ops::ready))
        .route("/metrics", get(ops::metrics))
        .with_state(readiness)
        .layer(Extension(metrics))
}

/// Answers for whatever does not.
async fn in_time(State(longest): State<Duration>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(longest, next.run(request)).await;
    answer.unwrap_or_else(|_| {
        tracing::error!("no answer within the longest time, probably for want of the database");
        ApiError::unavailable(Duration::from_secs(2)).into_response()
    })
}

/// Gives the request an id and a span, counts it, and writes an error's answer. The span names the
/// route, never the path: paths of callbacks and results are secret.
async fn observe(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id(&request);
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("(none)", MatchedPath::as_str)
        .to_owned();
    let method = request.method().clone();
    let given = request
        .headers()
        .get("traceparent")
        .and_then(|value| value.to_str().ok());
    let trace = given.and_then(Trace::parse).unwrap_or_else(Trace::begin);
    let span = tracing::info_span!(
        "request", request_id = %id, trace_id = %trace, %method, %route, tenant = tracing::field::Empty
    );
    let mut response = trace
        .scope(next.run(request))
        .instrument(span.clone())
        .await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        response = error.answer(&id);
    } else if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response = ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "This address does not take this method.",
        )
        .answer(&id);
    } else if response.status().is_client_error()
        && response
            .headers()
            .get("content-type")
            .is_some_and(|mime| mime.as_bytes().starts_with(b"text/plain"))
    {
        response = ApiError::new(
            response.status(),
            "malformed",
            "The request cannot be read.",
        )
        .answer(&id);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let status = response.status().as_u16();
    let took = began.elapsed();
    tracing::debug!(parent: &span, status, took_us = took.as_micros(), "answered");
    metrics::histogram!("http_request_seconds", "route" => route, "status" => status_class(status))
        .record(took);
    response
}

fn status_class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

/// The caller's request id where it is a plain one, else one of ours.
fn request_id(request: &Request) -> String {
    let given = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let plain = |id: &&str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    given
        .filter(plain)
        .map_or_else(|| hex::encode(rand::random::<[u8; 16]>()), str::to_owned)
}

/// Reads a body, up to a cap and a deadline.
pub(super) async fn read_body(body: Body, cap: usize, within: Duration) -> Result<Bytes, ApiError> {
    #[expect(clippy::disallowed_methods, reason = "the body is limited right here")]
    let reading = Limited::new(body, cap).collect();
    match tokio::time::timeout(within, reading).await {
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_too_slow",
            "The body did not arrive in time.",
        )),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("The body is larger than {cap} bytes."),
        )),
        Ok(Err(_)) => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "body_broken",
            "The body broke off.",
        )),
    }
}
