//! Points at which a test can make the process die, to prove that nothing is lost there.
//!
//! A debug build dies at the point named by `CLEARGATE_CRASH_AT` (`POINT` or `POINT:N` for the Nth
//! time it is reached), without a chance to clean up. A release build has nothing of it.

/// Dies here, if a test wants it.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "a test's switch, not a setting")]
pub fn point(name: &str) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static REACHED: AtomicUsize = AtomicUsize::new(0);

    let Ok(wanted) = std::env::var("CLEARGATE_CRASH_AT") else { return };
    let (point, times) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    if point == name && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == times.parse().unwrap_or(1) {
        std::process::abort();
    }
}

/// Nothing, in a release build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_name: &str) {}
