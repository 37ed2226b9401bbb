//! How soon it is ready on a database it knows, and what it takes while nobody asks.

use std::time::Duration;

use crate::figures::{Figures, Target};
use crate::stand::Stand;
use crate::{Effort, processes};

/// Until it has done what a start entails.
const IDLE: Duration = Duration::from_secs(2);

pub(crate) async fn measure(effort: &Effort, figures: &mut Figures) {
    processes::keep_to_none();
    let mut stand = Stand::start(&effort.program, "", None, 1).await;
    for _ in 0..effort.rounds {
        let took = stand.gateway.restart().await.as_secs_f64() * 1000.0;
        let what = "starting: ready on an existing database";
        figures.take(what, "ms", Target::AtMost(300.0), took);
        tokio::time::sleep(IDLE).await;
        let memory = processes::memory(stand.gateway.pid());
        figures.take("starting: memory, idle", "MB", Target::AtMost(60.0), memory);
    }
}
