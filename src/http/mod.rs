//! From bytes to the application and back: who is calling, what they said, and every answer they
//! get. No rule and no query lives here.

mod ats;
mod auth;
mod callbacks;
mod error;
mod hits;
mod observing;
mod operations;
mod results;
mod routes;
mod server;
mod status;

pub use hits::Public;
pub use operations::Readiness;
pub use routes::{Edge, operations, public};
pub use server::{Listener, ServerOptions};
