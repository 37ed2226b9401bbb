//! The whole way out, from URL to answer, against name servers and receivers on loopback.
//!
//! 127.0.0.1 is allowed and plays the public internet; 127.0.0.2 is not and plays the inside.

mod answers;
mod names;
mod tls;
mod ways_around;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use tokio::time::timeout;

use super::testing::{Answer, Authority, NameServer, Receiver, authority};
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
