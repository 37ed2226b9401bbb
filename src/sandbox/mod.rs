//! The outside world, faked on loopback: a vendor and an applicant tracking system (ATS).
//!
//! The simulators in `adapters` are pure; here they get sockets and a clock. [`FakeVendor`] serves
//! one and sends its callbacks, [`FakeAts`] receives webhooks and misbehaves as it is told. Both
//! remember every request ([`Received`]), so that a test can count what really left the gateway.
//! The commands `sandbox` and `demo` and all tests run on the same two, so a trial by hand and a
//! test see the same world.
//!
//! Responses are hyper's where they are sound. Resets, truncated answers and statuses that no
//! server should send are written to the socket by hand, in `serving`.

mod ats;
mod command;
mod control;
mod files;
mod journal;
mod serving;
mod vendor;
#[cfg(test)]
mod wire;

use std::time::{SystemTime, UNIX_EPOCH};

use adapters::vocabulary::Millis;

pub use ats::{Answer, Conduct, FakeAts};
pub use command::{Options, SandboxError, run};
pub use files::{Scene, VendorNeeds, exports, import_file, settings_file};
pub use journal::Received;
pub use vendor::FakeVendor;

/// The machine's time. The outside world has a clock of its own, which no test of the gateway
/// moves; a test that wants to move the vendor's gives [`FakeVendor::start`] another one.
#[expect(
    clippy::disallowed_methods,
    reason = "the world's clock, not the gateway's"
)]
pub fn wall_clock() -> Millis {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Millis::try_from(since_epoch.as_millis()).unwrap_or(Millis::MAX)
}
