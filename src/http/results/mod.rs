//! The result page: what a recruiter sees behind `result_link_url`. Nothing of the applicant is on
//! it. The way on to the vendor's report is a POST, because mail scanners follow every GET and some
//! vendors' links work once.

mod page;

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

/// The signed part of a link.
#[derive(Deserialize)]
pub(in crate::http) struct Token {
    #[serde(default)]
    t: String,
}

/// The token of a request; a query that cannot be read has none, so that its reader sees a page.
fn token_of(query: Result<Query<Token>, QueryRejection>) -> String {
    query.map_or_else(|_| String::new(), |Query(token)| token.t)
}

/// `GET /background_checks/{tracking_id}/results`.
pub(in crate::http) async fn show(
    State(app): State<Arc<App>>,
    Path(tracking_id): Path<String>,
    query: Result<Query<Token>, QueryRejection>,
) -> Result<Response, ApiError> {
    let token = token_of(query);
    match app.linked_order(&tracking_id, &token).await {
        Ok(order) => {
            let way_on = app.has_report(&order);
            Ok(guarded(
                Html(page::order(&order, &token, way_on)).into_response(),
            ))
        }
        Err(AppError::NotFound) => Ok(no_such_link()),
        Err(error) => Err(error.into()),
    }
}

/// `POST /background_checks/{tracking_id}/results`: on to the vendor's report.
pub(in crate::http) async fn report(
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
