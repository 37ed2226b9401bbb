//! Everything that is known about screening vendors, as pure values and functions.
//!
//! A vendor is a value, [`Vendor`]: a record of the operations it has. An operation is a pair of
//! pure functions, [`Translate::encode`] and [`Translate::decode`]: canonical request to vendor
//! request, vendor reply to meaning. Nothing in this package does I/O, reads a clock, draws a
//! random number, sees a secret's value (but to compare a callback's proof) or writes a log line;
//! the gateway owns all of that. `Cargo.toml` keeps the wall: no runtime, no HTTP client, no SQL.
//!
//! Read in this order: [`vocabulary`] (the canonical words), [`contract`] (what a vendor owes),
//! [`callback`] (how a vendor proves itself), [`sheet`] (vendors as TOML, with the outline and the
//! explanations that people ask for), [`conformance`] (the laws, as runnable checks), [`sample`] (a
//! sheet's own tests), [`simulator`] (fake vendors, written from the vendors' documentation).
//!
//! Whoever adds a vendor without touching this code reads `adapters/sheets/GUIDE.md`.

pub mod callback;
pub mod conformance;
pub mod contract;
pub mod sample;
pub mod sheet;
pub mod simulator;
pub mod vendors;
pub mod vocabulary;

pub use contract::{
    Auth, CancelOrder, Context, Effect, Fault, FetchMany, FetchOrder, FetchToken, Found,
    ListPackages, Memo, Operation, Piece, PlaceOrder, Policy, Reply, ReportLink, Request, Setting,
    Token, TokenAuth, Translate, Turn, Unfit, Vendor, VerifyCredentials,
};
pub use vendors::shipped;
