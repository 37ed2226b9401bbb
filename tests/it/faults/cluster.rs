//! Replicas behind the load balancer of `deploy/`, between a vendor and an ATS that live on whatever
//! happens to them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapters::simulator::Pace;

use super::form::seed;
use crate::support::trial::Trial;
use crate::support::trial::gateway::Gateway;
use crate::support::trial::setup::{Setup, Vendor, free_port, loopback};
use crate::support::{Database, mortal};

/// As long as the longest lease there is, and some for a busy machine.
pub(super) const LEASES_END: Duration = Duration::from_secs(150);
/// Leases are as long as calls and attempts may take, and a margin; so these are short here.
pub(super) const SHORT_LEASES: &[(&str, &str)] = &[
    ("ORDERS__VENDOR_TIMEOUT", "1s"),
    ("ORDERS__ANSWER_WITHIN", "4s"),
    ("DELIVERY__ATTEMPT_TIMEOUT", "1s"),
    ("HTTP__DRAIN_DELAY", "3s"),
    ("HTTP__DRAIN_DEADLINE", "15s"),
];
/// Updates before the end are sent too, so that lanes have something to go on with; and no caller is
/// turned away for being quick.
const TENANT: (&str, &str) = (
    "[tenant.webhook]",
    "requests_per_second = 100000\n[tenant.webhook]\n  updates = true",
);

/// How a scenario's cluster is set up: a vendor at its own pace, and a PostgreSQL.
pub(super) fn setup() -> Setup {
    Setup {
        pace: Pace::default(),
        edit: TENANT,
        settings: SHORT_LEASES,
        ..Setup::of(Database::Postgres, Vendor::Sandbox)
    }
}

/// A trial that carries the seed in its name.
pub(super) async fn trial(what: &str, setup: &Setup) -> Trial {
    Trial::new(format!("{what}, --seed {}", seed()), setup).await
}

/// Replicas that run behind HAProxy.
pub(super) struct Cluster {
    pub(super) trial: Arc<Trial>,
    replicas: Vec<Replica>,
    balancer: Balancer,
}

struct Replica {
    port: u16,
    operations: u16,
    gateway: Gateway,
}

impl Cluster {
    /// Two replicas for the trial, ready and behind the load balancer.
    pub(super) async fn of(trial: Trial) -> Self {
        Self::with_an_odd_one(trial, Vec::new()).await
    }

    /// The same; the first has variables that the second has not.
    pub(super) async fn with_an_odd_one(trial: Trial, odd: Vec<(String, String)>) -> Self {
        let mut replicas = vec![
            Replica::start(&trial, odd),
            Replica::start(&trial, Vec::new()),
        ];
        for replica in &mut replicas {
            replica.gateway.until_listening().await;
        }
        let cluster = Self {
            balancer: Balancer::before(&replicas, trial.port()),
            replicas,
            trial: Arc::new(trial),
        };
        cluster.until_served().await;
        cluster
    }

    pub(super) fn gateway(&self, number: usize) -> &Gateway {
        &self.replicas[number].gateway
    }

    /// Whether a replica says that it takes traffic.
    pub(super) async fn is_ready(&self, number: usize) -> bool {
        let url = format!(
            "http://{}/readyz",
            loopback(self.replicas[number].operations)
        );
        let answer = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .get(url)
            .send();
        answer
            .await
            .is_ok_and(|answer| answer.status().is_success())
    }

    /// Kills a replica outright; how many attempts to tell the ATS something were under way.
    pub(super) async fn kill(&mut self, number: usize) -> usize {
        self.replicas[number].gateway.kill();
        self.trial.under_way().await
    }

    /// Starts a replica anew where it was.
    pub(super) async fn start_again(&mut self, number: usize) {
        let replica = &mut self.replicas[number];
        let (port, operations) = (replica.port, replica.operations);
        *replica = Replica::start_at(&self.trial, port, operations, Vec::new());
        self.replicas[number].gateway.until_listening().await;
    }

    /// Asks a replica to stop, and waits until it has.
    pub(super) async fn terminate(&mut self, number: usize) -> std::process::ExitStatus {
        let gateway = &mut self.replicas[number].gateway;
        gateway.terminate();
        gateway.until_dead().await
    }

    /// Waits until the load balancer gives traffic to a replica again.
    pub(super) async fn until_in_use(&self, number: usize) {
        let before = self.balancer.requests(number);
        let used = async || {
            self.trial.get("/v1/logo.png").await;
            self.balancer.requests(number) > before
        };
        self.trial.until("the load balancer uses it", used).await;
    }

    async fn until_served(&self) {
        let served = async || self.trial.get("/v1/logo.png").await == Some(200);
        self.trial.until("the load balancer serves", served).await;
    }
}

impl Replica {
    fn start(trial: &Trial, more: Vec<(String, String)>) -> Self {
        Self::start_at(trial, free_port(), free_port(), more)
    }

    fn start_at(
        trial: &Trial,
        port: u16,
        operations: u16,
        mut more: Vec<(String, String)>,
    ) -> Self {
        let address = loopback(operations).to_string();
        more.push(("CLEARGATE__HTTP__OPERATIONS_ADDR".to_owned(), address));
        Self {
            port,
            operations,
            gateway: trial.launch_with(&[], port, more),
        }
    }
}

/// What the file calls the replicas.
const NAMES: [&str; 3] = ["one", "two", "three"];

/// A HAProxy with the file of `deploy/`. Of the three replicas that the file knows the last is never
/// there.
struct Balancer {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Balancer {
    fn before(replicas: &[Replica], port: u16) -> Self {
        let nobody = free_port();
        let mut command = mortal("haproxy");
        command.args(["-db", "-f", "deploy/haproxy.cfg"]);
        command.env("CLEARGATE_BIND", loopback(port).to_string());
        for number in 0..NAMES.len() {
            let replica = replicas.get(number);
            let public = replica.map_or(nobody, |it| it.port);
            let operations = replica.map_or(nobody, |it| it.operations);
            let name = |what: &str| format!("CLEARGATE_{what}_{}", number + 1);
            command.env(name("REPLICA"), loopback(public).to_string());
            command.env(name("CHECK_PORT"), operations.to_string());
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("HAProxy is installed");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().expect("nobody panics").push(line);
            }
        });
        Self { child, log }
    }

    /// How many requests it has given to a replica, and got an answer.
    fn requests(&self, number: usize) -> usize {
        let answered = format!(" replicas/{} ", NAMES[number]);
        let log = self.log.lock().expect("nobody panics");
        log.iter()
            .filter(|line| line.contains(&answered) && line.contains(" 200 "))
            .count()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
