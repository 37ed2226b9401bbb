//! The ATS is told, in order, once, and for as long as it takes.

mod answers;
mod caps;
mod dead_letters;
mod destinations;
mod lane;
mod leases;
mod running;
mod wire;
