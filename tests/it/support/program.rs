//! The real program in a folder of its own: its commands, a gateway that serves, a sandbox beside
//! it, and an ATS that asks over sockets. Nothing of the tests' own environment reaches it, and
//! whatever still runs when a test ends is killed.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use super::homecoming::proof;
use super::mortal;

/// Much longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at something that is waited for.
const PAUSE: Duration = Duration::from_millis(5);
/// The account of the sandbox's tenants file.
pub(crate) const ACCOUNT: &str = "ACCT123";

/// The program with a folder, settings and a key.
pub(crate) struct Program {
    folder: TempDir,
    variables: RefCell<Vec<(String, String)>>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Program {
    /// A program whose settings reach the sandbox and take any free port.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let settings = "[http]\npublic_addr = \"127.0.0.1:0\"\noperations_addr = \"127.0.0.1:0\"\n\
             drain_delay = \"0s\"\n[store]\nurl = \"sqlite://gate.db\"\n\
             [security]\nkey = \"env:KEY\"\n[egress]\nallow = [\"127.0.0.0/8\"]\nallow_http = true\n\
             [vendors]\nallow_sandbox = true\n[background]\nidle_poll = \"20ms\"\n";
        fs::write(folder.path().join("settings.toml"), settings).expect("it is written");
        let program = Self {
            folder,
            variables: RefCell::default(),
        };
        program.set("KEY", program.done(&["key", "new"]).trim());
        program
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder, where commands run.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("it is written");
    }

    /// Sets a variable for what is started from now on.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let pair = (name.to_owned(), value.to_owned());
        self.variables.borrow_mut().push(pair);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = mortal(env!("CARGO_BIN_EXE_cleargate"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.variables.borrow().iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command without settings of its own.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Done {
        let output = self.command(arguments).output().expect("it starts");
        Done {
            code: output.status.code().expect("it was not killed"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Runs a command with the settings.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        let settings = [&["--config", "settings.toml"], arguments].concat();
        self.bare(&settings)
    }

    /// What a command prints that succeeds and has nothing to complain of.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        assert_eq!((done.code, done.err.as_str()), (0, ""), "{arguments:?}");
        done.out
    }

    /// The JSON that a command prints.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        serde_json::from_str(&self.done(&arguments)).expect("JSON")
    }

    /// A command fails with this code and with sentences that contain `told`.
    #[track_caller]
    pub(crate) fn fails(&self, arguments: &[&str], code: i32, told: &str) -> Done {
        let done = self.run(arguments);
        assert_eq!(done.code, code, "{done:?}");
        assert!(done.err.contains(told), "{done:?}");
        assert!(!done.err.contains("panicked"), "{done:?}");
        done
    }

    /// Starts serving and returns what it tells by that event before it listens.
    pub(crate) fn serve_telling(&self, event: &str) -> (Value, Running) {
        let running = Running::start(self.command(&["--config", "settings.toml", "serve"]));
        let told = running.wait_for_event(event);
        let listening = running.wait_for_event("listening");
        (told, running.at(&listening))
    }

    /// Starts serving, and tells later commands how it is reached.
    pub(crate) fn serve(&self) -> Running {
        let running = Running::start(self.command(&["--config", "settings.toml", "serve"]));
        let listening = running.wait_for_event("listening");
        let public = listening["public"].as_str().expect("an address");
        self.set("CLEARGATE__HTTP__PUBLIC_URL", &format!("http://{public}"));
        running.at(&listening)
    }

    /// Starts a sandbox; its files are in the folder and its secrets in the environment.
    pub(crate) fn sandbox(&self) -> Sandbox {
        let mut child = self
            .command(&["sandbox", "--write", "."])
            .spawn()
            .expect("it starts");
        let lines = lines_of(child.stdout.take().expect("it is piped"));
        let first = lines.recv_timeout(PATIENCE).expect("a line");
        let listening: Value = serde_json::from_str(&first).expect("JSON");
        let file = fs::read_to_string(self.path("sandbox-import.toml")).expect("it was written");
        let exports = file
            .lines()
            .filter_map(|line| line.strip_prefix("#   export "));
        for (name, value) in exports.filter_map(|export| export.split_once('=')) {
            self.set(name, value);
        }
        Sandbox {
            receiver: listening["receiver"].as_str().expect("a URL").to_owned(),
            _child: Killed(child),
            _lines: lines,
        }
    }

    /// What operators did, and to which things, oldest first.
    pub(crate) fn audited(&self) -> Vec<(String, String)> {
        let url = format!("sqlite://{}", self.path("gate.db").display());
        let read = async {
            let mut connection = SqliteConnection::connect(&url).await?;
            sqlx::query_as("SELECT what, target FROM audit WHERE who <> '' ORDER BY id")
                .fetch_all(&mut connection)
                .await
        };
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(read).expect("the audit is read")
    }

    /// Runs a statement behind the program's back.
    pub(crate) fn execute(&self, sql: &'static str) {
        let url = format!("sqlite://{}", self.path("gate.db").display());
        let run = async {
            let mut connection = SqliteConnection::connect(&url).await?;
            sqlx::query(sql).execute(&mut connection).await
        };
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(run).expect("the statement is right");
    }

    /// The API Secret of the sandbox's tenant.
    pub(crate) fn api_secret(&self) -> String {
        self.variable("ACCT123_SECRET")
    }

    /// What the sandbox signs its callbacks with.
    pub(crate) fn callback_secret(&self) -> String {
        self.variable("SANDBOX_CALLBACK_SECRET")
    }

    fn variable(&self, name: &str) -> String {
        let variables = self.variables.borrow();
        let found = variables.iter().find(|(known, _)| known == name);
        found.expect("the sandbox was started").1.clone()
    }
}

/// A sandbox that runs.
pub(crate) struct Sandbox {
    receiver: String,
    _child: Killed,
    /// Kept, or what it prints further would have no reader, and it would end.
    _lines: Receiver<String>,
}

impl Sandbox {
    /// The ATS's example order for somebody of this last name.
    pub(crate) fn order(&self, id: &str, last_name: &str) -> Value {
        json!({
            "account_id": ACCOUNT,
            "background_check_id": id,
            "package_id": "PKG001",
            "webhook_url": format!("{}/hooks", self.receiver),
            "applicant": {"first_name": "John", "last_name": last_name, "email": "john.doe@example.com"},
        })
    }

    /// Tells the webhook receiver how to answer.
    pub(crate) fn answer_webhooks(&self, answer: &Value) {
        let receiver = self.receiver.trim_start_matches("http://");
        let (status, body) = ask(receiver, "POST", "/_control/answer", None, Some(answer));
        assert_eq!(status, 200, "{body}");
    }
}

/// A gateway that serves.
pub(crate) struct Running {
    child: Killed,
    lines: Receiver<String>,
    public: String,
    operations: String,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let lines = lines_of(child.stderr.take().expect("it is piped"));
        Self {
            child: Killed(child),
            lines,
            public: String::new(),
            operations: String::new(),
        }
    }

    fn at(mut self, listening: &Value) -> Self {
        let address = |name: &str| listening[name].as_str().expect("an address").to_owned();
        (self.public, self.operations) = (address("public"), address("operations"));
        self
    }

    /// The log line with that event.
    pub(crate) fn wait_for_event(&self, event: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no line says `{event}`"));
            let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            if line["event"] == event {
                return line;
            }
        }
    }

    /// Asks as the ATS does.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        secret: &str,
        body: Option<&Value>,
    ) -> (u16, String) {
        ask(&self.public, method, path, Some((ACCOUNT, secret)), body)
    }

    /// Places an order on a thread of its own.
    pub(crate) fn place_aside(&self, secret: &str, order: Value) -> JoinHandle<(u16, String)> {
        let (public, secret) = (self.public.clone(), secret.to_owned());
        std::thread::spawn(move || {
            let credentials = Some((ACCOUNT, &*secret));
            ask(&public, "POST", "/v1/orders", credentials, Some(&order))
        })
    }

    /// Calls back as the sandbox does, and is acknowledged.
    #[expect(
        clippy::disallowed_methods,
        reason = "a proof carries the time at which it is made"
    )]
    pub(crate) fn call_back(&self, url: &str, secret: &str, body: &str) {
        let (_, path) = url.split_once("/callbacks").expect("a callback URL");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = i64::try_from(now.expect("it is later").as_secs()).expect("it is not so late");
        let (name, value) = proof(secret, now, body.as_bytes()).remove(0);
        let mut stream = TcpStream::connect(&self.public).expect("somebody listens");
        let request = format!(
            "POST /callbacks{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{name}: {value}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }

    pub(crate) fn public(&self) -> &str {
        &self.public
    }

    /// What Prometheus reads.
    pub(crate) fn metrics(&self) -> String {
        ask(&self.operations, "GET", "/metrics", None, None).1
    }

    pub(crate) fn operations(&self) -> &str {
        &self.operations
    }

    /// Stops it, and returns what it has logged since it listened.
    pub(crate) fn log(mut self) -> Vec<String> {
        let (_, none) = channel();
        let lines = std::mem::replace(&mut self.lines, none);
        self.terminate();
        lines.iter().collect()
    }

    /// Asks it to stop, as a supervisor does, and waits until it has.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.0.wait().expect("it ends")
    }

    /// Asks it to reload, and waits for the log line with that event.
    pub(crate) fn reload(&self, event: &str) -> Value {
        self.signal("HUP");
        self.wait_for_event(event)
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.0.id());
        let killed = Command::new("/bin/sh").args(["-c", &kill]).status();
        assert!(killed.expect("a shell").success());
    }
}

/// The lines a process writes, read as they come, so that it never waits for us.
fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(pipe).lines().map_while(Result::ok);
        for line in lines {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// A process that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What `look` finds, as soon as it finds something.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        // Leaves the machine to what is waited for.
        std::thread::park_timeout(PAUSE);
    }
}

/// One request on a connection of its own: the status and the body.
fn ask(
    address: &str,
    method: &str,
    path: &str,
    credentials: Option<(&str, &str)>,
    body: Option<&Value>,
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let authorization = credentials.map_or_else(String::new, |(user, password)| {
        let pair = BASE64.encode(format!("{user}:{password}"));
        format!("Authorization: Basic {pair}\r\n")
    });
    let body = body.map_or_else(String::new, Value::to_string);
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{authorization}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").expect("an empty line");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}

/// How many entries a folder has.
pub(crate) fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).expect("a folder").count()
}
