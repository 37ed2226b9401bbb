//! The guarded way out to addresses that strangers gave us: the webhook URLs of orders.
//!
//! Whoever places an order names the URL we post its result to, so without a guard every tenant
//! could make us call whatever we can reach: the metadata service of the cloud, a database's admin
//! port, ourselves. The guard has two halves, and a webhook passes both at every attempt:
//!
//! 1. [`shape`] reads the text: one WHATWG parse, and from then on only its output, as a
//!    [`WebhookUrl`]. It needs no network, so it also answers the order that brings the URL.
//! 2. [`resolve`] asks our own resolver and [`judge`] looks at every address that comes back. One
//!    bad address refuses them all.
//!
//! [`client`] then connects to a judged address itself, never to a name, so there is no second
//! look-up that could answer otherwise. It is built on hyper's connections rather than on reqwest,
//! because the rules are about connections: the peer is compared with the judged address before a
//! byte is written, an idle connection is used again only if its peer is among the addresses that
//! this very attempt has judged, and the response head has a limit. What the guard must not do is
//! absent instead of switched off: nothing here follows redirects, reads proxy variables or
//! decompresses.
//!
//! Vendor base URLs are the operator's own words and do not pass here.

pub mod attempt;
pub mod client;
mod connection;
pub mod judge;
mod pool;
pub mod refusal;
pub mod resolve;
pub mod retry_after;
pub mod shape;

#[cfg(test)]
mod registries;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod testing;

pub use attempt::{Attempt, Failure, FailureKind};
pub use client::WebhookClient;
pub use judge::Judge;
pub use refusal::Refusal;
pub use resolve::Resolver;
pub use shape::{Shape, WebhookUrl};
