//! The innermost service: a request out, a whole answer in, capped.
//!
//! No redirect is followed and no compression undone, because a vendor's answer is read as it is
//! or not at all; an answer that is larger than its cap is none. A request that could order twice
//! opens a connection of its own: on a reused one, a failure before the first byte cannot be told
//! from one after it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use adapters::{Effect, Reply};
use tower::Service;

use super::call::{CONNECTS_WITHIN, Call, Failure, Outcome, Outcoming};
use super::unsent::Obstacle;
use crate::config::{CallSettings, SecretReference, VendorSettings};

/// How long an idle connection to a vendor is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Idle connections that are kept to one host.
const KEPT_IDLE: usize = 32;

/// Sends requests.
#[derive(Clone)]
pub(super) struct Exchange(Arc<Clients>);

struct Clients {
    all: Pair,
    /// For vendors with settings of their own.
    own: BTreeMap<String, Pair>,
    reply_limit: usize,
}

/// Two clients that differ in whether connections are used again.
struct Pair {
    pooled: reqwest::Client,
    fresh: reqwest::Client,
}

impl Exchange {
    /// Prepares the clients.
    ///
    /// # Errors
    /// A sentence where certificates, keys or the proxy cannot be used.
    pub(super) fn new(settings: &VendorSettings, attempt: Duration) -> Result<Self, String> {
        let own = settings.of.iter().map(|(vendor, calls)| {
            let pair = Pair::new(calls, &format!("vendors.of.{vendor}"), attempt)?;
            Ok((vendor.clone(), pair))
        });
        Ok(Self(Arc::new(Clients {
            all: Pair::new(&settings.calls, "vendors.calls", attempt)?,
            own: own.collect::<Result<_, String>>()?,
            reply_limit: settings.reply_limit,
        })))
    }
}

impl Pair {
    fn new(calls: &CallSettings, section: &str, attempt: Duration) -> Result<Self, String> {
        Ok(Self {
            pooled: client(calls, section, attempt, KEPT_IDLE)?,
            fresh: client(calls, section, attempt, 0)?,
        })
    }
}

fn client(
    calls: &CallSettings,
    section: &str,
    attempt: Duration,
    kept_idle: usize,
) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        // An attempt that cannot connect fails as such, and not as one that may have arrived.
        .connect_timeout(CONNECTS_WITHIN.min(attempt / 2))
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(kept_idle)
        .user_agent(concat!("cleargate/", env!("CARGO_PKG_VERSION")));
    if let Some(url) = &calls.proxy {
        let proxy = reqwest::Proxy::all(url.expose());
        builder = builder.proxy(proxy.map_err(|_| {
            format!("`{section}.proxy` is not a URL of a proxy, such as http://HOST:PORT")
        })?);
    }
    if let Some(reference) = &calls.authorities {
        let pem = resolved(reference, section, "authorities")?;
        let roots = reqwest::Certificate::from_pem_bundle(pem.expose().as_bytes());
        let roots = roots.ok().filter(|roots| !roots.is_empty());
        builder =
            builder.tls_certs_only(roots.ok_or_else(|| {
                format!("`{section}.authorities` refers to no certificates in PEM")
            })?);
    }
    if let (Some(certificate), Some(key)) = (&calls.client_certificate, &calls.client_key) {
        let certificate = resolved(certificate, section, "client_certificate")?;
        let key = resolved(key, section, "client_key")?;
        let pem = zeroize::Zeroizing::new(format!("{}\n{}", certificate.expose(), key.expose()));
        builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).map_err(|_| {
            format!("`{section}.client_certificate` and `{section}.client_key` refer to no certificate and key in PEM")
        })?);
    }
    builder
        .build()
        .map_err(|error| format!("cannot prepare calls to vendors (`{section}`): {error}"))
}

fn resolved(
    reference: &SecretReference,
    section: &str,
    key: &str,
) -> Result<adapters::vocabulary::Private<String>, String> {
    reference
        .resolve()
        .map_err(|error| format!("`{section}.{key}`: {error}"))
}

impl Service<Call> for Exchange {
    type Response = Reply;
    type Error = Failure;
    type Future = Outcoming;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Outcoming {
        let clients = Arc::clone(&self.0);
        Box::pin(async move {
            let pair = clients.own.get(&call.target.vendor).unwrap_or(&clients.all);
            let client = match call.effect {
                Effect::Once => &pair.fresh,
                Effect::Read | Effect::Repeatable { .. } => &pair.pooled,
            };
            let Call { outgoing, .. } = call;
            let mut request = reqwest::Request::new(outgoing.method, outgoing.url);
            *request.headers_mut() = outgoing.headers;
            *request.body_mut() = outgoing.body.map(reqwest::Body::from);
            match client.execute(request).await {
                Ok(response) => read(response, clients.reply_limit).await,
                Err(error) if error.is_connect() => {
                    Err(Failure::Unreached(Obstacle::of(&error), describe(&error)))
                }
                Err(error) => Err(Failure::Unanswered(describe(&error))),
            }
        })
    }
}

async fn read(mut response: reqwest::Response, limit: usize) -> Outcome {
    let status = response.status().as_u16();
    let headers = response.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let headers = headers.collect();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                let why = format!("the answer is larger than {limit} bytes");
                return Err(Failure::Unanswered(why));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => {
                return Ok(Reply {
                    status,
                    headers,
                    body,
                });
            }
            Err(error) => return Err(Failure::Unanswered(describe(&error))),
        }
    }
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
