//! A gateway that is a process of its own, and can die.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::mortal;

/// How long a process may take to get where it must, on a machine that is busy with others.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// A running `cleargate serve`. It is killed when it is dropped, or its test is killed.
pub(crate) struct Gateway {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Gateway {
    /// Starts one with these variables and no others, as what `command` runs where that is not
    /// empty. It has not got anywhere yet.
    pub(crate) fn start(
        command: &[String],
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let own = [
            env!("CARGO_BIN_EXE_cleargate").to_owned(),
            "serve".to_owned(),
        ];
        let words = [command, &own].concat();
        let mut child = mortal(&words[0])
            .args(&words[1..])
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program is built");
        let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        // The pipe is read to its end, or the process would wait for it.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = kept.lock().expect("nobody panics while writing");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, log }
    }

    /// What it logs, also when it is gone.
    pub(crate) fn kept_log(&self) -> Arc<Mutex<String>> {
        Arc::clone(&self.log)
    }

    /// Its number among the machine's processes.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Files and sockets that it has open.
    pub(crate) fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(folder).expect("it lives").count()
    }

    /// Memory that it holds, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        number.expect("a process holds memory")
    }

    /// Asks it to stop, as a supervisor does.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log
            .lock()
            .expect("nobody panics while writing")
            .clone()
    }

    /// Waits until it serves.
    pub(crate) async fn until_listening(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(r#""event":"listening""#) {
            let ended = self.child.try_wait().expect("it is our child");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the gateway does not listen ({ended:?}):\n{}",
                self.log()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until it has ended of itself.
    pub(crate) async fn until_dead(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(ended) = self.child.try_wait().expect("it is our child") {
                return ended;
            }
            assert!(
                Instant::now() < deadline,
                "the gateway lives on, so it never came to where it was to die:\n{}",
                self.log()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Kills it: no warning, no cleaning up.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Stops it where it is, as a machine does that is out of memory or being moved.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .expect("there is a `kill`");
        assert!(sent.success(), "{signal} was not sent");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may be dead already, and then there is nothing to do.
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}
