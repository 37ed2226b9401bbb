//! What every request passes: an id, a trace, a span, a count, a last resort, also in time.
//!
//! A route's histograms are looked up once, and the layer is a service of its own rather than a
//! middleware function: both are a fair part of what a catalog hit costs.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use metrics::Histogram;
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};

use super::error::ApiError;
use crate::trace::Trace;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// How long an answer may take that is begun now.
pub(super) type LongestAnswer = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A route under the name that spans and metrics give it, never the path: paths of callbacks and
/// results are secret.
struct Route {
    name: &'static str,
    longest_answer: LongestAnswer,
    too_late: fn() -> Response,
    answered: [OnceLock<Histogram>; STATUS_CLASSES.len()],
}

impl Route {
    /// Counts an answer.
    fn answered(&self, status: StatusCode, took: Duration) {
        let class = (usize::from(status.as_u16()) / 100).clamp(1, STATUS_CLASSES.len()) - 1;
        let status = STATUS_CLASSES[class];
        self.answered[class]
            .get_or_init(|| {
                metrics::histogram!("http_request_seconds", "route" => self.name, "status" => status)
            })
            .record(took);
    }
}

/// Gives a route's requests an id and a span, counts them, and writes an error's answer.
#[derive(Clone)]
pub(super) struct Observed(Arc<Route>);

impl Observed {
    /// The route of that name, which may take so long to answer, and what is said where it does not.
    pub(super) fn of(
        name: &'static str,
        longest_answer: &LongestAnswer,
        too_late: fn() -> Response,
    ) -> Self {
        Self(Arc::new(Route {
            name,
            longest_answer: Arc::clone(longest_answer),
            too_late,
            answered: Default::default(),
        }))
    }
}

impl Observed {
    /// Begins to observe a request, and the span that its answer is composed in; `tenant`: its id,
    /// where that is known by then.
    pub(super) fn begin<B>(
        &self,
        request: &http::Request<B>,
        began: Instant,
        tenant: Option<&str>,
    ) -> (Seen, Span) {
        let (id, trace) = (request_id(request.headers()), trace(request.headers()));
        let span = tracing::info_span!(
            "request",
            request_id = id.to_str().unwrap_or_default(),
            trace_id = trace.id().as_str(),
            method = request.method().as_str(),
            route = self.0.name,
            tenant
        );
        let route = Arc::clone(&self.0);
        let seen = Seen {
            id,
            trace,
            began,
            route,
        };
        (seen, span)
    }
}

/// A request that is being answered.
pub(super) struct Seen {
    id: HeaderValue,
    trace: Trace,
    began: Instant,
    route: Arc<Route>,
}

impl Seen {
    /// Counts the answer, and puts in what only the request tells.
    pub(super) fn end(self, answer: Response) -> Response {
        let mut answer = last_resort(answer, &self.id);
        answer.headers_mut().insert(REQUEST_ID, self.id);
        let (status, took) = (answer.status(), self.began.elapsed());
        tracing::debug!(
            status = status.as_u16(),
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        self.route.answered(status, took);
        answer
    }
}

impl<S> Layer<S> for Observed {
    type Service = Observing<S>;

    fn layer(&self, inner: S) -> Observing<S> {
        let observed = self.clone();
        Observing { inner, observed }
    }
}

/// What [`Observed`] makes of a handler.
#[derive(Clone)]
pub(super) struct Observing<S> {
    inner: S,
    observed: Observed,
}

impl<S> Service<Request> for Observing<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (seen, span) = self.observed.begin(&request, Instant::now(), None);
        let trace = seen.trace;
        let answer = self.inner.call(request);
        let within = (seen.route.longest_answer)();
        let work = async move {
            let answer = match tokio::time::timeout(within, answer).await {
                Ok(Ok(answer)) => answer,
                Err(_) => {
                    tracing::error!(
                        "no answer within the longest time, probably for want of the database"
                    );
                    (seen.route.too_late)()
                }
            };
            Ok(seen.end(answer))
        };
        Box::pin(trace.scope(work.instrument(span)))
    }
}

/// Answers a program for a handler that does not.
pub(super) fn too_late() -> Response {
    ApiError::unavailable(Duration::from_secs(2)).into_response()
}

/// Writes the answer of an error of ours, which knows everything but the request's id, and of one
/// that a library composed.
fn last_resort(mut answer: Response, id: &HeaderValue) -> Response {
    let id = id.to_str().unwrap_or_default();
    let status = answer.status();
    if let Some(error) = answer.extensions_mut().remove::<ApiError>() {
        error.answer(id)
    } else if status.is_client_error() && is_plain_text(answer.headers()) {
        ApiError::new(status, "malformed", "The request cannot be read.").answer(id)
    } else {
        answer
    }
}

fn is_plain_text(headers: &HeaderMap) -> bool {
    let mime = headers.get(http::header::CONTENT_TYPE);
    mime.is_some_and(|mime| mime.as_bytes().starts_with(b"text/plain"))
}

/// The caller's trace, else one that begins here.
fn trace(headers: &HeaderMap) -> Trace {
    let given = headers
        .get("traceparent")
        .and_then(|value| value.to_str().ok());
    given.and_then(Trace::parse).unwrap_or_else(Trace::begin)
}

/// The caller's request id where it is a plain one, else one of ours.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |id: &&HeaderValue| {
        (1..=64).contains(&id.len())
            && id
                .as_bytes()
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    };
    let given = headers.get(&REQUEST_ID).filter(plain).cloned();
    given.unwrap_or_else(|| {
        let id = hex::Buffer::<16>::new().const_format(&rand::random());
        HeaderValue::from_str(id.as_str()).expect("hex is a header value")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::http::results;

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_take_as_long_as_what_is_in_force_when_it_is_asked_for() {
        let seconds = Arc::new(AtomicU64::new(0));
        let in_force = Arc::clone(&seconds);
        let longest: LongestAnswer =
            Arc::new(move || Duration::from_secs(in_force.load(Ordering::Relaxed)));
        let never = tower::service_fn(async |_| std::future::pending().await);
        let mut route = Observed::of("/", &longest, too_late).layer(never);
        for within in [23, 75] {
            seconds.store(within, Ordering::Relaxed);
            let began = tokio::time::Instant::now();
            let Ok(answer) = route.call(Request::default()).await;
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(began.elapsed().as_secs(), within);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_looks_at_a_page_that_does_not_come_sees_a_page() {
        let longest: LongestAnswer = Arc::new(|| Duration::from_secs(1));
        let never = tower::service_fn(async |_| std::future::pending().await);
        let mut route = Observed::of("/", &longest, results::too_late).layer(never);
        let Ok(answer) = route.call(Request::default()).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
        assert_eq!(header("retry-after"), "2");
    }
}
