//! The promises that Cleargate makes, each kept in a file of its own.

mod architecture;
mod delivery;
mod placing;
mod support;
