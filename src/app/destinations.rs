//! How the destinations of webhooks are doing, in the memory of this replica.
//!
//! One that fails again and again is left alone for a while, and so is one that asks for it: lanes
//! that wait for it spend no attempt meanwhile. One lane's attempt then probes it. When it answers,
//! what waited is pulled forward, and it gets a little at a time at first: it may be just coming up.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use adapters::vocabulary::Millis;

use crate::clock::millis;
use crate::domain::delivery::{Attempted, LONGEST_WISH};

/// So many failures in a row, and it is left alone.
const MOST_FAILURES: u32 = 8;
/// For how long, at first; each failed probe doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest that becomes.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A probe that has not ended by then is not waited for.
const PROBE_ENDS: Duration = Duration::from_secs(40);

/// All destinations that something is to be remembered of.
#[derive(Default)]
pub(crate) struct Destinations(Mutex<HashMap<String, Health>>);

#[derive(Default)]
struct Health {
    failures: u32,
    /// How often it was left alone since it answered last; 0: it is not.
    pauses: u32,
    /// Not called before then.
    until: Millis,
    /// Attempts at once while it comes up.
    allowance: Option<usize>,
}

/// What an attempt says of its destination.
enum Verdict {
    Lives,
    Fails(Option<Duration>),
    Nothing,
}

impl Verdict {
    fn of(attempted: &Attempted) -> Self {
        match attempted {
            Attempted::Answered {
                status: 429 | 500..=599,
                retry_after,
            } => Self::Fails(*retry_after),
            Attempted::Answered { .. } => Self::Lives,
            Attempted::Failed(_) => Self::Fails(None),
            Attempted::AddressRefused(_) => Self::Nothing,
        }
    }
}

impl Destinations {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Health>> {
        self.0.lock().expect("nobody panics over a destination")
    }

    /// Whether an attempt may be made now; else when to ask again.
    pub(crate) fn admit(&self, destination: &str, now: Millis) -> Result<(), Millis> {
        let mut all = self.all();
        let Some(health) = all.get_mut(destination) else {
            return Ok(());
        };
        if now < health.until {
            return Err(health.until);
        }
        if health.pauses > 0 {
            // This one probes it, and the others wait for what it finds.
            health.until = now + millis(PROBE_ENDS);
        }
        Ok(())
    }

    /// How many attempts it may have at once; `None`: as many as anybody.
    pub(crate) fn allowance(&self, destination: &str) -> Option<usize> {
        self.all().get(destination)?.allowance
    }

    /// Learns from an attempt; true where the destination answers again after it was left alone.
    pub(crate) fn learn(&self, destination: &str, attempted: &Attempted, now: Millis) -> bool {
        let mut all = self.all();
        match Verdict::of(attempted) {
            Verdict::Nothing => {
                if let Some(health) = all.get_mut(destination) {
                    health.until = now;
                }
                false
            }
            Verdict::Fails(wish) => {
                let health = all.entry(destination.to_owned()).or_default();
                health.fail(wish, now);
                false
            }
            Verdict::Lives => {
                let Some(health) = all.get_mut(destination) else {
                    return false;
                };
                let is_back = health.pauses > 0;
                health.live(is_back);
                if health.allowance.is_none() && health.until <= now {
                    all.remove(destination);
                }
                is_back
            }
        }
    }
}

impl Health {
    fn fail(&mut self, wish: Option<Duration>, now: Millis) {
        self.failures += 1;
        self.allowance = None;
        let mut pause = wish.unwrap_or_default().min(LONGEST_WISH);
        if self.failures >= MOST_FAILURES {
            let doubled = FIRST_PAUSE * 2_u32.saturating_pow(self.pauses.min(16));
            pause = pause.max(doubled.min(LONGEST_PAUSE));
            self.pauses += 1;
        }
        self.until = self.until.max(now + millis(pause));
        if self.pauses > 0 {
            // What a probe has found counts, not until when it was waited for.
            self.until = now + millis(pause);
        }
    }

    fn live(&mut self, is_back: bool) {
        self.failures = 0;
        self.pauses = 0;
        if is_back {
            self.until = 0;
            self.allowance = Some(1);
        } else {
            // Twice as many each time, until the caps are what holds it.
            self.allowance = self.allowance.map(|it| it * 2).filter(|it| *it < 64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THERE: &str = "there";

    fn answered(status: u16) -> Attempted {
        Attempted::Answered {
            status,
            retry_after: None,
        }
    }

    fn fails(destinations: &Destinations, times: u32, now: Millis) {
        for _ in 0..times {
            assert!(!destinations.learn(THERE, &answered(503), now));
        }
    }

    #[test]
    fn eight_failures_in_a_row_and_it_is_left_alone_until_one_attempt_probes_it() {
        let destinations = Destinations::default();
        fails(&destinations, 7, 0);
        assert_eq!(destinations.admit(THERE, 0), Ok(()));
        fails(&destinations, 1, 0);
        assert_eq!(destinations.admit(THERE, 4_999), Err(5_000));
        assert_eq!(destinations.admit(THERE, 5_000), Ok(()));
        assert_eq!(destinations.admit(THERE, 5_001), Err(45_000), "one probes");
        assert!(destinations.learn(THERE, &answered(200), 5_100));
        assert_eq!(destinations.admit(THERE, 5_100), Ok(()));
    }

    #[test]
    fn each_failed_probe_doubles_the_pause_up_to_five_minutes() {
        let destinations = Destinations::default();
        fails(&destinations, 8, 0);
        let mut now = 5_000;
        for pause in [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000] {
            assert_eq!(destinations.admit(THERE, now), Ok(()));
            fails(&destinations, 1, now);
            assert_eq!(destinations.admit(THERE, now), Err(now + pause));
            now += pause;
        }
    }

    #[test]
    fn an_answer_in_between_begins_the_count_anew() {
        let destinations = Destinations::default();
        fails(&destinations, 7, 0);
        destinations.learn(THERE, &answered(404), 0);
        fails(&destinations, 7, 0);
        assert_eq!(destinations.admit(THERE, 0), Ok(()));
    }

    #[test]
    fn what_it_asks_for_counts_for_all_that_goes_there_and_for_nobody_else() {
        let destinations = Destinations::default();
        let busy = Attempted::Answered {
            status: 429,
            retry_after: Some(Duration::from_secs(60)),
        };
        destinations.learn(THERE, &busy, 0);
        assert_eq!(destinations.admit(THERE, 1), Err(60_000));
        assert_eq!(destinations.admit("elsewhere", 1), Ok(()));
        assert_eq!(destinations.admit(THERE, 60_000), Ok(()));
    }

    #[test]
    fn one_that_comes_up_gets_a_little_at_a_time() {
        let destinations = Destinations::default();
        fails(&destinations, 8, 0);
        assert_eq!(destinations.admit(THERE, 5_000), Ok(()));
        let mut allowed = Vec::new();
        for _ in 0..8 {
            destinations.learn(THERE, &answered(200), 5_000);
            allowed.push(destinations.allowance(THERE));
        }
        let steps = [1, 2, 4, 8, 16, 32].map(Some);
        assert_eq!(allowed[..6], steps);
        assert_eq!(allowed[6..], [None, None]);
    }
}
