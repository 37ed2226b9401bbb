//! Sending a request that only reads once more where no answer came, by `tower::retry`.
//!
//! Nothing else is sent again in here. What could order, or what a vendor dedupes by key, is
//! repeated by the drive loop, because each of its copies needs an intent of its own that was
//! committed before. An answer of any kind is an answer; when to come back is for the schedules.
//!
//! Copies pause for a random part of a short time (full jitter), so that callers who failed
//! together do not come back together, and a vendor's copies share a budget: a share of the
//! requests that were answered, so that a vendor in trouble is not sent twice as much.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters::{Effect, Reply};
use futures_util::future::BoxFuture;
use tower::retry::Policy;
use tower::retry::budget::{Budget as _, TpsBudget};

use super::call::{Call, Failure, Outcome, Target};
use super::keyed::Keyed;

/// Copies beside the first.
pub(super) const MORE_COPIES: u32 = 1;
/// The longest pause before another copy.
const PAUSE: Duration = Duration::from_millis(200);
/// What answered requests allow is forgotten after this.
const REMEMBERED: Duration = Duration::from_secs(10);
/// Copies that are allowed each second in any case, so that a rare call has one.
const IN_ANY_CASE: u32 = 1;

/// When a request is sent once more; clones share the budgets.
#[derive(Clone)]
pub(super) struct Copies(Keyed<TpsBudget>);

impl Copies {
    pub(super) fn new() -> Self {
        Self(Keyed::new())
    }

    fn budget(&self, target: &Target) -> Arc<TpsBudget> {
        let share = target.settings.retries as f32 / 100.0;
        self.0.of(&target.vendor, || {
            TpsBudget::new(REMEMBERED, IN_ANY_CASE, share)
        })
    }
}

impl Policy<Call, Reply, Failure> for Copies {
    type Future = BoxFuture<'static, ()>;

    fn retry(&mut self, call: &mut Call, outcome: &mut Outcome) -> Option<Self::Future> {
        let budget = self.budget(&call.target);
        if !matches!(
            outcome,
            Err(Failure::Unreached(..) | Failure::Unanswered(_))
        ) {
            budget.deposit();
            return None;
        }
        let pause = PAUSE.mul_f64(rand::random());
        if Instant::now() + pause >= call.until || !budget.withdraw() {
            return None;
        }
        call.copies_left -= 1;
        call.begin_again(pause);
        Some(Box::pin(tokio::time::sleep(pause)))
    }

    fn clone_request(&mut self, call: &Call) -> Option<Call> {
        let may =
            call.effect == Effect::Read && call.copies_left > 0 && call.target.settings.retries > 0;
        may.then(|| call.clone())
    }
}
