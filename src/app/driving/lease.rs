//! The placing lease: who may send for an order, until when, and when placing it is due again once
//! the lease is given up.

use std::time::Duration;

use adapters::vocabulary::Millis;

use crate::app::App;
use crate::clock::millis;
use crate::domain::order::Order;
use crate::seal::random_text;

/// A lease outlives the call it is for by this much.
const LEASE_MARGIN: Duration = Duration::from_secs(15);

impl App {
    /// When a lease that is taken now ends, where the call it is for begins after `pause`.
    pub(crate) fn lease_end(&self, pause: Duration) -> Millis {
        self.clock.now() + millis(pause + self.setup().options.vendor_timeout + LEASE_MARGIN)
    }
}

/// A fresh lease on an order, unguessable so that nobody else's late work passes for the holder's.
pub(crate) fn new_lease(order: &mut Order, until: Millis) {
    order.lease_token = Some(random_text());
    lease(order, until);
}

pub(super) fn lease(order: &mut Order, until: Millis) {
    order.lease_until = Some(until);
    order.due_at = Some(until);
}

/// Gives the lease up; background work on placing is due at `due_at`.
pub(crate) fn release(order: &mut Order, due_at: Option<Millis>) {
    order.lease_token = None;
    order.lease_until = None;
    order.due_at = due_at;
}

/// When whoever was turned away may come again, where `wish` is the vendor's own.
pub(crate) fn when_again(wish: Option<Duration>) -> Duration {
    wish.unwrap_or(Duration::from_secs(5))
        .clamp(Duration::from_secs(1), Duration::from_secs(3600))
}

/// The pause before placing is tried again: longer the longer it has been tried, but so that after
/// an outage of half an hour all is settled within two minutes.
pub(crate) fn pause_by_age(order: &Order, now: Millis) -> Duration {
    let age = Duration::from_millis(u64::try_from(now - order.created_at).unwrap_or(0));
    (age / 32).clamp(Duration::from_secs(5), Duration::from_secs(600))
}
