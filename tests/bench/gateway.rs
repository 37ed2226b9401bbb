//! The gateway under test: the real program, set up by its own commands and run in a process of its
//! own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
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
    runs: Runs,
    log: PathBuf,
    folder: Arc<TempDir>,
}

/// How its program is started.
#[derive(Clone)]
struct Runs {
    program: PathBuf,
    folder: PathBuf,
    store_url: String,
    api_secret: String,
    cpu: Option<usize>,
}

impl Runs {
    fn command(&self, cpu: Option<usize>, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        // Should this process be killed outright, the gateway ends with it.
        command.args(["--pdeathsig", "KILL"]);
        if let Some(cpu) = cpu {
            command.args(["taskset", "-c", &cpu.to_string()]);
        }
        command
            .arg(&self.program)
            .args(arguments)
            .current_dir(&self.folder)
            .envs(settings(&self.store_url))
            .env("BENCH_API_SECRET", &self.api_secret)
            .env("BENCH_CALLBACK_SECRET", vendor::SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        command
    }

    fn serve(&self, log: &Path) -> Child {
        let log = fs::File::create(log).expect("a log");
        let child = self.command(self.cpu, &["serve"]).stderr(log).spawn();
        child.expect("setpriv is there")
    }
}

/// How it is to be run.
pub(crate) struct Plan<'a> {
    /// Its file.
    pub(crate) program: &'a Path,
    /// Empty: SQLite in its own folder.
    pub(crate) store_url: &'a str,
    /// It is kept to this processor.
    pub(crate) cpu: Option<usize>,
    /// Client accounts, `BENCH0` and so on.
    pub(crate) tenants: u32,
    /// Connections that each of them has.
    pub(crate) connections: u32,
    pub(crate) vendor: SocketAddr,
    /// Where one more client account, `HANGING`, orders: a vendor that never answers.
    pub(crate) hanging: Option<SocketAddr>,
    /// Where webhooks may go.
    pub(crate) webhooks: Vec<SocketAddr>,
    pub(crate) in_memory: bool,
}

impl Gateway {
    pub(crate) async fn start(plan: Plan<'_>) -> Self {
        let folder = if plan.in_memory {
            TempDir::new_in("/dev/shm")
        } else {
            TempDir::new()
        };
        let folder = folder.expect("a temporary folder");
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
        let runs = Runs {
            program: plan.program.to_owned(),
            folder: folder.path().to_owned(),
            store_url: store_url.to_owned(),
            api_secret: api_secret.clone(),
            cpu: plan.cpu,
        };
        let import = ["tenant", "import", "--no-verify", "tenants.toml"];
        for arguments in [&["migrate"][..], &import] {
            let done = runs.command(None, arguments).output().await;
            let done = done.expect("setpriv is there");
            assert!(
                done.status.success(),
                "{arguments:?}: {}",
                String::from_utf8_lossy(&done.stderr)
            );
        }
        Self::run(runs, Arc::new(folder), "log").await
    }

    /// Another replica on the same database.
    pub(crate) async fn replica(&self, name: &str) -> Self {
        Self::run(self.runs.clone(), Arc::clone(&self.folder), name).await
    }

    async fn run(runs: Runs, folder: Arc<TempDir>, log: &str) -> Self {
        let log = folder.path().join(log);
        let child = runs.serve(&log);
        let (public, operations) = listening(&log).await;
        Self {
            client: Client::new(public),
            public,
            operations: Client::new(operations),
            api_secret: runs.api_secret.clone(),
            child,
            runs,
            log,
            folder,
        }
    }

    /// Ends it at once and starts it again on its database; how long until it was ready.
    pub(crate) async fn restart(&mut self) -> Duration {
        self.child.kill().await.expect("it runs");
        fs::remove_file(&self.log).expect("its log");
        let began = Instant::now();
        self.child = self.runs.serve(&self.log);
        let (public, operations) = listening(&self.log).await;
        let took = began.elapsed();
        (self.public, self.client) = (public, Client::new(public));
        self.operations = Client::new(operations);
        assert_eq!(self.operations.get("/readyz").await, "ready\n");
        took
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
        let log = fs::read_to_string(&self.log).unwrap_or_default();
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
    let ports: Vec<_> = plan.webhooks.iter().map(SocketAddr::port).collect();
    let connection = |number: u32, vendor: SocketAddr| {
        format!(
            r#"
  [[tenant.connection]]
  name = "c{number}"
  label = "Bench {number}"
  vendor = "bench"
  prefix = "{}"
  base_url = "http://{vendor}"
  credentials = {{ api_key = "env:BENCH_API_SECRET", callback_secret = "env:BENCH_CALLBACK_SECRET" }}
"#,
            // Each of several offers under ids of its own, the first under the vendor's.
            if number == 0 {
                String::new()
            } else {
                format!("{number}-")
            }
        )
    };
    let tenant = |account: String, vendor: SocketAddr| {
        let connections = (0..plan.connections).map(|number| connection(number, vendor));
        let connections: String = connections.collect();
        format!(
            r#"
[[tenant]]
account_id = "{account}"
name = "{account}"
api_secret = "env:BENCH_API_SECRET"
requests_per_second = 1000000
  [tenant.webhook]
  ports = {ports:?}
{connections}"#
        )
    };
    let usual = (0..plan.tenants).map(|number| tenant(format!("BENCH{number}"), plan.vendor));
    let hanging = plan
        .hanging
        .map(|vendor| tenant("HANGING".to_owned(), vendor));
    usual.chain(hanging).collect()
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
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
