//! What layers remember of their targets, by key: made when first asked for, dropped when it was
//! not asked for in a day, so that connections that are gone leave nothing behind.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

const KEPT: u64 = 100_000;
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Values by key; clones share them.
pub(super) struct Keyed<T>(Cache<String, Arc<T>>);

impl<T> Clone for Keyed<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + Sync + 'static> Keyed<T> {
    pub(super) fn new() -> Self {
        let cache = Cache::builder()
            .max_capacity(KEPT)
            .time_to_idle(FORGOTTEN_AFTER)
            .build();
        Self(cache)
    }

    /// The value of `key`, the same for all who ask at once.
    pub(super) fn of(&self, key: &str, make: impl FnOnce() -> T) -> Arc<T> {
        match self.0.get(key) {
            Some(value) => value,
            None => self.0.get_with(key.to_owned(), || Arc::new(make())),
        }
    }
}
