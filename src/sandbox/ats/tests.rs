//! What a fake ATS promises, over real sockets.

#![expect(
    clippy::disallowed_methods,
    reason = "a test believes the fakes it started"
)]

use std::time::Instant;

use http::StatusCode;
use serde_json::json;

use super::{Answer, Conduct, FakeAts};
use crate::sandbox::wire::{
    PATIENCE, SILENCE, any, ask, get, is_silent, post, read_to_end, read_until,
};

fn ats(answer: Answer) -> FakeAts {
    let ats = FakeAts::start(any()).unwrap();
    ats.answer_with(answer);
    ats
}

async fn status(ats: &FakeAts, path: &str) -> u16 {
    let response = reqwest::get(ats.url(path)).await.unwrap();
    response.status().as_u16()
}

#[tokio::test]
async fn a_webhook_is_answered_200_and_remembered_to_the_byte() {
    let ats = FakeAts::start(any()).unwrap();
    let request = reqwest::Client::new().post(ats.url("/hooks?a=1"));
    let request = request.header("Webhook-Id", "7").body(&b"\xff{}"[..]);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let received = &ats.received()[0];
    assert_eq!(received.method, "POST");
    assert_eq!(
        (received.target.as_str(), received.path()),
        ("/hooks?a=1", "/hooks")
    );
    assert_eq!(received.header("webhook-id"), Some("7"));
    assert_eq!(received.body, b"\xff{}");
    assert!((crate::sandbox::wall_clock() - received.at).abs() < 10_000);
    assert!(!received.overlapped);
}

#[tokio::test]
async fn queued_answers_are_used_up_and_then_it_is_200_again() {
    let ats = ats(Answer::status(503).retry_after("2").times(1));
    let first = reqwest::get(ats.url("/")).await.unwrap();
    assert_eq!(first.status(), 503);
    assert_eq!(first.headers()["retry-after"], "2");
    assert_eq!(status(&ats, "/").await, 200);
}

#[tokio::test]
async fn a_path_has_an_answer_of_its_own() {
    let ats = ats(Answer::status(410).at("/gone").body("gone"));
    let gone = reqwest::get(ats.url("/gone?x=1")).await.unwrap();
    assert_eq!(gone.status(), 410);
    assert_eq!(gone.text().await.unwrap(), "gone");
    assert_eq!(status(&ats, "/here").await, 200);
}

#[tokio::test]
async fn every_status_can_be_sent_even_those_no_server_should_end_with() {
    let ats = FakeAts::start(any()).unwrap();
    for code in [100, 103, 199, 200, 204, 304, 599, 600, 999] {
        ats.answer_with(Answer::status(code).times(1));
        let mut socket = ask(&ats.url(""), "/").await;
        let (answer, _) = read_until(&mut socket, "\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{answer}");
    }
}

#[tokio::test]
async fn a_hanging_answer_leaves_the_connection_open_and_silent() {
    let ats = ats(Answer::conduct(Conduct::Hang));
    let mut socket = ask(&ats.url(""), "/").await;
    assert_eq!(ats.wait_for(1, PATIENCE).await.len(), 1);
    assert!(is_silent(&mut socket).await);
}

#[tokio::test]
async fn a_reset_is_a_reset_and_not_a_close() {
    let ats = ats(Answer::conduct(Conduct::Reset));
    let error = read_to_end(&mut ask(&ats.url(""), "/").await).await;
    assert_eq!(
        error.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );
}

#[tokio::test]
async fn a_dripping_body_goes_on_byte_by_byte() {
    let ats = ats(Answer::conduct(Conduct::Drip));
    let mut socket = ask(&ats.url(""), "/").await;
    read_until(&mut socket, "\r\n\r\n").await;
    for _ in 0..3 {
        assert_eq!(read_until(&mut socket, "\r\n").await.0, "1\r\n \r\n");
    }
}

#[tokio::test]
async fn a_huge_body_has_all_its_bytes() {
    let bytes = 3_000_001;
    let ats = ats(Answer::conduct(Conduct::Huge { bytes }));
    let response = reqwest::get(ats.url("/")).await.unwrap();
    assert_eq!(response.bytes().await.unwrap().len() as u64, bytes);
}

#[tokio::test]
async fn an_answer_is_cut_after_as_many_bytes_as_were_named() {
    let ats = FakeAts::start(any()).unwrap();
    for bytes in [0, 10, 500] {
        ats.answer_with(Answer::conduct(Conduct::CloseAfter { bytes }));
        let answer = read_to_end(&mut ask(&ats.url(""), "/").await).await;
        assert_eq!(answer.unwrap().len(), bytes);
    }
    let with_whole_head = reqwest::get(ats.url("/")).await.unwrap();
    assert!(with_whole_head.bytes().await.is_err());
}

#[tokio::test]
async fn two_webhooks_at_once_for_one_path_are_seen() {
    let ats = ats(Answer::conduct(Conduct::Hang));
    let _first = ask(&ats.url(""), "/a").await;
    ats.wait_for(1, PATIENCE).await;
    let _other = ask(&ats.url(""), "/b").await;
    ats.wait_for(2, PATIENCE).await;
    let _second = ask(&ats.url(""), "/a").await;
    let received = ats.wait_for(3, PATIENCE).await;
    let overlapped: Vec<_> = received.iter().map(|it| it.overlapped).collect();
    assert_eq!(overlapped, [false, false, true]);
}

#[tokio::test]
async fn a_webhook_that_was_given_up_and_repeated_is_not_two_at_once() {
    let ats = ats(Answer::conduct(Conduct::Drip).times(1));
    let mut first = ask(&ats.url(""), "/a").await;
    read_until(&mut first, "\r\n\r\n").await;
    drop(first);
    assert_eq!(status(&ats, "/a").await, 200);
    // The hang-up is noticed when the server next looks at that connection.
    let settled = async {
        while ats.received()[1].overlapped {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.unwrap();
}

#[tokio::test]
async fn waiting_ends_with_what_there_is() {
    let ats = FakeAts::start(any()).unwrap();
    status(&ats, "/").await;
    assert_eq!(ats.wait_for(2, SILENCE).await.len(), 1);
}

#[tokio::test]
async fn a_wait_begun_before_the_webhook_came_is_woken_by_it() {
    let ats = FakeAts::start(any()).unwrap();
    let began = Instant::now();
    let (received, _) = tokio::join!(ats.wait_for(1, PATIENCE), status(&ats, "/"));
    assert_eq!(received.len(), 1);
    assert!(began.elapsed() < PATIENCE / 2);
}

#[tokio::test]
async fn it_is_steered_and_read_over_http() {
    let ats = FakeAts::start(any()).unwrap();
    let answer = r#"{"path": "/a", "status": 500, "conduct": "plain"}"#;
    let (taken, _) = post(ats.url("/_control/answer"), answer).await;
    assert_eq!(taken, StatusCode::OK);
    let cut = r#"{"conduct": {"close_after": {"bytes": 10}}, "times": 1}"#;
    post(ats.url("/_control/answer"), cut).await;
    assert!(reqwest::get(ats.url("/a")).await.is_err());
    assert_eq!(status(&ats, "/a").await, 500);
    let text = reqwest::Client::new().post(ats.url("/b")).body("{}");
    text.send().await.unwrap();
    let binary = reqwest::Client::new()
        .post(ats.url("/b"))
        .body(&b"\xff"[..]);
    binary.send().await.unwrap();
    let (_, listing) = get(ats.url("/_control/received")).await;
    let received = &listing["received"];
    assert_eq!(received.as_array().unwrap().len(), 4);
    assert_eq!(received[2]["target"], "/b");
    assert_eq!(received[2]["body"], "{}");
    assert_eq!(received[3]["body_base64"], "/w==");
    assert_eq!(received[3]["overlapped"], json!(false));
}

#[tokio::test]
async fn what_cannot_be_steered_is_refused_with_a_sentence() {
    let ats = FakeAts::start(any()).unwrap();
    let cases = [
        ("answer", r#"{"state": 200}"#, 400, "unknown field `state`"),
        ("answer", r#"{"status": 99}"#, 422, "`status` is 99"),
        ("received", "", 404, "GET /_control/received"),
    ];
    for (path, body, status, sentence) in cases {
        let (answered, refusal) = post(ats.url(&format!("/_control/{path}")), body).await;
        assert_eq!(answered, status, "{path}");
        let message = refusal["error_message"].as_str().unwrap();
        assert!(message.contains(sentence), "{path}: {message}");
    }
    assert!(ats.received().is_empty());
}
