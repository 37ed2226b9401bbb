//! Places for attempts: who may be under way to a destination, who waits for one to land, and what
//! is learned of a destination by those that land.

use std::sync::Arc;
use std::time::Duration;

use adapters::vocabulary::Millis;

use super::health::Gate;
use super::holds::HELD_FOR;
use super::{Change, Destination, Destinations, WAITING_PER_PLACE};
use crate::app::DeliveryOptions;
use crate::clock::Clock;
use crate::domain::delivery::Attempted;

/// A tenant that has all its places taken has them elsewhere, where nobody knows who waits here.
const HELD_FOR_TENANT: Duration = Duration::from_secs(5);
/// How long a claimed lane waits for a place; the margin of its lease is longer.
const PLACE_WITHIN: Duration = Duration::from_secs(5);

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// The destination is left alone.
    LeftAlone,
    /// It has as many at once as it may.
    Full,
    /// Its tenant has.
    TenantFull,
}

impl NoPlace {
    /// For how long what waits there is held.
    pub(crate) fn hold(self) -> Duration {
        match self {
            Self::LeftAlone | Self::Full => HELD_FOR,
            Self::TenantFull => HELD_FOR_TENANT.mul_f32(rand::random_range(1.0..1.5)),
        }
    }
}

/// An attempt under way; dropping it frees its place.
pub(crate) struct Flight {
    destinations: Arc<Destinations>,
    to: Destination,
    is_probe: bool,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut state = self.destinations.state();
        state.unload(&self.to, |load| load.flying -= 1);
        if let Some(standing) = state.all.get_mut(&self.to)
            && self.is_probe
        {
            standing.health.end_probe();
        }
        drop(state);
        self.destinations.landed.notify_waiters();
    }
}

/// A lane's turn to wait for a place; dropping it lets another wait.
pub(super) struct Turn<'a> {
    destinations: &'a Destinations,
    to: &'a Destination,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.destinations.state();
        state.unload(self.to, |load| load.waiting -= 1);
    }
}

impl Destinations {
    /// A place for an attempt on a lane that was claimed at `claimed_at`: now, or soon, when another
    /// one has landed.
    pub(crate) async fn place(
        self: &Arc<Self>,
        to: &Destination,
        claimed_at: Millis,
        caps: &DeliveryOptions,
        clock: &Clock,
    ) -> Result<Flight, NoPlace> {
        if let Some(standing) = self.state().all.get_mut(to) {
            standing.came(claimed_at);
        }
        let mut refused = match self.take_off(to, caps, clock.now()) {
            Ok(flight) => return Ok(flight),
            Err(NoPlace::LeftAlone) => return Err(NoPlace::LeftAlone),
            Err(refused) => refused,
        };
        let _turn = self.queue(to, caps).ok_or(refused)?;
        let place = async {
            loop {
                let mut landed = std::pin::pin!(self.landed.notified());
                landed.as_mut().enable();
                match self.take_off(to, caps, clock.now()) {
                    Ok(flight) => return Ok(flight),
                    Err(NoPlace::LeftAlone) => return Err(NoPlace::LeftAlone),
                    Err(still) => refused = still,
                }
                landed.await;
            }
        };
        let placed = tokio::time::timeout(PLACE_WITHIN, place).await;
        placed.unwrap_or(Err(refused))
    }

    pub(super) fn take_off(
        self: &Arc<Self>,
        to: &Destination,
        caps: &DeliveryOptions,
        now: Millis,
    ) -> Result<Flight, NoPlace> {
        let mut state = self.state();
        let tenant = state.tenant(to);
        let (gate, flying, places) = match state.all.get(to) {
            None => (Gate::Open, 0, caps.in_flight_per_origin),
            Some(standing) => (
                standing.health.gate(now),
                standing.load.flying,
                standing.health.places(caps.in_flight_per_origin),
            ),
        };
        if gate == Gate::Shut {
            return Err(NoPlace::LeftAlone);
        }
        if tenant.flying >= caps.in_flight_per_tenant {
            return Err(NoPlace::TenantFull);
        }
        if flying >= places {
            return Err(NoPlace::Full);
        }
        state.load(to, |load| load.flying += 1);
        let is_probe = gate == Gate::Probe;
        if let Some(standing) = state.all.get_mut(to) {
            standing.used_at = now;
            if is_probe {
                standing.health.begin_probe();
            }
        }
        Ok(Flight {
            destinations: Arc::clone(self),
            to: to.clone(),
            is_probe,
        })
    }

    /// Queues for one of the places at a destination, unless enough do already. Whoever waits
    /// occupies one of the replica's places, so a tenant's waiting lanes count against its cap.
    pub(super) fn queue<'a>(
        &'a self,
        to: &'a Destination,
        caps: &DeliveryOptions,
    ) -> Option<Turn<'a>> {
        let mut state = self.state();
        let tenant = state.tenant(to);
        let waiting = state.all.get(to).map_or(0, |it| it.load.waiting);
        let may_wait = waiting < caps.in_flight_per_origin * WAITING_PER_PLACE
            && tenant.room(caps.in_flight_per_tenant) > 0;
        may_wait.then(|| {
            state.load(to, |load| load.waiting += 1);
            Turn {
                destinations: self,
                to,
            }
        })
    }

    /// Learns from an attempt how its destination is doing.
    pub(crate) fn learn(
        &self,
        flight: &Flight,
        attempted: &Attempted,
        caps: &DeliveryOptions,
        now: Millis,
    ) -> Change {
        let mut state = self.state();
        let Some(standing) = state.all.get_mut(&flight.to) else {
            return Change::Nothing;
        };
        let cap = caps.in_flight_per_origin;
        standing.health.learn(attempted, flight.is_probe, cap, now)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{caps, to};
    use super::*;

    #[test]
    fn a_tenants_waiting_lanes_leave_places_to_other_tenants() {
        let (all, caps) = (Arc::<Destinations>::default(), caps());
        let destinations = [to(1), to(2)];
        let mut flights = Vec::new();
        for to in &destinations {
            flights.extend((0..8).map(|_| all.take_off(to, &caps, 0).expect("a place")));
        }
        let turns: Vec<_> = (0..9).map(|_| all.queue(&destinations[0], &caps)).collect();
        let got: Vec<bool> = turns.iter().map(Option::is_some).collect();
        assert_eq!(got.iter().filter(|got| **got).count(), 4, "20 in all");
        drop((turns, flights));
        assert!(all.state().tenants.is_empty());
    }
}
