//! Vendors that are tired: what they ask for is heeded, and a dead one costs nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::peer::{Act, Peer, answer, close};
use super::{Desk, ONCE, READ, Sent, answered, connection, maybe, never, request, vendor};
use super::{REPEATABLE, STATIC, with_api_key};

/// Checks how long a connection is left alone after such an answer.
async fn check_pause(status: u16, headers: &str, seconds: u64) {
    let headers = headers.to_owned();
    let told = headers.clone();
    let peer = Peer::start(move |_| answer(status, &headers, "")).await;
    let desk = Desk::of(&peer, "breaker_failures = 1000");
    answered(desk.send(ONCE).await);
    if seconds > 0 {
        let nearly = Duration::from_secs(seconds) - Duration::from_millis(1);
        desk.clock.advance(nearly);
        let why = never(desk.send(ONCE).await);
        let sentence =
            "acme was not called: it asked this connection to wait; it is tried again in 1 ms";
        assert_eq!(why, sentence, "{status} {told}");
        assert_eq!(peer.count("/"), 1, "not a byte of it left");
        desk.clock.advance(Duration::from_millis(1));
    }
    answered(desk.send(ONCE).await);
}

#[tokio::test]
async fn a_connection_that_is_told_to_wait_waits_as_long() {
    check_pause(429, "retry-after: 30\r\n", 30).await;
    // The desk's clock stands at 2027-01-15T08:00:00Z.
    check_pause(429, "retry-after: Fri, 15 Jan 2027 08:01:00 GMT\r\n", 60).await;
    check_pause(503, "retry-after: 7\r\n", 7).await;
    check_pause(429, "x-ratelimit-reset: 1800000020\r\n", 20).await;
    check_pause(200, "ratelimit-remaining: 0\r\nratelimit-reset: 5\r\n", 5).await;
}

#[tokio::test]
async fn what_a_vendor_asks_for_is_capped_and_nonsense_is_a_second() {
    check_pause(429, "retry-after: 99999999999999999999\r\n", 900).await;
    check_pause(429, "x-ratelimit-reset: 9999999999999\r\n", 900).await;
    check_pause(429, "retry-after: soon\r\n", 1).await;
    check_pause(429, "", 1).await;
}

#[tokio::test]
async fn what_has_passed_or_says_nothing_is_no_pause() {
    check_pause(429, "retry-after: Fri, 15 Jan 2027 07:59:00 GMT\r\n", 0).await;
    check_pause(503, "", 0).await;
    check_pause(200, "ratelimit-remaining: 3\r\nratelimit-reset: 50\r\n", 0).await;
}

#[tokio::test]
async fn a_pause_is_one_connections_own() {
    let peer = Peer::start(|_| answer(429, "retry-after: 30\r\n", "")).await;
    let desk = Desk::of(&peer, "");
    answered(desk.send(ONCE).await);
    never(desk.send(ONCE).await);
    answered(desk.send_from(&connection("two", &peer.url()), ONCE).await);
}

#[tokio::test]
async fn refused_credentials_are_not_tried_again_and_again() {
    let peer = Peer::start(|asked| match asked.head.contains("bearer n3w") {
        true => answer(200, "", "{}"),
        false => answer(401, "", "{}"),
    })
    .await;
    let mut desk = Desk::of(&peer, "denied_pause = \"5m\"");
    assert_eq!(answered(desk.send(ONCE).await).status, 401);
    for _ in 0..10 {
        let why = never(desk.send(READ).await);
        assert!(
            why.contains("refuses this connection's credentials"),
            "{why}"
        );
    }
    assert_eq!(peer.count("/"), 1, "the account is not locked by us");
    desk.clock.advance(Duration::from_secs(300));
    assert_eq!(answered(desk.send(ONCE).await).status, 401);
    assert_eq!(peer.count("/"), 2);

    desk.connection.credentials = with_api_key(&desk.connection.credentials, "n3w");
    assert_eq!(
        answered(desk.send(ONCE).await).status,
        200,
        "new ones are tried at once"
    );
}

#[tokio::test]
async fn a_denial_that_only_the_adapter_understands_pauses_as_well() {
    let peer = Peer::start(|_| answer(200, "", r#"{"error":"bad key"}"#)).await;
    let desk = Desk::of(&peer, "");
    answered(desk.send(ONCE).await);
    desk.caller.deny(&desk.vendor, &desk.connection);
    never(desk.send(ONCE).await);
}

#[tokio::test]
async fn a_vendor_that_fails_is_left_alone_probed_once_and_called_again() {
    let heals = Arc::new(AtomicBool::new(false));
    let healed = Arc::clone(&heals);
    let peer = Peer::start(move |_| match healed.load(Ordering::SeqCst) {
        true => answer(200, "", "{}"),
        false => close(),
    })
    .await;
    let desk = Desk::of(&peer, "breaker_failures = 3\nbreaker_pause = \"10s\"");
    for _ in 0..3 {
        maybe(desk.send(ONCE).await);
    }
    let why = never(desk.send(ONCE).await);
    let sentence = "acme was not called: its last calls failed; it is tried again in 10 s";
    assert_eq!((why.as_str(), peer.count("/")), (sentence, 3));

    desk.clock.advance(Duration::from_secs(10));
    maybe(desk.send(READ).await);
    assert_eq!(peer.count("/"), 4, "a probe is one request");
    never(desk.send(ONCE).await);

    desk.clock.advance(Duration::from_secs(10));
    heals.store(true, Ordering::SeqCst);
    let crowd = join_all((0..5).map(|_| desk.send(ONCE))).await;
    let answers = crowd
        .iter()
        .filter(|sent| matches!(sent, Sent::Answered(_)));
    assert_eq!(
        (answers.count(), peer.count("/")),
        (1, 5),
        "one of them probed"
    );
    for _ in 0..3 {
        answered(desk.send(ONCE).await);
    }
}

#[tokio::test]
async fn an_open_breaker_waits_as_long_as_the_vendor_asks() {
    let peer = Peer::start(|_| answer(500, "retry-after: 60\r\n", "")).await;
    let desk = Desk::of(&peer, "breaker_failures = 1");
    answered(desk.send(ONCE).await);
    desk.clock.advance(Duration::from_secs(59));
    assert!(never(desk.send(ONCE).await).contains("its last calls failed"));
    desk.clock.advance(Duration::from_secs(1));
    answered(desk.send(ONCE).await);
}

#[tokio::test]
async fn a_breaker_is_one_base_urls_own() {
    let dead = Peer::start(|_| close()).await;
    let well = Peer::start(|_| answer(200, "", "{}")).await;
    let desk = Desk::of(&dead, "breaker_failures = 1");
    maybe(desk.send(ONCE).await);
    let same = connection("two", &dead.url());
    never(desk.send_from(&same, ONCE).await);
    answered(
        desk.send_from(&connection("three", &well.url()), ONCE)
            .await,
    );
}

#[tokio::test]
async fn a_refusal_by_the_vendor_is_no_failure_of_it() {
    let peer = Peer::start(|_| answer(422, "", "{}")).await;
    let desk = Desk::of(&peer, "breaker_failures = 1");
    for _ in 0..3 {
        answered(desk.send(ONCE).await);
    }
}

#[tokio::test]
async fn beyond_its_rate_a_connection_sends_nothing() {
    let peer = Peer::start(|_| answer(200, "", "{}")).await;
    let desk = Desk::of(&peer, "rate = \"20/h\"");
    answered(desk.send(ONCE).await);
    answered(desk.send(READ).await);
    let why = never(desk.send(ONCE).await);
    assert!(why.ends_with("it is tried again in 180 s"), "{why}");
    assert_eq!(peer.count("/"), 2);
    answered(desk.send_from(&connection("two", &peer.url()), ONCE).await);
    desk.clock.advance(Duration::from_secs(180));
    answered(desk.send(REPEATABLE).await);
}

#[tokio::test]
async fn a_vendor_has_settings_of_its_own() {
    let peer = Peer::start(|_| answer(200, "", "{}")).await;
    let desk = Desk::of(&peer, "rate = \"10/h\"\n[vendors.of.other]\nrate = \"\"");
    answered(desk.send(ONCE).await);
    never(desk.send(ONCE).await);
    let (other, connection) = (vendor("other", STATIC), connection("two", &peer.url()));
    for _ in 0..3 {
        let request = request(ONCE);
        let sent = desk
            .caller
            .send(&other, &connection, &request, Instant::now());
        answered(sent.await);
    }
}

#[tokio::test]
async fn a_vendor_that_hangs_holds_up_nobody_else() {
    let hung = Peer::start(|_| Act::Hang).await;
    let well = Peer::start(|_| answer(200, "", "{}")).await;
    let desk = Desk::with(
        &hung.url(),
        STATIC,
        "in_flight = 8",
        Duration::from_secs(60),
    );
    let crowd = join_all((0..64).map(|_| desk.send(ONCE)));
    let other = vendor("other", STATIC);
    let elsewhere = async {
        hung.until_asked("/", 8).await;
        let connection = connection("elsewhere", &well.url());
        let request = request(ONCE);
        let sent = desk
            .caller
            .send(&other, &connection, &request, Instant::now());
        answered(sent.await);
    };
    tokio::select! {
        biased;
        _ = crowd => panic!("the vendor hangs"),
        () = elsewhere => assert_eq!(hung.count("/"), 8, "the others wait for a permit"),
    }
}

#[tokio::test]
async fn a_budget_stops_a_storm_of_copies() {
    let peer = Peer::start(|_| close()).await;
    let desk = Desk::of(&peer, "breaker_failures = 1000000\nin_flight = 200");
    for sent in join_all((0..200).map(|_| desk.send(READ))).await {
        maybe(sent);
    }
    let copies = peer.count("/") - 200;
    assert!(
        (1..=20).contains(&copies),
        "{copies} copies of 200 requests"
    );
}
