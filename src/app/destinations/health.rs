//! How one destination is doing: a breaker that counts failures in a row, and what the destination
//! itself asks for. Pure: the time comes in, and what is to be told goes out.

use std::time::Duration;

use adapters::vocabulary::Millis;

use crate::clock::millis;
use crate::domain::delivery::{Attempted, LONGEST_WISH};

/// So many failures in a row, and it is left alone.
const MOST_FAILURES: u32 = 8;
/// For how long, at first; each probe that fails doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest that becomes.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// In a row.
    failures: u32,
    /// How often it was left alone since it answered last; 0: its breaker is closed.
    pauses: u32,
    /// Not called before then.
    pub(super) until: Millis,
    /// An attempt is under way to find out whether it answers again.
    is_probing: bool,
    /// Attempts at once while it comes up; `None`: as many as anybody.
    allowance: Option<usize>,
}

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// It may.
    Open,
    /// One may, to find out.
    Probe,
    /// None may before [`Health::until`], or before the probe has landed.
    Shut,
}

/// What changed by an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing that anybody has to know.
    Nothing,
    /// It asked to be left alone until then.
    Asked(Millis),
    /// It failed so often that it is left alone until then.
    Failing {
        /// When it is probed.
        until: Millis,
        /// It was not left alone before.
        is_new: bool,
    },
    /// It answers again.
    Back,
}

/// What an attempt says of its destination. An answer that we do not like proves that it lives;
/// an address that we refused was never called.
enum Verdict {
    Lives,
    Fails(Option<Duration>),
    Nothing,
}

impl Verdict {
    fn of(attempted: &Attempted) -> Self {
        match attempted {
            Attempted::Answered {
                status: 429 | 502..=504,
                retry_after,
            } => Self::Fails(*retry_after),
            Attempted::Answered {
                status: 500..=599, ..
            }
            | Attempted::Failed(_) => Self::Fails(None),
            Attempted::Answered { .. } => Self::Lives,
            Attempted::AddressRefused(_) => Self::Nothing,
        }
    }
}

impl Health {
    pub(super) fn gate(&self, now: Millis) -> Gate {
        if now < self.until || self.is_probing {
            Gate::Shut
        } else if self.pauses > 0 {
            Gate::Probe
        } else {
            Gate::Open
        }
    }

    /// Nobody is let through any more until the probe has ended.
    pub(super) fn begin_probe(&mut self) {
        self.is_probing = true;
    }

    /// The probe has ended, or was given up: then the next attempt is one.
    pub(super) fn end_probe(&mut self) {
        self.is_probing = false;
    }

    pub(super) fn is_probing(&self) -> bool {
        self.is_probing
    }

    /// Attempts it may have at once, of the `cap` that everybody has.
    pub(super) fn places(&self, cap: usize) -> usize {
        self.allowance.unwrap_or(cap).min(cap)
    }

    /// What left before it was left alone says nothing about now, so only the probe counts then.
    pub(super) fn learn(
        &mut self,
        attempted: &Attempted,
        is_probe: bool,
        cap: usize,
        now: Millis,
    ) -> Change {
        if self.pauses > 0 && !is_probe {
            return Change::Nothing;
        }
        match Verdict::of(attempted) {
            Verdict::Nothing => Change::Nothing,
            Verdict::Fails(wish) => self.fail(wish.unwrap_or_default().min(LONGEST_WISH), now),
            Verdict::Lives => self.live(cap),
        }
    }

    fn fail(&mut self, wish: Duration, now: Millis) -> Change {
        self.failures = self.failures.saturating_add(1);
        self.allowance = self.allowance.map(|_| 1);
        if self.failures >= MOST_FAILURES {
            let doubled = FIRST_PAUSE * 2_u32.saturating_pow(self.pauses.min(16));
            self.until = now + millis(wish.max(doubled.min(LONGEST_PAUSE)));
            self.pauses += 1;
            return Change::Failing {
                until: self.until,
                is_new: self.pauses == 1,
            };
        }
        let wished = now + millis(wish);
        if wished > now.max(self.until) {
            self.until = wished;
            return Change::Asked(wished);
        }
        Change::Nothing
    }

    fn live(&mut self, cap: usize) -> Change {
        self.failures = 0;
        if self.pauses > 0 {
            self.pauses = 0;
            // It may be just coming up.
            self.allowance = Some(1);
            return Change::Back;
        }
        // Twice as many each time, until the cap is what holds it.
        self.allowance = self.allowance.map(|it| it * 2).filter(|it| *it < cap);
        Change::Nothing
    }

    /// Nothing is to be remembered of it.
    pub(super) fn is_blank(&self, now: Millis) -> bool {
        let untroubled = self.failures == 0 && self.pauses == 0 && !self.is_probing;
        untroubled && self.allowance.is_none() && self.until <= now
    }

    /// It is left alone.
    pub(super) fn is_paused(&self, now: Millis) -> bool {
        self.pauses > 0 || self.until > now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAP: usize = 8;

    fn answered(status: u16, retry_after: Option<u64>) -> Attempted {
        Attempted::Answered {
            status,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn unanswered() -> Attempted {
        Attempted::Failed("reset".to_owned())
    }

    /// Makes an attempt that ends like that, if one may be made.
    fn attempt(health: &mut Health, attempted: &Attempted, now: Millis) -> Option<Change> {
        let gate = health.gate(now);
        match gate {
            Gate::Shut => return None,
            Gate::Probe => health.begin_probe(),
            Gate::Open => {}
        }
        let change = health.learn(attempted, gate == Gate::Probe, CAP, now);
        health.end_probe();
        Some(change)
    }

    fn failing(until: Millis, is_new: bool) -> Option<Change> {
        Some(Change::Failing { until, is_new })
    }

    /// One that was left alone at 0, until 5 s.
    fn paused() -> Health {
        let mut health = Health::default();
        for _ in 0..7 {
            let change = attempt(&mut health, &answered(503, None), 0);
            assert_eq!(change, Some(Change::Nothing));
        }
        let last = attempt(&mut health, &unanswered(), 0);
        assert_eq!(last, failing(5_000, true));
        health
    }

    #[test]
    fn eight_failures_in_a_row_and_it_is_left_alone_until_one_attempt_probes_it() {
        let mut health = paused();
        assert_eq!(health.gate(4_999), Gate::Shut);
        assert_eq!(health.gate(5_000), Gate::Probe);
        health.begin_probe();
        assert_eq!(health.gate(5_000), Gate::Shut, "one probes");
        let landed = health.learn(&answered(200, None), true, CAP, 5_100);
        health.end_probe();
        assert_eq!((landed, health.gate(5_100)), (Change::Back, Gate::Open));
    }

    #[test]
    fn each_failed_probe_doubles_the_pause_up_to_five_minutes() {
        let mut health = paused();
        let mut now = 5_000;
        for pause in [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000] {
            let change = attempt(&mut health, &unanswered(), now);
            assert_eq!(change, failing(now + pause, false));
            now += pause;
        }
    }

    #[test]
    fn only_the_network_5xx_and_429_count_and_every_other_answer_begins_anew() {
        for status in [200, 302, 400, 404, 410, 413] {
            let mut health = Health::default();
            for _ in 0..7 {
                attempt(&mut health, &answered(429, None), 0);
            }
            attempt(&mut health, &answered(status, None), 0);
            for _ in 0..7 {
                attempt(&mut health, &answered(500, None), 0);
            }
            assert_eq!(health.gate(0), Gate::Open, "{status}");
        }
        let mut health = Health::default();
        for _ in 0..20 {
            attempt(&mut health, &Attempted::AddressRefused("private".into()), 0);
        }
        assert_eq!(health, Health::default());
    }

    #[test]
    fn what_left_before_it_was_left_alone_changes_nothing() {
        let mut health = paused();
        for late in [unanswered(), answered(503, Some(900)), answered(200, None)] {
            assert_eq!(health.learn(&late, false, CAP, 100), Change::Nothing);
        }
        assert_eq!((health.gate(4_999), health.until), (Gate::Shut, 5_000));
    }

    #[test]
    fn a_probe_that_was_given_up_leaves_the_next_to_find_out() {
        let mut health = paused();
        health.begin_probe();
        health.end_probe();
        assert_eq!(health.gate(5_000), Gate::Probe);
    }

    #[test]
    fn what_it_asks_for_is_kept_for_a_day_at_most_and_never_shortened() {
        for status in [429, 502, 503, 504] {
            let mut health = Health::default();
            let change = attempt(&mut health, &answered(status, Some(60)), 0);
            assert_eq!(change, Some(Change::Asked(60_000)));
            assert_eq!(health.gate(59_999), Gate::Shut);
            health.learn(&answered(503, Some(1)), false, CAP, 1_000);
            health.learn(&answered(200, None), false, CAP, 1_000);
            assert_eq!(
                (health.gate(59_999), health.gate(60_000)),
                (Gate::Shut, Gate::Open)
            );
        }
        let mut health = Health::default();
        attempt(&mut health, &answered(500, Some(60)), 0);
        assert_eq!(health.gate(0), Gate::Open, "500 is not about being busy");
        let change = attempt(&mut health, &answered(429, Some(999_999)), 0);
        assert_eq!(change, Some(Change::Asked(86_400_000)));
    }

    #[test]
    fn a_probe_may_ask_for_more_than_its_pause() {
        let mut health = paused();
        let change = attempt(&mut health, &answered(503, Some(3_600)), 5_000);
        assert_eq!(change, failing(3_605_000, false));
    }

    #[test]
    fn one_that_comes_up_gets_a_little_at_a_time_and_less_again_where_it_fails() {
        let mut health = paused();
        let mut lives = |attempted: Attempted| {
            attempt(&mut health, &attempted, 5_000);
            health.places(CAP)
        };
        let ok = || answered(200, None);
        assert_eq!([lives(ok()), lives(ok()), lives(ok())], [1, 2, 4]);
        assert_eq!([lives(unanswered()), lives(ok()), lives(ok())], [1, 2, 4]);
        assert_eq!([lives(ok()), lives(unanswered())], [CAP, CAP]);
    }

    #[test]
    fn one_that_recovered_is_nothing_to_remember() {
        let mut health = paused();
        for _ in 0..5 {
            attempt(&mut health, &answered(200, None), 5_000);
        }
        assert!(health.is_blank(5_000));
        assert_eq!(health.places(CAP), CAP);
    }
}
