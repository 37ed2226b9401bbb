//! What is sent, and what counts as an answer.

use std::net::TcpListener;

use tokio::time::Instant;

use super::*;
use crate::egress::testing::{Then, answer, at};
use crate::egress::{client, connection};

#[tokio::test]
async fn a_webhook_arrives_as_it_was_given() {
    let receiver = Receiver::answering("204 No Content\r\nRetry-After: 7").await;
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    let attempt = client.post(&url_at(&receiver)).await;
    let Attempt::Answered {
        status,
        retry_after,
        ..
    } = attempt
    else {
        panic!("not answered: {attempt:?}");
    };
    assert_eq!(status, 204);
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
    let expected = format!(
        "POST /canary?canary HTTP/1.1\r\ncontent-type: application/json\r\nhost: {HOST}:{}\r\n\
         content-length: 19\r\n\r\n{{\"result\":\"canary\"}}",
        receiver.port()
    );
    assert_eq!(receiver.requests(), [expected]);
}

#[tokio::test]
async fn an_answer_stands_although_its_body_never_ends() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ndrip";
    let receiver = Receiver::scripted("127.0.0.1:0", |_| (head.to_vec(), Then::Hang)).await;
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    for connects in [1, 2] {
        assert_answered(&client.post_within(SOON, &url_at(&receiver)).await, 200);
        assert_eq!(receiver.connects(), connects, "it is not used again");
    }
}

#[tokio::test]
async fn an_endless_body_is_not_read_to_its_end() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1152921504606846976\r\n\r\n";
    let receiver = Receiver::scripted("127.0.0.1:0", |_| (head.to_vec(), Then::Pour)).await;
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    let started = Instant::now();
    assert_answered(&client.post(&url_at(&receiver)).await, 200);
    assert!(
        started.elapsed() < client::DEADLINE,
        "it waits for the body's end"
    );
}

#[tokio::test]
async fn a_response_head_has_a_limit() {
    let padded = |length: usize| answer(&format!("200 OK\r\nPadding: {}", "x".repeat(length)));
    let receiver = Receiver::scripted("127.0.0.1:0", move |turn| {
        let length = [connection::HEAD_LIMIT - 100, connection::HEAD_LIMIT][turn];
        (padded(length), Then::Keep)
    });
    let receiver = receiver.await;
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    assert_answered(&client.post(&url_at(&receiver)).await, 200);
    assert_failed(
        &client.post(&url_at(&receiver)).await,
        FailureKind::Protocol,
    );
}

#[tokio::test]
async fn a_silent_receiver_costs_the_deadline_and_no_more() {
    let receiver = Receiver::scripted("127.0.0.1:0", |_| (Vec::new(), Then::Hang)).await;
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    let attempt = client.post_within(SOON, &url_at(&receiver)).await;
    assert_failed(&attempt, FailureKind::Timeout);
}

/// The address is written out and a connection is there, so nothing before the request takes time.
#[tokio::test]
async fn a_request_whose_deadline_has_passed_is_not_sent() {
    let receiver = Receiver::answering("200 OK").await;
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    let url = format!("http://127.0.0.1:{}/canary", receiver.port());
    assert_answered(&client.post(&url).await, 200);
    let attempt = client.post_within(Duration::ZERO, &url).await;
    assert_failed(&attempt, FailureKind::Timeout);
    receiver.closed().await;
    assert_eq!((receiver.connects(), receiver.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_silent_tls_handshake_costs_the_deadline_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    let url = format!("https://{HOST}:{port}/canary");
    let attempt = client.post_within(SOON, &url).await;
    assert_failed(&attempt, FailureKind::Timeout);
}

#[tokio::test]
async fn what_breaks_off_or_is_no_http_fails_by_its_kind() {
    let receiver = Receiver::scripted("127.0.0.1:0", |turn| match turn {
        0 => (Vec::new(), Then::Close),
        1 => (b"HTTP/1.1 200 OK\r\nContent-".to_vec(), Then::Close),
        _ => (b"SSH-2.0-canary\r\n\r\n".to_vec(), Then::Hang),
    });
    let receiver = receiver.await;
    let client = client_seeing(|_, _| at("127.0.0.1")).await;
    for kind in [
        FailureKind::Reset,
        FailureKind::Reset,
        FailureKind::Protocol,
    ] {
        assert_failed(&client.post(&url_at(&receiver)).await, kind);
    }
}

#[tokio::test]
async fn a_dead_address_leaves_the_next_one_its_turn() {
    let receiver = Receiver::answering("200 OK").await;
    let client = client_seeing(|_, _| at("127.0.0.16 127.0.0.1")).await;
    assert_answered(&client.post(&url_at(&receiver)).await, 200);
}

#[tokio::test]
async fn a_host_where_nobody_listens_fails_to_connect() {
    let receiver = Receiver::answering("200 OK").await;
    let client = client_seeing(|_, _| at("127.0.0.16")).await;
    let attempt = client.post(&url_at(&receiver)).await;
    assert_failed(&attempt, FailureKind::Connect);
}

#[test]
fn an_attempt_can_move_between_threads() {
    fn is_send(_: impl Send) {}
    fn check(client: &WebhookClient, url: &WebhookUrl) {
        is_send(client.send(url, HeaderMap::new(), Bytes::new(), SOON, 0));
    }
    let _: fn(&WebhookClient, &WebhookUrl) = check;
}
