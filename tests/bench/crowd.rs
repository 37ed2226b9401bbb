//! Ten thousand client accounts with three connections each: the memory they take, and whether a
//! catalog hit costs more than with one. Hits go in turn to as many accounts as have their lists in
//! memory at once.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::catalog::{LOAD, SERVER, wrk};
use crate::figures::{Figures, Target};
use crate::postgres::Postgres;
use crate::stand::{Stand, Unusual};
use crate::{Effort, load, processes};

const TENANTS: u32 = 10_000;
const CONNECTIONS: u32 = 3;
/// Accounts that are asked for; a list of three catalogs takes about 50 kB.
const ASKED: u32 = 500;
/// Until it has done what a start entails.
const IDLE: Duration = Duration::from_secs(3);

/// Asks with each line of a file for its Authorization in turn.
const SCRIPT: &str = r#"
local requests, at = {}, 0
init = function()
  for line in io.lines("@file@") do
    requests[#requests + 1] = wrk.format("GET", nil, { ["Authorization"] = line })
  end
end
request = function()
  at = at % #requests + 1
  return requests[at]
end
"#;

pub(crate) async fn measure(effort: &Effort, postgres: &str, figures: &mut Figures) {
    processes::keep_to(LOAD);
    let database = Postgres::given(postgres).create("bench_crowd").await;
    let unusual = Unusual {
        connections: Some(CONNECTIONS),
        ..Unusual::default()
    };
    let stand = Stand::of(
        &effort.program,
        &database.url,
        Some(SERVER),
        TENANTS,
        unusual,
    )
    .await;
    let stand = Arc::new(stand);
    tokio::time::sleep(IDLE).await;
    let memory = |figures: &mut Figures, when: &str| {
        let what = format!("crowd: memory, 10,000 tenants with 3 connections, {when}");
        let memory = processes::memory(stand.gateway.pid());
        figures.take(&what, "MB", Target::AtMost(150.0), memory);
    };
    memory(figures, "idle");
    let asking = Arc::clone(&stand);
    let ask = move |number| {
        let stand = Arc::clone(&asking);
        async move { stand.ask_for_packages(number).await }
    };
    // A list that a first fetch has changed while it was merged is merged again the next time.
    for _ in 0..2 {
        load::closed_loop(4, |number, _| number >= ASKED, ask.clone()).await;
    }
    let folder = TempDir::new().expect("a temporary folder");
    let script = |name: &str, accounts: u32| {
        let (script, file) = (
            folder.path().join(name),
            folder.path().join(format!("{name}.txt")),
        );
        let mut lines = String::new();
        for account in 0..accounts {
            let basic = stand.basic(&format!("BENCH{account}"));
            writeln!(lines, "{basic}").expect("a String takes all");
        }
        fs::write(&file, lines).expect("a file is written");
        fs::write(
            &script,
            SCRIPT.replace("@file@", &file.display().to_string()),
        )
        .expect("a file is written");
        script.display().to_string()
    };
    let (one, many) = (script("one.lua", 1), script("many.lua", ASKED));
    for _ in 0..effort.rounds {
        let rate = |script: &str| wrk(stand.gateway.public, &["-s", script], effort.lasting).1;
        let (one, many) = (rate(&one), rate(&many));
        figures.take(
            "crowd: catalog hits of one tenant",
            "req/s",
            Target::None,
            one,
        );
        figures.take(
            "crowd: catalog hits of 500 tenants in turn",
            "req/s",
            Target::None,
            many,
        );
        figures.take(
            "crowd: of 500 tenants / of one",
            "times",
            Target::AtLeast(0.9),
            many / one,
        );
    }
    memory(figures, "after the hits");
}
