//! What the ATS may call, and what every call of it is answered.

mod access;
mod answers;
mod bad_input;
