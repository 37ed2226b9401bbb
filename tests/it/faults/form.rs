//! How long and how random the scenarios are: the short form is part of every run of the tests, the
//! long one is asked for by `tests/faults --long`.

use std::sync::OnceLock;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// What a scenario takes in the short form, or in the long one.
pub(super) fn either<T>(short: T, long: T) -> T {
    if variable("CLEARGATE_TEST_FAULTS").as_deref() == Some("long") {
        long
    } else {
        short
    }
}

/// What everything random follows from: the one that was given, else one that nobody chose. Every
/// failure names it.
pub(super) fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let given = variable("CLEARGATE_TEST_SEED");
        given.map_or_else(
            || rand::random_range(0..1_000_000),
            |seed| seed.parse().expect("CLEARGATE_TEST_SEED is a number"),
        )
    })
}

/// Random numbers of one part of a scenario, which the seed and the part's own number decide.
pub(super) fn random(part: u64) -> StdRng {
    StdRng::seed_from_u64(seed().wrapping_mul(1_000).wrapping_add(part))
}

#[expect(
    clippy::disallowed_methods,
    reason = "what a test runner says is no setting of the gateway"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
