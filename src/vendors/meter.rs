//! The outermost layer: a span around the whole call, and the time that the call cost beside what
//! its vendor took: waiting for its turn, a permit, a token, or before another copy.

use std::convert::Infallible;
use std::future::ready;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tower::Service;
use tracing::Instrument as _;

use super::Sent;
use super::call::Call;

/// Measures calls.
#[derive(Clone)]
pub(super) struct Meter<S>(pub(super) S);

impl<S> Service<Call> for Meter<S>
where
    S: Service<Call, Response = Sent, Error = Infallible, Future: Send + 'static>,
{
    type Response = Sent;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Sent, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let (began, waited) = (Instant::now(), call.waited.clone());
        let vendor = call.target.vendor.clone();
        let span = tracing::info_span!(
            "vendor_call", vendor = %vendor, connection = %call.target.connection, step = %call.step
        );
        let sent = self.0.call(call).then(move |sent| {
            let own = began.elapsed().saturating_sub(waited.total());
            metrics::histogram!("vendor_call_own_seconds", "vendor" => vendor).record(own);
            ready(sent)
        });
        Box::pin(sent.instrument(span))
    }
}
