//! Signatures: HMAC-SHA256 in a header, over the body or over a text that holds it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{Forged, Incoming};
use crate::sheet::moment;
use crate::vocabulary::{Millis, Private};

/// Where a signature stands, and what it covers. Every live value of the secret is tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// The header, lower case. While a secret is rotated it may hold several, between blanks.
    pub header: String,
    /// Text before a signature, such as `sha256=`; may be missing in what arrives.
    pub prefix: String,
    /// The secret's name.
    pub secret: String,
    /// How its bytes are written.
    pub encoding: Encoding,
    /// What is signed.
    pub text: Vec<Signed>,
    /// The header that says when it was sent, if one does: what is stale is refused.
    pub time: Option<Sent>,
}

/// How a signature's bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// In lower-case hexadecimal digits.
    Hex,
    /// In base64, padded (RFC 4648, section 4).
    Base64,
}

/// A part of what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// That text.
    Text(String),
    /// The value of a header, whose name is in lower case.
    Header(String),
    /// The raw body.
    Body,
}

/// When a callback was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The header, lower case: seconds or milliseconds since the epoch, or ISO 8601.
    pub header: String,
    /// How far it may be from our time.
    pub tolerance: Duration,
}

impl Signature {
    /// Lower-case hex of the raw body's, which is how most vendors sign.
    pub fn of_body(header: &str, prefix: &str, secret: &str) -> Self {
        Self {
            header: header.to_owned(),
            prefix: prefix.to_owned(),
            secret: secret.to_owned(),
            encoding: Encoding::Hex,
            text: vec![Signed::Body],
            time: None,
        }
    }

    /// The headers that have to be as they were sent, in lower case.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        let signed = self.text.iter().filter_map(|part| match part {
            Signed::Header(name) => Some(name.as_str()),
            _ => None,
        });
        std::iter::once(self.header.as_str()).chain(signed)
    }

    /// Checks it in constant time.
    pub(super) fn check(
        &self,
        incoming: &Incoming<'_>,
        secrets: &[Private<String>],
        now: Millis,
    ) -> Result<(), Forged> {
        let header = |name: &str| incoming.header(name).ok_or(Forged::Missing);
        let given = header(&self.header)?;
        let parts = self.text.iter().map(|part| match part {
            Signed::Text(text) => Ok(text.as_bytes()),
            Signed::Header(name) => header(name).map(str::as_bytes),
            Signed::Body => Ok(incoming.body),
        });
        let parts: Vec<&[u8]> = parts.collect::<Result<_, _>>()?;
        let keys = secrets.iter().filter(|secret| !secret.expose().is_empty());
        let mut fits = false;
        for key in keys {
            let expected = self.encoding.written(key.expose().as_bytes(), &parts);
            for one in given.split(' ') {
                let one = one.strip_prefix(self.prefix.as_str()).unwrap_or(one);
                fits |= bool::from(expected.as_bytes().ct_eq(one.as_bytes()));
            }
        }
        if !fits {
            return Err(Forged::Mismatch);
        }
        match &self.time {
            None => Ok(()),
            Some(sent) => {
                let at = moment(header(&sent.header)?).ok_or(Forged::Mismatch)?;
                fresh(at, now, sent.tolerance)
            }
        }
    }
}

impl Encoding {
    /// The HMAC-SHA256 over `parts`, so written.
    pub fn written(self, key: &[u8], parts: &[&[u8]]) -> String {
        let bytes = hmac_sha256(key, parts);
        match self {
            Self::Hex => hex::encode(bytes),
            Self::Base64 => BASE64.encode(bytes),
        }
    }
}

/// Refuses what was sent longer ago, or further ahead, than `tolerance`.
pub(super) fn fresh(sent: Millis, now: Millis, tolerance: Duration) -> Result<(), Forged> {
    let apart = u128::from(now.saturating_sub(sent).unsigned_abs());
    match apart <= tolerance.as_millis() {
        true => Ok(()),
        false => Err(Forged::Stale),
    }
}

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Lower-case hex of HMAC-SHA256 over `parts`, one after the other.
pub fn hmac_sha256_hex(key: &[u8], parts: &[&[u8]]) -> String {
    Encoding::Hex.written(key, parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the Standard Webhooks specification signs: `id.time.body` in base64, behind a version.
    fn of_several_headers() -> Signature {
        let header = |name: &str| Signed::Header(name.to_owned());
        let dot = || Signed::Text(".".to_owned());
        Signature {
            header: "webhook-signature".into(),
            prefix: "v1,".into(),
            secret: "key".into(),
            encoding: Encoding::Base64,
            text: vec![
                header("webhook-id"),
                dot(),
                header("webhook-timestamp"),
                dot(),
                Signed::Body,
            ],
            time: Some(Sent {
                header: "webhook-timestamp".into(),
                tolerance: Duration::from_secs(300),
            }),
        }
    }

    fn checked(headers: &[(&str, &str)], now: Millis) -> Result<(), Forged> {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let incoming = Incoming {
            method: "POST",
            headers: &headers,
            query: &[],
            body: br#"{"test": 2432232314}"#,
        };
        let secrets = [Private::from("older"), Private::from("secret")];
        of_several_headers().check(&incoming, &secrets, now)
    }

    #[test]
    fn a_signature_over_headers_and_body_in_base64_verifies_while_it_is_fresh() {
        let key: &[u8] = b"secret";
        let text: &[u8] = br#"msg_1.1614265330.{"test": 2432232314}"#;
        let good = format!("v1,{}", Encoding::Base64.written(key, &[text]));
        let rotated = format!("v1,AAAA {good}");
        let now = 1_614_265_330_000;
        let sent = |signature: &str, time: &str, now| {
            let id = ("webhook-id", "msg_1");
            checked(
                &[
                    id,
                    ("webhook-timestamp", time),
                    ("webhook-signature", signature),
                ],
                now,
            )
        };
        assert_eq!(sent(&good, "1614265330", now), Ok(()));
        assert_eq!(sent(&rotated, "1614265330", now), Ok(()));
        assert_eq!(
            sent(&good, "1614265331", now),
            Err(Forged::Mismatch),
            "the time is signed"
        );
        assert_eq!(sent(&good, "1614265330", now + 300_001), Err(Forged::Stale));
        assert_eq!(sent(&good, "1614265330", now - 300_001), Err(Forged::Stale));
        let without = [("webhook-id", "msg_1"), ("webhook-signature", &good)];
        assert_eq!(checked(&without, now), Err(Forged::Missing));
    }
}
