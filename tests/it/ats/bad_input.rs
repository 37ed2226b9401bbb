//! What strangers send: every body that is no order, every id that is none, and callers that are
//! too slow or too many. Each is told what is wrong, nothing of it is kept, and others are served
//! meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use http::Method;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::rows::Rows;
use crate::support::stage::with;
use crate::support::{Database, PATIENCE, Plan, TenantClient, World, on_both_databases};

/// What an order leaves behind, and a callback.
const KEPT: [&str; 8] = [
    "orders",
    "history",
    "calls",
    "order_references",
    "callbacks",
    "lanes",
    "deliveries",
    "attempts",
];

impl World {
    /// Nothing was kept, and nobody was asked to screen anybody.
    async fn has_kept_nothing(&self) {
        let mut rows = Rows::of(&self.settings).await;
        for table in KEPT {
            assert_eq!(rows.count(table).await, 0, "{table}");
        }
        assert!(self.posts("/orders").is_empty());
    }
}

/// Orders that are wrong in one place: the place, the value there, and what is answered.
fn wrong_orders() -> Vec<(&'static str, Value, u16, &'static str)> {
    let long = || json!("9".repeat(10_000));
    vec![
        ("/background_check_id", long(), 400, "malformed"),
        ("/package_id", long(), 400, "malformed"),
        ("/add_on_package_ids", json!([long()]), 400, "malformed"),
        ("/add_on_package_ids", json!([{}]), 400, "malformed"),
        (
            "/add_on_package_ids",
            json!(vec!["DRG01"; 1000]),
            400,
            "malformed",
        ),
        ("/account_id", long(), 400, "malformed"),
        ("/applicant/id", long(), 400, "malformed"),
        ("/applicant/first_name", json!(7), 400, "malformed"),
        ("/applicant/last_name", json!(true), 400, "malformed"),
        ("/applicant/email", json!(1.5), 400, "malformed"),
        (
            "/applicant/city",
            json!("Spring\u{85}field"),
            400,
            "malformed",
        ),
        ("/applicant/zip", json!("12345\n"), 400, "malformed"),
        (
            "/hiring_manager/last_name",
            json!("Smi\tth"),
            400,
            "malformed",
        ),
        ("/hiring_manager", json!([]), 400, "malformed"),
        ("/job", json!(7), 400, "malformed"),
        (
            "/webhook_url",
            json!("https://hooks.dev/\u{0}"),
            400,
            "malformed",
        ),
        ("/account_id", json!("ACCT456"), 403, "wrong_account"),
        ("/applicant/first_name", Value::Null, 422, "applicant_data"),
        ("/applicant/email", json!(""), 422, "applicant_data"),
        ("/package_id", json!("PKG999"), 422, "package_unknown"),
        ("/package_id", json!("DRG01"), 422, "package_unknown"),
        (
            "/add_on_package_ids",
            json!(["DRG99"]),
            422,
            "package_unknown",
        ),
        (
            "/add_on_package_ids",
            json!(["PKG001"]),
            422,
            "package_unknown",
        ),
        (
            "/webhook_url",
            json!("https://10.0.0.1/"),
            422,
            "webhook_url_refused",
        ),
    ]
}

on_both_databases! {
    async fn nothing_of_a_wrong_order_is_kept(database) {
        let world = Plan::sandbox(database).start().await;
        for (pointer, value, status, code) in wrong_orders() {
            let answer = world.tenant().place(&with(world.order(), pointer, value)).await;
            assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{pointer}: {}", answer.text);
            let field = answer.body["field"].as_str().unwrap_or_default();
            assert_eq!(field, pointer[1..].replace('/', "."), "{}", answer.text);
        }
        let text = world.order().to_string();
        for body in [
            &text[..text.len() - 1],
            &text.replacen("\"first_name\"", "\"last_name\"", 1),
            &text.replacen("\"John\"", "\"\\ud800\"", 1),
            &text.replacen("\"John\"", "\"\\u00zz\"", 1),
            &text.replacen("\"John\"", "\"Jo\u{1}hn\"", 1),
            &text.replacen("\"John\"", "NaN", 1),
            &format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000)),
        ] {
            let answer = world.tenant().post("/v1/orders", body.to_owned()).await;
            answer.refused(400, "malformed", None);
        }
        world.tenant().anonymous().place(&world.order()).await.refused(401, "unauthorized", None);
        world.has_kept_nothing().await;
        world.tenant().place(&world.order()).await.taken("invited");
    }

    async fn whatever_is_done_to_an_order_it_is_taken_whole_or_refused_whole(database) {
        let world = Plan::sandbox(database).start().await;
        let mut rng = SmallRng::seed_from_u64(20_270_115);
        let (tenant, mut taken) = (world.tenant(), 0);
        for number in 0..300 {
            let order = world.order_numbered(&format!("mangled-{number}")).to_string();
            let answer = tenant.raw(Method::POST, "/v1/orders", |request| {
                request.header("content-type", "application/json").body(mangled(&mut rng, &order))
            });
            let answer = answer.await;
            assert!([201, 400, 403, 409, 422].contains(&answer.status), "{}", answer.text);
            taken += i64::from(answer.status == 201);
        }
        let mut rows = Rows::of(&world.settings).await;
        let placed = i64::try_from(world.posts("/orders").len()).unwrap();
        // Two that were mangled into the same id are one order.
        assert!(rows.count("orders").await == placed && placed <= taken, "{placed} of {taken}");
        assert_eq!(rows.count("orders WHERE accepted = 0 OR their_ref IS NULL").await, 0);
        assert!((1..300).contains(&taken), "{taken} were taken");
    }
}

/// A text with a few of its bytes changed, taken out or doubled.
fn mangled(rng: &mut SmallRng, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..rng.random_range(1..4) {
        let place = rng.random_range(0..bytes.len());
        match rng.random_range(0..4) {
            0 => bytes[place] = rng.random(),
            1 => drop(bytes.remove(place)),
            2 => bytes.insert(place, bytes[place]),
            _ => bytes[place] = b"\"{}[],:\\09a "[rng.random_range(0..12)],
        }
    }
    bytes
}

/// The URLs that the guard's own tests know, each with the rule that it meets.
const URLS: &str = include_str!("../../../src/egress/urls.tsv");

/// Writes out the `{U+0009}` and `{a*3}` of the table.
fn written_out(text: &str) -> String {
    let Some((before, rest)) = text.split_once('{') else {
        return text.to_owned();
    };
    let (code, after) = rest.split_once('}').unwrap();
    let meant = match code.split_once('*') {
        Some((repeated, times)) => repeated.repeat(times.parse().unwrap()),
        None => char::from_u32(u32::from_str_radix(&code[2..], 16).unwrap())
            .unwrap()
            .to_string(),
    };
    format!("{before}{meant}{}", written_out(after))
}

#[tokio::test]
async fn no_order_is_taken_whose_webhook_may_not_be_called() {
    let world = Plan::sandbox(Database::Sqlite)
        .setting("EGRESS__ALLOW", "")
        .setting("HTTP__PUBLIC_URL", "https://gateway.cleargate.net")
        .start()
        .await;
    let urls = URLS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut refused = 0;
    for (rule, url) in urls.map(|line| line.split_once('\t').unwrap()) {
        let url = written_out(url);
        // The fake vendor speaks http, so that is allowed here.
        if rule == "ok" || url.starts_with("http://hooks") {
            continue;
        }
        let order = with(world.order(), "/webhook_url", url.clone().into());
        let answer = world.tenant().place(&order).await;
        let as_text = url.chars().any(char::is_control) || url.chars().count() > 2_048;
        if as_text || url.trim().is_empty() {
            answer.refused(400, "malformed", Some("webhook_url"));
        } else {
            answer.refused(422, "webhook_url_refused", Some("webhook_url"));
        }
        refused += 1;
    }
    assert!(refused >= 200, "{refused}");
    world.has_kept_nothing().await;
}

#[tokio::test]
async fn ids_of_ten_thousand_characters_are_nobodys() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let long = "9".repeat(10_000);
    let tenant = world.tenant();
    tenant
        .order(&long)
        .await
        .refused(404, "order_unknown", None);
    tenant
        .cancel(&long)
        .await
        .refused(404, "order_unknown", None);
    for stranger in [
        tenant.with(&long, &world.scene.api_secret),
        tenant.with("ACCT123", &long),
    ] {
        let answer = stranger.packages().await;
        answer.refused(401, "unauthorized", None);
    }
    let nobody = tenant.anonymous();
    let callback = format!("/callbacks/sandbox/{long}");
    assert_eq!(nobody.post(&callback, "{}".into()).await.status, 404);
    let page = format!("/background_checks/{long}/results?t={long}");
    assert_eq!(nobody.get(&page).await.status, 404);
}

#[tokio::test]
async fn a_body_of_two_mebibytes_is_413_whether_its_length_is_told_or_not() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let order = with(world.order(), "/padding", "x".repeat(2 << 20).into()).to_string();
    let answer = world.tenant().post("/v1/orders", order.clone()).await;
    answer.refused(413, "body_too_large", None);
    let chunks: Vec<_> = order.as_bytes().chunks(8192).map(<[u8]>::to_vec).collect();
    let chunks = futures_util::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
    let tenant = world.tenant();
    let answer = tenant.raw(Method::POST, "/v1/orders", |request| {
        request
            .header("content-type", "application/json")
            .body(reqwest::Body::wrap_stream(chunks))
    });
    answer.await.refused(413, "body_too_large", None);
    world.has_kept_nothing().await;
}

/// What comes back on a connection until its other end closes it, and how long that took.
fn all_that_comes(mut stream: TcpStream) -> (String, Duration) {
    let began = Instant::now();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    let answer = String::from_utf8(answer).unwrap();
    (answer, began.elapsed())
}

/// Begins to say something and falls silent.
async fn fall_silent(addr: SocketAddr, said: String) -> (String, Duration) {
    let silent = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(said.as_bytes()).unwrap();
        all_that_comes(stream)
    });
    silent.await.unwrap()
}

#[tokio::test]
async fn a_caller_who_falls_silent_is_let_go_while_others_are_served() {
    let world = Plan::sandbox(Database::Sqlite)
        .setting("HTTP__BODY_TIMEOUT", "300ms")
        .setting("HTTP__HEADER_TIMEOUT", "300ms")
        .start()
        .await;
    let addr = world.serving().public;
    let pair = world.scene.api_secret.clone();
    let pair = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("ACCT123:{pair}"),
    );
    let head = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {pair}\r\nContent-Type: application/json\r\n"
    );
    let in_the_head = fall_silent(addr, head.clone());
    let in_the_body = fall_silent(
        addr,
        format!("{head}Content-Length: 100\r\n\r\n{{\"account_id\":"),
    );
    let callback = world.callback_url();
    let path = callback.split_once("/callbacks").unwrap().1.to_owned();
    let in_a_callback = fall_silent(
        addr,
        format!("POST /callbacks{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{{"),
    );
    let tenant = world.tenant();
    let (head, body, callback, others) =
        tokio::join!(in_the_head, in_the_body, in_a_callback, tenant.packages());
    assert_eq!(others.status, 200);
    assert!(!head.0.contains(" 2"), "{}", head.0);
    for (answer, took) in [&body, &callback] {
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("\"code\":\"body_too_slow\""), "{answer}");
        assert!(*took < PATIENCE / 2, "{took:?}");
    }
    assert!(head.1 < PATIENCE / 2, "{:?}", head.1);
    world.has_kept_nothing().await;
}

/// Asks until it is told that it asks too much.
async fn ask_too_much(tenant: &TenantClient) -> Answer {
    for _ in 0..1_000 {
        let answer = tenant.order("1").await;
        if answer.status != 404 {
            return answer;
        }
    }
    panic!("nobody minds");
}

#[tokio::test]
async fn a_tenant_that_asks_too_much_is_told_when_to_come_back_and_no_other_is() {
    let world = Plan::sandbox(Database::Sqlite)
        .tenant("requests_per_second = 1")
        .start()
        .await;
    let other = world.second_tenant().await;
    let refused = ask_too_much(&world.tenant()).await;
    refused.refused(429, "too_many_requests", None);
    assert_eq!(refused.header("retry-after"), "1");
    let placed = world.tenant().place(&world.order()).await;
    placed.refused(429, "too_many_requests", None);
    assert_eq!(other.order("1").await.status, 404);
    let stranger = world.tenant().with("ACCT123", "guess").order("1").await;
    stranger.refused(401, "unauthorized", None);
    world.has_kept_nothing().await;
}

/// A flood of wrong requests, as a scanner makes it, leaves the gateway as it was.
#[tokio::test]
async fn what_is_no_http_is_refused_and_the_next_caller_served() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let addr = world.serving().public;
    let many_headers = (0..200)
        .map(|number| format!("x-{number}: y\r\n"))
        .collect::<String>();
    for said in [
        "\u{16}\u{3}\u{1} hello\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "GET /v1/packages HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_owned(),
        "POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n".to_owned(),
        format!("GET /v1/packages HTTP/1.1\r\nHost: x\r\n{many_headers}\r\n"),
        format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000)),
    ] {
        let (answer, _) = fall_silent(addr, said).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert_eq!(world.tenant().packages().await.status, 200);
    world.has_kept_nothing().await;
}
