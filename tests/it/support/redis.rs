//! A Redis of a test's own, which may be frozen, ended, or asked for more than its address.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{PATIENCE, mortal};

/// A Redis that runs.
pub(crate) struct Redis {
    child: Child,
    port: u16,
    more: Vec<String>,
    folder: TempDir,
}

impl Redis {
    /// One with more on its command line, in which `{port}` is its port.
    pub(crate) fn start(more: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let folder = TempDir::new().expect("a folder");
        let more = more.iter();
        let more: Vec<String> = more
            .map(|part| part.replace("{port}", &port.to_string()))
            .collect();
        Self {
            child: launch(port, &folder, &more),
            port,
            more,
            folder,
        }
    }

    /// Ends it outright; what it held is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Starts it again where it was.
    pub(crate) fn start_again(&mut self) {
        self.child = launch(self.port, &self.folder, &self.more);
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where it is, for `cache.url`.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Stops it in the middle of whatever it does.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.is_ok_and(|it| it.success()), "it runs");
    }

    /// Everything it holds, as text.
    pub(crate) fn dump(&self) -> String {
        let client = redis::Client::open(self.url()).expect("a URL");
        let mut connection = client.get_connection().expect("it takes connections");
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg("*")
            .query(&mut connection)
            .expect("its keys");
        let mut dump = String::new();
        for key in keys {
            let value: Vec<u8> = redis::cmd("GET")
                .arg(&key)
                .query(&mut connection)
                .expect("a value");
            dump += &format!("{key}={}\n", String::from_utf8_lossy(&value));
        }
        dump
    }
}

fn launch(port: u16, folder: &TempDir, more: &[String]) -> Child {
    let child = mortal("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--port")
        .arg(port.to_string())
        .arg("--dir")
        .arg(folder.path())
        .args(more)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed");
    let deadline = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "Redis does not start");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    child
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
