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

use adapters::vocabulary::Private;
use adapters::{Effect, Reply};
use tower::Service;

use super::call::{CONNECTS_WITHIN, Call, Failure, Outcome, Outcoming};
use super::unsent::Obstacle;
use crate::config::{CallSettings, Mistake, Place, Placed, SecretReference, VendorSettings};

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
    /// One sentence for each certificate, key or proxy that cannot be used.
    pub(super) fn new(settings: &VendorSettings, attempt: Duration) -> Result<Self, Vec<String>> {
        let mut mistakes: Vec<String> = Vec::new();
        let mut pair = |calls| match Pair::new(calls, attempt) {
            Ok(pair) => Some(pair),
            Err(found) => {
                // What a vendor takes over from all is told once.
                for mistake in found.iter().map(Mistake::to_string) {
                    if !mistakes.contains(&mistake) {
                        mistakes.push(mistake);
                    }
                }
                None
            }
        };
        let all = pair(&settings.calls);
        let own = settings.of.iter();
        let own = own.filter_map(|(vendor, calls)| Some((vendor.clone(), pair(calls)?)));
        let own = own.collect();
        match all {
            Some(all) if mistakes.is_empty() => Ok(Self(Arc::new(Clients {
                all,
                own,
                reply_limit: settings.reply_limit,
            }))),
            _ => Err(mistakes),
        }
    }
}

impl Pair {
    fn new(calls: &CallSettings, attempt: Duration) -> Result<Self, Vec<Mistake>> {
        let (proxy, authorities) = (proxy(calls), authorities(calls));
        let identity = identity(calls);
        match (proxy, authorities, identity) {
            (Ok(proxy), Ok(authorities), Ok(identity)) => {
                let client = |kept_idle| {
                    let mut builder = builder(attempt, kept_idle);
                    if let Some(proxy) = &proxy {
                        builder = builder.proxy(proxy.clone());
                    }
                    if let Some(authorities) = &authorities {
                        builder = builder.tls_certs_only(authorities.iter().cloned());
                    }
                    if let Some(identity) = &identity {
                        builder = builder.identity(identity.clone());
                    }
                    builder.build().map_err(|error| vec![unfit(calls, &error)])
                };
                Ok(Self {
                    pooled: client(KEPT_IDLE)?,
                    fresh: client(0)?,
                })
            }
            (proxy, authorities, identity) => {
                let mut mistakes = identity.err().unwrap_or_default();
                mistakes.extend(proxy.err());
                mistakes.extend(authorities.err());
                Err(mistakes)
            }
        }
    }
}

/// A client as it is where nothing is set.
fn builder(attempt: Duration, kept_idle: usize) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        // An attempt that cannot connect fails as such, and not as one that may have arrived.
        .connect_timeout(CONNECTS_WITHIN.min(attempt / 2))
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(kept_idle)
        .user_agent(concat!("cleargate/", env!("CARGO_PKG_VERSION")))
}

fn proxy(calls: &CallSettings) -> Result<Option<reqwest::Proxy>, Mistake> {
    let proxy = calls.proxy.as_ref().map(|url| {
        let proxy = reqwest::Proxy::all(url.expose());
        proxy.map_err(|_| url.wrong("this is not a URL of a proxy, such as http://HOST:PORT"))
    });
    proxy.transpose()
}

fn authorities(calls: &CallSettings) -> Result<Option<Vec<reqwest::Certificate>>, Mistake> {
    let Some(reference) = &calls.authorities else {
        return Ok(None);
    };
    let pem = resolved(reference)?;
    let roots = reqwest::Certificate::from_pem_bundle(pem.expose().as_bytes());
    match roots {
        Ok(roots) if !roots.is_empty() => Ok(Some(roots)),
        _ => Err(reference.wrong("it refers to no certificates in PEM")),
    }
}

fn identity(calls: &CallSettings) -> Result<Option<reqwest::Identity>, Vec<Mistake>> {
    let (Some(certificate), Some(key)) = (&calls.client_certificate, &calls.client_key) else {
        return Ok(None);
    };
    match (resolved(certificate), resolved(key)) {
        (Ok(chain), Ok(secret)) => {
            let pem = zeroize::Zeroizing::new(format!("{}\n{}", chain.expose(), secret.expose()));
            let identity = reqwest::Identity::from_pem(pem.as_bytes());
            identity.map(Some).map_err(|_| {
                vec![
                    certificate.wrong("it and `client_key` refer to no certificate and key in PEM"),
                ]
            })
        }
        (chain, secret) => Err(chain.err().into_iter().chain(secret.err()).collect()),
    }
}

fn resolved(reference: &Placed<SecretReference>) -> Result<Private<String>, Mistake> {
    let resolved = reference.resolve();
    resolved.map_err(|error| reference.wrong(error.to_string()))
}

/// What is told where the parts are well formed and yet make no client.
fn unfit(calls: &CallSettings, error: &reqwest::Error) -> Mistake {
    let wanted = format!("with this no client can be made ({})", describe(error));
    let references = [&calls.client_certificate, &calls.authorities];
    let suspect = references.into_iter().flatten().next();
    let suspect = suspect.map(|reference| reference.wrong(wanted.clone()));
    suspect.unwrap_or_else(|| Mistake {
        key: "vendors.calls".to_owned(),
        value: None,
        place: calls.place.clone().unwrap_or(Place::Default),
        wanted,
    })
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
