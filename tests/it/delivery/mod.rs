//! The ATS is told, in order, once, and for as long as it takes.

mod answers;
