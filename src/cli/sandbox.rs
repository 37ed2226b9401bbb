//! `cleargate sandbox`: the fakes of [`crate::sandbox`], until they are asked to stop.

use std::io::Write;
use std::path::Path;

use adapters::simulator::{NAMES, named};

use super::error::CliError;
use super::signals::Stop;
use crate::config;
use crate::sandbox::{self, Options};
use crate::startup::with_causes;
use crate::telemetry::start_log;

/// Runs the sandbox.
pub(super) async fn run(
    options: &Options,
    config: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    start_log(&config::load(config)?.log);
    let simulator = named(&options.vendor).ok_or_else(|| {
        CliError::Usage(format!(
            "there is no simulator of `{}`; `--vendor` takes one of {}",
            options.vendor,
            NAMES.join(", ")
        ))
    })?;
    let mut stop = Stop::listen()?;
    let until = async {
        stop.asked().await;
    };
    sandbox::run(options, simulator, out, until)
        .await
        .map_err(|error| CliError::NotDone(with_causes(&error)))
}
