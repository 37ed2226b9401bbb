//! Cleargate: one background-check provider to an applicant tracking system, many screening
//! vendors behind it. `src/ARCHITECTURE.md` is the map.

pub mod app;
pub mod background;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod egress;
pub mod http;
pub mod sandbox;
pub mod seal;
pub mod startup;
pub mod store;
pub mod telemetry;
pub mod trace;
pub mod vendors;
