//! How requests prove who we are, and how a token for that is had.

use std::sync::Arc;
use std::time::Duration;

use super::Translate;
use super::operations::Operation;
use super::request::Piece;
use crate::vocabulary::Private;

/// Fetches a token that later requests carry. Its request needs nothing but the connection's
/// settings and secrets, and is never kept.
#[derive(Clone, Debug)]
pub struct FetchToken;

impl Operation for FetchToken {
    const NAME: &'static str = "token";
    type Output = Token;
}

/// A token and how long it lives.
#[derive(Clone, Debug)]
pub struct Token {
    /// What requests carry.
    pub value: Private<String>,
    /// Its life from now on, where the vendor says; else [`TokenAuth::default_lifetime`].
    pub lifetime: Option<Duration>,
}

/// How a request proves who we are. The engine applies it; secrets are named, never seen.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Credentials stand in the document, through holes, or there are none.
    None,
    /// A header with a constant form around a secret: `Authorization: Bearer ...`.
    Header {
        /// The header's name.
        name: String,
        /// Its value.
        value: Vec<Piece>,
    },
    /// HTTP Basic. Either half may be empty.
    Basic {
        /// The user.
        user: Vec<Piece>,
        /// The password.
        password: Vec<Piece>,
    },
    /// A token that is fetched first: OAuth 2 client credentials, or a login.
    Token(TokenAuth),
}

/// How a token is had and sent. The engine keeps it in memory, renews it before its end, and on a
/// 401 drops it and asks once more.
#[derive(Clone)]
pub struct TokenAuth {
    /// The header that carries it, in lower case.
    pub header: String,
    /// What stands before it in that header: `Bearer `.
    pub prefix: String,
    /// How the request for a token itself proves who we are; never [`Auth::Token`].
    pub client: Box<Auth>,
    /// Its life where the vendor does not say.
    pub default_lifetime: Duration,
    /// How long before its end it is renewed.
    pub renew_before: Duration,
    /// Asks for it, in one turn.
    pub fetch: Arc<dyn Translate<FetchToken>>,
}

impl std::fmt::Debug for TokenAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenAuth")
            .field("header", &self.header)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
