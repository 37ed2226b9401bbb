//! What a fake vendor promises, over real sockets.

#![expect(
    clippy::disallowed_methods,
    reason = "a test believes the fakes it started"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;

use super::{FakeVendor, Script};
use crate::sandbox::wire::{
    PATIENCE, SILENCE, any, ask, get, is_silent, post, read_to_end, read_until,
};
use crate::sandbox::{Answer, Conduct, FakeAts};

fn vendor(script: Script) -> FakeVendor {
    FakeVendor::start(Box::new(script), any(), || 1234).unwrap()
}

fn at(vendor: &FakeVendor, path: &str) -> String {
    vendor.base_url() + path
}

/// Waits until the script was told how a callback ended.
async fn until_seen(vendor: &FakeVendor, what: &str) {
    let seen = async {
        loop {
            let seen = reqwest::get(at(vendor, "/seen")).await.unwrap();
            if seen.text().await.unwrap().contains(what) {
                return;
            }
        }
    };
    let seen = tokio::time::timeout(PATIENCE, seen).await;
    seen.unwrap_or_else(|_| panic!("the script never saw {what:?}"));
}

#[tokio::test]
async fn the_simulator_gets_the_request_and_the_time_and_its_answer_arrives() {
    let vendor = vendor(Script::default());
    let client = reqwest::Client::new();
    let request = client.put(at(&vendor, "/echo?x=%20")).body("hello");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["x-vendor"], "script");
    assert_eq!(response.text().await.unwrap(), "/echo?x=%20 hello");
    let now = reqwest::get(at(&vendor, "/now")).await.unwrap();
    assert_eq!(now.text().await.unwrap(), "1234");
}

#[tokio::test]
async fn a_plain_answer_is_whole_and_the_connection_stays_open() {
    let vendor = vendor(Script::default());
    let mut socket = ask(&vendor.base_url(), "/plain").await;
    let (answer, _) = read_until(&mut socket, "abcd").await;
    assert!(answer.contains("content-length: 4"), "{answer}");
    assert!(is_silent(&mut socket).await);
}

#[tokio::test]
async fn an_answer_after_a_pause_comes_after_the_pause() {
    let vendor = vendor(Script::default());
    let asked = Instant::now();
    let mut socket = ask(&vendor.base_url(), "/after").await;
    read_until(&mut socket, "abcd").await;
    assert!(asked.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn an_answer_that_never_comes_leaves_the_connection_open_and_silent() {
    let vendor = vendor(Script::default());
    let mut socket = ask(&vendor.base_url(), "/never").await;
    assert_eq!(vendor.wait_for(1, PATIENCE).await.len(), 1);
    assert!(is_silent(&mut socket).await);
}

#[tokio::test]
async fn a_reset_is_a_reset_and_not_a_close() {
    let vendor = vendor(Script::default());
    let mut socket = ask(&vendor.base_url(), "/reset").await;
    let error = read_to_end(&mut socket).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_truncated_answer_announces_more_than_it_has() {
    let vendor = vendor(Script::default());
    let mut socket = ask(&vendor.base_url(), "/truncated").await;
    let answer = read_to_end(&mut socket).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 201 Created\r\nx-vendor: script\r\n"));
    assert!(head.contains("content-length: 4"), "{head}");
    assert_eq!(body, "ab");
}

#[tokio::test]
async fn a_dripping_answer_comes_in_pieces_and_ends() {
    let vendor = vendor(Script::default());
    let mut socket = ask(&vendor.base_url(), "/dripping").await;
    let (answer, reads) = read_until(&mut socket, "0\r\n\r\n").await;
    let letters = answer
        .split("\r\n")
        .filter(|it| "abcd".contains(it) && !it.is_empty());
    assert_eq!(letters.collect::<String>(), "abcd");
    assert!(reads >= 4, "{reads} reads");
}

#[tokio::test]
async fn requests_to_the_vendor_are_remembered_and_counted_and_steering_is_not() {
    let vendor = vendor(Script::default());
    for path in ["/a?x=1", "/a?x=2", "/_control/orders"] {
        reqwest::get(at(&vendor, path)).await.unwrap();
    }
    let (_, counts) = get(at(&vendor, "/_control/requests")).await;
    assert_eq!(counts, json!({"GET /a": 2}));
    let requests = vendor.requests();
    let targets: Vec<_> = requests.iter().map(|it| it.target.as_str()).collect();
    assert_eq!(targets, ["/a?x=1", "/a?x=2"]);
    assert_eq!(requests[0].at, 1234);
    assert!(
        requests[0]
            .header("host")
            .unwrap()
            .starts_with("127.0.0.1:")
    );
}

#[tokio::test]
async fn an_order_is_moved_by_either_reference_and_listed_as_moved() {
    let vendor = vendor(Script::default());
    let body = r#"{"status": "complete", "result": "clear"}"#;
    let (status, moved) = post(at(&vendor, "/_control/orders/v-1"), body).await;
    let expected =
        json!({"reference": "REF-1", "id": "v-1", "status": "complete", "result": "clear"});
    assert_eq!((status, &moved), (StatusCode::OK, &expected));
    let (_, listed) = get(at(&vendor, "/_control/orders")).await;
    assert_eq!(listed, json!({"orders": [expected]}));
    assert!(vendor.advance("REF-1", "suspended", None));
    assert_eq!(vendor.orders()[0].status, "suspended");
    assert!(!vendor.advance("REF-2", "suspended", None));
}

#[tokio::test]
async fn what_cannot_be_steered_is_refused_with_a_sentence() {
    let vendor = vendor(Script::default());
    let order = r#"{"status": "complete"}"#;
    let cases = [
        (
            "orders/REF-2",
            order,
            404,
            "no order has the reference or id `REF-2`",
        ),
        ("orders/REF-1", "{}", 400, "missing field `status`"),
        (
            "orders/REF-1",
            "not JSON",
            400,
            "the body must be JSON such as",
        ),
        ("fault", r#"{"kind": "explode"}"#, 400, "`act_and_hang`"),
        (
            "callback_url",
            r#"{"url": "http://example.com/x"}"#,
            422,
            "its host is `example.com`",
        ),
        (
            "callback_url",
            r#"{"url": "here"}"#,
            422,
            "http://127.0.0.1:8080/... would do",
        ),
        ("requests", "", 404, "GET /_control/requests"),
        (
            "nothing",
            "",
            404,
            "`POST /_control/nothing` steers nothing here",
        ),
    ];
    for (path, body, status, sentence) in cases {
        let (answered, refusal) = post(at(&vendor, &format!("/_control/{path}")), body).await;
        assert_eq!(answered, status, "{path}");
        let message = refusal["error_message"].as_str().unwrap();
        assert!(message.contains(sentence), "{path}: {message}");
    }
}

#[tokio::test]
async fn faults_reach_the_simulator() {
    let vendor = vendor(Script::default());
    let fault = r#"{"kind": "act_and_hang", "path": "/orders", "times": 2}"#;
    let (status, _) = post(at(&vendor, "/_control/fault"), fault).await;
    assert_eq!(status, StatusCode::OK);
    vendor.fault(serde_json::from_str(fault).unwrap());
    until_seen(&vendor, "2 faults").await;
}

#[tokio::test]
async fn a_moved_order_calls_back_and_the_simulator_hears_the_answer() {
    let ats = FakeAts::start(any()).unwrap();
    ats.answer_with(Answer::status(202).body("thanks"));
    let vendor = vendor(Script::default());
    let url = json!({"url": ats.url("/callbacks/token")}).to_string();
    post(at(&vendor, "/_control/callback_url"), &url).await;
    assert!(vendor.advance("REF-1", "complete", None));
    let received = ats.wait_for(1, PATIENCE).await;
    assert_eq!(received[0].target, "/callbacks/token");
    assert_eq!(received[0].header("x-script"), Some("yes"));
    assert_eq!(received[0].body, b"complete");
    until_seen(&vendor, "7 Some(202) thanks").await;
}

#[tokio::test]
async fn a_callback_becomes_due_by_the_passing_of_the_vendors_time_alone() {
    let ats = FakeAts::start(any()).unwrap();
    let clock = Arc::new(AtomicI64::new(0));
    let script = Box::new(Script::with_callbacks(1, &ats.url("/"), 1000));
    let time = clock.clone();
    let vendor = FakeVendor::start(script, any(), move || time.load(Ordering::SeqCst)).unwrap();
    assert_eq!(ats.wait_for(1, SILENCE).await.len(), 0);
    clock.store(1000, Ordering::SeqCst);
    assert_eq!(ats.wait_for(1, PATIENCE).await.len(), 1);
    vendor.stop().await;
}

#[tokio::test]
async fn a_callback_that_nobody_answers_is_reported_as_such() {
    let ats = FakeAts::start(any()).unwrap();
    ats.answer_with(Answer::conduct(Conduct::Reset));
    let vendor = vendor(Script::with_callbacks(1, &ats.url("/"), 0));
    until_seen(&vendor, "7 None").await;
}

#[tokio::test]
async fn a_callback_to_another_machine_ends_without_an_answer() {
    let vendor = vendor(Script::with_callbacks(1, "http://192.0.2.1/", 0));
    until_seen(&vendor, "7 None").await;
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let ats = FakeAts::start(any()).unwrap();
    ats.answer_with(Answer::status(307).header("location", &ats.url("/elsewhere")));
    let vendor = vendor(Script::with_callbacks(1, &ats.url("/"), 0));
    until_seen(&vendor, "7 Some(307)").await;
    assert_eq!(ats.received().len(), 1);
}

#[tokio::test]
async fn at_most_32_callbacks_are_under_way() {
    let ats = FakeAts::start(any()).unwrap();
    ats.answer_with(Answer::conduct(Conduct::Hang));
    let _vendor = vendor(Script::with_callbacks(40, &ats.url("/"), 0));
    assert_eq!(ats.wait_for(32, PATIENCE).await.len(), 32);
    assert_eq!(ats.wait_for(33, SILENCE).await.len(), 32);
}

#[tokio::test]
async fn stopping_ends_open_requests_and_callbacks_and_frees_the_address() {
    let ats = FakeAts::start(any()).unwrap();
    ats.answer_with(Answer::conduct(Conduct::Hang));
    let vendor = vendor(Script::with_callbacks(1, &ats.url("/"), 0));
    let mut open = ask(&vendor.base_url(), "/never").await;
    vendor.wait_for(1, PATIENCE).await;
    ats.wait_for(1, PATIENCE).await;
    let addr = vendor.base_url().replace("http://", "").parse().unwrap();
    vendor.stop().await;
    assert_eq!(read_to_end(&mut open).await.unwrap(), "");
    FakeVendor::start(Box::new(Script::default()), addr, || 0).unwrap();
}

#[tokio::test]
async fn a_dropped_vendor_answers_nobody_any_more() {
    let vendor = vendor(Script::default());
    let mut open = ask(&vendor.base_url(), "/never").await;
    vendor.wait_for(1, PATIENCE).await;
    drop(vendor);
    assert_eq!(read_to_end(&mut open).await.unwrap(), "");
}
