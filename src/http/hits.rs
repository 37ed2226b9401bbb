//! Catalog hits, answered where their connection is read. An ATS asks for its packages more often than
//! for anything else, and what a router and an asynchronous handler cost is then as much as all that
//! the answer needs. Whatever is no hit goes on to the router, which knows the rest: who is refused and
//! why, and lists that have to be merged first.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::future::RouteFuture;
use futures_util::future::Either;
use http::{Method, Request};
use hyper::body::Incoming;
use tower::Service;

use super::observing::Observed;
use super::{ats, auth};
use crate::app::App;

/// The route that these are hits of.
pub(super) const PATH: &str = "/v1/packages";

/// What answers on the public listener.
#[derive(Clone)]
pub struct Public {
    pub(super) app: Arc<App>,
    pub(super) packages: Observed,
    pub(super) routes: Router,
}

impl Public {
    /// The answer to a request for a list that is in memory, of a tenant who has proved to be one.
    fn hit(&self, request: &Request<Incoming>) -> Option<Response> {
        let asks = [Method::GET, Method::POST].contains(request.method());
        if !asks || request.uri().path() != PATH {
            return None;
        }
        let (began, headers) = (Instant::now(), request.headers());
        let tenant = auth::authenticated(&self.app, headers).ok()?;
        let list = self.app.listed(&tenant)?;
        let (seen, span) = self.packages.begin(request, began, Some(&tenant.id));
        let _in_span = span.enter();
        let answer = match auth::in_pace(&tenant) {
            Ok(()) => ats::listed(&self.app, &list, &ats::Known::of(headers)),
            Err(error) => error.into_response(),
        };
        Some(seen.end(answer))
    }
}

impl Service<Request<Incoming>> for Public {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, RouteFuture<Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        match self.hit(&request) {
            Some(answer) => Either::Left(ready(Ok(answer))),
            None => Either::Right(self.routes.call(request)),
        }
    }
}
