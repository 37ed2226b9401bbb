//! The result page: what a recruiter sees behind `result_link_url`. Nothing of the applicant is on
//! it. The way on to the vendor's report is a POST, because mail scanners follow every GET and some
//! vendors' links work once.

mod page;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use adapters::vocabulary::Private;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use super::error::ApiError;
use crate::app::results::ReportAnswer;
use crate::app::{App, AppError};

/// What a vendor's document may do: be read.
const DOCUMENT_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; \
    img-src data:; font-src data:; frame-ancestors 'none'; base-uri 'none'";

/// The signed part of a link.
#[derive(Deserialize)]
pub(in crate::http) struct Token {
    #[serde(default)]
    t: String,
}

/// A request for the page of an order.
pub(in crate::http) struct Asked {
    tracking_id: String,
    token: String,
}

/// An address that cannot be read leads to no order, so that its reader sees a page all the same.
impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let query = Query::<Token>::from_request_parts(parts, state).await;
        Ok(Self {
            tracking_id: path.map_or_else(|_| String::new(), |Path(id)| id),
            token: query.map_or_else(|_| String::new(), |Query(token)| token.t),
        })
    }
}

/// `GET /background_checks/{tracking_id}/results`.
pub(in crate::http) async fn show(State(app): State<Arc<App>>, asked: Asked) -> Response {
    page_of(&app, &asked).await.unwrap_or_else(no_page)
}

async fn page_of(app: &App, asked: &Asked) -> Result<Response, AppError> {
    let order = app.linked_order(&asked.tracking_id, &asked.token).await?;
    let seen = page::Seen {
        token: &asked.token,
        package: app.package_name(&order).await?,
        provider: app.provider_name(&order),
        way_on: app.has_report(&order),
        now: app.clock.now(),
    };
    Ok(guarded(Html(page::order(&order, &seen)).into_response()))
}

/// `POST /background_checks/{tracking_id}/results`: on to the vendor's report.
pub(in crate::http) async fn report(State(app): State<Arc<App>>, asked: Asked) -> Response {
    way_on(&app, &asked).await.unwrap_or_else(no_page)
}

async fn way_on(app: &App, asked: &Asked) -> Result<Response, AppError> {
    let order = app.linked_order(&asked.tracking_id, &asked.token).await?;
    Ok(match app.report(&order).await? {
        ReportAnswer::Link(link) => guarded(Redirect::to(link.expose()).into_response()),
        ReportAnswer::Document { mime, bytes } => document(&mime, &bytes),
        ReportAnswer::NotNow => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "The report cannot be shown now",
            "The screening provider has not handed it out. Please try again in a minute.",
        ),
        ReportAnswer::None => plain(
            StatusCode::NOT_FOUND,
            "There is no report yet",
            "Please try again when the check is complete.",
        ),
    })
}

/// A vendor's document, as it is. Whatever stands in it may not run, load or send anything, nor
/// touch our own pages.
fn document(mime: &str, bytes: &Private<Vec<u8>>) -> Response {
    let kind = mime.split(';').next().unwrap_or_default().trim();
    let is_shown = ["application/pdf", "text/html", "text/plain"].contains(&kind);
    let mime = HeaderValue::from_str(mime).ok().filter(|_| is_shown);
    let mut response = guarded(bytes.expose().clone().into_response());
    let headers = response.headers_mut();
    let disposition = if mime.is_some() {
        "inline"
    } else {
        "attachment"
    };
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    let other = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, mime.unwrap_or(other));
    // A viewer of PDFs is not run in a sandbox.
    if kind != "application/pdf" {
        headers.insert(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(DOCUMENT_POLICY),
        );
    }
    response
}

/// What a reader sees instead of a page.
fn no_page(error: AppError) -> Response {
    if matches!(error, AppError::NotFound) {
        return no_such_link();
    }
    not_now(&ApiError::from(error))
}

/// What a reader sees where no answer comes in time.
pub(in crate::http) fn too_late() -> Response {
    not_now(&ApiError::unavailable(Duration::from_secs(2)))
}

fn not_now(error: &ApiError) -> Response {
    let mut response = plain(
        error.status,
        "This page cannot be shown now",
        "The reason is on our side. Please try again in a few minutes.",
    );
    error.say_when(response.headers_mut());
    response
}

fn no_such_link() -> Response {
    plain(
        StatusCode::NOT_FOUND,
        "This link does not work",
        "It may be incomplete or no longer valid. Please open the result from your applicant tracking system again.",
    )
}

fn plain(status: StatusCode, headline: &'static str, sentence: &'static str) -> Response {
    guarded((status, Html(page::plain(headline, sentence))).into_response())
}

/// Nobody keeps the page, learns where its reader goes, or frames it.
fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(&page::POLICY),
    );
    response
}
