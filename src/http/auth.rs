//! Who is calling: HTTP Basic with Account ID and API Secret. An unknown account and a wrong secret
//! get the same bytes after the same work.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{FromRef, FromRequestParts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use zeroize::Zeroizing;

use super::error::ApiError;
use crate::app::App;
use crate::domain::tenant::Tenant;

/// The tenant whose credentials came with the request: a handler that has one has proved it.
pub(super) struct Caller(pub(super) Arc<Tenant>);

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Arc<App>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = Arc::<App>::from_ref(state);
        let tenant = authenticated(&app, &parts.headers)?;
        tracing::Span::current().record("tenant", tenant.id.as_str());
        in_pace(&tenant)?;
        Ok(Self(tenant))
    }
}

/// The tenant whose credentials are in the headers.
pub(super) fn authenticated(app: &App, headers: &HeaderMap) -> Result<Arc<Tenant>, ApiError> {
    let header = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
    let pair = header
        .and_then(credentials)
        .ok_or_else(ApiError::unauthorized)?;
    let (account, secret) = pair.split_once(':').ok_or_else(ApiError::unauthorized)?;
    let tenant = app
        .directory()
        .authenticate(account, secret, app.clock.now())
        .cloned();
    tenant.ok_or_else(ApiError::unauthorized)
}

/// Counts the request against the tenant's pace.
pub(super) fn in_pace(tenant: &Tenant) -> Result<(), ApiError> {
    let since_start = i64::try_from(started().elapsed().as_micros()).unwrap_or(i64::MAX / 2);
    tenant
        .pace
        .take(tenant.options.requests_per_second, since_start)
        .map_err(ApiError::too_many)
}

/// A moment in this process's life, from which the pace of tenants is measured.
fn started() -> Instant {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    *STARTED.get_or_init(Instant::now)
}

/// `Basic` and base64, whatever the case of the word.
fn credentials(header: &[u8]) -> Option<Zeroizing<String>> {
    let (scheme, encoded) = header.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = BASE64.decode(encoded.trim_ascii()).ok()?;
    String::from_utf8(decoded).ok().map(Zeroizing::new)
}
