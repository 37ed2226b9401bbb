//! Reading requests and writing responses: the little HTTP that fake vendors need.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::{Arrived, Manner, Response};
use crate::vocabulary::Millis;

impl Arrived {
    /// The first header of that name (lower case).
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }

    /// The path without its query.
    pub(super) fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The path's segments, without the empty one before the first slash.
    pub(super) fn segments(&self) -> Vec<&str> {
        self.path().split('/').skip(1).collect()
    }

    /// Query parameters, decoded as a form is: `+` is a space.
    pub(super) fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decoded(name), decoded(value))
            })
            .collect()
    }

    /// The first query parameter of that name.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.query()
            .into_iter()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The whole number in a query parameter: `usual` where there is none, and `None` where it is
    /// something else.
    pub(super) fn number(&self, name: &str, usual: usize) -> Option<usize> {
        self.parameter(name)
            .map_or(Some(usual), |text| text.parse().ok())
    }

    /// True where `Authorization` is this scheme and secret.
    pub(super) fn is_authorized(&self, scheme: &str, secret: &str) -> bool {
        let value = self.header("authorization").unwrap_or_default();
        let given = value
            .strip_prefix(scheme)
            .and_then(|rest| rest.strip_prefix(' '));
        given
            .unwrap_or_default()
            .as_bytes()
            .ct_eq(secret.as_bytes())
            .into()
    }

    /// True where `Authorization` is HTTP Basic with this user and password.
    pub(super) fn is_basic(&self, user: &str, password: &str) -> bool {
        self.is_authorized("Basic", &BASE64.encode(format!("{user}:{password}")))
    }

    /// The body as a JSON object that says that it is one.
    pub(super) fn json_object(&self) -> Option<Value> {
        let parsed: Option<Value> = serde_json::from_slice(&self.body).ok();
        parsed.filter(|body| self.is_json() && body.is_object())
    }

    /// True where the body claims to be JSON.
    pub(super) fn is_json(&self) -> bool {
        let mime = self.header("content-type").unwrap_or_default();
        let essence = mime.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    }
}

fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    let bytes: Cow<'_, [u8]> = percent_decode_str(&spaced).into();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Response {
    /// A JSON document, sent plainly.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
            manner: Manner::Plainly,
        }
    }

    /// A line of text, as what stands in front of a vendor says it.
    pub(super) fn plain(status: u16, text: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
            body: text.as_bytes().to_vec(),
            manner: Manner::Plainly,
        }
    }

    /// No answer at all: the connection hangs or breaks.
    pub(super) fn nothing(manner: Manner) -> Self {
        Self {
            status: 500,
            headers: Vec::new(),
            body: Vec::new(),
            manner,
        }
    }

    /// The same, with one more header.
    pub(super) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same, travelling differently.
    pub(super) fn sent(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }
}

/// A moment as ISO 8601 in UTC, with as many decimals as it needs. A moment that no calendar
/// reaches is the driver's mistake and reads as the epoch.
pub(super) fn iso8601(moment: Millis) -> String {
    Timestamp::from_millisecond(moment)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_string()
}

/// The same in whole seconds, as most vendors' samples have it.
pub(super) fn iso8601_seconds(moment: Millis) -> String {
    iso8601(moment - moment.rem_euclid(1_000))
}

#[cfg(test)]
mod tests {
    use super::super::testing::get;

    #[test]
    fn a_query_is_decoded_as_a_form_is() {
        let request = get("/v1/candidates?email=a%2Bb%40mailbox.dev&metadata%5Bk%5D=x+y&flag");
        assert_eq!(request.path(), "/v1/candidates");
        assert_eq!(request.segments(), ["v1", "candidates"]);
        assert_eq!(
            request.parameter("email").as_deref(),
            Some("a+b@mailbox.dev")
        );
        assert_eq!(request.parameter("metadata[k]").as_deref(), Some("x y"));
        assert_eq!(request.parameter("flag").as_deref(), Some(""));
        assert_eq!(request.parameter("other"), None);
    }
}
