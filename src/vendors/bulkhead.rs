//! So many calls at once to one base URL of a vendor, so that a vendor that hangs fills its own
//! share and nobody else's.
//!
//! The permit is taken inside the call, and waited for until the call must have begun.
//! `tower::limit::ConcurrencyLimit` takes it in `poll_ready`, where a permit would be held by calls
//! that still wait for a token, and waited for without end.

use std::task::{Context, Poll};

use adapters::Reply;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;
use tower::Service;

use super::call::{BEGINS_WITHIN, Call, Cause, Failure, Outcoming, Refusal};
use super::keyed::Keyed;

/// Keeps vendors apart.
#[derive(Clone)]
pub(super) struct Bulkhead<S> {
    inner: S,
    permits: Keyed<Semaphore>,
}

impl<S> Bulkhead<S> {
    pub(super) fn new(inner: S, permits: &Keyed<Semaphore>) -> Self {
        Self {
            inner,
            permits: permits.clone(),
        }
    }
}

impl<S> Service<Call> for Bulkhead<S>
where
    S: Service<Call, Response = Reply, Error = Failure, Future: Send + 'static>
        + Clone
        + Send
        + 'static,
{
    type Response = Reply;
    type Error = Failure;
    type Future = Outcoming;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Outcoming {
        let in_flight = call.target.settings.in_flight;
        let permits = self
            .permits
            .of(&call.target.origin(), || Semaphore::new(in_flight));
        let mut inner = self.inner.clone();
        Box::pin(async move {
            let permit = timeout_at(call.begin_by.into(), permits.acquire()).await;
            let Ok(Ok(_permit)) = permit else {
                return Err(Failure::Refused(Refusal {
                    cause: Cause::Bulkhead,
                    why: format!("{in_flight} calls to it are under way"),
                    again_in: BEGINS_WITHIN,
                }));
            };
            inner.call(call).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tower::{ServiceExt as _, service_fn};

    use super::*;
    use crate::vendors::call::testing::call;

    #[tokio::test(start_paused = true)]
    async fn whoever_gets_no_permit_in_time_is_refused_without_being_sent() {
        let sent = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&sent);
        let hangs = service_fn(move |_: Call| {
            seen.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<Result<Reply, Failure>>()
        });
        let bulkhead = Bulkhead::new(hangs, &Keyed::new());
        let call = call("in_flight = 2");
        let mut calls = (0..2).map(|_| bulkhead.clone().oneshot(call.clone()));
        let crowd = join_all(calls.by_ref());
        let late = async {
            tokio::task::yield_now().await;
            bulkhead.clone().oneshot(call.clone()).await
        };
        tokio::select! {
            _ = crowd => panic!("the vendor hangs"),
            late = late => {
                let refused = matches!(late, Err(Failure::Refused(one)) if one.cause == Cause::Bulkhead);
                assert!(refused);
            }
        }
        assert_eq!(sent.load(Ordering::SeqCst), 2);
    }
}
