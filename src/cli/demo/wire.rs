//! The ATS's calls to the gateway, as any HTTP client would make them.

use std::net::SocketAddr;
use std::time::Duration;

use adapters::vocabulary::Private;
use http::Method;
use serde_json::Value;

use crate::cli::error::CliError;
use crate::startup::with_causes;

/// More than any answer of the gateway has.
const ANSWER_LIMIT: usize = 1 << 20;
/// Longer than the gateway ever takes to answer.
const DEADLINE: Duration = Duration::from_secs(15);

/// A client with the credentials of one account.
pub(super) struct Ats {
    client: reqwest::Client,
    gateway: SocketAddr,
    account: &'static str,
    secret: Private<String>,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Ats {
    pub(super) fn new(
        gateway: SocketAddr,
        account: &'static str,
        secret: &Private<String>,
    ) -> Result<Self, CliError> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(DEADLINE)
            .build()
            .map_err(|error| {
                CliError::Internal(format!("there is no HTTP client: {}", with_causes(&error)))
            })?;
        Ok(Self {
            client,
            gateway,
            account,
            secret: secret.clone(),
        })
    }

    /// Asks the gateway; a body makes it a POST of JSON.
    pub(super) async fn ask(&self, path: &str, body: Option<String>) -> Result<Answer, CliError> {
        let method = if body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let url = format!("http://{}{path}", self.gateway);
        let request = self.client.request(method, url);
        let request = request.basic_auth(self.account, Some(self.secret.expose()));
        let request = match body {
            Some(body) => request
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body),
            None => request,
        };
        read(request).await
    }

    /// Opens a page as a browser would, without credentials.
    pub(super) async fn open(&self, url: &str) -> Result<Answer, CliError> {
        read(self.client.get(url)).await
    }
}

impl Answer {
    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, CliError> {
        serde_json::from_str(&self.body).map_err(|error| {
            CliError::NotDone(format!("the gateway's answer is no JSON ({error})"))
        })
    }
}

async fn read(request: reqwest::RequestBuilder) -> Result<Answer, CliError> {
    let failed = |error: reqwest::Error| {
        // The address may hold the signed part of a result link.
        let error = error.without_url();
        CliError::NotDone(format!(
            "the gateway did not answer: {}",
            with_causes(&error)
        ))
    };
    let mut response = request.send().await.map_err(failed)?;
    let mut body = Vec::new();
    while body.len() < ANSWER_LIMIT
        && let Some(chunk) = response.chunk().await.map_err(failed)?
    {
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status().as_u16(),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}
