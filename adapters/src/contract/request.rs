//! Requests and replies as the engine carries them: with holes where secrets go, and with what a
//! second copy would do.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// What a second copy of a request would do at the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing: it only reads.
    Read,
    /// Nothing within this time of the first copy, because the vendor dedupes on a key in it;
    /// afterwards it counts as [`Effect::Once`].
    Repeatable {
        /// How long the vendor remembers the key.
        within: Duration,
    },
    /// It might order again.
    Once,
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The method as it stands on the request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// How a secret is written into the text around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Escape {
    /// As it is (headers).
    None,
    /// Inside a JSON string.
    Json,
    /// Inside a form value.
    Form,
    /// Inside XML text or an attribute.
    Xml,
}

impl Escape {
    /// `text` as it is written there: whatever is in it, it stays one value.
    pub fn write(self, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Json => {
                let quoted = serde_json::Value::from(text).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
            Self::Form => utf8_percent_encode(text, UNRESERVED).to_string(),
            Self::Xml => {
                let mut written = String::with_capacity(text.len());
                text.chars().for_each(|letter| xml(letter, &mut written));
                written
            }
        }
    }
}

/// What need not be encoded: the unreserved characters of RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A letter in XML text or an attribute. Everything but printable ASCII is a numeric reference, so
/// that no character set and no normalising of line ends changes it; what XML 1.0 (section 2.2)
/// has no character for is left out.
fn xml(letter: char, written: &mut String) {
    match letter {
        '&' => written.push_str("&amp;"),
        '<' => written.push_str("&lt;"),
        '>' => written.push_str("&gt;"),
        '"' => written.push_str("&quot;"),
        '\'' => written.push_str("&apos;"),
        ' '..='~' => written.push(letter),
        '\u{fffe}' | '\u{ffff}' => {}
        '\t' | '\n' | '\r' | '\u{7f}'.. => {
            written.push_str(&format!("&#{};", u32::from(letter)));
        }
        _ => {}
    }
}

/// A part of a header or body: bytes, or a hole that the engine fills when the request leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// Bytes as they are.
    Bytes(#[serde(with = "text_or_numbers")] Vec<u8>),
    /// The connection's secret of this name.
    Secret {
        /// Which secret.
        name: String,
        /// How it is written.
        escape: Escape,
    },
}

/// Bytes as JSON: a text where they are one, as nearly all are, because a list of numbers is four
/// times as long.
mod text_or_numbers {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Numbers(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        match str::from_utf8(bytes) {
            Ok(text) => text.serialize(to),
            Err(_) => bytes.serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        Ok(match Written::deserialize(from)? {
            Written::Text(text) => text.into_bytes(),
            Written::Numbers(bytes) => bytes,
        })
    }
}

impl Piece {
    /// A piece of plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Bytes(text.into().into_bytes())
    }
}

/// A request to a vendor, with holes where secrets go. It can be stored (sealed) and sent again,
/// byte for byte.
///
/// It has no `Debug` of its contents, because its body holds personal data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The step of the operation, as the sheet names it.
    pub step: String,
    /// HTTP method.
    pub method: Method,
    /// Path below the connection's base URL, beginning with `/`, percent-encoded; nothing personal.
    pub path: String,
    /// Query parameters, not yet encoded. Personal only where the sheet marks them so.
    pub query: Vec<(String, String)>,
    /// Headers beside those the engine sets (`authorization`, `content-type`, `content-length`).
    pub headers: Vec<(String, Vec<Piece>)>,
    /// Media type of the body, if there is one.
    pub mime: Option<String>,
    /// The body.
    pub body: Vec<Piece>,
    /// What a second copy would do.
    pub effect: Effect,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("step", &self.step)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("effect", &self.effect)
            .finish_non_exhaustive()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        for piece in &mut self.body {
            if let Piece::Bytes(bytes) = piece {
                bytes.zeroize();
            }
        }
    }
}

/// A vendor's whole answer. The engine has capped it and followed no redirect.
#[derive(Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_stored_as_text_where_it_is_text_and_comes_back_byte_for_byte() {
        let stored = |bytes: &[u8]| serde_json::to_string(&Piece::Bytes(bytes.to_vec())).unwrap();
        assert_eq!(
            stored(r#"{"name": "Zoë"}"#.as_bytes()),
            r#"{"bytes":"{\"name\": \"Zoë\"}"}"#
        );
        assert_eq!(stored(&[0xff, 0x41]), r#"{"bytes":[255,65]}"#);
        for bytes in [&b""[..], b"\0\r\n", "Zoë".as_bytes(), &[0xff, 0x41]] {
            let piece: Piece = serde_json::from_str(&stored(bytes)).unwrap();
            assert_eq!(piece, Piece::Bytes(bytes.to_vec()));
        }
        // What was stored before texts were.
        let piece: Piece = serde_json::from_str(r#"{"bytes":[90,111]}"#).unwrap();
        assert_eq!(piece, Piece::text("Zo"));
    }
}
