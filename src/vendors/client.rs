//! One request to a vendor and back, and whole operations that only read.
//!
//! What matters most is what a failure means: [`Sent::Never`] only where not a byte left, so that
//! the order certainly does not exist, and [`Sent::Maybe`] everywhere else. A request that could
//! order twice opens a connection of its own, because on a reused one the two cannot be told apart.

use std::time::{Duration, Instant};

use adapters::contract::Escape;
use adapters::vocabulary::Private;
use adapters::{
    Auth, Context, Effect, Fault, Memo, Operation, Piece, Reply, Request, Translate, Turn, Unfit,
    Vendor,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use zeroize::Zeroizing;

use crate::domain::tenant::Connection;
use crate::trace::Trace;

/// A request's first byte leaves within three seconds of the moment its intent began to be
/// committed, or not at all: this much for the commit and getting to the send, the rest for
/// connecting. The order's lease outlives both by far, so a disk that takes a second to sync costs
/// a second and not the order.
const BEGINS_WITHIN: Duration = Duration::from_millis(1500);
const CONNECTS_WITHIN: Duration = Duration::from_millis(1500);
/// How long an idle connection to a vendor is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Turns of an operation that only reads; a catalog of more pages is not believed.
const MOST_TURNS: usize = 100;
/// Copies of a request that only reads, before its failure is reported.
const READ_COPIES: u32 = 2;

/// Limits of calls to vendors.
#[derive(Clone, Debug)]
pub struct CallerOptions {
    /// One attempt, from connecting to the last byte of the answer.
    pub attempt_timeout: Duration,
    /// Largest answer, in bytes.
    pub reply_limit: usize,
}

/// What came of sending one request.
#[derive(Clone)]
pub enum Sent {
    /// Not a byte left. The reason is for operators.
    Never(String),
    /// A byte may have left, and no whole answer came.
    Maybe(String),
    /// A whole answer.
    Answered(Reply),
}

impl Sent {
    /// The outcome in one word, for logs and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Never(_) => "never",
            Self::Maybe(_) => "maybe",
            Self::Answered(_) => "answered",
        }
    }
}

/// Why an operation that only reads has no result.
#[derive(Debug, thiserror::Error)]
pub enum CallFailure {
    /// It could not be said.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// No answer.
    #[error("{0}")]
    NoAnswer(String),
    /// An answer that is no success.
    #[error("the vendor answered: {}", fault_word(.0))]
    Fault(Fault),
}

/// A fault in one stable word, for logs, metrics and history.
pub fn fault_word(fault: &Fault) -> &'static str {
    match fault {
        Fault::Refused { .. } => "refused",
        Fault::Busy(_) => "busy",
        Fault::NotReady(_) => "not_ready",
        Fault::Duplicate(_) => "duplicate",
        Fault::Denied => "denied",
        Fault::Unclear(_) => "unclear",
    }
}

/// Sends requests to vendors.
#[derive(Clone)]
pub struct Caller {
    pooled: reqwest::Client,
    fresh: reqwest::Client,
    options: CallerOptions,
}

impl Caller {
    /// Prepares the clients. They follow no redirect and know no proxy.
    ///
    /// # Errors
    /// A sentence where the system's trust store cannot be used.
    pub fn new(options: CallerOptions) -> Result<Self, String> {
        let client = |idle_connections| {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .connect_timeout(CONNECTS_WITHIN)
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(idle_connections)
                .user_agent(concat!("cleargate/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|error| format!("cannot prepare calls to vendors: {error}"))
        };
        Ok(Self {
            pooled: client(32)?,
            fresh: client(0)?,
            options,
        })
    }

    /// Sends one request, whose intent was committed at `committed`.
    pub async fn send(
        &self,
        vendor: &Vendor,
        connection: &Connection,
        request: &Request,
        committed: Instant,
    ) -> Sent {
        if committed.elapsed() > BEGINS_WITHIN {
            return Sent::Never(
                "given up before sending, because this process was too slow".to_owned(),
            );
        }
        let built = match self.build(vendor, connection, request) {
            Ok(built) => built,
            Err(reason) => return Sent::Never(reason),
        };
        let client = if request.effect == Effect::Once {
            &self.fresh
        } else {
            &self.pooled
        };
        let attempt = async {
            match client.execute(built).await {
                Ok(response) => self.read(response).await,
                Err(error) if error.is_connect() => Sent::Never(describe(&error)),
                Err(error) => Sent::Maybe(describe(&error)),
            }
        };
        let began = Instant::now();
        let within = self.options.attempt_timeout;
        let sent = tokio::time::timeout(within, attempt)
            .await
            .unwrap_or_else(|_| {
                Sent::Maybe(format!("no whole answer within {} s", within.as_secs_f32()))
            });
        metrics::histogram!(
            "vendor_call_seconds",
            "vendor" => vendor.name.clone(), "step" => request.step.clone(), "outcome" => sent.word()
        )
        .record(began.elapsed());
        sent
    }

    /// Runs a whole operation that only reads: step after step, each sent again once where it got
    /// no answer.
    ///
    /// # Errors
    /// [`CallFailure`].
    pub async fn read_operation<O: Operation>(
        &self,
        vendor: &Vendor,
        connection: &Connection,
        translate: &dyn Translate<O>,
        operation: &O,
        mut memo: Memo,
    ) -> Result<O::Output, CallFailure> {
        for _ in 0..MOST_TURNS {
            let cx = Context {
                settings: &connection.settings,
                key: "",
                base_url: &connection.base_url,
            };
            let request = translate.encode(operation, &memo, &cx)?;
            let reply = self.read_step(vendor, connection, &request).await?;
            match translate
                .decode(operation, &memo, &cx, &reply)
                .map_err(CallFailure::Fault)?
            {
                Turn::Done(output) => return Ok(output),
                Turn::Next(next) => memo = next,
            }
        }
        Err(CallFailure::NoAnswer(format!(
            "gave up after {MOST_TURNS} steps"
        )))
    }

    async fn read_step(
        &self,
        vendor: &Vendor,
        connection: &Connection,
        request: &Request,
    ) -> Result<Reply, CallFailure> {
        let copies = if request.effect == Effect::Read {
            READ_COPIES
        } else {
            1
        };
        let mut reason = String::new();
        for _ in 0..copies {
            match self.send(vendor, connection, request, Instant::now()).await {
                Sent::Answered(reply) => return Ok(reply),
                Sent::Never(why) | Sent::Maybe(why) => reason = why,
            }
        }
        Err(CallFailure::NoAnswer(reason))
    }

    fn build(
        &self,
        vendor: &Vendor,
        connection: &Connection,
        request: &Request,
    ) -> Result<reqwest::Request, String> {
        let url = format!("{}{}", connection.base_url, request.path);
        let mut url = url::Url::parse(&url)
            .map_err(|error| format!("the connection's base URL cannot be used: {error}"))?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let method = Method::from_bytes(request.method.as_str().as_bytes())
            .map_err(|error| error.to_string())?;
        let mut built = reqwest::Request::new(method, url);
        *built.headers_mut() = headers(vendor, connection, request)?;
        if request.mime.is_some() {
            let body = fill(&request.body, connection)?;
            *built.body_mut() = Some(reqwest::Body::from(body.to_vec()));
        }
        Ok(built)
    }

    async fn read(&self, mut response: reqwest::Response) -> Sent {
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > self.options.reply_limit => {
                    return Sent::Maybe(format!(
                        "the answer is larger than {} bytes",
                        self.options.reply_limit
                    ));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => {
                    return Sent::Answered(Reply {
                        status,
                        headers,
                        body,
                    });
                }
                Err(error) => return Sent::Maybe(describe(&error)),
            }
        }
    }
}

fn headers(
    vendor: &Vendor,
    connection: &Connection,
    request: &Request,
) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        headers.insert(
            header_name(name)?,
            header_value(&fill(value, connection)?, name)?,
        );
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
    match &vendor.auth {
        Auth::None => {}
        Auth::Header { name, value } => {
            let mut value = header_value(&fill(value, connection)?, name)?;
            value.set_sensitive(true);
            headers.insert(header_name(name)?, value);
        }
        Auth::Basic { user, password } => {
            let pair = Zeroizing::new(
                [
                    &fill(user, connection)?[..],
                    b":",
                    &fill(password, connection)?,
                ]
                .concat(),
            );
            let value = Zeroizing::new(format!("Basic {}", BASE64.encode(&*pair)));
            let mut value = header_value(value.as_bytes(), "authorization")?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
    }
    Ok(headers)
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is not a header's name"))
}

fn header_value(value: &[u8], name: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(value)
        .map_err(|_| format!("the value of header `{name}` has characters that may not be in one"))
}

/// Fills the holes: the only place where a secret meets a request.
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
                filled.extend_from_slice(&escaped(secret, *escape));
            }
        }
    }
    Ok(filled)
}

fn escaped(secret: &Private<String>, escape: Escape) -> Zeroizing<Vec<u8>> {
    let text = secret.expose();
    Zeroizing::new(match escape {
        Escape::None => text.clone().into_bytes(),
        Escape::Json => {
            let quoted = serde_json::to_string(text).expect("a text always serializes");
            quoted.as_bytes()[1..quoted.len() - 1].to_vec()
        }
        Escape::Form => url::form_urlencoded::byte_serialize(text.as_bytes())
            .collect::<String>()
            .into_bytes(),
        Escape::Xml => text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&apos;")
            .into_bytes(),
    })
}

/// What went wrong, without the address: a path or query may say too much.
fn describe(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "the connection broke"
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let innermost = cause.to_string();
    if innermost.contains("://") {
        what.to_owned()
    } else {
        format!("{what}: {innermost}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_escaped_for_where_it_stands() {
        let secret = Private::from("a\"b<&c d");
        let text = |escape| String::from_utf8(escaped(&secret, escape).to_vec()).unwrap();
        assert_eq!(text(Escape::None), "a\"b<&c d");
        assert_eq!(text(Escape::Json), "a\\\"b<&c d");
        assert_eq!(text(Escape::Form), "a%22b%3C%26c+d");
        assert_eq!(text(Escape::Xml), "a&quot;b&lt;&amp;c d");
    }
}
