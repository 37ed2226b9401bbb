//! `cleargate serve`: the gateway itself, until it is asked to stop.

use std::path::Path;

use super::error::CliError;
use super::signals::{Stop, reloads};
use crate::clock::Clock;
use crate::config;
use crate::startup::{Serving, StartError};
use crate::telemetry::start_log;

/// Serves until SIGTERM or SIGINT, then drains; a second signal ends the draining. SIGHUP reloads
/// settings and sheets.
pub(super) async fn run(config: Option<&Path>) -> Result<(), CliError> {
    let settings = config::load(config)?;
    start_log(&settings.log);
    let (mut stop, mut reloads) = (Stop::listen()?, reloads()?);
    let mut serving = tokio::select! {
        serving = Serving::start(&settings, Clock::running(), true) => serving?,
        _ = stop.asked() => return Ok(()),
    };
    let signal = loop {
        tokio::select! {
            signal = stop.asked() => break signal,
            _ = reloads.recv() => reload(&mut serving, config).await,
        }
    };
    tracing::info!(event = "draining", signal, "draining");
    tokio::select! {
        () = serving.drain() => tracing::info!(event = "stopped", "stopped"),
        signal = stop.asked() => tracing::warn!(signal, "asked to stop once more: leaving at once"),
    }
    Ok(())
}

/// All or nothing: a mistake leaves everything in force as it was.
async fn reload(serving: &mut Serving, config: Option<&Path>) {
    let reloaded = match config::load(config) {
        Ok(settings) => serving.reload(settings).await,
        Err(error) => Err(StartError::one(error.to_string())),
    };
    let result = if reloaded.is_ok() { "done" } else { "refused" };
    metrics::counter!("reloads_total", "result" => result).increment(1);
    match reloaded {
        Ok(()) => tracing::info!(event = "reloaded", "settings and sheets are reloaded"),
        Err(error) => {
            for mistake in error.sentences() {
                tracing::error!(
                    event = "not_reloaded",
                    mistake,
                    "nothing is reloaded, and what was in force stays in force"
                );
            }
        }
    }
}
