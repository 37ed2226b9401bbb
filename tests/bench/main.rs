//! What the gateway costs and carries, measured over real sockets and beside peers in the same run.
//!
//! `tests/bench/run` builds and starts this. The gateway under test is the real `cleargate serve`
//! in a process of its own; load, vendor and webhook receiver live in this one, lean enough not to
//! be what is measured. Every figure is the median of all rounds, peers take turns within a round,
//! and the machine's load stands beside the table, because a ratio survives a busy machine and a
//! time does not.

mod bare;
mod catalog;
mod client;
mod crowd;
mod figures;
mod gateway;
mod grown;
mod isolation;
mod load;
mod orders;
mod postgres;
mod processes;
mod reads;
mod replicas;
mod serving;
mod sink;
mod stand;
mod starting;
mod throughput;
mod vendor;
mod waiting;
mod webhooks;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use figures::Figures;

/// Measures the gateway.
#[derive(Debug, Parser)]
struct Options {
    /// What to measure; everything where nothing is named.
    parts: Vec<Part>,
    /// A single short round, to see whether it runs.
    #[arg(long)]
    quick: bool,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// A PostgreSQL that may be filled.
    #[arg(long, env = "CLEARGATE_TEST_POSTGRES_URL", default_value = "")]
    postgres: String,
    /// Another build of the gateway, to be compared with.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_cleargate"))]
    program: PathBuf,
    /// Serve the bytes of this file with a bare axum handler, and nothing else: a peer.
    #[arg(long, hide = true)]
    bare: Option<PathBuf>,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Catalog,
    Orders,
    Webhooks,
    Throughput,
    Isolation,
    Reads,
    Starting,
    Replicas,
    Waiting,
    Crowd,
    Grown,
}

/// How long and how often.
#[derive(Clone, Debug)]
struct Effort {
    /// The gateway.
    program: PathBuf,
    rounds: u32,
    /// Of one measurement.
    lasting: Duration,
}

fn main() {
    let options = Options::parse();
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    runtime.block_on(run(options));
}

async fn run(options: Options) {
    if let Some(file) = &options.bare {
        return bare::serve(file).await;
    }
    let (rounds, seconds) = if options.quick {
        (1, 2)
    } else {
        (options.rounds, 5)
    };
    let effort = Effort {
        program: options.program,
        rounds,
        lasting: Duration::from_secs(seconds),
    };
    let parts = if options.parts.is_empty() {
        Part::value_variants()
    } else {
        &options.parts
    };
    let mut figures = Figures::default();
    let before = processes::load();
    for part in parts {
        println!("measuring {part:?} ...");
        match part {
            Part::Catalog => catalog::measure(&effort, &mut figures).await,
            Part::Orders => orders::measure(&effort, &options.postgres, &mut figures).await,
            Part::Webhooks => webhooks::measure(&effort, &options.postgres, &mut figures).await,
            Part::Throughput => throughput::measure(&effort, &options.postgres, &mut figures).await,
            Part::Isolation => isolation::measure(&effort, &options.postgres, &mut figures).await,
            Part::Reads => reads::measure(&effort, &mut figures).await,
            Part::Starting => starting::measure(&effort, &mut figures).await,
            Part::Replicas => replicas::measure(&effort, &options.postgres, &mut figures).await,
            Part::Waiting => waiting::measure(&effort, &options.postgres, &mut figures).await,
            Part::Crowd => crowd::measure(&effort, &options.postgres, &mut figures).await,
            Part::Grown => grown::measure(&effort, &options.postgres, &mut figures).await,
        }
    }
    println!("{figures}");
    println!("load before {before}, after {}", processes::load());
}
