//! The one clock. Leases and due times use the database's time, so that replicas with different
//! wall clocks agree: it is read now and then ([`Clock::anchor`]) and carried by the monotonic
//! clock in between. Tests hold a clock that only they move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use adapters::vocabulary::Millis;

/// A handle to the clock; clones share it.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    /// Milliseconds to add to the time since `start`.
    Running {
        start: Instant,
        offset: AtomicI64,
    },
    Held(AtomicI64),
}

impl Clock {
    /// A running clock that begins with this process's wall clock, until it is anchored.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn running() -> Self {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Self(Arc::new(Source::Running {
            start: Instant::now(),
            offset: AtomicI64::new(millis(since_epoch)),
        }))
    }

    /// A clock that stands at `now` until it is moved.
    pub fn held(now: Millis) -> Self {
        Self(Arc::new(Source::Held(AtomicI64::new(now))))
    }

    /// Milliseconds since the Unix epoch, by the database's time.
    pub fn now(&self) -> Millis {
        match &*self.0 {
            Source::Running { start, offset } => {
                offset.load(Ordering::Relaxed) + millis(start.elapsed())
            }
            Source::Held(now) => now.load(Ordering::Relaxed),
        }
    }

    /// Takes over the database's time. A held clock stays where it is.
    pub fn anchor(&self, database_now: Millis) {
        if let Source::Running { start, offset } = &*self.0 {
            offset.store(database_now - millis(start.elapsed()), Ordering::Relaxed);
        }
    }

    /// Moves a held clock forward; a running one cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Source::Held(now) = &*self.0 {
            now.fetch_add(millis(by), Ordering::Relaxed);
        }
    }
}

/// Further off than anything is planned, and near enough that sums of such times are times.
const LONGEST: Millis = Millis::MAX / 4;

/// A duration in whole milliseconds.
pub fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).map_or(LONGEST, |millis| millis.min(LONGEST))
}
