//! The route table, and how bodies are read.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::FromRef;
use axum::routing::{MethodRouter, any, get, post};
use axum::{Extension, Router};
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use metrics_exporter_prometheus::PrometheusHandle;

use super::error::ApiError;
use super::hits::{self, Public};
use super::observing::{LongestAnswer, Observed, too_late};
use super::operations::Readiness;
use super::{ats, callbacks, operations as ops, results, status};
use crate::app::App;

/// What the edge itself needs to know.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Largest body of an order, in bytes.
    pub body_limit: usize,
    /// How long a body may take.
    pub body_timeout: Duration,
    /// The provider's logo, a PNG.
    pub logo: Bytes,
}

/// How much longer than what has a deadline of its own an answer may take.
const ANSWER_MARGIN: Duration = Duration::from_secs(5);

/// What handlers may ask for.
#[derive(Clone)]
struct Parts {
    app: Arc<App>,
    edge: Arc<Edge>,
}

impl FromRef<Parts> for Arc<App> {
    fn from_ref(parts: &Parts) -> Self {
        Self::clone(&parts.app)
    }
}

impl FromRef<Parts> for Arc<Edge> {
    fn from_ref(parts: &Parts) -> Self {
        Self::clone(&parts.edge)
    }
}

/// What answers on the public listener: catalog hits, and the routes for all the rest.
pub fn public(app: Arc<App>, edge: Edge) -> Public {
    let longest_answer = longest_answer(&app, edge.body_timeout);
    Public {
        packages: Observed::of(hits::PATH, &longest_answer, too_late),
        routes: public_routes(&app, edge, longest_answer),
        app,
    }
}

fn public_routes(app: &Arc<App>, edge: Edge, longest_answer: LongestAnswer) -> Router {
    let (app, edge) = (Arc::clone(app), Arc::new(edge));
    let nowhere = any(async || ApiError::not_found());
    let nowhere = nowhere.layer(Observed::of("(none)", &longest_answer, too_late));
    let packages = get(ats::packages).post(ats::packages);
    let results = get(results::show).post(results::report);
    Routes(Router::new(), longest_answer)
        .route("/v1/packages", only(packages))
        .route("/v1/orders", only(post(ats::place_order)))
        .route(
            "/v1/orders/{background_check_id}",
            only(get(status::order_status)),
        )
        .route(
            "/v1/orders/{background_check_id}/cancel",
            only(post(ats::cancel_order)),
        )
        .route("/v1/logo.png", only(get(ats::logo)))
        .pages("/background_checks/{tracking_id}/results", only(results))
        .route("/callbacks/{vendor}/{token}", any(callbacks::receive))
        .0
        .fallback_service(nowhere)
        .with_state(Parts { app, edge })
}

/// How long any answer may take: longer than everything that has a deadline of its own, so that only
/// a database that stands still makes anybody wait for it. The deadlines may change at a reload.
fn longest_answer(app: &Arc<App>, body_timeout: Duration) -> LongestAnswer {
    let app = Arc::clone(app);
    Arc::new(move || body_timeout + app.longest_deadline() + ANSWER_MARGIN)
}

/// A route of these methods and no other.
fn only(methods: MethodRouter<Parts>) -> MethodRouter<Parts> {
    methods.fallback(async || ApiError::method_not_allowed())
}

/// Routes that are observed, each under its own name, and how long an answer may take.
struct Routes(Router<Parts>, LongestAnswer);

impl Routes {
    fn route(self, path: &'static str, methods: MethodRouter<Parts>) -> Self {
        let observed = Observed::of(path, &self.1, too_late);
        Self(self.0.route(path, methods.layer(observed)), self.1)
    }

    /// A route that people look at, also where no answer comes.
    fn pages(self, path: &'static str, methods: MethodRouter<Parts>) -> Self {
        let observed = Observed::of(path, &self.1, results::too_late);
        Self(self.0.route(path, methods.layer(observed)), self.1)
    }
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
