//! A PostgreSQL of a test's own, which may be killed, frozen, or asked for its log.
//!
//! Nothing is lost when its folder is, and the machine does not fail: so it syncs nothing, and what
//! it has committed still survives the death of all its processes.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use super::trial::setup::{free_port, scratch};

/// How long it may take to start, on a machine that is busy with others.
const PATIENCE: Duration = Duration::from_secs(60);

/// Holds processes still until its input ends.
const HOLD: &str = "trap '' INT TERM HUP
kill -s STOP \"$@\"
echo
cat >/dev/null
kill -s CONT \"$@\"";

/// A PostgreSQL that runs.
pub(crate) struct Postgres {
    server: Child,
    port: u16,
    settings: Vec<String>,
    /// Whoever holds it still.
    holder: Option<Child>,
    folder: TempDir,
}

impl Postgres {
    /// An empty one with settings such as `log_min_messages=info`.
    pub(crate) async fn start(settings: &[&str]) -> Self {
        let folder = scratch();
        let text = folder.path().display().to_string();
        // It refuses to run as root.
        if is_root() {
            run(Command::new("chown").args(["postgres:", &text]));
        }
        run(as_postgres("initdb")
            .args(["--no-sync", "--auth=trust", "--username=cleargate"])
            .args(["--encoding=UTF8", "--locale=C", "-D"])
            .arg(folder.path().join("data")));
        let settings: Vec<String> = settings.iter().map(|it| (*it).to_owned()).collect();
        let port = free_port();
        let mut postgres = Self {
            server: launch(&folder, port, &settings),
            port,
            settings,
            holder: None,
            folder,
        };
        postgres.until_it_answers().await;
        postgres
    }

    /// A new, empty database.
    pub(crate) async fn database(&self) -> String {
        self.execute("postgres", "CREATE DATABASE trial").await;
        self.url("trial")
    }

    /// Runs a statement.
    pub(crate) async fn execute(&self, database: &str, statement: &str) {
        let url = self.url(database);
        let mut connection = PgConnection::connect(&url).await.expect("it is there");
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut connection)
            .await
            .expect("the statement is right");
        connection.close().await.expect("it says goodbye");
    }

    /// Kills the server and whatever works for it, outright.
    pub(crate) fn kill(&mut self) {
        let own = self.server.id().to_string();
        signal("STOP", std::slice::from_ref(&own));
        signal("KILL", &self.workers());
        signal("KILL", &[own]);
        self.server.wait().expect("it is our child");
    }

    /// Starts it again where it was; it answers when this returns.
    pub(crate) async fn start_again(&mut self) {
        self.server = launch(&self.folder, self.port, &self.settings);
        self.until_it_answers().await;
    }

    /// Stops all its processes in the middle of whatever they do. A shell holds them still, and only
    /// as long as its input is open: were this process killed, nobody else would let them go on, and
    /// what stands still cannot end.
    pub(crate) fn freeze(&mut self) {
        let server = self.server.id().to_string();
        signal("STOP", std::slice::from_ref(&server));
        let mut shell = Command::new("sh");
        shell
            .args(["-c", HOLD, "sh", &server])
            .args(self.workers())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut shell = shell.spawn().expect("there is a shell");
        let mut held = [0];
        let told = shell.stdout.as_mut().expect("it is piped");
        told.read_exact(&mut held).expect("they stand still");
        self.holder = Some(shell);
    }

    /// Lets them go on.
    pub(crate) fn thaw(&mut self) {
        if let Some(mut shell) = self.holder.take() {
            drop(shell.stdin.take());
            shell.wait().expect("it is our child");
        }
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("it logs")
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://cleargate@127.0.0.1:{}/{database}", self.port)
    }

    /// The processes that the server has started: each is a session of its own, so no signal to a
    /// group reaches them.
    fn workers(&self) -> Vec<String> {
        let parent = self.server.id().to_string();
        let listed = Command::new("ps")
            .args(["-o", "pid=", "--ppid", &parent])
            .output();
        let listed = String::from_utf8(listed.expect("there is a `ps`").stdout);
        let listed = listed.expect("numbers");
        listed.split_whitespace().map(str::to_owned).collect()
    }

    async fn until_it_answers(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while PgConnection::connect(&self.url("postgres")).await.is_err() {
            // What a killed server leaves behind keeps a new one from starting, for a moment.
            if self.server.try_wait().expect("it is our child").is_some() {
                self.server = launch(&self.folder, self.port, &self.settings);
            }
            assert!(
                Instant::now() < deadline,
                "it does not start: {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if !matches!(self.server.try_wait(), Ok(None)) {
            return;
        }
        // Asked to stop at once it leaves no shared memory behind; killed, it does.
        self.thaw();
        signal("QUIT", &[self.server.id().to_string()]);
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.server.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        if matches!(self.server.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

fn launch(folder: &TempDir, port: u16, settings: &[String]) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.path().join("log"));
    let log = log.expect("the log opens");
    let mut server = as_postgres("postgres");
    server
        .arg("-D")
        .arg(folder.path().join("data"))
        .arg("-k")
        .arg(folder.path())
        .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "fsync=off"]);
    for setting in settings {
        server.args(["-c", setting]);
    }
    server
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("PostgreSQL is installed")
}

/// One of PostgreSQL's programs, as a user that it accepts; it ends when this process does.
fn as_postgres(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    command.arg(folder_of_programs().join(program));
    command
}

/// The newest of what Debian has installed, else where the search path leads.
fn folder_of_programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let versions = versions.filter_map(|version| {
        let number: u32 = version.ok()?.file_name().to_str()?.parse().ok()?;
        Some((number, format!("/usr/lib/postgresql/{number}/bin")))
    });
    versions
        .max()
        .map(|(_, bin)| bin.into())
        .unwrap_or_default()
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("this is Linux");
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

fn run(command: &mut Command) {
    let done = command.output().expect("the program is there");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {said}");
}

/// Some may have ended by themselves.
fn signal(name: &str, pids: &[String]) {
    if !pids.is_empty() {
        let sent = Command::new("kill").args(["-s", name]).args(pids).output();
        sent.expect("there is a `kill`");
    }
}
