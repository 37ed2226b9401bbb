//! A vendor whose callbacks a test carries itself: in any order, as often as it likes, or never.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapters::simulator::{Arrived, FaultOrder, HeldOrder, Manner, Outgoing, Response, Simulator};
use adapters::vocabulary::Millis;

/// The callbacks that a vendor has handed out and nobody has delivered yet, and the answers that
/// are to be late.
#[derive(Clone, Default)]
pub(crate) struct Postbag(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    callbacks: Vec<Outgoing>,
    late: Option<(&'static str, Duration)>,
}

impl Postbag {
    /// The vendor, with its callbacks going into the bag in the moment they are due.
    pub(crate) fn of(vendor: impl Simulator + 'static) -> (Box<dyn Simulator>, Self) {
        let bag = Self::default();
        let bagging = Bagging {
            vendor,
            bag: bag.clone(),
        };
        (Box::new(bagging), bag)
    }

    /// Takes everything out, oldest first.
    pub(crate) fn take(&self) -> Vec<Outgoing> {
        std::mem::take(&mut self.contents().callbacks)
    }

    /// Takes the only callback out.
    pub(crate) fn only(&self) -> Outgoing {
        let mut all = self.take();
        assert_eq!(all.len(), 1, "the vendor calls back once");
        all.remove(0)
    }

    /// The next request whose path has `path` in it is answered after `pause`, with what was true
    /// when it arrived.
    pub(crate) fn answer_late(&self, path: &'static str, pause: Duration) {
        self.contents().late = Some((path, pause));
    }

    fn contents(&self) -> std::sync::MutexGuard<'_, Contents> {
        self.0.lock().expect("nobody panics over a bag")
    }
}

struct Bagging<S> {
    vendor: S,
    bag: Postbag,
}

impl<S: Simulator> Bagging<S> {
    fn collect(&mut self, now: Millis) {
        let due = self.vendor.due(now);
        self.bag.contents().callbacks.extend(due);
    }
}

impl<S: Simulator> Simulator for Bagging<S> {
    fn name(&self) -> &'static str {
        self.vendor.name()
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        self.vendor.credentials()
    }

    fn handle(&mut self, request: &Arrived, now: Millis) -> Response {
        let mut response = self.vendor.handle(request, now);
        self.collect(now);
        let mut contents = self.bag.contents();
        if let Some((_, pause)) = contents
            .late
            .take_if(|(path, _)| request.target.contains(*path))
        {
            response.manner = Manner::After(pause);
        }
        response
    }

    fn due(&mut self, now: Millis) -> Vec<Outgoing> {
        self.collect(now);
        Vec::new()
    }

    fn answered(&mut self, id: u64, status: Option<u16>, body: &[u8], now: Millis) {
        self.vendor.answered(id, status, body, now);
    }

    fn orders(&self) -> Vec<HeldOrder> {
        self.vendor.orders()
    }

    fn advance(&mut self, key: &str, status: &str, result: Option<&str>, now: Millis) -> bool {
        let moved = self.vendor.advance(key, status, result, now);
        self.collect(now);
        moved
    }

    fn fault(&mut self, fault: FaultOrder) {
        self.vendor.fault(fault);
    }

    fn set_callback_url(&mut self, url: &str) {
        self.vendor.set_callback_url(url);
    }
}
