//! Cleargate: one background-check provider to an applicant tracking system, many screening
//! vendors behind it.

pub mod sandbox;
