//! Calling vendors: which there are ([`registry`]), and how a request gets there and back
//! ([`client`]). The engine fills in secrets, keeps deadlines and caps, and says precisely whether
//! a byte may have left.
//!
//! A call goes through one stack of [`tower`] services, each in a file of its own with its reason.
//! From the outside in:
//!
//! | layer | does | keeps |
//! | --- | --- | --- |
//! | `meter` | a span, and what the call cost beside its vendor's time | |
//! | `fail_fast` | says what a failure means, and why a call was held back | |
//! | `pause` | leaves a connection alone that was told to wait, or was denied | by connection |
//! | `rate` | keeps a connection to its rate | by connection |
//! | `breaker` | does not call what fails, and probes it | by base URL |
//! | `retry` | sends once more what only reads | by vendor, a budget |
//! | `authorise` | puts on the header, fetches and renews tokens (`tokens`) | by connection |
//! | `bulkhead` | so many at once | by base URL |
//! | `attempt` | not begun too late, cut off at its deadline | |
//! | `exchange` | one request, one capped answer | clients |
//!
//! A layer that holds a call back is above everything that could send a byte of it, so a refusal
//! is always [`Sent::Never`].

mod attempt;
mod authorise;
mod breaker;
mod bulkhead;
mod call;
pub mod client;
mod exchange;
mod fail_fast;
mod keyed;
mod meter;
mod pause;
mod prepare;
mod rate;
pub mod registry;
mod retry;
mod sheets;
mod tokens;
pub mod unsent;
mod wishes;

use client::fault_word;
pub use client::{Asked, CallFailure, Caller, CallerOptions, Heard, Sent};
pub use fail_fast::HeldBack;
pub use registry::Registry;
pub use sheets::Sheets;
pub use unsent::{Flaw, Obstacle, Unsent};
