//! The ATS's own calls: packages, orders, logo.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{AGE, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use super::auth::Caller;
use super::error::ApiError;
use super::routes::{Edge, read_body};
use crate::app::App;
use crate::app::catalog::PackageAnswer;
use crate::domain::ats_order::AtsOrder;
use crate::domain::order::Stage;

/// `GET or POST /v1/packages`, where the list is not in memory: query and body are ignored.
pub(super) async fn packages(
    State(app): State<Arc<App>>,
    Caller(tenant): Caller,
    known: Known,
) -> Result<Response, ApiError> {
    let list = app.packages(&tenant).await?;
    Ok(listed(&app, &list, &known))
}

/// The answer with a list, unless the caller has it.
pub(super) fn listed(app: &App, list: &PackageAnswer, known: &Known) -> Response {
    let age = (app.clock.now() - list.fetched_at).max(0) / 1000;
    let mut response = if known.names(&list.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(list.body.clone()).into_response()
    };
    let out = response.headers_mut();
    out.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    out.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    out.insert(ETAG, list.etag.clone());
    out.insert(AGE, HeaderValue::from(age));
    response
}

/// The entity tags that the caller knows.
pub(super) struct Known(Vec<HeaderValue>);

impl<S: Sync> FromRequestParts<S> for Known {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl Known {
    /// Those that the headers name.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self(headers.get_all(IF_NONE_MATCH).iter().cloned().collect())
    }

    /// Whether they name this one. A proxy that compresses makes a tag weak, and for a read that is
    /// no difference (RFC 9110, section 13.1.2).
    fn names(&self, etag: &HeaderValue) -> bool {
        let lists = self.0.iter().filter_map(|list| list.to_str().ok());
        let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.trim_start_matches("W/").as_bytes() == etag)
    }
}

/// The answer to an order that was taken.
#[derive(Serialize)]
struct Taken<'a> {
    background_check_id: &'a str,
    tracking_id: &'a str,
    stage: Stage,
}

/// `POST /v1/orders`.
pub(super) async fn place_order(
    State(app): State<Arc<App>>,
    State(edge): State<Arc<Edge>>,
    Caller(tenant): Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    if !is_json(&headers) {
        let message = "The order has to be sent with `Content-Type: application/json`.";
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            message,
        ));
    }
    let body = read_body(body, edge.body_limit, edge.body_timeout).await?;
    let order = AtsOrder::parse(&body).map_err(crate::app::AppError::from)?;
    let order = app.place_order(&tenant, order).await?;
    let taken = Taken {
        background_check_id: &order.background_check_id,
        tracking_id: &order.tracking_id,
        stage: order.stage,
    };
    Ok((StatusCode::CREATED, Json(taken)).into_response())
}

fn is_json(headers: &HeaderMap) -> bool {
    let mime = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mime = mime.split(';').next().unwrap_or_default().trim();
    mime.eq_ignore_ascii_case("application/json")
}

/// `POST /v1/orders/{background_check_id}/cancel`.
pub(super) async fn cancel_order(
    State(app): State<Arc<App>>,
    Caller(tenant): Caller,
    Path(background_check_id): Path<String>,
) -> Result<Response, ApiError> {
    let order = app.tenant_order(&tenant.id, &background_check_id).await?;
    let order = app.cancel_order(order).await?;
    let taken = Taken {
        background_check_id: &order.background_check_id,
        tracking_id: &order.tracking_id,
        stage: order.stage,
    };
    Ok(Json(taken).into_response())
}

/// `GET /v1/logo.png`.
pub(super) async fn logo(State(edge): State<Arc<Edge>>) -> Response {
    let logo: Bytes = edge.logo.clone();
    let headers = [
        (CONTENT_TYPE, "image/png"),
        (CACHE_CONTROL, "public, max-age=86400"),
    ];
    (headers, logo).into_response()
}
