//! Calling vendors: which there are ([`registry`]), and how a request gets there and back
//! ([`client`]). The engine fills in secrets, keeps deadlines and caps, and says precisely whether
//! a byte may have left.

pub mod client;
pub mod registry;

pub use client::{CallFailure, Caller, CallerOptions, Sent};
pub use registry::Registry;
