//! Ways around the guard: redirects, proxies, connections from before.

use std::net::TcpListener;
use std::process::Command;

use tokio::time::Instant;

use super::*;
use crate::egress::judge::Rule;
use crate::egress::testing::{Then, answer, at};

#[tokio::test]
async fn no_redirect_is_followed() {
    let allowed = Receiver::answering("200 OK").await;
    let inside = Receiver::inside(&allowed).await;
    let port = inside.port();
    let targets = [
        format!("http://127.0.0.2:{port}/"),
        format!("http://{HOST}:{port}/again"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "//127.0.0.2/".to_owned(),
        "/again".to_owned(),
    ];
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    for target in targets {
        for status in [300, 301, 302, 303, 305, 307, 308] {
            let head =
                format!("{status} Elsewhere\r\nLocation: {target}\r\nRefresh: 0;url={target}");
            let script = move |_| (answer(&head), Then::Keep);
            let redirecting = Receiver::scripted("127.0.0.1:0", script).await;
            assert_answered(&client.post(&url_at(&redirecting)).await, status);
            assert_eq!(redirecting.requests().len(), 1);
        }
    }
    assert_eq!((allowed.connects(), inside.connects()), (0, 0));
}

/// The variables of a process cannot be set safely while other tests run, so the first test runs
/// once more in a process of its own.
#[test]
fn proxy_variables_are_ignored() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let variables = [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ];
    let run = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "egress::scenarios::answers::a_webhook_arrives_as_it_was_given",
        ])
        .envs(variables.map(|variable| (variable, &address)))
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(output.contains("1 passed"), "{output}");
    let connected = proxy.accept().map(|(_, from)| from);
    assert_eq!(
        connected.map_err(|error| error.kind()),
        Err(std::io::ErrorKind::WouldBlock)
    );
}

#[tokio::test]
async fn webhooks_to_one_place_share_a_connection() {
    let receiver = Receiver::answering("200 OK").await;
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    for _ in 0..3 {
        assert_answered(&client.post(&url_at(&receiver)).await, 200);
    }
    assert_eq!((receiver.connects(), receiver.requests().len()), (1, 3));
}

#[tokio::test]
async fn a_waiting_connection_whose_name_now_leads_inside_is_not_used() {
    let allowed = Receiver::answering("200 OK").await;
    let inside = Receiver::inside(&allowed).await;
    let client = client_seeing(|_, turn| at(["127.0.0.1", "127.0.0.2"][turn.min(1)])).await;
    assert_answered(&client.post(&url_at(&allowed)).await, 200);
    for _ in 0..2 {
        let attempt = client.post(&url_at(&allowed)).await;
        assert_refused(&attempt, &Refusal::Address(Rule::Loopback));
    }
    assert_eq!((allowed.requests().len(), inside.connects()), (1, 0));
}

#[tokio::test]
async fn a_waiting_connection_whose_name_has_moved_is_not_used() {
    let first = Receiver::answering("200 OK").await;
    let address = format!("127.0.0.16:{}", first.port());
    let second = Receiver::scripted(&address, |_| (answer("200 OK"), Then::Keep)).await;
    let client = client_seeing(|_, turn| at(["127.0.0.1", "127.0.0.16"][turn.min(1)])).await;
    assert_answered(&client.post(&url_at(&first)).await, 200);
    assert_answered(&client.post(&url_at(&first)).await, 200);
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_waiting_connection_of_another_host_is_not_used() {
    let receiver = Receiver::answering("200 OK").await;
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    for host in ["a.example.com", "b.example.com"] {
        let url = format!("http://{host}:{}/", receiver.port());
        assert_answered(&client.post(&url).await, 200);
    }
    assert_eq!(receiver.connects(), 2);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_waited_is_replaced() {
    let script = |_| (answer("200 OK"), Then::CloseWhenTold);
    let receiver = Receiver::scripted("127.0.0.1:0", script).await;
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    for requests in 1..=3 {
        assert_answered(&client.post(&url_at(&receiver)).await, 200);
        assert_eq!(receiver.requests().len(), requests);
        receiver.hang_up().await;
    }
}

#[tokio::test]
async fn a_connection_that_cannot_be_used_again_is_closed_at_once() {
    let receiver = Receiver::answering("200 OK\r\nConnection: close").await;
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    assert_answered(&client.post(&url_at(&receiver)).await, 200);
    tokio::time::pause();
    let waited = Instant::now();
    receiver.closed().await;
    assert_eq!(waited.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_connection_that_waits_in_vain_is_closed() {
    let receiver = Receiver::answering("200 OK").await;
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    assert_answered(&client.post(&url_at(&receiver)).await, 200);
    tokio::time::pause();
    let waited = Instant::now();
    let closed = timeout(Duration::from_secs(60), receiver.closed()).await;
    closed.expect("it is never closed");
    assert!(waited.elapsed() <= Duration::from_secs(30));
}
