//! What the world does to a gateway, and what may not come of it.
//!
//! Every scenario is a fault that a machine, a network, a vendor or an ATS really brings about, on
//! real processes: replicas behind HAProxy, a PostgreSQL, a Redis. After each the same
//! [`checker`](crate::support::trial::checker) looks at what the callers were told, what the vendor
//! holds, what the ATS has heard, the logs and the tables. `tests/faults` runs them by their number,
//! longer, or from a seed that has failed.

mod callbacks;
mod cluster;
mod database;
mod form;
mod hanging;
mod killed_replicas;
mod plans;
mod proxy;
mod receivers;
mod redis;
mod stopped_replicas;
mod traffic;
mod unwritable;
mod wall_clocks;
