//! What a sudden death costs: nothing.
//!
//! The gateway is a process of its own here, and it dies as processes die: aborted at a named point
//! of its work (`cleargate::app::crash`), or killed from outside. The fake vendor and the fake ATS
//! live in the test, so they survive every death and count. After each the same
//! [`checker`](crate::support::trial::checker) looks at what the callers were told, what the vendor
//! holds, what the ATS has heard, and the tables.

mod callbacks;
mod deliveries;
mod interrupted;
mod killed;
mod placing;
mod races;
mod unknown;
