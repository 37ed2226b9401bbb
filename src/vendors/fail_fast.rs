//! Where a failure becomes what the application reads: whether a byte may have left, and a
//! sentence for operators. A call that the layers below held back fails at once, and the sentence
//! names the vendor, the cause and when we try next.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tower::Service;

use super::Sent;
use super::call::{Call, Failure, Outcome, Refusal};
use super::unsent::{Obstacle, Unsent};

/// Tells of failures.
#[derive(Clone)]
pub(super) struct FailFast<S>(pub(super) S);

impl<S> Service<Call> for FailFast<S>
where
    S: Service<Call, Response = adapters::Reply, Error = Failure, Future: Send + 'static>,
{
    type Response = Sent;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Sent, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // No layer below is ever busy: what must wait waits inside its call, within a deadline.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let vendor = call.target.vendor.clone();
        let sent = self.0.call(call);
        Box::pin(sent.map(move |outcome| Ok(told(&vendor, outcome))))
    }
}

fn told(vendor: &str, outcome: Outcome) -> Sent {
    match outcome {
        Ok(reply) => Sent::Answered(reply),
        Err(Failure::Refused(refusal)) => {
            let vendor = vendor.to_owned();
            Sent::Never(HeldBack { vendor, refusal }.told())
        }
        Err(Failure::Unsendable(why)) => never(Obstacle::Ours, why),
        Err(Failure::Denied(why)) => never(Obstacle::Denied, why),
        Err(Failure::Unreached(obstacle, why)) => never(obstacle, why),
        Err(Failure::Busy(_)) => {
            let why = "the vendor is too busy to give a token";
            never(Obstacle::NoToken, why.to_owned())
        }
        Err(Failure::Unanswered(why)) => Sent::Maybe(why),
    }
}

/// A call that was held back, or would be.
pub struct HeldBack {
    pub(super) vendor: String,
    pub(super) refusal: Refusal,
}

impl HeldBack {
    /// Tells of it, and counts it: it is counted where somebody was told.
    pub fn told(self) -> Unsent {
        let Self { vendor, refusal } = self;
        let (cause, again_in) = (refusal.cause.word(), refusal.again_in);
        let why = sentence(&vendor, &refusal);
        tracing::debug!(vendor, cause, "{why}");
        metrics::counter!("vendor_refused_total", "vendor" => vendor, "cause" => cause)
            .increment(1);
        Unsent {
            why,
            obstacle: Obstacle::HeldBack { again_in },
        }
    }
}

fn never(obstacle: Obstacle, why: String) -> Sent {
    Sent::Never(Unsent { why, obstacle })
}

fn sentence(vendor: &str, refusal: &Refusal) -> String {
    let why = &refusal.why;
    format!(
        "{vendor} was not called: {why}; it is tried again in {}",
        short(refusal.again_in)
    )
}

/// A duration for people, rounded up to what matters.
fn short(duration: Duration) -> String {
    match duration.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        millis => format!("{} s", millis.div_ceil(1000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendors::call::Cause;

    #[test]
    fn a_refusal_names_vendor_cause_and_when_we_try_next() {
        let refusal = Refusal {
            cause: Cause::Breaker,
            why: "its calls failed 10 times in a row".to_owned(),
            again_in: Duration::from_millis(7_200),
        };
        let Sent::Never(Unsent { why: sentence, .. }) =
            told("acme", Err(Failure::Refused(refusal)))
        else {
            panic!("not a byte left");
        };
        assert_eq!(
            sentence,
            "acme was not called: its calls failed 10 times in a row; it is tried again in 8 s"
        );
    }
}
