//! The cast of the tests.

pub(crate) mod program;
pub(crate) mod services;
