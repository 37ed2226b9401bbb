//! Tokens: one request for everybody, renewed in time, and asked for once more after a 401.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cleargate::cache::Cache;
use futures_util::future::join_all;

use super::peer::{Asked, Peer, answer};
use super::{Desk, ONCE, READ, answered, caller, connection, never, options, with_api_key};
use crate::support::PATIENCE;
use crate::support::redis::Redis;

const OAUTH: &str = r#"auth = { oauth = { request = "POST /oauth/token", client_id = "{secret.api_key}", client_secret = "{secret.callback_secret}", client = "basic", token = ".access_token", lifetime = ".expires_in", default_lifetime = "1h" } }"#;
const LOGIN: &str = r#"auth = { login = { request = "POST /login", json = { user = "{secret.api_key}", password = "{secret.callback_secret}" }, token = ".token", default_lifetime = "10m", send = "X-Session: {token}" } }"#;

/// A vendor whose tokens are called t1, t2 and so on, and which accepts those that `accepts` does.
async fn issuer(accepts: impl Fn(&str) -> bool + Send + Sync + 'static) -> Peer {
    let issued = Arc::new(AtomicUsize::new(0));
    Peer::start(move |asked| match asked.path.as_str() {
        "/oauth/token" => {
            let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
            let body = format!(r#"{{"access_token":"t{number}","expires_in":"3600"}}"#);
            answer(200, "", &body)
        }
        _ if accepts(carried(asked)) => answer(200, "", "{}"),
        _ => answer(401, "", "{}"),
    })
    .await
}

/// The token that a request carries.
fn carried(asked: &Asked) -> &str {
    let token = asked.head.split("authorization: bearer ").nth(1);
    token
        .and_then(|rest| rest.split("\r\n").next())
        .unwrap_or("")
}

fn desk(peer: &Peer, auth: &str) -> Desk {
    Desk::with(
        &peer.url(),
        auth,
        "in_flight = 1000",
        Duration::from_secs(5),
    )
}

#[tokio::test]
async fn a_thousand_waiting_calls_cost_one_token() {
    let peer = issuer(|token| token == "t1").await;
    let desk = desk(&peer, OAUTH);
    for sent in join_all((0..1000).map(|_| desk.send(READ))).await {
        assert_eq!(answered(sent).status, 200);
    }
    assert_eq!(peer.count("/oauth"), 1);
    assert_eq!(peer.count("/orders"), 1000);
}

#[tokio::test]
async fn a_token_is_asked_for_as_the_sheet_says() {
    let peer = issuer(|_| true).await;
    answered(desk(&peer, OAUTH).send(ONCE).await);
    let asked = &peer.asked()[0];
    assert_eq!(asked.body, "grant_type=client_credentials");
    // `k3y:s3cret`, in lower case as heads are kept.
    assert!(
        asked.head.contains("authorization: basic azn5onmzy3jlda=="),
        "{}",
        asked.head
    );

    let login = Peer::start(|asked| match asked.path.as_str() {
        "/login" => answer(200, "", r#"{"token":"s1"}"#),
        _ => answer(200, "", "{}"),
    })
    .await;
    answered(desk(&login, LOGIN).send(ONCE).await);
    let asked = login.asked();
    assert_eq!(asked[0].body, r#"{"user":"k3y","password":"s3cret"}"#);
    assert!(
        asked[1].head.contains("x-session: s1\r\n"),
        "{}",
        asked[1].head
    );
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_while_calls_still_use_it() {
    let peer = issuer(|_| true).await;
    let desk = desk(&peer, OAUTH);
    answered(desk.send(ONCE).await);
    desk.clock.advance(Duration::from_secs(3539));
    answered(desk.send(ONCE).await);
    assert_eq!(peer.count("/oauth"), 1, "there is more than a minute left");
    desk.clock.advance(Duration::from_secs(1));
    answered(desk.send(ONCE).await);
    let last = peer.asked().into_iter().rfind(|one| one.path == "/orders");
    assert_eq!(
        carried(&last.unwrap()),
        "t1",
        "nobody waits for the new one"
    );

    let deadline = Instant::now() + PATIENCE;
    loop {
        answered(desk.send(ONCE).await);
        let last = peer.asked().into_iter().rfind(|one| one.path == "/orders");
        if carried(&last.unwrap()) == "t2" {
            break;
        }
        assert!(Instant::now() < deadline, "it is never renewed");
    }
    assert_eq!(peer.count("/oauth"), 2);
}

#[tokio::test]
async fn a_token_that_has_ended_is_not_sent() {
    let peer = issuer(|_| true).await;
    let desk = desk(&peer, OAUTH);
    answered(desk.send(ONCE).await);
    desk.clock.advance(Duration::from_secs(3600));
    answered(desk.send(ONCE).await);
    let tokens: Vec<_> = peer
        .asked()
        .iter()
        .map(|one| carried(one).to_owned())
        .collect();
    assert_eq!(tokens, ["", "t1", "", "t2"]);
}

#[tokio::test]
async fn after_a_401_a_token_is_fetched_once_more_and_the_request_sent_once_more() {
    let peer = issuer(|token| token == "t2").await;
    let desk = desk(&peer, OAUTH);
    assert_eq!(answered(desk.send(ONCE).await).status, 200);
    assert_eq!((peer.count("/oauth"), peer.count("/orders")), (2, 2));
    assert_eq!(answered(desk.send(ONCE).await).status, 200);
    assert_eq!((peer.count("/oauth"), peer.count("/orders")), (2, 3));
}

#[tokio::test]
async fn a_401_for_ever_ends_after_the_second() {
    let peer = issuer(|_| false).await;
    let desk = desk(&peer, OAUTH);
    assert_eq!(answered(desk.send(ONCE).await).status, 401);
    let why = never(desk.send(ONCE).await);
    assert!(
        why.contains("refuses this connection's credentials"),
        "{why}"
    );
    assert_eq!((peer.count("/oauth"), peer.count("/orders")), (2, 2));
}

#[tokio::test]
async fn credentials_that_get_no_token_are_not_tried_again_and_again() {
    let peer = Peer::start(|_| answer(400, "", r#"{"error":"invalid_client"}"#)).await;
    let mut desk = desk(&peer, OAUTH);
    for sent in join_all((0..20).map(|_| desk.send(ONCE))).await {
        never(sent);
    }
    never(desk.send(ONCE).await);
    assert_eq!(peer.count("/"), 1);
    desk.connection.credentials = with_api_key(&desk.connection.credentials, "n3w");
    never(desk.send(ONCE).await);
    assert_eq!(peer.count("/"), 2, "new ones are tried at once");
}

#[tokio::test]
async fn a_vendor_too_busy_for_a_token_is_left_alone_as_long_as_it_asks() {
    let peer = Peer::start(|_| answer(429, "retry-after: 20\r\n", "")).await;
    let desk = desk(&peer, OAUTH);
    never(desk.send(ONCE).await);
    desk.clock.advance(Duration::from_secs(19));
    assert!(never(desk.send(ONCE).await).contains("asked this connection to wait"));
    assert_eq!(peer.count("/"), 1);
    desk.clock.advance(Duration::from_secs(1));
    never(desk.send(ONCE).await);
    assert_eq!(peer.count("/oauth"), 2);
}

#[tokio::test]
async fn a_vendor_that_gives_no_token_is_never_sent_the_request() {
    let peer = Peer::start(|_| super::peer::close()).await;
    let desk = desk(&peer, OAUTH);
    let why = never(desk.send(ONCE).await);
    assert!(why.starts_with("no token: "), "{why}");
    assert_eq!(peer.count("/orders"), 0);
}

#[tokio::test]
async fn every_connection_has_a_token_of_its_own() {
    let peer = issuer(|_| true).await;
    let desk = desk(&peer, OAUTH);
    answered(desk.send(ONCE).await);
    answered(desk.send_from(&connection("two", &peer.url()), ONCE).await);
    assert_eq!(peer.count("/oauth"), 2);
}

/// A desk of another replica.
fn beside(desk: &Desk, cache: &Cache, peer: &Peer) -> Desk {
    let other = self::desk(peer, OAUTH);
    Desk {
        caller: caller(options(""), &desk.clock, cache.clone()),
        clock: desk.clock.clone(),
        ..other
    }
}

#[tokio::test]
async fn replicas_share_a_token_that_nobody_can_read_in_redis() {
    let redis = Redis::start(&[]);
    let cache = Cache::open(&redis.url(), PATIENCE).await.unwrap();
    let peer = issuer(|_| true).await;
    let first = desk(&peer, OAUTH);
    let (one, other) = (beside(&first, &cache, &peer), beside(&first, &cache, &peer));
    answered(one.send(READ).await);
    answered(other.send(READ).await);
    assert_eq!(peer.count("/oauth"), 1);
    let dump = redis.dump();
    assert!(dump.contains("cleargate:token:1:tenant:one:"), "{dump}");
    assert!(!dump.contains("t1") && !dump.contains("Bearer"), "{dump}");
    let mut changed = connection("one", &peer.url());
    changed.credentials = with_api_key(&changed.credentials, "another");
    answered(other.send_from(&changed, READ).await);
    assert_eq!(
        peer.count("/oauth"),
        2,
        "other credentials have a token of their own"
    );
}

#[tokio::test]
async fn a_shared_token_that_is_refused_is_replaced_for_all() {
    let redis = Redis::start(&[]);
    let cache = Cache::open(&redis.url(), PATIENCE).await.unwrap();
    let peer = issuer(|token| token == "t2").await;
    let first = desk(&peer, OAUTH);
    let (one, other) = (beside(&first, &cache, &peer), beside(&first, &cache, &peer));
    assert_eq!(answered(one.send(READ).await).status, 200);
    assert_eq!(answered(other.send(READ).await).status, 200);
    assert_eq!(
        peer.count("/oauth"),
        2,
        "the second token is found in Redis"
    );
}
