//! Being asked to stop: SIGTERM by a supervisor, SIGINT by Ctrl-C.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::CliError;

/// Listens for both signals from now on; neither ends the process by itself any more.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    pub(super) fn listen() -> Result<Self, CliError> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                CliError::Internal(format!("signals cannot be listened for ({error})"))
            })
        };
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
