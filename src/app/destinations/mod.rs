//! The destinations of webhooks, in the memory of this replica: who is under way to them, who waits
//! for a place, and how they are doing.
//!
//! A destination that is full, that fails again and again, or that asked for it must cost nothing,
//! however many lanes wait for it. So a lane that is turned away is not put back to be claimed again
//! and again: the database *holds* it, and with it what else is due there, far enough in the future
//! to be out of every claim's way. Held lanes are *called* when there is a place for them: some as
//! attempts land, a single one when a destination that was left alone may be probed. That paces them
//! by what the destination takes, and one that comes up again gets a little at a time. Whoever was
//! to call them may die, and forgets everything with the process; so what is held is due again by
//! itself after [`HELD_FOR`].

mod health;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use adapters::vocabulary::Millis;
use tokio::sync::Notify;

use crate::app::DeliveryOptions;
use crate::clock::{Clock, millis};
use crate::domain::delivery::{Attempted, Claimed};
pub(crate) use health::Change;
use health::{Gate, Health};

/// Held lanes are due again after this long, called or not.
pub(crate) const HELD_FOR: Duration = Duration::from_secs(300);
/// A tenant that has all its places taken has them elsewhere, where nobody knows who waits here.
const HELD_FOR_TENANT: Duration = Duration::from_secs(5);
/// How long a claimed lane waits for a place; the margin of its lease is longer.
const PLACE_WITHIN: Duration = Duration::from_secs(5);
/// Lanes that wait for each place at a destination: enough to keep a quick one busy until the next
/// are called, few enough that one that hangs leaves places to others.
const WAITING_PER_PLACE: usize = 4;
/// Called lanes that have not come by then went elsewhere.
const CALLED_COME_WITHIN: Duration = Duration::from_secs(1);
/// What is known of a destination is forgotten when it was not called for so long.
const FORGET_AFTER: Duration = Duration::from_secs(600);
/// Where there are more, all are forgotten that nothing is under way to.
const MOST_REMEMBERED: usize = 10_000;

/// A tenant's ATS, as far as its webhooks have one scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Destination {
    pub(crate) tenant_id: String,
    pub(crate) origin: String,
}

impl Destination {
    pub(crate) fn of(claimed: &Claimed) -> Self {
        Self {
            tenant_id: claimed.tenant_id.clone(),
            origin: claimed.origin.clone(),
        }
    }
}

/// All destinations that something is to be remembered of.
#[derive(Default)]
pub(crate) struct Destinations {
    state: Mutex<State>,
    /// A place got free.
    landed: Notify,
}

#[derive(Default)]
struct State {
    /// Only tenants with something under way.
    tenants: HashMap<String, Load>,
    all: HashMap<Destination, Standing>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    flying: usize,
    waiting: usize,
}

impl Load {
    fn room(self, cap: usize) -> usize {
        cap.saturating_sub(self.flying + self.waiting)
    }
}

#[derive(Default)]
struct Standing {
    load: Load,
    health: Health,
    /// The database holds lanes of it, as far as this replica knows.
    is_held: bool,
    /// Lanes that were called and have not come yet, and since when.
    called: Option<(usize, Instant)>,
    /// One is called for then.
    appointment: Millis,
    used_at: Millis,
}

impl Standing {
    fn on_their_way(&self) -> usize {
        self.called
            .filter(|(_, since)| since.elapsed() < CALLED_COME_WITHIN)
            .map_or(0, |(count, _)| count)
    }

    /// How many held lanes it has room for. Not a few at a time, which would be many statements;
    /// but where nobody is coming, nobody would land and call the next.
    fn wants(&self, cap: usize, of_tenant: usize) -> usize {
        let places = self.health.places(cap);
        let on_their_way = self.on_their_way();
        let coming = self.load.flying + self.load.waiting + on_their_way;
        let room = (places * (1 + WAITING_PER_PLACE)).saturating_sub(coming);
        match room.min(of_tenant.saturating_sub(on_their_way)) {
            most if coming == 0 => most.max(1),
            most if most >= places => most,
            _ => 0,
        }
    }

    fn came(&mut self) {
        self.called = self
            .called
            .and_then(|(count, since)| Some((count.checked_sub(1)?, since)));
    }
}

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

/// Held lanes to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) most: usize,
    pub(crate) at: Millis,
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
struct Turn<'a> {
    destinations: &'a Destinations,
    to: &'a Destination,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.destinations.state();
        state.unload(self.to, |load| load.waiting -= 1);
    }
}

impl State {
    fn load(&mut self, to: &Destination, change: impl Fn(&mut Load)) {
        change(self.tenants.entry(to.tenant_id.clone()).or_default());
        change(&mut self.all.entry(to.clone()).or_default().load);
    }

    fn unload(&mut self, to: &Destination, change: impl Fn(&mut Load)) {
        if let Some(load) = self.tenants.get_mut(&to.tenant_id) {
            change(load);
            if *load == Load::default() {
                self.tenants.remove(&to.tenant_id);
            }
        }
        if let Some(standing) = self.all.get_mut(to) {
            change(&mut standing.load);
        }
    }

    fn tenant(&self, to: &Destination) -> Load {
        self.tenants.get(&to.tenant_id).copied().unwrap_or_default()
    }
}

impl Destinations {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while counting")
    }

    /// A place for an attempt: now, or soon, when another one has landed.
    pub(crate) async fn place(
        self: &Arc<Self>,
        to: &Destination,
        caps: &DeliveryOptions,
        clock: &Clock,
    ) -> Result<Flight, NoPlace> {
        if let Some(standing) = self.state().all.get_mut(to) {
            standing.came();
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

    fn take_off(
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
    fn queue<'a>(&'a self, to: &'a Destination, caps: &DeliveryOptions) -> Option<Turn<'a>> {
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

    /// The database holds lanes of it now; true where nobody is under way whose landing would
    /// have them called.
    pub(crate) fn are_held(&self, to: &Destination, now: Millis) -> bool {
        let mut state = self.state();
        let standing = state.all.entry(to.clone()).or_default();
        standing.is_held = true;
        standing.used_at = now;
        standing.load.flying == 0
    }

    /// Which of its held lanes are to be called, if any: after each landing, and after each hold,
    /// where nothing is under way any more.
    pub(crate) fn call(
        &self,
        to: &Destination,
        caps: &DeliveryOptions,
        now: Millis,
    ) -> Option<Call> {
        let mut state = self.state();
        let of_tenant = state.tenant(to).room(caps.in_flight_per_tenant);
        let standing = state.all.get_mut(to).filter(|it| it.is_held)?;
        let most = match standing.health.gate(now) {
            // The probe's landing decides.
            Gate::Shut if standing.health.is_probing() => return None,
            Gate::Shut => {
                let at = standing.health.until;
                if at >= now + millis(HELD_FOR) {
                    // What is held is due again before.
                    return None;
                }
                let is_new = std::mem::replace(&mut standing.appointment, at) != at;
                return is_new.then_some(Call { most: 1, at });
            }
            Gate::Probe => 1_usize.saturating_sub(standing.on_their_way()),
            Gate::Open => standing.wants(caps.in_flight_per_origin, of_tenant),
        };
        if most == 0 {
            return None;
        }
        standing.called = Some((standing.on_their_way() + most, Instant::now()));
        Some(Call { most, at: now })
    }

    /// So many came of a call.
    pub(crate) fn called(&self, to: &Destination, call: Call, found: usize) {
        let mut state = self.state();
        if let Some(standing) = state.all.get_mut(to)
            && found < call.most
        {
            standing.is_held = false;
            standing.called = None;
        }
    }

    /// Forgets what nobody needs to know any more, and counts the destinations that are left alone.
    pub(crate) fn tidy(&self, now: Millis) -> usize {
        let mut state = self.state();
        let is_crowded = state.all.len() > MOST_REMEMBERED;
        state.all.retain(|_, standing| {
            let is_stale =
                standing.health.until <= now && now - standing.used_at > millis(FORGET_AFTER);
            let is_blank = standing.health.is_blank(now) && !standing.is_held;
            standing.load != Load::default() || !(is_blank || is_stale || is_crowded)
        });
        let all = state.all.values();
        all.filter(|standing| standing.health.is_paused(now))
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps() -> DeliveryOptions {
        DeliveryOptions {
            attempts: 12,
            in_flight: 256,
            in_flight_per_tenant: 20,
            in_flight_per_origin: 8,
            attempt_timeout: Duration::from_secs(20),
        }
    }

    fn to(origin: usize) -> Destination {
        Destination {
            tenant_id: "ten_1".to_owned(),
            origin: format!("https://{origin}.example.com"),
        }
    }

    fn answered(status: u16, retry_after: Option<u64>) -> Attempted {
        Attempted::Answered {
            status,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    /// Makes an attempt at 0 that ends like that.
    fn attempt(all: &Arc<Destinations>, to: &Destination, attempted: &Attempted) {
        let flight = all.take_off(to, &caps(), 0).expect("there is a place");
        all.learn(&flight, attempted, &caps(), 0);
    }

    fn remembered(all: &Destinations) -> usize {
        all.state().all.len()
    }

    #[test]
    fn what_is_known_of_a_destination_is_forgotten_when_it_is_of_no_use() {
        let (all, ten_minutes) = (Arc::<Destinations>::default(), 600_000);
        attempt(&all, &to(1), &answered(200, None));
        attempt(&all, &to(2), &answered(503, None));
        attempt(&all, &to(3), &answered(503, Some(3_600)));
        assert_eq!(
            (all.tidy(0), remembered(&all)),
            (1, 2),
            "of the first nothing is known"
        );
        assert_eq!((all.tidy(ten_minutes + 1), remembered(&all)), (1, 1));
        assert_eq!((all.tidy(3_600_000 + 1), remembered(&all)), (0, 0));
        assert!(all.state().tenants.is_empty());
    }

    #[test]
    fn there_is_no_end_of_destinations_that_fail_but_of_those_that_are_remembered() {
        let all = Arc::<Destinations>::default();
        for origin in 0..=MOST_REMEMBERED {
            attempt(&all, &to(origin), &answered(503, None));
        }
        let flying = all.take_off(&to(7), &caps(), 0);
        all.tidy(0);
        assert_eq!(remembered(&all), 1, "the one that somebody is under way to");
        drop(flying);
    }

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

    #[test]
    fn held_lanes_are_called_in_lots_and_the_last_one_leaves_nobody_behind() {
        let (all, caps, to) = (Arc::<Destinations>::default(), caps(), to(1));
        assert_eq!(all.call(&to, &caps, 0), None, "nobody is held");
        let mut flights: Vec<_> = (0..8).map(|_| all.take_off(&to, &caps, 0).ok()).collect();
        let turns: Vec<_> = (0..12).map(|_| all.queue(&to, &caps)).collect();
        assert!(!all.are_held(&to, 0), "whoever lands calls them");
        assert_eq!(all.call(&to, &caps, 0), None, "the tenant has no room");
        drop(turns);
        assert_eq!(all.call(&to, &caps, 0), Some(Call { most: 12, at: 0 }));
        assert_eq!(all.call(&to, &caps, 0), None, "they are on their way");
        flights.clear();
        let call = Call { most: 12, at: 0 };
        all.called(&to, call, 12);
        assert_eq!(all.call(&to, &caps, 0), Some(Call { most: 8, at: 0 }));
        all.called(&to, Call { most: 8, at: 0 }, 3);
        assert_eq!(all.call(&to, &caps, 0), None, "there were no more");
    }

    #[test]
    fn one_is_called_to_probe_and_nobody_long_before_there_is_a_place() {
        let (all, caps, to) = (Arc::<Destinations>::default(), caps(), to(1));
        for _ in 0..8 {
            attempt(&all, &to, &answered(503, None));
        }
        assert!(all.are_held(&to, 0));
        let probe = Call { most: 1, at: 5_000 };
        assert_eq!(all.call(&to, &caps, 0), Some(probe));
        assert_eq!(all.call(&to, &caps, 0), None, "once");
        let flight = all.take_off(&to, &caps, 5_000).expect("it probes");
        assert_eq!(all.call(&to, &caps, 5_000), None);
        all.learn(&flight, &answered(503, Some(3_600)), &caps, 5_000);
        drop(flight);
        assert_eq!(
            all.call(&to, &caps, 5_000),
            None,
            "they are due again before that hour is over"
        );
        let at = 3_605_000;
        assert_eq!(all.call(&to, &caps, at - 1_000), Some(Call { most: 1, at }));
    }
}
