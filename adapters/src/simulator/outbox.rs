//! Callbacks that wait to be sent, or for their acknowledgement.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Outgoing;
use super::faults::Faults;
use crate::vocabulary::Millis;

/// A vendor's retry habit: how many waits of which length follow failed attempts, then it gives up.
pub(super) type Schedule = &'static [(u32, Duration)];

/// The headers that prove a body at the moment of an attempt; also its type where it is not JSON.
pub(super) type Sign<'a> = &'a dyn Fn(&[u8], Millis) -> Vec<(String, String)>;

/// Held callbacks. What is under way is handed out again only after it was answered with a failure.
pub(super) struct Outbox {
    schedule: Schedule,
    waiting: BTreeMap<(Millis, u64), Held>,
    under_way: BTreeMap<u64, Held>,
    last_id: u64,
}

struct Held {
    url: String,
    body: Vec<u8>,
    failures: u32,
}

impl Outbox {
    /// Empty, with the vendor's retry habit.
    pub(super) fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            waiting: BTreeMap::new(),
            under_way: BTreeMap::new(),
            last_id: 0,
        }
    }

    /// Holds a callback about something that happened at `at`, as often as the faults want it.
    pub(super) fn hold(&mut self, url: &str, body: &[u8], at: Millis, faults: &mut Faults) {
        for _ in 0..faults.copies(url) {
            self.last_id += 1;
            let held = Held {
                url: url.to_owned(),
                body: body.to_vec(),
                failures: 0,
            };
            self.waiting.insert((at, self.last_id), held);
        }
    }

    /// What is due by `now`, signed for this attempt.
    pub(super) fn due(&mut self, now: Millis, sign: Sign<'_>) -> Vec<Outgoing> {
        let later = self.waiting.split_off(&(now.saturating_add(1), 0));
        let due = std::mem::replace(&mut self.waiting, later);
        due.into_iter()
            .map(|((_, id), held)| {
                let mut headers = sign(&held.body, now);
                let says = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
                if !headers.iter().any(says) {
                    headers.push(("content-type".to_owned(), "application/json".to_owned()));
                }
                let outgoing = Outgoing {
                    id,
                    url: held.url.clone(),
                    method: "POST".to_owned(),
                    headers,
                    body: held.body.clone(),
                };
                self.under_way.insert(id, held);
                outgoing
            })
            .collect()
    }

    /// How an attempt ended: a 2xx is an acknowledgement, anything else follows the schedule.
    pub(super) fn answered(&mut self, id: u64, status: Option<u16>, now: Millis) {
        let is_taken = status.is_some_and(|status| (200..300).contains(&status));
        self.settled(id, is_taken, now);
    }

    /// How an attempt ended, for vendors with another idea of an acknowledgement.
    pub(super) fn settled(&mut self, id: u64, is_taken: bool, now: Millis) {
        let Some(mut held) = self.under_way.remove(&id) else {
            return;
        };
        if is_taken {
            return;
        }
        held.failures += 1;
        if let Some(wait) = self.wait_after(held.failures) {
            self.waiting.insert((now.saturating_add(wait), id), held);
        }
    }

    /// Milliseconds until the attempt after this many failures; `None`: there is no further one.
    fn wait_after(&self, failures: u32) -> Option<Millis> {
        let mut left = failures;
        for (count, wait) in self.schedule {
            if left <= *count {
                return Millis::try_from(wait.as_millis()).ok();
            }
            left -= count;
        }
        None
    }
}
