//! A catalog hit beside nginx and beside a bare handler, in bytes alike.
//!
//! The gateway does everything it does for a request: request id, span, metrics, Basic credentials,
//! the tenant's pace, entity tag. Each server has one processor to itself, the load has the other.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tempfile::TempDir;

use crate::figures::{Figures, Target};
use crate::stand::Stand;
use crate::{Effort, processes};

/// The servers' processor, and the load's.
pub(crate) const SERVER: usize = 0;
pub(crate) const LOAD: usize = 1;
/// Connections of the load.
const CONNECTIONS: usize = 64;

pub(crate) async fn measure(effort: &Effort, figures: &mut Figures) {
    let stand = Stand::start(&effort.program, "", Some(SERVER), 1).await;
    let basic = format!("BENCH0:{}", stand.gateway.api_secret);
    let basic = format!("Authorization: Basic {}", BASE64.encode(basic));
    let folder = TempDir::new().expect("a temporary folder");
    let body = fetch(stand.gateway.public, &basic);
    fs::write(folder.path().join("catalog.json"), &body).expect("a file is written");
    let bare = bare(&folder.path().join("catalog.json"));
    let start_nginx = |name: &str, more: &str| {
        let folder = folder.path().join(name);
        nginx(&folder, bare.addr, &stand.gateway.api_secret, more)
    };
    let nginx = start_nginx("nginx", "");
    let tuned = start_nginx("tuned", "open_file_cache max=100 inactive=1h;");
    for peer in [bare.addr, nginx.addr, tuned.addr] {
        assert_eq!(fetch(peer, &basic), body, "all answer the same bytes");
    }
    figures.note(format!(
        "catalog: {} bytes, {CONNECTIONS} connections; processor time is what counts on a busy machine",
        body.len()
    ));
    let gateway = (stand.gateway.pid(), stand.gateway.public);
    for _ in 0..effort.rounds {
        let mut of = |what: &str, (pid, addr): (u32, SocketAddr)| {
            let pace = pace(pid, addr, &basic, effort.lasting);
            figures.take(
                &format!("catalog: {what}"),
                "req/s",
                Target::None,
                pace.rate,
            );
            let what = format!("catalog: {what}, processor time each");
            figures.take(&what, "us", Target::None, pace.each);
            pace
        };
        let ours = of("Cleargate", gateway);
        let nginx = of("nginx", (nginx.child.id(), nginx.addr));
        let tuned = of("nginx, files kept open", (tuned.child.id(), tuned.addr));
        let bare = of("bare axum handler", (bare.child.id(), bare.addr));
        let mut ratio = |peer: &str, pace: &Pace, target| {
            let what = format!("catalog: Cleargate / {peer}");
            figures.take(&what, "times", target, ours.rate / pace.rate);
            let what = format!("catalog: Cleargate / {peer}, by processor time");
            figures.take(&what, "times", target, pace.each / ours.each);
        };
        ratio("nginx", &nginx, Target::AtLeast(1.5));
        ratio("nginx, files kept open", &tuned, Target::None);
        ratio("bare axum handler", &bare, Target::None);
    }
}

/// How a server did.
struct Pace {
    /// Requests a second.
    rate: f64,
    /// Its processor time for each, in microseconds.
    each: f64,
}

fn pace(pid: u32, addr: SocketAddr, basic: &str, lasting: Duration) -> Pace {
    let before = processes::cpu_of_family(pid);
    let (requests, rate) = wrk(addr, &["-H", basic], lasting);
    let used = processes::cpu_of_family(pid) - before;
    Pace {
        rate,
        each: used.as_secs_f64() * 1e6 / requests,
    }
}

/// A peer's process.
struct Peer {
    child: Child,
    addr: SocketAddr,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // SIGTERM, so that nginx ends its worker too.
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").arg(pid).status();
        assert!(asked.is_ok_and(|it| it.success()), "it ran until now");
        self.child.wait().expect("it ends");
    }
}

fn on_server(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "taskset", "-c"]);
    command.arg(SERVER.to_string()).arg(program);
    command
}

fn bare(file: &Path) -> Peer {
    let program = std::env::current_exe().expect("this program has a file");
    let mut child = on_server(program)
        .arg("--bare")
        .arg(file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("setpriv is there");
    let mut line = String::new();
    let output = child.stdout.take().expect("it is piped");
    BufReader::new(output)
        .read_line(&mut line)
        .expect("it says where it listens");
    Peer {
        child,
        addr: line.trim().parse().expect("an address"),
    }
}

fn nginx(folder: &Path, upstream: SocketAddr, secret: &str, more: &str) -> Peer {
    fs::create_dir(folder).expect("a folder");
    let free = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let addr = free.local_addr().expect("it is bound");
    drop(free);
    let conf = include_str!("nginx.conf")
        .replace("@folder@", &folder.display().to_string())
        .replace("@more@", more)
        .replace("@port@", &addr.port().to_string())
        .replace("@upstream@", &upstream.to_string());
    let users = format!("BENCH0:{{PLAIN}}{secret}\n");
    fs::write(folder.join("nginx.conf"), conf).expect("a file is written");
    fs::write(folder.join("nginx-users"), users).expect("a file is written");
    let child = on_server("nginx")
        .arg("-c")
        .arg(folder.join("nginx.conf"))
        .arg("-p")
        .arg(folder)
        .spawn()
        .expect("setpriv is there");
    let listens = || std::net::TcpStream::connect(addr).is_ok();
    while !listens() {
        std::thread::sleep(Duration::from_millis(20));
    }
    Peer { child, addr }
}

fn fetch(from: SocketAddr, basic: &str) -> Vec<u8> {
    let done = Command::new("curl")
        .args(["-sSf", "--noproxy", "*", "-H", basic])
        .arg(format!("http://{from}/v1/packages"))
        .output()
        .expect("curl is there");
    assert!(done.status.success(), "{done:?}");
    done.stdout
}

/// Requests made, and requests a second.
pub(crate) fn wrk(addr: SocketAddr, asking: &[&str], lasting: Duration) -> (f64, f64) {
    let done = Command::new("taskset")
        .args(["-c", &LOAD.to_string(), "wrk", "-t1"])
        .arg(format!("-c{CONNECTIONS}"))
        .arg(format!("-d{}s", lasting.as_secs()))
        .args(asking)
        .arg(format!("http://{addr}/v1/packages"))
        .output()
        .expect("taskset is there");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let failed = said.contains("Non-2xx") || said.contains("Socket errors");
    assert!(!failed, "{said}");
    let mut lines = said.lines().map(str::trim);
    let requests = lines.find_map(|line| line.split_once(" requests in ")?.0.parse().ok());
    let rate = lines.find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
    let both = requests.zip(rate);
    both.unwrap_or_else(|| panic!("wrk said: {said}"))
}
