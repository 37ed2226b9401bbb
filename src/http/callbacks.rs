//! Vendors calling back. The token in the path names the connection before a byte of the body is
//! read; the path is never logged.

use std::sync::Arc;

use adapters::callback::{Acknowledgement, Incoming};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use super::error::ApiError;
use super::routes::{Edge, read_body};
use crate::app::App;
use crate::app::callbacks::CallbackAnswer;

/// `ANY /callbacks/{vendor}/{token}`.
pub(super) async fn receive(
    State(app): State<Arc<App>>,
    State(edge): State<Arc<Edge>>,
    Path((vendor, token)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let address = app
        .callback_address(&vendor, &token)
        .ok_or_else(ApiError::not_found)?;
    let body = read_body(body, address.cap(), edge.body_timeout).await?;
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let incoming = Incoming {
        method: method.as_str(),
        headers: &headers,
        query: &query,
        body: &body,
    };
    let answer = app.receive_callback(&address, &incoming).await?;
    metrics::counter!("callbacks_total", "vendor" => address.vendor().to_owned(), "verdict" => verdict(&answer)).increment(1);
    match answer {
        CallbackAnswer::Acknowledged(acknowledgement) => Ok(write(acknowledgement)),
        CallbackAnswer::MethodNotAllowed(right) => Err(ApiError {
            allow: Some(right.join(",")),
            ..ApiError::method_not_allowed()
        }),
        CallbackAnswer::NotBelieved => Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "not_believed",
            "This callback does not prove where it comes from.",
        )),
    }
}

fn verdict(answer: &CallbackAnswer) -> &'static str {
    match answer {
        CallbackAnswer::Acknowledged(_) => "acknowledged",
        CallbackAnswer::MethodNotAllowed(_) => "method_not_allowed",
        CallbackAnswer::NotBelieved => "not_believed",
    }
}

fn write(acknowledgement: Acknowledgement) -> Response {
    let status = StatusCode::from_u16(acknowledgement.status).unwrap_or(StatusCode::OK);
    let mut response = (status, acknowledgement.body).into_response();
    // An echoed challenge is a stranger's text, and there are vendors that ask for this with it.
    let nosniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, nosniff);
    match acknowledgement
        .mime
        .and_then(|mime| HeaderValue::from_str(&mime).ok())
    {
        Some(mime) => response.headers_mut().insert(CONTENT_TYPE, mime),
        None => response.headers_mut().remove(CONTENT_TYPE),
    };
    response
}
