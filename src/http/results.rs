//! The result page: what a recruiter sees behind `result_link_url`. Nothing of the applicant is on
//! it. The way on to the vendor's report is a POST, because mail scanners follow every GET and some
//! vendors' links work once.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use super::error::ApiError;
use crate::app::{App, AppError};
use crate::domain::order::{Order, Stage};
use adapters::vocabulary::Outcome;

/// The signed part of a link.
#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    t: String,
}

/// The token of a request; a query that cannot be read has none, so that its reader sees a page.
fn token_of(query: Result<Query<Token>, QueryRejection>) -> String {
    query.map_or_else(|_| String::new(), |Query(token)| token.t)
}

/// `GET /background_checks/{tracking_id}/results`.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    Path(tracking_id): Path<String>,
    query: Result<Query<Token>, QueryRejection>,
) -> Result<Response, ApiError> {
    let token = token_of(query);
    match app.linked_order(&tracking_id, &token).await {
        Ok(order) => {
            let way_on = app.has_report(&order);
            Ok(guarded(
                Html(order_page(&order, &token, way_on)).into_response(),
            ))
        }
        Err(AppError::NotFound) => Ok(no_such_link()),
        Err(error) => Err(error.into()),
    }
}

/// `POST /background_checks/{tracking_id}/results`: on to the vendor's report.
pub(super) async fn report(
    State(app): State<Arc<App>>,
    Path(tracking_id): Path<String>,
    query: Result<Query<Token>, QueryRejection>,
) -> Result<Response, ApiError> {
    let order = match app.linked_order(&tracking_id, &token_of(query)).await {
        Ok(order) => order,
        Err(AppError::NotFound) => return Ok(no_such_link()),
        Err(error) => return Err(error.into()),
    };
    match app.report_link(&order).await? {
        Some(link) => Ok(guarded(Redirect::to(link.expose()).into_response())),
        None => Ok(plain(
            StatusCode::NOT_FOUND,
            "There is no report yet",
            "Please try again when the check is complete.",
        )),
    }
}

fn no_such_link() -> Response {
    plain(
        StatusCode::NOT_FOUND,
        "This link does not work",
        "It may be incomplete or no longer valid. Please open the result from your applicant tracking system again.",
    )
}

fn plain(status: StatusCode, title: &str, text: &str) -> Response {
    let body = format!("<h1>{title}</h1><p>{text}</p>");
    guarded((status, Html(document(title, &body))).into_response())
}

/// Nobody keeps the page, learns where its reader goes, or frames it.
fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action *; frame-ancestors 'none'; base-uri 'none'"),
    );
    response
}

fn order_page(order: &Order, token: &str, way_on: bool) -> String {
    let (title, text) = words(order);
    let button = if way_on {
        format!(
            "<form method=\"post\" action=\"/background_checks/{}/results?t={}\"><button>Open the full report</button></form>",
            escape(&order.tracking_id),
            escape(token)
        )
    } else {
        String::new()
    };
    let body = format!(
        "<p class=\"what\">Background check {}</p><h1>{title}</h1><p>{text}</p>{button}",
        escape(&order.background_check_id)
    );
    document(title, &body)
}

fn words(order: &Order) -> (&'static str, &'static str) {
    match (order.stage, order.result) {
        (Stage::Complete, Some(Outcome::Pass)) => (
            "Complete: pass",
            "Nothing was found that stands against the applicant.",
        ),
        (Stage::Complete, Some(Outcome::Fail)) => (
            "Complete: fail",
            "The check ended with a negative result. Read the report before you decide.",
        ),
        (Stage::Complete, _) => (
            "Complete: needs review",
            "The report has something in it that a person has to look at.",
        ),
        (Stage::Canceled, _) => ("Canceled", "This check was withdrawn and has no result."),
        (Stage::Expired, _) => (
            "Expired",
            "The applicant did not answer the invitation in time, so there is no result.",
        ),
        (Stage::Refused | Stage::Failed, _) => (
            "Not carried out",
            "The screening provider did not carry this check out, so there is no result.",
        ),
        (Stage::Invited, _) => (
            "Waiting for the applicant",
            "The applicant was invited and has not finished yet.",
        ),
        (Stage::OnHold, _) => (
            "On hold",
            "The check waits for the applicant, the employer or a dispute.",
        ),
        (Stage::InProgress, _) => ("In progress", "The screening provider is at work."),
        (Stage::Received | Stage::Placing | Stage::Unconfirmed, _) => (
            "Being ordered",
            "The check is being handed to the screening provider.",
        ),
    }
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    )
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;color:#1b2733;background:#f4f6f8;margin:0}\
main{max-width:34rem;margin:12vh auto;padding:2rem;background:#fff;border-radius:.75rem;box-shadow:0 1px 4px #0002}\
.what{color:#5b6b7a;margin:0}h1{margin:.2rem 0 1rem;font-size:1.6rem}\
button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.5rem;background:#1f5fbf;color:#fff;cursor:pointer}\
@media print{body{background:#fff}main{box-shadow:none;margin:0}button{display:none}}";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
