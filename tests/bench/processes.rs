//! What processes and the machine did, read from /proc.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The tick of /proc/PID/stat, on every Linux that matters.
const TICKS_PER_SECOND: u64 = 100;

/// The machine's load averages, as `uptime` prints them.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// The processor time a process has used so far.
pub(crate) fn cpu(pid: u32) -> Duration {
    stat(pid).map_or(Duration::ZERO, |stat| stat.own)
}

/// The processor time a server and the processes it has started have used so far.
pub(crate) fn cpu_of_family(parent: u32) -> Duration {
    let entries = fs::read_dir("/proc").expect("Linux has /proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let alive: Duration = pids
        .filter_map(stat)
        .filter(|stat| stat.parent == parent)
        .map(|stat| stat.own)
        .sum();
    let own = stat(parent).map_or(Duration::ZERO, |stat| stat.own + stat.ended_children);
    alive + own
}

struct Stat {
    parent: u32,
    own: Duration,
    ended_children: Duration,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything; the state follows it.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| -> Option<u64> { fields.get(index)?.parse().ok() };
    let time = |ticks: u64| Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND);
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: time(ticks(11)? + ticks(12)?),
        ended_children: time(ticks(13)? + ticks(14)?),
    })
}

/// The threads a process has.
pub(crate) fn threads(pid: u32) -> f64 {
    status(pid, "Threads:")
}

/// The memory a process holds, in MB.
pub(crate) fn memory(pid: u32) -> f64 {
    status(pid, "VmRSS:") / 1000.0
}

/// A number of /proc/PID/status; memory stands there in kB.
fn status(pid: u32, name: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("a number")
}

/// Keeps this process to one processor, so that the server that is measured has the other one.
pub(crate) fn keep_to(processor: usize) {
    keep(&processor.to_string());
}

/// Lets this process run on any processor again.
pub(crate) fn keep_to_none() {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    keep(&format!("0-{}", all.max(2) - 1));
}

fn keep(processors: &str) {
    let status = Command::new("taskset")
        .args(["-apc", processors, &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("taskset is there").success(), "taskset");
}
