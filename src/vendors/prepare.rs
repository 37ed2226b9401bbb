//! From an adapter's request to one that can leave: the address put together, and the secrets
//! filled in. This is the only place where a secret meets a request.

use std::sync::Arc;

use adapters::{Auth, Context, Fault, FetchToken, Memo, Piece, Request, TokenAuth, Turn, Vendor};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use zeroize::Zeroizing;

use super::authorise::{Authorisation, ReadToken, TokenPlan};
use super::call::Outgoing;
use crate::domain::tenant::Connection;
use crate::trace::Trace;

/// The request as it leaves, but for what proves who we are.
///
/// # Errors
/// A sentence for operators.
pub(super) fn outgoing(connection: &Connection, request: &Request) -> Result<Outgoing, String> {
    let url = format!("{}{}", connection.base_url, request.path);
    let mut url = url::Url::parse(&url)
        .map_err(|error| format!("the connection's base URL cannot be used: {error}"))?;
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.query);
    }
    let method = Method::from_bytes(request.method.as_str().as_bytes())
        .map_err(|error| error.to_string())?;
    let body = match &request.mime {
        Some(_) => Some(Bytes::from(fill(&request.body, connection)?.to_vec())),
        None => None,
    };
    Ok(Outgoing {
        method,
        url,
        headers: headers(connection, request)?,
        body,
    })
}

fn headers(connection: &Connection, request: &Request) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let value = header_value(&fill(value, connection)?, name)?;
        headers.insert(header_name(name)?, value);
    }
    if let Some(mime) = &request.mime {
        headers.insert(CONTENT_TYPE, header_value(mime.as_bytes(), "content-type")?);
    }
    if let Some(trace) = Trace::current() {
        headers.insert(
            HeaderName::from_static("traceparent"),
            header_value(trace.for_call().as_bytes(), "traceparent")?,
        );
    }
    Ok(headers)
}

/// What proves who we are at that vendor.
///
/// # Errors
/// A sentence for operators.
pub(super) fn authorisation(
    vendor: &Vendor,
    connection: &Connection,
) -> Result<Authorisation, String> {
    match &vendor.auth {
        Auth::Token(token) => token_plan(token, connection).map(Authorisation::Token),
        constant => Ok(match header(constant, connection)? {
            Some((name, value)) => Authorisation::Header(name, value),
            None => Authorisation::None,
        }),
    }
}

/// The header of authorisation that needs no answer first.
fn header(
    auth: &Auth,
    connection: &Connection,
) -> Result<Option<(HeaderName, HeaderValue)>, String> {
    let (name, value) = match auth {
        Auth::None | Auth::Token(_) => return Ok(None),
        Auth::Header { name, value } => (header_name(name)?, fill(value, connection)?),
        Auth::Basic { user, password } => {
            let (user, password) = (fill(user, connection)?, fill(password, connection)?);
            let pair = Zeroizing::new([&user[..], b":", &password[..]].concat());
            let value = format!("Basic {}", BASE64.encode(&*pair));
            (AUTHORIZATION, Zeroizing::new(value.into_bytes()))
        }
    };
    let mut value = header_value(&value, name.as_str())?;
    value.set_sensitive(true);
    Ok(Some((name, value)))
}

fn token_plan(token: &TokenAuth, connection: &Connection) -> Result<Arc<TokenPlan>, String> {
    let cx = Context {
        settings: &connection.settings,
        key: "",
        base_url: &connection.base_url,
    };
    let request = token
        .fetch
        .encode(&FetchToken, &Memo::default(), &cx)
        .map_err(|unfit| format!("a token cannot be asked for: {unfit}"))?;
    let mut asked = outgoing(connection, &request)?;
    if let Some((name, value)) = header(&token.client, connection)? {
        asked.headers.insert(name, value);
    }
    Ok(Arc::new(TokenPlan {
        header: header_name(&token.header)?,
        prefix: token.prefix.clone(),
        default_lifetime: token.default_lifetime,
        renew_before: token.renew_before,
        request: asked,
        step: request.step.clone(),
        read: read_token(token, connection),
    }))
}

fn read_token(token: &TokenAuth, connection: &Connection) -> ReadToken {
    let fetch = Arc::clone(&token.fetch);
    let (settings, base_url) = (connection.settings.clone(), connection.base_url.clone());
    Box::new(move |reply| {
        let cx = Context {
            settings: &settings,
            key: "",
            base_url: &base_url,
        };
        match fetch.decode(&FetchToken, &Memo::default(), &cx, reply)? {
            Turn::Done(token) => Ok(token),
            Turn::Next(_) => Err(Fault::Unclear("a token takes one step".to_owned())),
        }
    })
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is not a header's name"))
}

fn header_value(value: &[u8], name: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(value)
        .map_err(|_| format!("the value of header `{name}` has characters that may not be in one"))
}

/// Fills the holes.
fn fill(pieces: &[Piece], connection: &Connection) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut filled = Zeroizing::new(Vec::new());
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => filled.extend_from_slice(bytes),
            Piece::Secret { name, escape } => {
                let secret = connection
                    .credentials
                    .get(name)
                    .and_then(|values| values.last());
                let secret = secret.ok_or_else(|| {
                    format!(
                        "connection `{}` has no credential `{name}`",
                        connection.name
                    )
                })?;
                let written = Zeroizing::new(escape.write(secret.expose()));
                filled.extend_from_slice(written.as_bytes());
            }
        }
    }
    Ok(filled)
}
