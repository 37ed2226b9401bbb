//! Being asked to stop, by SIGTERM from a supervisor or SIGINT from Ctrl-C; or to reload, by SIGHUP.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::CliError;

/// Listens for both signals from now on; neither ends the process by itself any more.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    pub(super) fn listen() -> Result<Self, CliError> {
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits for a signal; returns its name.
    pub(super) async fn asked(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Asks to reload. Only what can reload listens: a closed terminal sends the same signal, and ends
/// everything else.
pub(super) fn reloads() -> Result<Signal, CliError> {
    listen(SignalKind::hangup())
}

fn listen(kind: SignalKind) -> Result<Signal, CliError> {
    signal(kind)
        .map_err(|error| CliError::Internal(format!("signals cannot be listened for ({error})")))
}
