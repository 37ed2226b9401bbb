//! What a failure means: never, maybe, or an answer; and answers that would do harm.

use cleargate::domain::tenant::Credentials;
use std::time::{Duration, Instant};

use super::peer::{Act, Peer, answer, close};
use super::{Desk, ONCE, READ, REPEATABLE, STATIC, answered, maybe, never, request};

#[tokio::test]
async fn a_refused_connection_never_sent_a_byte() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let desk = Desk::with(&url, STATIC, "", Duration::from_secs(5));
    for effect in [ONCE, REPEATABLE, READ] {
        let why = never(desk.send(effect).await);
        assert!(why.starts_with("cannot connect"), "{why}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_may_have_ordered() {
    let peer = Peer::start(|_| close()).await;
    let desk = Desk::of(&peer, "");
    maybe(desk.send(ONCE).await);
    maybe(desk.send(REPEATABLE).await);
    assert_eq!(peer.count("/"), 2, "neither was sent again in here");
}

#[tokio::test]
async fn a_truncated_answer_is_none() {
    let head = "HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{\"id\":";
    let peer = Peer::start(|_| Act::SayAndClose(head.into())).await;
    maybe(Desk::of(&peer, "").send(ONCE).await);
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    let peer = Peer::start(|_| Act::SayAndClose(b"220 mail.example ESMTP\r\n".into())).await;
    maybe(Desk::of(&peer, "").send(ONCE).await);
}

#[tokio::test]
async fn silence_and_a_slow_drip_end_at_the_deadline() {
    for act in [|| Act::Hang, || Act::Drip] {
        let peer = Peer::start(move |_| act()).await;
        let why = maybe(Desk::hasty(&peer).send(ONCE).await);
        assert_eq!(why, "no whole answer within 0.3 s");
    }
}

#[tokio::test]
async fn a_read_that_got_no_answer_is_sent_once_more_and_nothing_else_is() {
    let broken_once = std::sync::atomic::AtomicBool::new(false);
    let peer =
        Peer::start(
            move |_| match broken_once.swap(true, std::sync::atomic::Ordering::SeqCst) {
                false => close(),
                true => answer(200, "", "{}"),
            },
        )
        .await;
    assert_eq!(answered(Desk::of(&peer, "").send(READ).await).status, 200);
    assert_eq!(peer.count("/"), 2);

    let deaf = Peer::start(|_| close()).await;
    maybe(Desk::of(&deaf, "").send(READ).await);
    assert_eq!(deaf.count("/"), 2, "twice, not for ever");
    let off = Peer::start(|_| close()).await;
    maybe(Desk::of(&off, "retries = 0").send(READ).await);
    assert_eq!(off.count("/"), 1);
}

#[tokio::test]
async fn an_answer_is_never_asked_for_again() {
    let peer = Peer::start(|_| answer(500, "", "")).await;
    assert_eq!(answered(Desk::of(&peer, "").send(READ).await).status, 500);
    assert_eq!(peer.count("/"), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = Peer::start(|_| answer(200, "", "{}")).await;
    let location = format!("location: {}/orders\r\n", elsewhere.url());
    for status in [301, 302, 307, 308] {
        let location = location.clone();
        let peer = Peer::start(move |_| answer(status, &location, "")).await;
        assert_eq!(
            answered(Desk::of(&peer, "").send(READ).await).status,
            status
        );
    }
    assert_eq!(elsewhere.count("/"), 0, "the credentials went nowhere else");
}

#[tokio::test]
async fn an_answer_larger_than_the_cap_is_not_read() {
    const SIZE: usize = 50 << 20;
    let peer = Peer::start(|_| Act::Flood(SIZE)).await;
    let why = maybe(Desk::of(&peer, "").send(ONCE).await);
    assert_eq!(why, "the answer is larger than 65536 bytes");
    assert!(peer.flooded() < SIZE, "it was hung up on");
}

#[tokio::test]
async fn compression_is_neither_asked_for_nor_undone() {
    // 20 bytes of gzip that say that much more follows.
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xed\xc1\x01\x01\x00\x00\x00\x80\x90\xfe";
    let peer = Peer::start(|_| {
        let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\n";
        Act::Say([head.as_bytes(), gzip].concat())
    })
    .await;
    let reply = answered(Desk::of(&peer, "").send(READ).await);
    assert_eq!(reply.body, gzip);
    assert!(
        !peer.asked()[0].head.contains("accept-encoding"),
        "{:?}",
        peer.asked()
    );
}

#[tokio::test]
async fn calls_go_through_a_proxy_where_one_is_set() {
    let proxy = Peer::start(|_| answer(200, "", "{}")).await;
    let calls = format!("proxy = \"{}\"", proxy.url());
    let desk = Desk::with(
        "http://vendor.example",
        STATIC,
        &calls,
        Duration::from_secs(5),
    );
    answered(desk.send(ONCE).await);
    assert_eq!(proxy.count("http://vendor.example/orders"), 1);
}

#[tokio::test]
async fn success_with_an_empty_body_is_an_answer_that_the_adapter_judges() {
    let peer = Peer::start(|_| answer(200, "", "")).await;
    let reply = answered(Desk::of(&peer, "").send(ONCE).await);
    assert_eq!((reply.status, reply.body.len()), (200, 0));
}

#[tokio::test]
async fn a_request_that_is_late_is_not_begun() {
    let peer = Peer::start(|_| answer(200, "", "{}")).await;
    let desk = Desk::of(&peer, "");
    let committed = Instant::now() - Duration::from_secs(3);
    let (request, desk) = (request(ONCE), &desk);
    let sent = desk
        .caller
        .send(&desk.vendor, &desk.connection, &request, committed);
    let why = never(sent.await);
    assert!(why.contains("too slow"), "{why}");
    assert_eq!(peer.count("/"), 0);
}

#[tokio::test]
async fn a_request_without_its_credential_is_not_sent() {
    let peer = Peer::start(|_| answer(200, "", "{}")).await;
    let mut desk = Desk::of(&peer, "");
    desk.connection.credentials = Credentials::default();
    let why = never(desk.send(ONCE).await);
    assert_eq!(why, "connection `one` has no credential `api_key`");
    assert_eq!(peer.count("/"), 0);
}

#[tokio::test]
async fn what_could_order_twice_has_a_connection_of_its_own() {
    let peer = Peer::start(|asked| answer(200, "", &asked.path)).await;
    let desk = Desk::of(&peer, "");
    for _ in 0..3 {
        answered(desk.send(READ).await);
        answered(desk.send(ONCE).await);
    }
    assert_eq!(
        peer.connections(),
        4,
        "three for what orders, one for what reads"
    );
}
