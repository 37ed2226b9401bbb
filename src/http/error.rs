//! The one place where an error becomes an answer: a sentence for people, a stable code for
//! programs, the request's id, and the member at fault where one is. Causes go to the log.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use crate::app::AppError;

/// An answer that is not a success. The request's id is put in on the way out.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) field: Option<String>,
    pub(super) retry_after: Option<Duration>,
    /// The methods that are right, where the route table does not say.
    pub(super) allow: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    error_message: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    request_id: &'a str,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            field: None,
            retry_after: None,
            allow: None,
        }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "The Account ID or the API Secret is not right.",
        )
    }

    pub(super) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "There is nothing at this address.",
        )
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "This address does not take this method.",
        )
    }

    pub(super) fn unavailable(retry_after: Duration) -> Self {
        let message = "The service is not available at the moment; please try again.";
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
        }
    }

    pub(super) fn too_many(retry_after: Duration) -> Self {
        let message = "This account sends more requests than it may; please slow down.";
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message)
        }
    }

    fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side; support can find it by the request's id.",
        )
    }

    fn with(mut self, field: Option<String>) -> Self {
        self.field = field;
        self
    }

    /// Writes the answer.
    pub(super) fn answer(&self, request_id: &str) -> Response {
        let body = Body {
            error_message: &self.message,
            code: self.code,
            field: self.field.as_deref(),
            request_id,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"Cleargate\", charset=\"UTF-8\""),
            );
        }
        if let Some(allow) = self.allow.as_deref().map(HeaderValue::from_str) {
            headers.insert(ALLOW, allow.expect("methods are a header value"));
        }
        self.say_when(headers);
        response
    }

    /// Says when to try again, where that is known.
    pub(super) fn say_when(&self, headers: &mut HeaderMap) {
        if let Some(wait) = self.retry_after {
            // Rounded up: who comes back a moment too early is turned away again.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
    }
}

/// The answer carries its error along, so that the layer that knows the request's id writes it.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        let message = error.to_string();
        let answer = |status, code| Self::new(status, code, message);
        match error {
            AppError::Malformed(bad) => {
                answer(StatusCode::BAD_REQUEST, "malformed").with(bad.field)
            }
            AppError::WrongAccount => {
                answer(StatusCode::FORBIDDEN, "wrong_account").with(Some("account_id".into()))
            }
            AppError::NotFound => answer(StatusCode::NOT_FOUND, "order_unknown"),
            AppError::Conflict => answer(StatusCode::CONFLICT, "order_conflict")
                .with(Some("background_check_id".into())),
            AppError::Unfit { code, field, .. } => {
                answer(StatusCode::UNPROCESSABLE_ENTITY, code).with(field)
            }
            AppError::Refused { field, .. } => {
                answer(StatusCode::UNPROCESSABLE_ENTITY, "vendor_refused").with(field)
            }
            AppError::Unavailable { retry_after } => Self {
                retry_after: Some(retry_after),
                ..answer(StatusCode::SERVICE_UNAVAILABLE, "vendor_unavailable")
            },
            AppError::CancelUnconfirmed { retry_after } => Self {
                retry_after: Some(retry_after),
                ..answer(StatusCode::SERVICE_UNAVAILABLE, "cancel_unconfirmed")
            },
            AppError::Unconfirmed => answer(StatusCode::GATEWAY_TIMEOUT, "order_unconfirmed"),
            AppError::NotPossible(_) => answer(StatusCode::CONFLICT, "not_possible"),
            AppError::Store(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
                if error.is_outage() {
                    Self::unavailable(Duration::from_secs(2))
                } else {
                    Self::internal()
                }
            }
        }
    }
}
