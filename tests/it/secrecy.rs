//! Nothing personal and nothing secret is told by the log, the metrics or an error, whatever goes wrong.
//!
//! The real program runs with the finest log there is. Every value that must not be told has
//! [`MARK`] in it, or is listed beside it.

use std::net::SocketAddr;

use adapters::simulator::{FaultKind, FaultOrder, Pace, Sandbox, sandbox};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cleargate::sandbox::{
    Answer, Conduct, FakeAts, FakeVendor, Scene, VendorNeeds, exports, import_file, wall_clock,
};
use serde_json::{Value, json};

use crate::support::program::{ACCOUNT, Program, Running};
use crate::support::stage::with;
use crate::support::{Database, PATIENCE, TenantClient, on_both_databases, services};

/// In no word of the program.
const MARK: &str = "cnry";

/// What signs webhooks: base64, so it cannot carry the mark.
const SIGNING_SECRET: &str = "whsec_V2VsbE5vYm9keVNob3VsZFJlYWRUaGlzQXQ=";

/// The program between a vendor and an ATS that know secrets.
struct Stage {
    /// Its folder is there as long as it runs.
    _program: Program,
    running: Running,
    vendor: FakeVendor,
    ats: FakeAts,
    tenant: TenantClient,
    scene: Scene,
}

impl Stage {
    async fn set(database: Database) -> Self {
        let account = sandbox::Account {
            key: format!("{MARK}-vendor-key"),
            callback_secret: format!("{MARK}-callback-secret"),
            report_base: format!("https://reports.sandbox.dev/{MARK}-report"),
            pace: Pace::manual(),
        };
        let simulator = Sandbox::new(account);
        let needs = VendorNeeds::of(&simulator);
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let vendor = FakeVendor::start(Box::new(simulator), loopback, wall_clock).unwrap();
        let ats = FakeAts::start(loopback).unwrap();
        let scene = Scene {
            vendor: needs,
            vendor_url: vendor.base_url(),
            receiver: ats.addr(),
            api_secret: format!("cgs_{}", MARK.repeat(11).split_at(43).0),
        };
        let (program, running) = serve(database, &scene).await;
        let public = running.public().parse().expect("an address");
        Self {
            tenant: TenantClient::new(public, ACCOUNT, &scene.api_secret),
            _program: program,
            running,
            vendor,
            ats,
            scene,
        }
    }

    /// An order whose every personal value and whose webhook path have the mark.
    fn order(&self, id: &str, last_name: &str) -> Value {
        let person = |who: &str| {
            let marked = |what: &str| format!("{MARK}-{who}-{what}");
            json!({
                "id": marked("id"), "first_name": marked("first"), "last_name": marked("last"),
                "email": format!("{}@mailbox.dev", marked("mail")), "phone": marked("phone"),
                "address": marked("street"), "address_2": marked("flat"), "city": marked("city"),
                "state": "IL", "zip": "12345",
            })
        };
        let mut order = json!({
            "background_check_id": id, "package_id": "PKG001", "webhook_url": self.ats.url(&hook(id)),
            "applicant": person("applicant"), "hiring_manager": person("manager"), "job": {"id": "j"},
        });
        if !last_name.is_empty() {
            order["applicant"]["last_name"] = json!(last_name);
        }
        order
    }

    async fn place(&self, id: &str) {
        self.tenant.place(&self.order(id, "")).await;
    }

    /// Places an order as an ATS does, which asks again after a 503.
    async fn place_well(&self, id: &str) {
        let order = self.order(id, "");
        let mut status = 503;
        while status == 503 {
            status = self.tenant.place(&order).await.status;
        }
        assert_eq!(status, 201);
    }

    /// What has to stay secret beside what has the mark.
    fn secrets(&self) -> Vec<String> {
        let placed = self.vendor.requests();
        let placed = placed.iter().filter(|request| request.method == "POST");
        let tokens = placed.filter_map(|request| {
            let body: Value = serde_json::from_slice(&request.body).ok()?;
            last_part(body["callback_url"].as_str()?, '/')
        });
        let links = self.ats.received().into_iter().filter_map(|webhook| {
            let body: Value = serde_json::from_slice(&webhook.body).ok()?;
            last_part(body["result_link_url"].as_str()?, '=')
        });
        let pair = BASE64.encode(format!("{ACCOUNT}:{}", self.scene.api_secret));
        let known = [pair, SIGNING_SECRET.trim_start_matches("whsec_").to_owned()];
        tokens.chain(links).chain(known).collect()
    }
}

fn hook(id: &str) -> String {
    format!("/{MARK}-hooks/{id}")
}

fn last_part(text: &str, separator: char) -> Option<String> {
    text.rsplit(separator).next().map(str::to_owned)
}

/// The program, with its tenant imported and the finest log.
async fn serve(database: Database, scene: &Scene) -> (Program, Running) {
    let program = Program::new();
    if database == Database::Postgres {
        program.set("CLEARGATE__STORE__URL", &services::postgres_url().await);
    }
    for (name, value) in [
        ("CLEARGATE__LOG__LEVEL", "trace"),
        ("CLEARGATE__ORDERS__VENDOR_TIMEOUT", "1s"),
        ("CLEARGATE__ORDERS__ANSWER_WITHIN", "3s"),
        ("CLEARGATE__DELIVERY__ATTEMPT_TIMEOUT", "300ms"),
        ("SIGNING_SECRET", SIGNING_SECRET),
    ] {
        program.set(name, value);
    }
    for (name, value) in exports(scene) {
        program.set(&name, &value);
    }
    let webhook = "[tenant.webhook]\n  signing_secret = \"env:SIGNING_SECRET\"\n  basic = true\n";
    let file = import_file(scene).replacen("[tenant.webhook]\n", webhook, 1);
    program.write("tenants.toml", &file);
    for arguments in [&["migrate"][..], &["tenant", "import", "tenants.toml"]] {
        let done = program.run(arguments);
        assert_eq!(done.code, 0, "{done:?}");
    }
    let running = program.serve();
    (program, running)
}

/// Orders that the vendor takes, refuses, and leaves in the dark.
async fn place_well_and_badly(stage: &Stage) {
    for id in [
        "taken", "status", "hang", "reset", "cut", "gone", "redirect",
    ] {
        stage.place_well(id).await;
    }
    stage.tenant.place(&stage.order("refused", "Refused")).await;
    let faults = [
        FaultKind::ActAndHang,
        FaultKind::ActAndReset,
        FaultKind::ActAndBadGateway,
        FaultKind::ActAndTruncate,
        FaultKind::Hang,
        FaultKind::Unavailable,
        FaultKind::Unauthorized,
    ];
    for (number, kind) in faults.into_iter().enumerate() {
        let (path, method) = ("/orders".to_owned(), "POST".to_owned());
        stage.vendor.fault(FaultOrder {
            kind,
            path,
            method,
            times: 1,
        });
        stage.place(&format!("fault-{number}")).await;
    }
}

/// Calls of an ATS, and of others, that are wrong in every way, and what they are answered.
async fn ask_badly(stage: &Stage) -> Vec<String> {
    let good = stage.order("bad", "");
    let tenant = &stage.tenant;
    let mut other = stage.order("taken", "");
    other["applicant"]["first_name"] = json!(format!("{MARK}-other"));
    let mut answers = vec![tenant.place(&other).await];
    for member in [
        "background_check_id",
        "package_id",
        "webhook_url",
        "applicant",
    ] {
        let mut order = good.clone();
        order[member] = json!({ format!("{MARK}-member"): format!("{MARK}-value") });
        answers.push(tenant.place(&order).await);
        order.as_object_mut().unwrap().remove(member);
        answers.push(tenant.place(&order).await);
    }
    for (pointer, value) in [
        ("/applicant/first_name", json!(format!("{MARK}\u{7}"))),
        ("/applicant/last_name", json!(MARK.repeat(1_000))),
        ("/applicant/email", json!([MARK])),
        (
            "/webhook_url",
            json!(format!("https://{MARK}.local/{MARK}")),
        ),
        (
            "/webhook_url",
            json!(format!("https://{MARK}:{MARK}@a.dev/")),
        ),
        ("/account_id", json!(MARK)),
    ] {
        answers.push(tenant.place(&with(good.clone(), pointer, value)).await);
    }
    let text = good.to_string();
    let twice = format!("{{\"{MARK}-twice\": 1, \"{MARK}-twice\": 2,");
    for body in [
        text[..text.len() / 2].to_owned(),
        text.replacen('{', &twice, 1),
        format!("\"{MARK}\""),
        format!("{{\"{MARK}\": \"{}\"}}", MARK.repeat(100_000)),
    ] {
        answers.push(tenant.post("/v1/orders", body).await);
    }
    let form = tenant.raw(http::Method::POST, "/v1/orders", |request| {
        request.body(text.clone())
    });
    answers.push(form.await);
    let stranger = tenant.with(&format!("{MARK}-account"), &format!("{MARK}-secret"));
    answers.push(stranger.place(&good).await);
    let guess = tenant.with(ACCOUNT, &format!("cgs_{MARK}"));
    answers.push(guess.place(&good).await);
    answers.push(tenant.order(&format!("{MARK}-unknown")).await);
    answers.push(tenant.cancel(&format!("{MARK}-unknown")).await);
    let page = format!("/background_checks/{MARK}/results?t={MARK}-token");
    answers.push(tenant.anonymous().get(&page).await);
    let path = format!("/{MARK}-path?{MARK}-query");
    answers.push(tenant.get(&path).await);
    for answer in &answers {
        assert!(answer.status >= 400, "{}", answer.text);
    }
    answers.into_iter().map(|answer| answer.text).collect()
}

/// Callbacks that prove nothing, mean nothing, or go to nobody.
async fn call_back_badly(stage: &Stage) {
    let placed = stage.vendor.requests();
    let placed = placed
        .iter()
        .find(|request| request.path() == "/orders")
        .unwrap();
    let body: Value = serde_json::from_slice(&placed.body).unwrap();
    let url = body["callback_url"].as_str().unwrap().to_owned();
    let caller = stage.tenant.anonymous();
    for body in [format!("{{\"order\": \"{MARK}-forged\"}}"), MARK.to_owned()] {
        caller.post(&url, body.clone()).await;
        caller.post(&format!("{url}{MARK}"), body).await;
    }
    let signed = |request: reqwest::RequestBuilder| {
        let request = request.header("x-sandbox-signature", format!("t=1,v1={MARK}"));
        request.body(vec![0xff; 9])
    };
    caller.raw(http::Method::PUT, &url, signed).await;
    caller.raw(http::Method::POST, &url, signed).await;
}

/// Every order ends, and the ATS takes the news in every way there is.
async fn deliver_well_and_badly(stage: &Stage) {
    let leaky = |answer: Answer| {
        let elsewhere = stage.ats.url(&format!("/{MARK}-elsewhere"));
        answer
            .header("location", &elsewhere)
            .body(&format!("{MARK}-body"))
    };
    let answers = [
        ("status", Answer::status(500)),
        ("gone", Answer::status(410)),
        ("redirect", Answer::status(302)),
        ("hang", Answer::conduct(Conduct::Hang)),
        ("reset", Answer::conduct(Conduct::Reset)),
        ("cut", Answer::conduct(Conduct::CloseAfter { bytes: 20 })),
    ];
    for (id, answer) in answers {
        stage.ats.answer_with(leaky(answer).at(&hook(id)));
    }
    for held in stage.vendor.orders() {
        stage.vendor.advance(&held.reference, "in_progress", None);
        stage
            .vendor
            .advance(&held.reference, "complete", Some("pass"));
    }
    let told = stage.ats.wait_for(7, PATIENCE).await;
    assert!(told.len() >= 7, "{told:?}");
    for webhook in told {
        let body: Value = serde_json::from_slice(&webhook.body).unwrap();
        let page = body["result_link_url"].as_str().unwrap();
        let reader = stage.tenant.anonymous();
        assert_eq!(reader.get(page).await.status, 200);
        reader.post(page, String::new()).await;
    }
}

/// What the program tells everybody: its log since it began to listen, and its metrics.
async fn told(stage: Stage) -> Vec<String> {
    let metrics = format!("http://{}/metrics", stage.running.operations());
    let metrics = stage.tenant.anonymous().get(&metrics).await.text;
    let mut lines = stage.running.log();
    lines.extend(metrics.lines().map(str::to_owned));
    lines
}

on_both_databases! {
    async fn no_log_line_no_metric_and_no_error_tells_a_secret_or_a_persons_data(database) {
        let stage = Stage::set(database).await;
        place_well_and_badly(&stage).await;
        let answers = ask_badly(&stage).await;
        call_back_badly(&stage).await;
        deliver_well_and_badly(&stage).await;
        let mut secrets = stage.secrets();
        assert!(secrets.len() > 9, "a token, links and known secrets: {}", secrets.len());
        secrets.push(MARK.to_owned());
        let mut lines = told(stage).await;
        assert!(!lines.iter().any(|line| line.contains("panicked")));
        lines.extend(answers);
        for line in &lines {
            for secret in &secrets {
                assert!(!line.contains(secret), "a log line, metric or error tells `{secret}`: {line}");
            }
        }
        // The search would find what is there.
        for word in ["delivered", "answered 500", "answered 410", "deadline passed", "http_request_seconds"] {
            assert!(lines.iter().any(|line| line.contains(word)), "nothing tells `{word}`");
        }
    }
}
