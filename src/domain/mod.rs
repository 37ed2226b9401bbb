//! Values and rules: what an order, a delivery, a tenant and a catalog are and how they change.
//! No I/O and no clock: time comes in as an argument.

pub mod ats_order;
pub mod callback;
pub mod catalog;
pub mod contact;
pub mod delivery;
pub mod drift;
pub mod looking;
pub mod order;
pub mod tenant;
pub mod waiting;
