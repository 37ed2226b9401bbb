//! Cleargate: one background-check provider to an applicant tracking system, many screening
//! vendors behind it. `src/ARCHITECTURE.md` is the map.

pub mod app;
pub mod clock;
pub mod config;
pub mod domain;
pub mod egress;
pub mod sandbox;
pub mod seal;
pub mod store;
pub mod telemetry;
pub mod vendors;
