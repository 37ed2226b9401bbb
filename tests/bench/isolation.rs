//! What orders at one vendor feel of another vendor that takes every order and never answers, while
//! 64 callers wait for it. On PostgreSQL, whose files stand in memory here: a disk that others use
//! has a p99 of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::figures::{Figures, Target, Times};
use crate::postgres::Postgres;
use crate::stand::{Stand, Unusual};
use crate::{Effort, load, processes, serving, vendor};

/// Orders a second at the vendor that answers.
const RATE: u32 = 100;
/// Callers who wait for the other.
const CALLERS: u32 = 64;
/// An order is answered within this, whatever its vendor does.
const ANSWERED: Duration = Duration::from_secs(8);
/// Their orders have numbers of their own.
const APART: u32 = 1_000_000;

pub(crate) async fn measure(effort: &Effort, postgres: &str, figures: &mut Figures) {
    processes::keep_to_none();
    let database = Postgres::given(postgres).create("bench_isolation").await;
    let hanging = Hanging::start().await;
    let unusual = Unusual {
        hanging: Some(hanging.addr),
        ..Unusual::default()
    };
    let stand = Stand::of(&effort.program, &database.url, None, 1, unusual).await;
    let stand = Arc::new(stand);
    let mut first = stand.warm_up().await;
    let total = RATE * u32::try_from(effort.lasting.as_secs()).expect("seconds");
    let mut apart = APART;
    for _ in 0..effort.rounds {
        let base = p99(&stand, first, total).await;
        first += total;
        let stop = Arc::new(AtomicBool::new(false));
        let mut waiting = JoinSet::new();
        waiting.spawn(wait_for_it(Arc::clone(&stand), apart, Arc::clone(&stop)));
        tokio::time::sleep(ANSWERED).await;
        let beside = p99(&stand, first, total).await;
        first += total;
        let threads = processes::threads(stand.gateway.pid());
        stop.store(true, Ordering::Relaxed);
        apart += waiting.join_all().await.iter().sum::<u32>();
        let what = "isolation: p99 beside a vendor that hangs / p99 alone";
        figures.take(what, "times", Target::AtMost(1.5), beside / base);
        figures.take("isolation: p99 alone", "ms", Target::None, base);
        let what = "isolation: threads of the gateway meanwhile";
        figures.take(what, "", Target::None, threads);
        let what = "isolation: memory of the gateway meanwhile";
        let memory = processes::memory(stand.gateway.pid());
        figures.take(what, "MB", Target::None, memory);
    }
}

async fn p99(stand: &Arc<Stand>, first: u32, total: u32) -> f64 {
    let waited = load::open_loop(RATE, total, |number, due| {
        let stand = Arc::clone(stand);
        async move {
            stand.place(first + number).await;
            due.elapsed()
        }
    });
    Times::new(waited.await).percentile(99.0)
}

/// Keeps so many callers waiting until told to stop; returns how many orders that were. They come one
/// after the other, as people do: 64 in the same instant would be a load of their own.
async fn wait_for_it(stand: Arc<Stand>, first: u32, stop: Arc<AtomicBool>) -> u32 {
    let mut callers = JoinSet::new();
    let next = Arc::new(AtomicU32::new(first));
    for caller in 0..CALLERS {
        let (stand, stop, next) = (Arc::clone(&stand), Arc::clone(&stop), Arc::clone(&next));
        callers.spawn(async move {
            tokio::time::sleep(ANSWERED * caller / CALLERS).await;
            while !stop.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                stand.place_at_hanging(number).await;
            }
        });
    }
    callers.join_all().await;
    next.load(Ordering::Relaxed) - first
}

/// A vendor that lists its packages and answers nothing else; or an ATS that answers nothing.
pub(crate) struct Hanging {
    pub(crate) addr: SocketAddr,
    _accepting: JoinSet<()>,
}

impl Hanging {
    pub(crate) async fn start() -> Self {
        let (addr, accepting) = serving::listen(hang).await;
        Self {
            addr,
            _accepting: accepting,
        }
    }
}

async fn hang(mut stream: TcpStream) {
    let mut request = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut request).await {
        if !request[..read].starts_with(b"GET /packages") {
            continue;
        }
        let body = vendor::packages();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        // Whoever has gone needs no answer.
        drop(stream.write_all(&[head.as_bytes(), &body].concat()).await);
    }
}
