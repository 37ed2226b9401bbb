//! What happens when nobody asks: placing what is due, looking, applying callbacks, delivering,
//! refreshing catalogs, forgetting.
//!
//! Every kind of work looks at rows, takes no other input, and may run twice: the run that a commit
//! has woken, the run after a poll and the run after a crash are one code path. A row is claimed,
//! worked on, and saved only if it is still as it was claimed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::app::callbacks::PARKED_FOR;
use crate::app::{App, AppError};
use crate::domain::callback::CallbackRow;
use crate::domain::delivery::Claimed;
use crate::domain::order::Order;

/// Rows claimed in one go.
const BATCH: usize = 64;
/// Rows of one kind of work under way at once, where no setting says otherwise.
const AT_ONCE: usize = 128;
/// How often tenants and connections are checked for changes.
const REVISION_POLL: Duration = Duration::from_millis(500);
/// How often the database's clock is read.
const CLOCK_POLL: Duration = Duration::from_secs(10);
/// How often rare work is looked for.
const RARE_POLL: Duration = Duration::from_secs(30);
/// How often what waits is counted.
const BACKLOG_POLL: Duration = Duration::from_secs(10);

/// A kind of work: what is claimed, and what is done with each claim.
trait Work: Send + Sync + 'static {
    type Item: Send + 'static;
    const NAME: &'static str;

    fn signal(app: &App) -> &Notify;
    fn at_once(_app: &App) -> usize {
        AT_ONCE
    }
    fn claim(
        app: &App,
        most: i64,
    ) -> impl Future<Output = Result<Vec<Self::Item>, AppError>> + Send;
    /// How many rows were claimed with an item.
    fn rows(_item: &Self::Item) -> usize {
        1
    }
    fn work(app: Arc<App>, item: Self::Item) -> impl Future<Output = Result<(), AppError>> + Send;
}

struct Placing;
struct Looking;
struct Callbacks;
struct Deliveries;

impl Work for Placing {
    type Item = Order;
    const NAME: &'static str = "placing";

    fn signal(app: &App) -> &Notify {
        &app.signals.placing
    }
    async fn claim(app: &App, most: i64) -> Result<Vec<Order>, AppError> {
        app.claim_due_orders(most).await
    }
    async fn work(app: Arc<App>, order: Order) -> Result<(), AppError> {
        app.work_due_order(order).await
    }
}

impl Work for Looking {
    type Item = Vec<Order>;
    const NAME: &'static str = "looking";

    fn signal(app: &App) -> &Notify {
        &app.signals.looking
    }
    async fn claim(app: &App, most: i64) -> Result<Vec<Vec<Order>>, AppError> {
        app.claim_looks(most).await
    }
    fn rows(orders: &Vec<Order>) -> usize {
        orders.len()
    }
    async fn work(app: Arc<App>, orders: Vec<Order>) -> Result<(), AppError> {
        app.look_together(orders).await
    }
}

impl Work for Callbacks {
    type Item = CallbackRow;
    const NAME: &'static str = "callbacks";

    fn signal(app: &App) -> &Notify {
        &app.signals.callbacks
    }
    async fn claim(app: &App, most: i64) -> Result<Vec<CallbackRow>, AppError> {
        app.claim_callbacks(most).await
    }
    async fn work(app: Arc<App>, row: CallbackRow) -> Result<(), AppError> {
        app.apply_callback(row).await
    }
}

impl Work for Deliveries {
    type Item = Claimed;
    const NAME: &'static str = "deliveries";

    fn signal(app: &App) -> &Notify {
        &app.signals.deliveries
    }
    fn at_once(app: &App) -> usize {
        app.setup().options.delivery.in_flight
    }
    async fn claim(app: &App, most: i64) -> Result<Vec<Claimed>, AppError> {
        app.claim_deliveries(most).await
    }
    async fn work(app: Arc<App>, claimed: Claimed) -> Result<(), AppError> {
        app.deliver(claimed).await
    }
}

/// Starts all background work; it ends, claiming nothing more, when `stop` is cancelled. What is
/// under way then is in the application's task tracker.
pub fn start(app: &Arc<App>, idle_poll: Duration, stop: &CancellationToken) {
    run::<Placing>(app, idle_poll, stop);
    run::<Looking>(app, idle_poll, stop);
    run::<Callbacks>(app, idle_poll, stop);
    run::<Deliveries>(app, idle_poll, stop);
    every(app, REVISION_POLL, stop, "directory", |app| async move {
        app.follow_sheets().await?;
        app.refresh_directory().await.map(drop)
    });
    every(app, CLOCK_POLL, stop, "clock", |app| async move {
        app.clock.anchor(app.store.now().await?);
        Ok(())
    });
    every(app, RARE_POLL, stop, "catalogs", |app| async move {
        app.refresh_stale_catalogs().await.map(drop)
    });
    every(app, RARE_POLL, stop, "retention", |app| async move {
        app.expire_parked(PARKED_FOR).await?;
        app.erase_old_data().await?;
        Ok(app.store.empty_log().await?)
    });
    every(app, RARE_POLL, stop, "secrets", |app| async move {
        app.write_secret_uses().await.map(drop)
    });
    every(app, RARE_POLL, stop, "silence", |app| async move {
        app.notice_silence().await.map(drop)
    });
    every(app, BACKLOG_POLL, stop, "backlog", |app| async move {
        app.measure_backlog().await
    });
}

/// Does everything that is due by the application's clock, and what follows from it, until nothing
/// is: how tests let time pass.
///
/// # Errors
/// The first error of any work.
pub async fn run_due(app: &Arc<App>) -> Result<(), AppError> {
    loop {
        let done = once::<Placing>(app).await?
            + once::<Callbacks>(app).await?
            + once::<Looking>(app).await?
            + once::<Deliveries>(app).await?;
        if done == 0 {
            return Ok(());
        }
    }
}

async fn once<W: Work>(app: &Arc<App>) -> Result<usize, AppError> {
    let items = W::claim(app, 1_000).await?;
    let count = items.len();
    let all = items.into_iter().map(|item| W::work(Arc::clone(app), item));
    for done in futures_util::future::join_all(all).await {
        done?;
    }
    Ok(count)
}

fn run<W: Work>(app: &Arc<App>, idle_poll: Duration, stop: &CancellationToken) {
    let (worker, stop) = (Arc::clone(app), stop.clone());
    app.tasks.spawn(async move {
        let places = Arc::new(Semaphore::new(W::at_once(&worker)));
        while !stop.is_cancelled() {
            let is_full = claim_and_start::<W>(&worker, &places, &stop).await;
            // Then more is waiting.
            if !is_full {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = W::signal(&worker).notified() => {}
                    () = tokio::time::sleep(idle_poll) => {}
                }
            }
        }
    });
}

/// Starts what is due, as much as there are free places for; true where there was as much.
async fn claim_and_start<W: Work>(
    app: &Arc<App>,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> bool {
    // Waiting for one free place here keeps claims from running out while they queue. A place that
    // gets free because everything ends is not for a new claim.
    let free = stop.run_until_cancelled(Arc::clone(places).acquire_owned());
    let Some(Ok(first)) = free.await else {
        return false;
    };
    let most = BATCH.min(places.available_permits() + 1);
    drop(first);
    let items = match W::claim(app, i64::try_from(most).unwrap_or(1)).await {
        Ok(items) => items,
        Err(error) => {
            tracing::warn!(
                work = W::NAME,
                error = &error as &dyn std::error::Error,
                "cannot claim work"
            );
            return false;
        }
    };
    let count: usize = items.iter().map(W::rows).sum();
    for item in items {
        let Ok(place) = Arc::clone(places).acquire_owned().await else {
            return false;
        };
        let worker = Arc::clone(app);
        app.tasks.spawn(async move {
            if let Err(error) = W::work(worker, item).await {
                tracing::warn!(
                    work = W::NAME,
                    error = &error as &dyn std::error::Error,
                    "work failed and will be taken up again"
                );
            }
            drop(place);
        });
    }
    count >= most
}

fn every<F, Fut>(
    app: &Arc<App>,
    pause: Duration,
    stop: &CancellationToken,
    name: &'static str,
    work: F,
) where
    F: Fn(Arc<App>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), AppError>> + Send,
{
    let (worker, stop) = (Arc::clone(app), stop.clone());
    app.tasks.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            if let Err(error) = work(Arc::clone(&worker)).await {
                tracing::warn!(
                    work = name,
                    error = &error as &dyn std::error::Error,
                    "work failed and will be tried again"
                );
            }
        }
    });
}
