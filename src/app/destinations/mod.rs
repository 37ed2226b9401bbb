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
//! itself after [`HELD_FOR`](holds::HELD_FOR).
//!
//! Here is what is remembered; `places` gives places out, `holds` calls what is held, and `health`
//! says how a destination is doing.

mod health;
mod holds;
mod places;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use adapters::vocabulary::Millis;
use tokio::sync::Notify;

use crate::clock::millis;
use crate::domain::delivery::Claimed;
pub(crate) use health::Change;
use health::Health;
pub(crate) use places::NoPlace;

/// Lanes that wait for each place at a destination: enough to keep a quick one busy until the next
/// are called, few enough that one that hangs leaves places to others.
const WAITING_PER_PLACE: usize = 4;
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
    /// One is called for then, and has not come yet.
    appointment: Option<Millis>,
    used_at: Millis,
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
    use std::sync::Arc;

    use super::*;
    use crate::app::DeliveryOptions;
    use crate::domain::delivery::Attempted;

    pub(super) fn caps() -> DeliveryOptions {
        DeliveryOptions {
            attempts: 12,
            in_flight: 256,
            in_flight_per_tenant: 20,
            in_flight_per_origin: 8,
            attempt_timeout: Duration::from_secs(20),
        }
    }

    pub(super) fn to(origin: usize) -> Destination {
        Destination {
            tenant_id: "ten_1".to_owned(),
            origin: format!("https://{origin}.example.com"),
        }
    }

    pub(super) fn answered(status: u16, retry_after: Option<u64>) -> Attempted {
        Attempted::Answered {
            status,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    /// Makes an attempt at 0 that ends like that.
    pub(super) fn attempt(all: &Arc<Destinations>, to: &Destination, attempted: &Attempted) {
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
}
