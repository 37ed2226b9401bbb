//! Why not a byte of a request left: for people in a sentence, for us in a value, because what can
//! be done about it depends on it.

use std::error::Error;
use std::io;
use std::time::Duration;

use tokio_rustls::rustls::{self, CertificateError};

/// A request of which not a byte left.
#[derive(Clone, Debug)]
pub struct Unsent {
    /// For operators.
    pub why: String,
    /// What was in the way.
    pub obstacle: Obstacle,
}

/// What keeps a request from leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// We held it back, so as not to ask too much.
    HeldBack {
        /// When it may be sent.
        again_in: Duration,
    },
    /// A reason of our own, such as a credential that is missing.
    Ours,
    /// The vendor gives no token for these credentials.
    Denied,
    /// The vendor gives no token for another reason.
    NoToken,
    /// The vendor's host is not found.
    Name,
    /// Nobody accepts connections there.
    Connection,
    /// The vendor does not prove who it is.
    Certificate(Flaw),
    /// No TLS can be agreed on.
    Tls,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It has ended.
    Expired,
    /// It has not begun.
    NotYet,
    /// It is of another name.
    Name,
    /// It is of an authority that is not trusted; also a self-signed one.
    Authority,
    /// Anything else.
    Other,
}

impl Unsent {
    /// When it may be sent, where we held it back.
    pub fn again_in(&self) -> Option<Duration> {
        match self.obstacle {
            Obstacle::HeldBack { again_in } => Some(again_in),
            _ => None,
        }
    }
}

impl Obstacle {
    /// What kept a connection from being made.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            // The resolver's error has no type of its own.
            if error.to_string() == "dns error" {
                return Self::Name;
            }
            if let Some(tls) = tls_error(error) {
                return Self::of_tls(tls);
            }
            cause = error.source();
        }
        Self::Connection
    }

    fn of_tls(error: &rustls::Error) -> Self {
        let rustls::Error::InvalidCertificate(error) = error else {
            return Self::Tls;
        };
        Self::Certificate(match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Flaw::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Flaw::NotYet
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Flaw::Name
            }
            // A bad signature is that of somebody who goes by the authority's name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Flaw::Authority,
            _ => Flaw::Other,
        })
    }
}

/// What TLS says, in however many I/O errors it is wrapped: they do not show it among their sources.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match error.downcast_ref::<io::Error>() {
        Some(wrapping) => tls_error(wrapping.get_ref()?),
        None => error.downcast_ref(),
    }
}
