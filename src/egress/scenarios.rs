//! The whole way out, from URL to answer, against name servers and receivers on loopback.
//!
//! 127.0.0.1 is allowed and plays the public internet; 127.0.0.2 is not and plays the inside.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use hickory_resolver::proto::rr::RecordType;
use http::{HeaderMap, HeaderValue, header};
use tokio::time::{Instant, timeout};

use super::judge::Rule;
use super::testing::{Answer, Authority, NameServer, Receiver, Then, answer, at, authority};
use super::*;

const HOST: &str = "hooks.example.com";

/// Long enough for a slow machine, short for a test that waits it out.
const SOON: Duration = Duration::from_millis(300);

/// The time of a look-up, likewise; within it an unanswered question is given up twice.
const LOOK_UP: Duration = Duration::from_millis(900);

fn client(names: &NameServer, authority: &Authority) -> WebhookClient {
    let allow = ["127.0.0.1/32", "127.0.0.16/28"];
    let allow = allow.iter().map(|range| range.parse().unwrap()).collect();
    let judge = Judge::new(allow).unwrap().into();
    let resolver = Resolver::with_time_limit(&[names.address], judge, LOOK_UP).unwrap();
    WebhookClient::new(resolver, authority.trusted())
}

/// A client whose names have these answers, whatever they are.
async fn client_seeing(answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Client {
    let names = NameServer::start(answer).await;
    Client {
        client: client(&names, &authority()),
        names,
    }
}

struct Client {
    client: WebhookClient,
    names: NameServer,
}

impl Client {
    async fn post(&self, url: &str) -> Attempt {
        self.post_within(client::DEADLINE, url).await
    }

    async fn post_within(&self, deadline: Duration, url: &str) -> Attempt {
        let headers = HeaderMap::from_iter([(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )]);
        let body = Bytes::from_static(br#"{"result":"canary"}"#);
        let url = checked(url);
        let attempt = self.client.send(&url, headers, body, deadline, 0);
        let ended = timeout(deadline + client::DEADLINE / 2, attempt).await;
        ended.expect("the deadline passed and the attempt went on")
    }
}

fn checked(url: &str) -> WebhookUrl {
    let port = url::Url::parse(url).unwrap().port();
    let shape = Shape {
        allow_http: true,
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ports: port.into_iter().collect(),
        ..Shape::default()
    };
    shape.check(url).unwrap()
}

/// A URL of the usual host at the receiver's port.
fn url_at(receiver: &Receiver) -> String {
    format!("http://{HOST}:{}/canary?canary", receiver.port())
}

#[track_caller]
fn assert_answered(attempt: &Attempt, expected: u16) {
    match attempt {
        Attempt::Answered { status, .. } => assert_eq!(status.as_u16(), expected),
        other => panic!("not answered: {other:?}"),
    }
}

#[track_caller]
fn assert_failed(attempt: &Attempt, kind: FailureKind) {
    match attempt {
        Attempt::Failed(failure) => {
            assert_eq!(failure.kind, kind, "{failure}");
            assert!(!failure.sentence.contains("canary"), "{failure}");
        }
        other => panic!("not failed: {other:?}"),
    }
}

#[track_caller]
fn assert_refused(attempt: &Attempt, refusal: &Refusal) {
    match attempt {
        Attempt::Refused(found) => {
            assert_eq!(found, refusal);
            assert!(!found.to_string().contains("127."), "{found}");
        }
        other => panic!("not refused: {other:?}"),
    }
}

// === What is sent, and what counts as an answer ===

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

// === TLS ===

#[tokio::test]
async fn the_certificate_must_be_the_hosts_own() {
    let authority = authority();
    let names = NameServer::start(|_, _| at("127.0.0.1")).await;
    let client = Client {
        client: client(&names, &authority),
        names,
    };
    let right = Receiver::tls(HOST, &authority).await;
    let url = |receiver: &Receiver| format!("https://{HOST}:{}/canary", receiver.port());
    assert_answered(&client.post(&url(&right)).await, 200);
    let wrong = Receiver::tls("other.example.com", &authority).await;
    assert_failed(&client.post(&url(&wrong)).await, FailureKind::Tls);
    let untrusted = Receiver::tls(HOST, &self::authority()).await;
    assert_failed(&client.post(&url(&untrusted)).await, FailureKind::Tls);
    let plain = Receiver::answering("200 OK").await;
    let attempt = client.post_within(SOON, &url(&plain)).await;
    assert!(matches!(attempt, Attempt::Failed(_)), "{attempt:?}");
    for receiver in [wrong, untrusted, plain] {
        assert_eq!(receiver.requests(), [""; 0]);
    }
}

#[test]
fn the_platforms_certificate_authorities_are_found() {
    client::platform_tls().unwrap();
}

// === Names that lead inside ===

/// Posts once to a host with these answers, and expects a refusal without any connect.
async fn assert_never_connects(
    refusal: Refusal,
    answers: impl Fn(&str, usize) -> Answer + Send + Sync + 'static,
) {
    let allowed = Receiver::answering("200 OK").await;
    let inside = Receiver::inside(&allowed).await;
    let client = client_seeing(answers).await;
    assert_refused(&client.post(&url_at(&allowed)).await, &refusal);
    assert_eq!((allowed.connects(), inside.connects()), (0, 0));
}

#[tokio::test]
async fn one_bad_address_among_good_ones_refuses_all() {
    let loopback = Refusal::Address(Rule::Loopback);
    assert_never_connects(loopback.clone(), |_, _| at("127.0.0.1 127.0.0.2")).await;
    assert_never_connects(loopback.clone(), |_, _| at("127.0.0.2 127.0.0.1")).await;
    assert_never_connects(loopback, |_, _| at("127.0.0.1 ::ffff:127.0.0.2")).await;
    let not_global = Refusal::Address(Rule::NotGlobal);
    assert_never_connects(not_global.clone(), |_, _| at("127.0.0.1 ::1")).await;
    assert_never_connects(not_global, |_, _| at("127.0.0.1 64:ff9b::127.0.0.2")).await;
}

#[tokio::test]
async fn an_alias_that_leads_inside_is_refused() {
    let answers = |name: &str, _: usize| match name {
        HOST => Answer::Alias("db.corp.example.com"),
        _ => at("127.0.0.2"),
    };
    assert_never_connects(Refusal::Address(Rule::Loopback), answers).await;
}

#[tokio::test]
async fn an_alias_that_stays_outside_is_followed() {
    let receiver = Receiver::answering("200 OK").await;
    let answers = |name: &str, _: usize| match name {
        HOST => Answer::Alias("edge.example.net"),
        _ => at("127.0.0.1"),
    };
    let client = client_seeing(answers).await;
    assert_answered(&client.post(&url_at(&receiver)).await, 200);
}

#[tokio::test]
async fn seventeen_addresses_are_refused_and_sixteen_are_not() {
    let sixteen = (16..32)
        .map(|last| format!("127.0.0.{last} "))
        .collect::<String>();
    let seventeen = format!("127.0.0.1 {sixteen}");
    assert_never_connects(Refusal::TooManyAddresses, move |_, _| at(&seventeen)).await;
    let receiver = Receiver::scripted("127.0.0.31:0", |_| (answer("200 OK"), Then::Keep)).await;
    let client = client_seeing(move |_, _| at(&sixteen)).await;
    assert_answered(&client.post(&url_at(&receiver)).await, 200);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_asked_once_and_called_where_it_was_judged() {
    let allowed = Receiver::answering("200 OK\r\nConnection: close").await;
    let inside = Receiver::inside(&allowed).await;
    let client = client_seeing(|_, turn| at(["127.0.0.1", "127.0.0.2"][turn.min(1)])).await;
    assert_answered(&client.post(&url_at(&allowed)).await, 200);
    assert_eq!(client.names.questions(RecordType::A), 1);
    assert_refused(
        &client.post(&url_at(&allowed)).await,
        &Refusal::Address(Rule::Loopback),
    );
    assert_eq!((allowed.connects(), inside.connects()), (1, 0));
}

#[tokio::test]
async fn a_silent_name_server_costs_the_time_of_a_look_up_and_no_more() {
    let receiver = Receiver::answering("200 OK").await;
    let client = client_seeing(|_, _| Answer::Silence).await;
    let attempt = client.post(&url_at(&receiver)).await;
    assert_failed(&attempt, FailureKind::Dns);
    assert_eq!(receiver.connects(), 0);
}

#[tokio::test]
async fn a_name_server_that_is_silent_on_ipv6_does_not_stop_a_webhook() {
    let receiver = Receiver::answering("200 OK").await;
    let client = client_seeing(|_, _| Answer::OnlyIpv4([127, 0, 0, 1].into())).await;
    assert_answered(&client.post(&url_at(&receiver)).await, 200);
}

#[tokio::test]
async fn a_name_without_address_fails() {
    let receiver = Receiver::answering("200 OK").await;
    for client in [
        client_seeing(|_, _| Answer::NoSuchName).await,
        client_seeing(|_, _| at("")).await,
    ] {
        let attempt = client.post(&url_at(&receiver)).await;
        assert_failed(&attempt, FailureKind::Dns);
    }
}

#[tokio::test]
async fn a_name_is_asked_as_it_stands() {
    let client = client_seeing(|_, _| Answer::NoSuchName).await;
    let attempt = client.post(&format!("http://{HOST}:8443/")).await;
    assert_failed(&attempt, FailureKind::Dns);
    assert_eq!(client.names.names_asked(), [HOST.to_owned()].into());
}

#[tokio::test]
async fn an_address_in_place_of_a_name_is_judged_before_it_is_called() {
    let allowed = Receiver::answering("200 OK").await;
    let inside = Receiver::inside(&allowed).await;
    let client = client_seeing(|_, _| Answer::Silence).await;
    let url = |ip: &str| {
        format!(
            "http://{}/",
            SocketAddr::new(ip.parse().unwrap(), allowed.port())
        )
    };
    assert_answered(&client.post(&url("127.0.0.1")).await, 200);
    assert_answered(&client.post(&url("::ffff:127.0.0.1")).await, 200);
    for ip in ["127.0.0.2", "::ffff:127.0.0.2"] {
        let attempt = client.post(&url(ip)).await;
        assert_refused(&attempt, &Refusal::Address(Rule::Loopback));
    }
    assert_eq!(inside.connects(), 0);
}

// === Ways around: redirects, proxies, connections from before ===

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
            "egress::scenarios::a_webhook_arrives_as_it_was_given",
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
