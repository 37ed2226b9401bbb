//! Sends the callbacks a simulator says are due.
//!
//! Only loopback addresses are called, no proxy is used and no redirect followed: a fake must not
//! reach anybody real, whatever address it was given.

use std::sync::Arc;
use std::time::Duration;

use adapters::simulator::Outgoing;
use http::Method;
use reqwest::redirect::Policy;
use tokio::sync::Semaphore;
use url::{Host, Url};

use super::Desk;
use crate::sandbox::serving::Tasks;

/// Callbacks that become due by the passing of time alone are late by at most this.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Callbacks on their way at once.
const AT_ONCE: usize = 32;
/// How long a callback may take. Vendors wait between 5 and 30 s.
const DEADLINE: Duration = Duration::from_secs(30);
/// How much of an answer a simulator is shown.
const ANSWER_LIMIT: usize = 64 << 10;

/// A client that cannot be led elsewhere.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(DEADLINE)
        .build()
}

/// Sends what is due, for ever. A callback that waits for a free slot is not asked for again,
/// because the simulator hands each out once.
pub(super) async fn send_due(desk: Arc<Desk>, client: reqwest::Client, tasks: Tasks) {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        for callback in desk.due() {
            let (desk, client, slots) = (desk.clone(), client.clone(), slots.clone());
            tasks.spawn(async move {
                let _slot = slots.acquire().await;
                let answer = send(&client, &callback).await;
                desk.answered(callback.id, answer.as_ref());
            });
        }
        tokio::select! {
            () = desk.happened.notified() => {}
            () = tokio::time::sleep(ASK_EVERY) => {}
        }
    }
}

/// The status and the beginning of the body of the answer; `None`: there was none.
async fn send(client: &reqwest::Client, callback: &Outgoing) -> Option<(u16, Vec<u8>)> {
    let url = match loopback(&callback.url) {
        Ok(url) => url,
        Err(why) => {
            tracing::warn!("a callback was not sent: {why}");
            return None;
        }
    };
    match exchange(client, url, callback).await {
        Ok(answer) => Some(answer),
        Err(error) => {
            // The address holds the callback token, which no log may show.
            tracing::info!(error = %error.without_url(), "a callback was not answered");
            None
        }
    }
}

async fn exchange(
    client: &reqwest::Client,
    url: Url,
    callback: &Outgoing,
) -> reqwest::Result<(u16, Vec<u8>)> {
    let method = Method::from_bytes(callback.method.as_bytes()).unwrap_or(Method::POST);
    let mut request = client.request(method, url).body(callback.body.clone());
    for (name, value) in &callback.headers {
        request = request.header(name, value);
    }
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while body.len() < ANSWER_LIMIT
        && let Some(chunk) = response.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    Ok((response.status().as_u16(), body))
}

/// The URL, if it leads to this machine. The reason names the host alone, never the path.
pub(super) fn loopback(url: &str) -> Result<Url, String> {
    let url = Url::parse(url).map_err(|error| {
        format!("its URL cannot be read ({error}); http://127.0.0.1:8080/... would do")
    })?;
    let is_loopback = match url.host() {
        Some(Host::Ipv4(addr)) => addr.is_loopback(),
        Some(Host::Ipv6(addr)) => addr.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if is_loopback {
        return Ok(url);
    }
    let host = url.host_str().unwrap_or_default();
    Err(format!(
        "its host is `{host}`, and a fake vendor calls this machine alone: 127.0.0.1, ::1 or localhost"
    ))
}

#[cfg(test)]
mod tests {
    use super::loopback;

    #[test]
    fn this_machine_may_be_called_and_no_other() {
        for here in ["127.0.0.1:8080", "127.9.9.9", "[::1]:1", "localhost:8080"] {
            assert!(loopback(&format!("http://{here}/x")).is_ok(), "{here}");
        }
        for elsewhere in ["192.0.2.1", "[2001:db8::1]", "localhost.example", "0.0.0.0"] {
            assert!(
                loopback(&format!("http://{elsewhere}/x")).is_err(),
                "{elsewhere}"
            );
        }
    }

    #[test]
    fn a_refusal_names_the_host_and_no_token() {
        let why = loopback("http://example.com/callbacks/canary").unwrap_err();
        assert!(
            why.contains("`example.com`") && !why.contains("canary"),
            "{why}"
        );
    }
}
