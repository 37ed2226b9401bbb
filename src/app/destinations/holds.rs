//! Lanes that the database holds for a destination: which of them are called, and when.

use std::time::{Duration, Instant};

use adapters::vocabulary::Millis;

use super::health::Gate;
use super::{Destination, Destinations, Standing, WAITING_PER_PLACE};
use crate::app::DeliveryOptions;
use crate::clock::millis;

/// Held lanes are due again after this long, called or not.
pub(super) const HELD_FOR: Duration = Duration::from_secs(300);
/// Called lanes that have not come by then went elsewhere.
const CALLED_COME_WITHIN: Duration = Duration::from_secs(1);

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

    /// A lane came that was claimed then. It decides whether an appointment was kept, and not the
    /// time that it is now: the clock may have been set back a little since the claim, so that the
    /// lane is turned away once more, or lands before the appointment, and another must be called.
    pub(super) fn came(&mut self, claimed_at: Millis) {
        self.appointment.take_if(|at| *at <= claimed_at);
        self.called = self
            .called
            .and_then(|(count, since)| Some((count.checked_sub(1)?, since)));
    }
}

/// Held lanes to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) most: usize,
    pub(crate) at: Millis,
}

impl Destinations {
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
                let is_new = standing.appointment.replace(at) != Some(at);
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

    /// A call did not get through, so nobody is coming.
    pub(crate) fn not_called(&self, to: &Destination) {
        if let Some(standing) = self.state().all.get_mut(to) {
            standing.called = None;
            standing.appointment = None;
        }
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
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::{answered, attempt, caps, to};
    use super::*;
    use crate::app::destinations::NoPlace;
    use crate::clock::Clock;

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

    /// One that is left alone until 5 s, with one lane called for then.
    fn with_an_appointment() -> (Arc<Destinations>, Destination) {
        let (all, to) = (Arc::<Destinations>::default(), to(1));
        for _ in 0..8 {
            attempt(&all, &to, &answered(503, None));
        }
        all.are_held(&to, 0);
        assert!(all.call(&to, &caps(), 0).is_some());
        (all, to)
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_while_the_called_lane_comes_has_another_called() {
        let (again, set_back) = (Call { most: 1, at: 5_000 }, 4_990);
        let (all, to) = with_an_appointment();
        let early = all.place(&to, 4_999, &caps(), &Clock::held(4_999)).await;
        assert_eq!(early.err(), Some(NoPlace::LeftAlone));
        assert_eq!(all.call(&to, &caps(), 4_999), None, "it is still to come");
        let turned_away = all.place(&to, 5_000, &caps(), &Clock::held(set_back)).await;
        assert_eq!(turned_away.err(), Some(NoPlace::LeftAlone));
        all.are_held(&to, set_back);
        assert_eq!(all.call(&to, &caps(), set_back), Some(again));
        assert_eq!(all.call(&to, &caps(), set_back), None, "once");

        let flight = all.place(&to, 5_000, &caps(), &Clock::held(5_000)).await;
        let flight = flight.expect("it probes");
        all.learn(&flight, &answered(200, None), &caps(), set_back);
        drop(flight);
        assert_eq!(all.call(&to, &caps(), set_back), Some(again));
    }

    #[test]
    fn a_call_that_did_not_get_through_is_made_again() {
        let (all, to) = with_an_appointment();
        assert_eq!(all.call(&to, &caps(), 0), None);
        all.not_called(&to);
        assert_eq!(all.call(&to, &caps(), 0), Some(Call { most: 1, at: 5_000 }));
        let probe = Call { most: 1, at: 5_000 };
        assert_eq!(all.call(&to, &caps(), 5_000), Some(probe));
        assert_eq!(all.call(&to, &caps(), 5_000), None);
        all.not_called(&to);
        assert_eq!(all.call(&to, &caps(), 5_000), Some(probe));
    }
}
