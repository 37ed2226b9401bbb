//! A tenant's ATS, calling the gateway.

use std::net::SocketAddr;

use http::HeaderMap;
use serde_json::Value;

/// An answer of the gateway.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The body as JSON; null where it is none.
    pub(crate) body: Value,
}

impl Answer {
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("headers are text"))
    }
}

/// A client with a tenant's credentials.
#[derive(Clone)]
pub(crate) struct TenantClient {
    base: String,
    credentials: Option<(String, String)>,
    client: reqwest::Client,
}

impl TenantClient {
    pub(crate) fn new(addr: SocketAddr, account: &str, secret: &str) -> Self {
        Self {
            base: format!("http://{addr}"),
            credentials: Some((account.to_owned(), secret.to_owned())),
            client: reqwest::Client::builder()
                .no_proxy()
                // The gateway speaks plain HTTP here; reading the system's certificates for every
                // client would take longer than most tests.
                .tls_certs_only([])
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("a plain client"),
        }
    }

    /// The same caller without credentials.
    pub(crate) fn anonymous(&self) -> Self {
        Self {
            credentials: None,
            ..self.clone()
        }
    }

    /// The same caller with other credentials.
    pub(crate) fn with(&self, account: &str, secret: &str) -> Self {
        Self {
            credentials: Some((account.to_owned(), secret.to_owned())),
            ..self.clone()
        }
    }

    pub(crate) async fn packages(&self) -> Answer {
        self.get("/v1/packages").await
    }

    pub(crate) async fn place(&self, order: &Value) -> Answer {
        self.post("/v1/orders", order.to_string()).await
    }

    pub(crate) async fn order(&self, background_check_id: &str) -> Answer {
        self.get(&format!("/v1/orders/{background_check_id}")).await
    }

    pub(crate) async fn cancel(&self, background_check_id: &str) -> Answer {
        self.post(
            &format!("/v1/orders/{background_check_id}/cancel"),
            String::new(),
        )
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(self.url(path))).await
    }

    pub(crate) async fn post(&self, path: &str, body: String) -> Answer {
        self.send(
            self.client
                .post(self.url(path))
                .header("content-type", "application/json")
                .body(body),
        )
        .await
    }

    /// A request of the test's own making, with the credentials added.
    pub(crate) async fn raw(
        &self,
        method: http::Method,
        path: &str,
        make: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Answer {
        self.send(make(self.client.request(method, self.url(path))))
            .await
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test believes its own gateway")]
    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = match &self.credentials {
            Some((account, secret)) => request.basic_auth(account, Some(secret)),
            None => request,
        };
        let response = request.send().await.expect("the gateway answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("the answer is whole");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer {
            status,
            headers,
            text,
            body,
        }
    }
}
