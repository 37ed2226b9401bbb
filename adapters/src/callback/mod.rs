//! How a vendor proves that a callback is its own, and what a callback says.
//!
//! Verify before parse: [`verify`] works on raw bytes and is the only way to a [`Verified`], and
//! readers take nothing else. A vendor without proof gets [`Proof::Hint`]: its callbacks only make
//! us look, so they are read with no more trust than an address on an envelope.

mod signature;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq;

pub use self::signature::{Encoding, Sent, Signature, Signed, hmac_sha256_hex};
use crate::contract::{Context, Method};
use crate::sheet::DocumentCredentials;
use crate::vocabulary::{Millis, OurRef, Private, Progress, TheirRef};

/// A callback as it came in: raw, capped, not yet believed.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// Headers, names in lower case.
    pub headers: &'a [(String, String)],
    /// Query parameters, decoded.
    pub query: &'a [(String, String)],
    /// The raw body.
    pub body: &'a [u8],
}

impl Incoming<'_> {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }
}

/// How a vendor proves itself. There is no default: a sheet names one.
#[derive(Clone, Debug, PartialEq)]
pub enum Proof {
    /// It does not. Its callbacks are hints.
    Hint,
    /// HMAC-SHA256 over the raw body, or over a text that holds it, in a header, keyed with a secret
    /// of the connection.
    HmacBody(Signature),
    /// `t=SECONDS,v1=HEX[,v1=HEX]` in a header, HMAC-SHA256 over `t.body`; refused when stale. While
    /// a secret is rotated there may be several, separated by blanks (Persona, section 6).
    HmacTimestamped {
        /// The header, lower case.
        header: String,
        /// The secret's name.
        secret: String,
        /// How far its time may be from ours.
        tolerance: Duration,
    },
    /// A header equals a secret.
    HeaderEquals {
        /// The header, lower case.
        header: String,
        /// The secret's name.
        secret: String,
    },
    /// HTTP Basic credentials that we gave the vendor.
    Basic {
        /// The name of the secret with the user.
        user: String,
        /// The name of the secret with the password.
        password: String,
    },
    /// Credentials that we gave the vendor stand in the document. A capped reader that knows no
    /// entities takes them and nothing else.
    Document(DocumentCredentials),
}

impl Proof {
    /// The names of the secrets it is made with.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Hint => Vec::new(),
            Self::HmacBody(signature) => vec![&signature.secret],
            Self::HmacTimestamped { secret, .. } | Self::HeaderEquals { secret, .. } => {
                vec![secret]
            }
            Self::Basic { user, password } => vec![user, password],
            Self::Document(credentials) => credentials.secrets().collect(),
        }
    }
}

/// Why a callback was not believed. It says nothing about the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// The proof is not there.
    #[error("the proof is missing")]
    Missing,
    /// The proof does not fit the bytes.
    #[error("the proof does not fit")]
    Mismatch,
    /// The proof fits but its time is too far from ours.
    #[error("the proof is stale")]
    Stale,
}

/// A body whose vendor has proved itself, or, for [`Proof::Hint`], one that will not be believed
/// anyway. Only [`verify`] and [`Verified::kept`] make one.
#[derive(Clone, Copy)]
pub struct Verified<'a> {
    body: &'a [u8],
}

impl<'a> Verified<'a> {
    /// The bytes.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Bytes that were verified when they arrived and have been sealed since.
    pub fn kept(body: &'a [u8]) -> Self {
        Self { body }
    }
}

/// The values a named secret has now: several while it is being rotated, none where it was not
/// given.
pub type Secrets<'a> = &'a dyn Fn(&str) -> Vec<Private<String>>;

/// Checks a callback's proof over its raw bytes, in constant time.
///
/// # Errors
/// [`Forged`] when the proof is missing, does not fit or is stale. A secret that was not given
/// never matches.
pub fn verify<'a>(
    proof: &Proof,
    incoming: &Incoming<'a>,
    secrets: Secrets<'_>,
    now: Millis,
) -> Result<Verified<'a>, Forged> {
    let believed = Verified {
        body: incoming.body,
    };
    let header = |name: &str| incoming.header(name).ok_or(Forged::Missing);
    match proof {
        Proof::Hint => Ok(believed),
        Proof::HmacBody(signature) => {
            let secrets = secrets(&signature.secret);
            signature.check(incoming, &secrets, now).map(|()| believed)
        }
        Proof::HmacTimestamped {
            header: name,
            secret,
            tolerance,
        } => {
            let signed = timestamped(header(name)?);
            if signed.is_empty() {
                return Err(Forged::Missing);
            }
            let secrets = secrets(secret);
            let fits = signed.into_iter().find(|(stamp, hex)| {
                any_hmac(&secrets, &[stamp.as_bytes(), b".", incoming.body], hex)
            });
            let (stamp, _) = fits.ok_or(Forged::Mismatch)?;
            let seconds: i64 = stamp.parse().map_err(|_| Forged::Mismatch)?;
            signature::fresh(seconds.saturating_mul(1000), now, *tolerance)?;
            Ok(believed)
        }
        Proof::HeaderEquals {
            header: name,
            secret,
        } => {
            let given = header(name)?.as_bytes();
            any_equal(&secrets(secret), given)
                .then_some(believed)
                .ok_or(Forged::Mismatch)
        }
        Proof::Basic { user, password } => {
            let given = header("authorization")?;
            let given = given.strip_prefix("Basic ").ok_or(Forged::Missing)?;
            let given = BASE64.decode(given.trim()).map_err(|_| Forged::Missing)?;
            let fits = secrets(user).iter().any(|user| {
                secrets(password).iter().any(|password| {
                    let pair = format!("{}:{}", user.expose(), password.expose());
                    bool::from(pair.as_bytes().ct_eq(&given))
                })
            });
            fits.then_some(believed).ok_or(Forged::Mismatch)
        }
        Proof::Document(credentials) => {
            let given = credentials.given(incoming.body).ok_or(Forged::Missing)?;
            let fits = given.iter().fold(true, |fits, (secret, text)| {
                fits & any_equal(&secrets(secret), text.expose().as_bytes())
            });
            fits.then_some(believed).ok_or(Forged::Mismatch)
        }
    }
}

/// The signatures of `t=..,v1=..,v1=.. t=..,v1=..`, each with the time before it.
fn timestamped(header: &str) -> Vec<(&str, &str)> {
    let mut stamp = None;
    let mut signed = Vec::new();
    for part in header.split([',', ' ']) {
        match part.trim().split_once('=') {
            Some(("t", value)) => stamp = Some(value),
            Some(("v1", value)) => signed.extend(stamp.map(|stamp| (stamp, value))),
            _ => {}
        }
    }
    signed
}

fn any_hmac(secrets: &[Private<String>], parts: &[&[u8]], given: &str) -> bool {
    let mut fits = false;
    for secret in secrets.iter().filter(|secret| !secret.expose().is_empty()) {
        let expected = hmac_sha256_hex(secret.expose().as_bytes(), parts);
        fits |= bool::from(expected.as_bytes().ct_eq(given.as_bytes()));
    }
    fits
}

fn any_equal(secrets: &[Private<String>], given: &[u8]) -> bool {
    let mut fits = false;
    for secret in secrets.iter().filter(|secret| !secret.expose().is_empty()) {
        fits |= bool::from(secret.expose().as_bytes().ct_eq(given));
    }
    fits
}

/// How a note names its order, tried in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderKey {
    /// By the vendor's reference.
    Theirs(TheirRef),
    /// By ours.
    Ours(OurRef),
}

/// One thing a callback says.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// Which order it is about; empty where that cannot be read, which is no order that anybody knows.
    pub order: Vec<OrderKey>,
    /// What it says of it.
    pub says: Says,
}

impl Note {
    /// What stands for a part of a callback that cannot be read, beside others that can.
    pub fn of_no_order() -> Self {
        Self {
            order: Vec::new(),
            says: Says::Look,
        }
    }
}

/// What a note says of its order.
#[derive(Clone, Debug, PartialEq)]
pub enum Says {
    /// Something happened: look.
    Look,
    /// Where it stands. A payload may only move an order forward.
    Progress(Box<Progress>),
}

/// A verified callback that makes no sense. The reason holds nothing of the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// Reads what a verified callback says. Pure, and never panics.
pub trait ReadCallback: Send + Sync {
    /// The notes in it; empty when it is about something we do not care for.
    ///
    /// # Errors
    /// [`Unreadable`] when it is not of the vendor's form.
    fn read(&self, callback: Verified<'_>, cx: &Context<'_>) -> Result<Vec<Note>, Unreadable>;
}

/// What a vendor wants to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body; `None`: no body.
    pub mime: Option<String>,
    /// The body.
    pub body: String,
}

/// A vendor's callbacks: methods, size, proof, reader and acknowledgement.
#[derive(Clone)]
pub struct Callbacks {
    /// Methods that carry a callback.
    pub methods: Vec<Method>,
    /// Largest body, in bytes.
    pub cap: usize,
    /// How the vendor proves itself.
    pub proof: Proof,
    /// Echo this query parameter's value to a GET, where the vendor checks our address that way.
    pub challenge: Option<String>,
    /// What it wants to be answered.
    pub accepted: Acknowledgement,
    /// Reads what it says.
    pub reader: Arc<dyn ReadCallback>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn believed(
        proof: &Proof,
        headers: &[(String, String)],
        body: &[u8],
        now: Millis,
    ) -> Result<(), Forged> {
        let incoming = Incoming {
            method: "POST",
            headers,
            query: &[],
            body,
        };
        let secrets = |name: &str| match name {
            "key" => vec![Private::from("old"), Private::from("test-secret")],
            "empty" => vec![Private::from("")],
            _ => vec![],
        };
        verify(proof, &incoming, &secrets, now).map(|_| ())
    }

    fn header(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    fn body_proof(secret: &str) -> Proof {
        Proof::HmacBody(Signature::of_body("x-signature", "sha256=", secret))
    }

    /// Known answer: Checkr, section 6 (its published verification examples).
    const BODY: &[u8] = br#"{"monday":"75F","tuesday":"80F"}"#;
    const SIGNATURE: &str = "b7412f05e981a473b5ecbdb5393afaea02a679db6d7c8e56803512ec4ba98151";

    #[test]
    fn a_known_signature_verifies_with_any_live_secret() {
        assert_eq!(
            believed(
                &body_proof("key"),
                &header("x-signature", SIGNATURE),
                BODY,
                0
            ),
            Ok(())
        );
        let prefixed = format!("sha256={SIGNATURE}");
        assert_eq!(
            believed(
                &body_proof("key"),
                &header("x-signature", &prefixed),
                BODY,
                0
            ),
            Ok(())
        );
    }

    #[test]
    fn a_flipped_bit_a_missing_header_and_a_missing_secret_do_not_verify() {
        let mut body = BODY.to_vec();
        body[3] ^= 1;
        let signed = header("x-signature", SIGNATURE);
        assert_eq!(
            believed(&body_proof("key"), &signed, &body, 0),
            Err(Forged::Mismatch)
        );
        assert_eq!(
            believed(&body_proof("key"), &[], BODY, 0),
            Err(Forged::Missing)
        );
        assert_eq!(
            believed(&body_proof("none"), &signed, BODY, 0),
            Err(Forged::Mismatch)
        );
        let with_empty_key = hmac_sha256_hex(b"", &[BODY]);
        let signed = header("x-signature", &with_empty_key);
        assert_eq!(
            believed(&body_proof("empty"), &signed, BODY, 0),
            Err(Forged::Mismatch)
        );
    }

    #[test]
    fn a_timestamped_proof_is_refused_when_it_is_stale() {
        let proof = Proof::HmacTimestamped {
            header: "x-signature".into(),
            secret: "key".into(),
            tolerance: Duration::from_secs(300),
        };
        let v1 = hmac_sha256_hex(b"test-secret", &[b"1000", b".", BODY]);
        let signed = header("x-signature", &format!("t=1000,v1=00ff,v1={v1}"));
        assert_eq!(believed(&proof, &signed, BODY, 1_000_000), Ok(()));
        assert_eq!(
            believed(&proof, &signed, BODY, 1_300_001),
            Err(Forged::Stale)
        );
        assert_eq!(believed(&proof, &signed, BODY, 699_999), Err(Forged::Stale));
        let rotating = header("x-signature", &format!("t=1000,v1={v1} t=1001,v1=00ff"));
        assert_eq!(believed(&proof, &rotating, BODY, 1_000_000), Ok(()));
        let moved = header("x-signature", &format!("t=1001,v1={v1}"));
        assert_eq!(
            believed(&proof, &moved, BODY, 1_000_000),
            Err(Forged::Mismatch)
        );
    }
}
