//! The cast of the tests.

pub(crate) mod services;
