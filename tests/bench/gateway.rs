//! The gateway under test: the real program, set up by its own commands and run in a process of its
//! own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use cleargate::seal::{new_key, random_text};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::client::Client;
use crate::vendor;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway that serves; it ends when this is dropped.
pub(crate) struct Gateway {
    pub(crate) client: Client,
    pub(crate) public: SocketAddr,
    pub(crate) api_secret: String,
    operations: Client,
    child: Child,
    folder: TempDir,
}

/// How it is to be run.
pub(crate) struct Plan<'a> {
    /// Its file.
    pub(crate) program: &'a Path,
    /// Empty: SQLite in its own folder.
    pub(crate) store_url: &'a str,
    /// It is kept to this processor.
    pub(crate) cpu: Option<usize>,
    /// Client accounts, `BENCH0` and so on, each with one connection.
    pub(crate) tenants: u32,
    pub(crate) vendor: SocketAddr,
    pub(crate) sink: SocketAddr,
}

impl Gateway {
    pub(crate) async fn start(plan: Plan<'_>) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let api_secret = format!("cgs_{}", random_text());
        let write = |name: &str, text: &str| {
            fs::create_dir_all(folder.path().join("sheets")).expect("a folder");
            fs::write(folder.path().join(name), text).expect("a file is written");
        };
        write("key", &new_key());
        write("sheets/bench.toml", vendor::SHEET);
        write("tenants.toml", &tenants_file(&plan));
        let sqlite = format!("sqlite://{}", folder.path().join("cleargate.db").display());
        let store_url = if plan.store_url.is_empty() {
            &sqlite
        } else {
            plan.store_url
        };
        let command = |cpu: Option<usize>, arguments: &[&str]| {
            let mut command = Command::new("setpriv");
            // Should this process be killed outright, the gateway ends with it.
            command.args(["--pdeathsig", "KILL"]);
            if let Some(cpu) = cpu {
                command.args(["taskset", "-c", &cpu.to_string()]);
            }
            command
                .arg(plan.program)
                .args(arguments)
                .current_dir(folder.path())
                .envs(settings(store_url))
                .env("BENCH_API_SECRET", &api_secret)
                .env("BENCH_CALLBACK_SECRET", vendor::SECRET)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .kill_on_drop(true);
            command
        };
        for arguments in [&["migrate"][..], &["tenant", "import", "tenants.toml"]] {
            let done = command(None, arguments).output().await;
            let done = done.expect("setpriv is there");
            assert!(
                done.status.success(),
                "{arguments:?}: {}",
                String::from_utf8_lossy(&done.stderr)
            );
        }
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let child = command(plan.cpu, &["serve"]).stderr(log).spawn();
        let child = child.expect("setpriv is there");
        let (public, operations) = listening(&folder.path().join("log")).await;
        Self {
            client: Client::new(public),
            public,
            operations: Client::new(operations),
            api_secret,
            child,
            folder,
        }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// What it tells Prometheus.
    pub(crate) async fn metrics(&self) -> String {
        self.operations.get("/metrics").await
    }

    /// A warning in its log is worth knowing of: it may explain a figure.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines()
            .filter(|line| {
                line.contains(r#""level":"WARN""#) || line.contains(r#""level":"ERROR""#)
            })
            .map(str::to_owned)
            .collect()
    }
}

/// Settings that differ from the defaults: loopback and the vendor's sheet, nothing for speed.
fn settings(store_url: &str) -> [(&'static str, String); 8] {
    [
        ("CLEARGATE__HTTP__PUBLIC_ADDR", "127.0.0.1:0".into()),
        ("CLEARGATE__HTTP__OPERATIONS_ADDR", "127.0.0.1:0".into()),
        ("CLEARGATE__STORE__URL", store_url.into()),
        ("CLEARGATE__SECURITY__KEY", "file:key".into()),
        ("CLEARGATE__VENDORS__DIR", "sheets".into()),
        ("CLEARGATE__EGRESS__ALLOW", "127.0.0.0/8".into()),
        ("CLEARGATE__EGRESS__ALLOW_HTTP", "true".into()),
        ("CLEARGATE__LOG__FORMAT", "json".into()),
    ]
}

fn tenants_file(plan: &Plan<'_>) -> String {
    let (port, vendor) = (plan.sink.port(), plan.vendor);
    let tenant = |number| {
        format!(
            r#"
[[tenant]]
account_id = "BENCH{number}"
name = "Bench {number}"
api_secret = "env:BENCH_API_SECRET"
requests_per_second = 1000000
  [tenant.webhook]
  ports = [{port}]
  [[tenant.connection]]
  name = "main"
  label = "Bench"
  vendor = "bench"
  base_url = "http://{vendor}"
  credentials = {{ api_key = "env:BENCH_API_SECRET", callback_secret = "env:BENCH_CALLBACK_SECRET" }}
"#
        )
    };
    (0..plan.tenants).map(tenant).collect()
}

/// The addresses in the line that a starting gateway logs.
async fn listening(log: &PathBuf) -> (SocketAddr, SocketAddr) {
    let since = Instant::now();
    loop {
        let text = fs::read_to_string(log).unwrap_or_default();
        let mut lines = text.lines().map(serde_json::from_str::<Value>);
        let line = lines.find_map(|line| line.ok().filter(|line| line["event"] == "listening"));
        if let Some(line) = line {
            let addr = |member: &str| line[member].as_str().and_then(|text| text.parse().ok());
            let addrs = addr("public").zip(addr("operations"));
            return addrs.expect("the line names both addresses");
        }
        assert!(since.elapsed() < PATIENCE, "it does not start:\n{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
