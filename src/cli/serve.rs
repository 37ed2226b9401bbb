//! `cleargate serve`: the gateway itself, until it is asked to stop.

use std::path::Path;

use super::error::CliError;
use super::stop::Stop;
use crate::clock::Clock;
use crate::config;
use crate::startup::Serving;
use crate::telemetry::start_log;

/// Serves until SIGTERM or SIGINT, then drains; a second signal ends the draining.
pub(super) async fn run(config: Option<&Path>) -> Result<(), CliError> {
    let settings = config::load(config)?;
    start_log(&settings.log);
    let mut stop = Stop::listen()?;
    let serving = tokio::select! {
        serving = Serving::start(&settings, Clock::running(), true) => serving?,
        _ = stop.asked() => return Ok(()),
    };
    let signal = stop.asked().await;
    tracing::info!(event = "draining", signal, "draining");
    tokio::select! {
        () = serving.drain() => tracing::info!(event = "stopped", "stopped"),
        signal = stop.asked() => tracing::warn!(signal, "asked to stop once more: leaving at once"),
    }
    Ok(())
}
