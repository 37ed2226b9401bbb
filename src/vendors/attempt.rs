//! One attempt: not begun too late, and cut off at its deadline, which covers everything from
//! connecting to the last byte of the answer.
//!
//! `tower::timeout` would make one error of every lateness; here it matters that a call that is
//! late before it begins has sent nothing, and one that is cut off may have.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use adapters::Reply;
use tokio::time::timeout_at;
use tower::Service;

use super::call::{Call, Failure, Outcome, Outcoming};

/// Keeps an attempt's deadlines.
#[derive(Clone)]
pub(super) struct Attempting<S> {
    pub(super) inner: S,
    pub(super) timeout: Duration,
}

impl<S> Service<Call> for Attempting<S>
where
    S: Service<Call, Response = Reply, Error = Failure, Future: Send + 'static>,
{
    type Response = Reply;
    type Error = Failure;
    type Future = Outcoming;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Outcoming {
        let began = Instant::now();
        if began > call.begin_by {
            let why = "given up before sending, because this process was too slow";
            return Box::pin(async { Err(Failure::Unsendable(why.to_owned())) });
        }
        let deadline = (began + self.timeout).min(call.until);
        let (vendor, step) = (call.target.vendor.clone(), call.step.clone());
        let waited = call.waited.clone();
        let answer = self.inner.call(call);
        Box::pin(async move {
            let outcome = timeout_at(deadline.into(), answer).await;
            let took = began.elapsed();
            let outcome = outcome.unwrap_or_else(|_| {
                let seconds = (deadline - began).as_secs_f32();
                Err(Failure::Unanswered(format!(
                    "no whole answer within {seconds} s"
                )))
            });
            waited.add(took);
            metrics::histogram!(
                "vendor_call_seconds",
                "vendor" => vendor, "step" => step, "outcome" => word(&outcome)
            )
            .record(took);
            outcome
        })
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Ok(_) => "answered",
        Err(Failure::Unanswered(_)) => "maybe",
        Err(_) => "never",
    }
}
