//! A fake vendor that tells what its callbacks were answered, and whose answers a test can bend.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use adapters::simulator::{Arrived, FaultOrder, HeldOrder, Outgoing, Response, Simulator};
use adapters::vocabulary::Millis;

/// Changes an answer on its way out.
pub(crate) type Bend = Box<dyn FnMut(&Arrived, Response) -> Response + Send>;

/// What is known of a vendor beside what it tells itself.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    acknowledged: usize,
    /// Which callbacks these were.
    ids: BTreeSet<u64>,
    failed: usize,
    bend: Option<Bend>,
}

impl Watch {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().expect("nobody panics while counting")
    }

    /// Callbacks that were answered 2xx, so that the vendor will never send them again.
    pub(crate) fn acknowledged(&self) -> usize {
        self.seen().acknowledged
    }

    /// How many different callbacks these were.
    pub(crate) fn distinct_acknowledged(&self) -> usize {
        self.seen().ids.len()
    }

    /// Attempts at callbacks that were not.
    pub(crate) fn failed(&self) -> usize {
        self.seen().failed
    }

    /// From now on every answer goes through `bend`.
    pub(crate) fn bend(&self, bend: impl FnMut(&Arrived, Response) -> Response + Send + 'static) {
        self.seen().bend = Some(Box::new(bend));
    }
}

/// A simulator that is watched.
pub(crate) struct Watched {
    pub(crate) vendor: Box<dyn Simulator>,
    pub(crate) watch: Watch,
}

impl Simulator for Watched {
    fn name(&self) -> &'static str {
        self.vendor.name()
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        self.vendor.credentials()
    }

    fn handle(&mut self, request: &Arrived, now: Millis) -> Response {
        let answer = self.vendor.handle(request, now);
        match &mut self.watch.seen().bend {
            Some(bend) => bend(request, answer),
            None => answer,
        }
    }

    fn due(&mut self, now: Millis) -> Vec<Outgoing> {
        self.vendor.due(now)
    }

    fn answered(&mut self, id: u64, status: Option<u16>, body: &[u8], now: Millis) {
        let mut seen = self.watch.seen();
        match status {
            Some(200..300) => {
                seen.acknowledged += 1;
                seen.ids.insert(id);
            }
            _ => seen.failed += 1,
        }
        drop(seen);
        self.vendor.answered(id, status, body, now);
    }

    fn orders(&self) -> Vec<HeldOrder> {
        self.vendor.orders()
    }

    fn advance(&mut self, key: &str, status: &str, result: Option<&str>, now: Millis) -> bool {
        self.vendor.advance(key, status, result, now)
    }

    fn fault(&mut self, fault: FaultOrder) {
        self.vendor.fault(fault);
    }

    fn set_callback_url(&mut self, url: &str) {
        self.vendor.set_callback_url(url);
    }
}
