//! The layer that proves who we are: a header of constants and secrets, or one with a token that
//! is fetched first.
//!
//! After a 401 to a token it is dropped, fetched once more, and the request sent once more: the
//! vendor has said that it did nothing, and the token's end may have come early. A second 401, or
//! one to constant credentials, is handed up: asking again would only lock the account.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use adapters::{Effect, Fault, Reply, Token};
use http::{HeaderName, HeaderValue};
use tokio::time::timeout_at;
use tower::{Service, ServiceExt as _};

use super::call::{Call, Failure, Outcome, Outcoming, Outgoing};
use super::fault_word;
use super::tokens::{Had, Held, Tokens};
use super::unsent::Obstacle;

/// What proves who we are, with its secrets filled in.
#[derive(Clone)]
pub(super) enum Authorisation {
    /// Nothing, or it stands in the request itself.
    None,
    Header(HeaderName, HeaderValue),
    Token(Arc<TokenPlan>),
}

/// What reads a token from the answer to its request.
pub(super) type ReadToken = Box<dyn Fn(&Reply) -> Result<Token, Fault> + Send + Sync>;

/// How a token is fetched and sent.
pub(super) struct TokenPlan {
    pub(super) header: HeaderName,
    pub(super) prefix: String,
    pub(super) default_lifetime: Duration,
    pub(super) renew_before: Duration,
    /// The request for one, authorised.
    pub(super) request: Outgoing,
    pub(super) step: String,
    pub(super) read: ReadToken,
}

impl TokenPlan {
    /// The header value that carries a token.
    pub(super) fn carried(&self, token: &Token) -> Result<HeaderValue, Failure> {
        let text = zeroize::Zeroizing::new(format!("{}{}", self.prefix, token.value.expose()));
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            Failure::Unsendable("the vendor's token cannot stand in a header".to_owned())
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn understand(&self, reply: &Reply) -> Result<Token, Failure> {
        (self.read)(reply).map_err(|fault| match fault {
            Fault::Denied => {
                Failure::Denied("the vendor refused the credentials for a token".to_owned())
            }
            Fault::Busy(wish) => Failure::Busy(wish),
            Fault::Unclear(why) => Failure::Unreached(Obstacle::NoToken, why),
            other => {
                let why = format!("the vendor gave no token ({})", fault_word(&other));
                Failure::Unreached(Obstacle::NoToken, why)
            }
        })
    }
}

/// Authorises calls.
#[derive(Clone)]
pub(super) struct Authorising<S> {
    inner: S,
    tokens: Tokens,
}

impl<S> Authorising<S> {
    pub(super) fn new(inner: S, tokens: &Tokens) -> Self {
        Self {
            inner,
            tokens: tokens.clone(),
        }
    }
}

impl<S> Authorising<S>
where
    S: Service<Call, Response = Reply, Error = Failure, Future: Send + 'static>
        + Clone
        + Send
        + 'static,
{
    async fn with_token(self, call: Call, plan: Arc<TokenPlan>) -> Outcome {
        let held = self.token(&call, &plan).await?;
        let outcome = self.send(&call, &plan, &held).await;
        if !matches!(&outcome, Ok(reply) if reply.status == 401) {
            return outcome;
        }
        self.tokens.drop_token(&call.target, &held);
        let mut once_more = call;
        once_more.begin_again(Duration::ZERO);
        let renewed = self.token(&once_more, &plan).await?;
        self.send(&once_more, &plan, &renewed).await
    }

    async fn send(&self, call: &Call, plan: &TokenPlan, held: &Held) -> Outcome {
        let mut call = call.clone();
        let headers = &mut call.outgoing.headers;
        headers.insert(plan.header.clone(), held.value.clone());
        self.inner.clone().oneshot(call).await
    }

    async fn token(&self, call: &Call, plan: &Arc<TokenPlan>) -> Result<Arc<Held>, Failure> {
        let had = self.tokens.get(&call.target, plan, || {
            let (plan, inner) = (Arc::clone(plan), self.inner.clone());
            let mut asked = Call {
                step: plan.step.clone(),
                effect: Effect::Read,
                outgoing: plan.request.clone(),
                authorisation: Authorisation::None,
                waited: Default::default(),
                ..call.clone()
            };
            asked.begin_again(Duration::ZERO);
            async move {
                let reply = inner.oneshot(asked).await.map_err(no_token)?;
                plan.understand(&reply)
            }
        });
        match had {
            Had::Now(held) => Ok(held),
            Had::Soon(flight) => timeout_at(call.begin_by.into(), flight)
                .await
                .unwrap_or_else(|_| {
                    let why = "the vendor has not given a token in time";
                    Err(Failure::Unreached(Obstacle::NoToken, why.to_owned()))
                }),
        }
    }
}

/// A token's request that got no answer left the call itself unsent.
fn no_token(failure: Failure) -> Failure {
    match failure {
        Failure::Unanswered(why) => {
            Failure::Unreached(Obstacle::NoToken, format!("no token: {why}"))
        }
        other => other,
    }
}

impl<S> Service<Call> for Authorising<S>
where
    S: Service<Call, Response = Reply, Error = Failure, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static,
{
    type Response = Reply;
    type Error = Failure;
    type Future = Outcoming;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: Call) -> Outcoming {
        match call.authorisation.clone() {
            Authorisation::None => Box::pin(self.inner.call(call)),
            Authorisation::Header(name, value) => {
                call.outgoing.headers.insert(name, value);
                Box::pin(self.inner.call(call))
            }
            Authorisation::Token(plan) => Box::pin(self.clone().with_token(call, plan)),
        }
    }
}
