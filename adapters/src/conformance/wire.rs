//! Requests as text, for comparison with golden ones and for searching.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::contract::{Piece, Request};

/// What a query value may hold as it is (RFC 3986, unreserved).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Method, path and encoded query: `GET /v1/candidates?custom_id=abc`.
pub(super) fn request_line(request: &Request) -> String {
    let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let query: Vec<String> = request
        .query
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let (method, path) = (request.method.as_str(), &request.path);
    format!("{method} {path}{mark}{}", query.join("&"))
}

/// Pieces as text, with each hole as `{secret:NAME}`.
pub(super) fn rendered(pieces: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Piece::Secret { name, .. } => format!("{{secret:{name}}}"),
    };
    pieces.iter().map(text).collect()
}

/// Everything in a request, with the query not yet encoded, for searching.
pub(super) fn everything(request: &Request) -> String {
    let mut parts = vec![request.path.clone()];
    for (name, value) in &request.query {
        parts.extend([name.clone(), value.clone()]);
    }
    for (name, value) in &request.headers {
        parts.extend([name.clone(), rendered(value)]);
    }
    parts.push(rendered(&request.body));
    parts.join("\n")
}
