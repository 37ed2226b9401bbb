//! Load: at a given rate whatever comes back, or as fast as it comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Starts `work(i, due)` for every `i` below `total` at even times, `rate` in a second, whether or
/// not the earlier ones have come back, and waits for all. Times count from `due`, when it should
/// have been started, so that a stall is paid for by everything that it held up.
///
/// A thread keeps the pace, because the runtime's timer is no finer than a millisecond.
pub(crate) async fn open_loop<F, Fut, T>(rate: u32, total: u32, work: F) -> Vec<T>
where
    F: Fn(u32, Instant) -> Fut,
    Fut: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let (tell, mut told) = mpsc::unbounded_channel();
    let pace = thread::spawn(move || {
        let start = Instant::now();
        for number in 0..total {
            let due = start + Duration::from_secs(1) * number / rate;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if tell.send((number, due)).is_err() {
                return;
            }
        }
    });
    let mut running = JoinSet::new();
    while let Some((number, due)) = told.recv().await {
        running.spawn(work(number, due));
    }
    pace.join().expect("the pace is kept");
    running.join_all().await
}

/// Keeps `clients` calls of `work(i)` under way, each with the next number from 0, until `enough`
/// says so; returns how many were made and how long that took.
pub(crate) async fn closed_loop<F, Fut>(
    clients: u32,
    enough: impl Fn(u32, Duration) -> bool + Clone + Send + Sync + 'static,
    work: F,
) -> (u32, Duration)
where
    F: Fn(u32) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    let (next, start) = (Arc::new(AtomicU32::new(0)), Instant::now());
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let (next, work, enough) = (Arc::clone(&next), work.clone(), enough.clone());
        running.spawn(async move {
            let mut made = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if enough(number, start.elapsed()) {
                    return made;
                }
                work(number).await;
                made += 1;
            }
        });
    }
    let made = running.join_all().await.iter().sum();
    (made, start.elapsed())
}
