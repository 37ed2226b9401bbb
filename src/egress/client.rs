//! Posts a webhook to a checked URL, under one deadline.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use adapters::vocabulary::Millis;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig};
use url::Host;

use super::attempt::{Attempt, FailureKind, Stopped};
use super::connection::{Connection, connect};
use super::pool::Pool;
use super::resolve::Resolver;
use super::retry_after;
use super::shape::WebhookUrl;

/// The usual deadline of an attempt: shorter than a delivery's lease of 30 seconds.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// The time that one address may take to accept, so that a dead one leaves time for the next.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The client for webhooks. One serves all tenants; share it in an `Arc`.
pub struct WebhookClient {
    resolver: Resolver,
    tls: Arc<ClientConfig>,
    pool: Pool,
}

/// TLS 1.2 and 1.3 with the certificate authorities that the platform trusts.
///
/// # Errors
///
/// If the platform's certificate authorities cannot be read.
pub fn platform_tls() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(config)
}

impl WebhookClient {
    /// A client that finds addresses with `resolver` and trusts whom `tls` trusts, usually
    /// [`platform_tls`].
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime, which is needed to close idle connections.
    #[must_use]
    pub fn new(resolver: Resolver, tls: ClientConfig) -> Self {
        Self {
            resolver,
            tls: Arc::new(tls),
            pool: Pool::new(),
        }
    }

    /// Posts `body` to `to`, once, and waits for the answer until `deadline` from now at most.
    ///
    /// The deadline covers everything: look-up, connecting, TLS, writing, the response head and the
    /// body. `headers` are sent as they are; `Host` and the body's length are added. The address is
    /// looked up and judged anew at every call. `now` is what a
    /// `Retry-After` date is measured against.
    pub async fn send(
        &self,
        to: &WebhookUrl,
        headers: HeaderMap,
        body: Bytes,
        deadline: Duration,
        now: Millis,
    ) -> Attempt {
        let started = Instant::now();
        let until = started + deadline;
        let call = Call { to, until };
        let (mut connection, response) = match self.answer(&call, headers, body).await {
            Ok(answer) => answer,
            Err(stopped) => return stopped.into(),
        };
        let (head, body) = response.into_parts();
        let took = started.elapsed();
        // The answer stands. The body is only read so that the connection can be used again.
        if let Ok(true) = timeout_at(until, connection.drain(body)).await {
            self.pool.put(to.origin(), connection);
        }
        Attempt::Answered {
            status: head.status,
            retry_after: retry_after::parse(&head.headers, now),
            took,
        }
    }

    async fn answer(
        &self,
        call: &Call<'_>,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(Connection, Response<Incoming>), Stopped> {
        let judged = call.within("looking up its address", async {
            self.resolver.addresses(call.to.host()).await
        });
        let judged = judged.await?;
        let mut request = request(call.to, headers, body);
        while let Some(mut connection) = self.pool.take(&call.to.origin(), &judged) {
            match call.exchange(&mut connection, request).await? {
                Exchanged::Answered(response) => return Ok((connection, response)),
                // It was closed while it waited, before a byte of the request had left.
                Exchanged::Unsent(unsent, _) => request = unsent,
            }
        }
        let mut connection = self.open(call, &judged).await?;
        match call.exchange(&mut connection, request).await? {
            Exchanged::Answered(response) => Ok((connection, response)),
            Exchanged::Unsent(_, error) => Err(call.broken(&error)),
        }
    }

    /// Opens a connection to the first of the judged addresses that accepts one.
    async fn open(&self, call: &Call<'_>, judged: &[IpAddr]) -> Result<Connection, Stopped> {
        let stream = call.within("connecting", call.connect(judged)).await?;
        if !call.to.is_https() {
            let plain = Connection::plain(stream).await;
            return plain.map_err(|error| call.failed(FailureKind::Connect, &error));
        }
        let tls_failed = |error: &dyn Display| call.failed(FailureKind::Tls, error);
        let server = server_name(call.to.host()).map_err(|error| tls_failed(&error))?;
        call.within("in the TLS handshake", async {
            let tls = Connection::tls(stream, server, Arc::clone(&self.tls)).await;
            tls.map_err(|error| tls_failed(&error))
        })
        .await
    }
}

/// Where an attempt goes, and how long it may take.
struct Call<'a> {
    to: &'a WebhookUrl,
    until: Instant,
}

enum Exchanged {
    Answered(Response<Incoming>),
    Unsent(Request<Full<Bytes>>, hyper::Error),
}

impl Call<'_> {
    /// Runs one step of the attempt, cut off at the deadline of the whole.
    async fn within<T>(
        &self,
        doing: &str,
        step: impl Future<Output = Result<T, Stopped>>,
    ) -> Result<T, Stopped> {
        let cut_off = |_| {
            let cause = format!("the deadline passed while {doing}");
            Err(self.failed(FailureKind::Timeout, &cause))
        };
        timeout_at(self.until, step).await.unwrap_or_else(cut_off)
    }

    async fn connect(&self, judged: &[IpAddr]) -> Result<TcpStream, Stopped> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for ip in judged {
            let address = SocketAddr::new(*ip, self.to.port());
            match timeout(CONNECT_LIMIT, connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(self.failed(FailureKind::Connect, &last))
    }

    async fn exchange(
        &self,
        connection: &mut Connection,
        request: Request<Full<Bytes>>,
    ) -> Result<Exchanged, Stopped> {
        self.within("waiting for the answer", async {
            // A process that stood still finds this out only now: a deadline is looked at after the
            // step, and the first poll of this one would send the request.
            if Instant::now() >= self.until {
                let cause = "the deadline passed before the request was sent";
                return Err(self.failed(FailureKind::Timeout, &cause));
            }
            let mut error = match connection.exchange(request).await {
                Ok(response) => return Ok(Exchanged::Answered(response)),
                Err(error) => error,
            };
            match error.take_message() {
                Some(unsent) => Ok(Exchanged::Unsent(unsent, error.into_error())),
                None => Err(self.broken(&error.into_error())),
            }
        })
        .await
    }

    fn failed(&self, kind: FailureKind, cause: &dyn Display) -> Stopped {
        Stopped::failed(kind, format!("{}: {cause}", self.to.origin()))
    }

    /// An exchange that broke off. hyper's texts say what it expected, never what it read.
    fn broken(&self, error: &hyper::Error) -> Stopped {
        let cause = match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        let closed = error.is_incomplete_message() || error.is_closed() || error.is_canceled();
        let kind = if closed || is_io(error) {
            FailureKind::Reset
        } else {
            FailureKind::Protocol
        };
        self.failed(kind, &cause)
    }
}

fn is_io(error: &hyper::Error) -> bool {
    let source = error.source();
    source.is_some_and(|source| source.is::<io::Error>())
}

fn request(to: &WebhookUrl, mut headers: HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
    let host = HeaderValue::from_str(to.authority());
    let host = host.expect("a checked host and port are ASCII without controls");
    headers.insert(header::HOST, host);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from(to.request_target());
    *request.headers_mut() = headers;
    request
}

fn server_name(host: Host<&str>) -> Result<ServerName<'static>, impl Display> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.to_owned()),
        Host::Ipv4(address) => Ok(ServerName::from(IpAddr::from(address))),
        Host::Ipv6(address) => Ok(ServerName::from(IpAddr::from(address))),
    }
}
