//! The promises that Cleargate makes, each kept in a file of its own.

#![expect(
    clippy::unwrap_used,
    reason = "a test that finds nothing where something must be has failed"
)]

mod architecture;
mod at_rest;
mod ats;
mod cache;
mod catalog;
mod checking;
mod cli;
mod crash;
mod delivery;
mod deployed;
mod faults;
mod homecoming;
mod placing;
mod reload;
mod replicas;
mod secrecy;
mod starting;
mod store;
mod support;
mod tenants_file;
mod vendor_kit;
mod vendors;
mod versions;
