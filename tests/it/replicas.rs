//! Three replicas behind the load balancer of `deploy/`, on a PostgreSQL and a Redis of their own:
//! nobody notices when they are replaced, and nothing is lost or doubled when one dies.

use std::collections::BTreeSet;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::support::client::TenantClient;

/// ATSs that order at the same time.
const CALLERS: usize = 3;
/// Much longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster that runs as long as the script's input is open, which this process's end closes too.
struct Cluster {
    folder: PathBuf,
    summary: Value,
    script: Child,
    _parent: TempDir,
}

fn script(command: &str, folder: &Path) -> Command {
    let mut script = Command::new("tests/cluster");
    script
        .arg(command)
        .arg(folder)
        .env("CLEARGATE_PROGRAM", env!("CARGO_BIN_EXE_cleargate"));
    script
}

impl Cluster {
    async fn up() -> Self {
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("cluster");
        let mut script = script("hold", &folder);
        script.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = script.spawn().expect("it is there");
        let output = script.stdout.take().expect("it is piped");
        let summary = tokio::task::spawn_blocking(move || {
            let mut values = serde_json::Deserializer::from_reader(BufReader::new(output));
            Value::deserialize(&mut values)
        });
        let summary = summary.await.expect("it does not panic");
        Self {
            summary: summary.expect("it has started; what it said stands above"),
            folder,
            script,
            _parent: parent,
        }
    }

    /// Replaces the replicas, one after the other.
    async fn roll(&self) {
        let rolling = tokio::process::Command::from(script("roll", &self.folder)).output();
        let Output { status, stderr, .. } = rolling.await.expect("it is there");
        let said = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{said}");
    }

    fn text(&self, name: &str) -> &str {
        self.summary[name].as_str().unwrap()
    }

    /// A caller of what listens there.
    fn caller(&self, name: &str) -> TenantClient {
        let address = self.text(name).trim_start_matches("http://");
        let secret = self.text("api_secret");
        TenantClient::new(address.parse().unwrap(), "ACCT123", secret)
    }

    /// The ATS's order of that number.
    fn order(&self, number: u32) -> Value {
        json!({
            "account_id": "ACCT123",
            "background_check_id": format!("order-{number}"),
            "package_id": "PKG001",
            "webhook_url": format!("{}/hooks", self.text("ats")),
            "applicant": {"first_name": "John", "last_name": "Doe", "email": "john.doe@example.com"},
        })
    }

    /// Places an order; `None`: whoever was to answer hung up. HAProxy does so where a replica dies
    /// over a request that was not the caller's first on its connection.
    async fn place(&self, client: &reqwest::Client, number: u32) -> Option<u16> {
        let request = client
            .post(format!("{}/v1/orders", self.text("url")))
            .basic_auth("ACCT123", Some(self.text("api_secret")))
            .header("content-type", "application/json")
            .body(self.order(number).to_string());
        Some(request.send().await.ok()?.status().as_u16())
    }

    /// Kills a replica outright.
    fn kill(&self, name: &str) {
        let pid = std::fs::read_to_string(self.folder.join(format!("{name}.pid"))).unwrap();
        let killed = Command::new("kill").args(["-KILL", pid.trim()]).status();
        assert!(killed.unwrap().success());
    }

    /// Every order has one order at the vendor and ends, and its ATS hears of it.
    async fn all_come_home(&self, placed: u32) {
        let (ats, gateway) = (self.caller("ats").anonymous(), self.caller("url"));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let received = ats.get("/_control/received").await.body;
            let bodies = received["received"].as_array().unwrap().iter();
            let told: BTreeSet<String> = bodies
                .filter_map(|it| serde_json::from_str::<Value>(it["body"].as_str()?).ok())
                .inspect(|body| assert_eq!(body["result"], "Pass", "{body}"))
                .map(|body| body["background_check_id"].to_string())
                .collect();
            if told.len() == placed as usize {
                break;
            }
            let so_far = told.len();
            if Instant::now() >= deadline {
                let first = gateway.order("order-0").await;
                panic!(
                    "{so_far} of {placed} were told of; the first: {}",
                    first.text
                );
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let held = self
            .caller("vendor")
            .anonymous()
            .get("/_control/orders")
            .await
            .body;
        let held = held["orders"].as_array().unwrap();
        assert_eq!(held.len(), placed as usize, "each is ordered once");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let done = self.script.wait().expect("it is our child");
        assert!(done.success() && !self.folder.exists(), "{done}");
    }
}

/// Callers who place one order after the other until they are stopped.
struct Traffic {
    callers: JoinSet<Vec<(u32, Option<u16>)>>,
    stop: Arc<AtomicBool>,
}

impl Traffic {
    fn at(cluster: &Arc<Cluster>) -> Self {
        let (stop, next) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU32::new(0)),
        );
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (cluster, stop, next) = (Arc::clone(cluster), Arc::clone(&stop), Arc::clone(&next));
            callers.spawn(async move {
                let client = reqwest::Client::builder().no_proxy().build().unwrap();
                let mut answers = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let mut status = cluster.place(&client, number).await;
                    answers.push((number, status));
                    // As an ATS does: what failed is asked for once more.
                    while status != Some(201) {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        status = cluster.place(&client, number).await;
                    }
                }
                answers
            });
        }
        Self { callers, stop }
    }

    /// Every order with its first answer.
    async fn stop(self) -> Vec<(u32, Option<u16>)> {
        self.stop.store(true, Ordering::Relaxed);
        self.callers.join_all().await.concat()
    }
}

#[tokio::test]
async fn replicas_are_replaced_under_traffic_and_no_request_fails() {
    let cluster = Arc::new(Cluster::up().await);
    let traffic = Traffic::at(&cluster);
    cluster.roll().await;
    let answers = traffic.stop().await;
    let failed: Vec<_> = answers
        .iter()
        .filter(|(_, status)| *status != Some(201))
        .collect();
    assert!(failed.is_empty(), "while they were replaced: {failed:?}");
    let rolled = u32::try_from(answers.len()).unwrap();
    assert!(rolled > 20, "{rolled}");
    cluster.all_come_home(rolled).await;
}

#[tokio::test]
async fn what_a_killed_replica_had_is_done_by_the_others() {
    let cluster = Arc::new(Cluster::up().await);
    let traffic = Traffic::at(&cluster);
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.kill("two");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let answers = traffic.stop().await;
    let failed = answers
        .iter()
        .filter(|(_, status)| *status != Some(201))
        .count();
    assert!(failed <= CALLERS, "only what it was answering: {answers:?}");
    cluster
        .all_come_home(u32::try_from(answers.len()).unwrap())
        .await;
}
