//! What stands in `deploy/` fits the program: a dashboard or an alert over a metric that is gone
//! would be silent for ever.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use cleargate::telemetry::METRICS;
use serde_json::Value;

use crate::support::program::until;
use crate::support::trial::setup::free_port;
use crate::support::{TenantClient, mortal};

/// Words of an expression that look like names of metrics.
fn names(expression: &str) -> BTreeSet<String> {
    // What stands in braces are labels, in brackets times, and behind `by` labels too.
    let mut text = String::new();
    let mut depth = 0;
    for letter in expression.chars() {
        match letter {
            '{' | '[' | '"' if depth == 0 => depth = 1,
            '}' | ']' => depth = 0,
            _ if depth == 0 => text.push(letter),
            _ => {}
        }
    }
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    words
        .filter(|word| word.contains('_') && !word.starts_with("histogram_quantile"))
        .map(|word| {
            let word = word.trim_end_matches("_bucket").trim_end_matches("_count");
            word.to_owned()
        })
        .collect()
}

fn known(expression: &str) {
    let found = names(expression);
    for name in &found {
        let is_known = METRICS.iter().any(|metric| metric.name == name);
        assert!(is_known, "`{name}` in `{expression}` is no metric of ours");
    }
    let is_about_scraping = expression.starts_with("up{");
    assert!(!found.is_empty() || is_about_scraping, "{expression}");
}

#[test]
fn every_panel_of_the_dashboard_is_over_metrics_that_exist() {
    let dashboard: Value =
        serde_json::from_str(include_str!("../../deploy/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() >= 10);
    for target in panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap())
    {
        known(target["expr"].as_str().unwrap());
    }
}

#[test]
fn every_alert_is_over_metrics_that_exist_and_says_what_to_do() {
    let rules = include_str!("../../deploy/alerts.yaml");
    let values = |key: &str| {
        let lines = rules.lines().map(str::trim);
        let values = lines
            .filter_map(|line| line.strip_prefix(key))
            .map(str::to_owned);
        values.collect::<Vec<_>>()
    };
    let alerts = values("- alert: ").len();
    assert!(alerts >= 10);
    assert_eq!(values("action: ").len(), alerts);
    let expressions = values("expr: ");
    assert_eq!(expressions.len(), alerts);
    expressions.iter().for_each(|expression| known(expression));
}

/// HAProxy with its file, before replicas that are not there.
fn balancer(listen: SocketAddr) -> Command {
    let mut command = mortal("haproxy");
    command.args(["-f", "deploy/haproxy.cfg"]);
    command.env("CLEARGATE_BIND", listen.to_string());
    for number in 1..=3 {
        command.env(format!("CLEARGATE_REPLICA_{number}"), "127.0.0.1:2");
        command.env(format!("CLEARGATE_CHECK_PORT_{number}"), "3");
    }
    command
}

#[tokio::test]
async fn who_finds_no_replica_reads_an_error_like_ours() {
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut command = balancer(listen);
    command
        .arg("-db")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("haproxy is installed");
    until("HAProxy listens", || TcpStream::connect(listen).ok());
    let answer = TenantClient::new(listen, "ACCT123", "any").packages().await;
    child.kill().unwrap();
    child.wait().unwrap();
    answer.refused(503, "unavailable", None);
    assert_eq!(answer.header("x-request-id").len(), 36, "{answer:?}");
}

#[test]
fn the_load_balancer_takes_its_file() {
    let mut command = balancer(SocketAddr::from(([127, 0, 0, 1], 1)));
    command.args(["-c", "-q"]);
    let checked = command.output().expect("haproxy is installed");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
    let file = include_str!("../../deploy/haproxy.cfg");
    let log = file
        .lines()
        .find(|line| line.contains("log-format"))
        .unwrap();
    for secret in ["%HP", "%HU", "%r", "%HQ", "%hr", "%hs", "path", "url"] {
        let is_word =
            |word: &str| word.contains(secret) && !word.contains("%rc") && !word.contains("/%rc");
        assert!(
            !log.split([' ', '/']).any(is_word),
            "the log has `{secret}`: {log}"
        );
    }
}
