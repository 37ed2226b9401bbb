//! `cleargate key` and `cleargate secret`: new random values, printed and nothing else, so that
//! they can be piped to where they are kept.

use std::io::Write;
use std::path::Path;

use super::desk::Desk;
use super::error::CliError;
use crate::app::tenants::new_secret;
use crate::seal::new_key;

/// Keys that seal the database.
#[derive(Debug, clap::Subcommand)]
pub(super) enum KeyCommand {
    /// Print a new key for `security.key`.
    New,
    /// Seal with `security.key` whatever is still sealed with one of `security.old_keys`.
    ///
    /// To change the key: put the old one into `security.old_keys`, the new one into `security.key`,
    /// reload or restart every serving process, run this, and take the old one out again. Result
    /// links that were given out before still work.
    Reseal,
}

/// API Secrets.
#[derive(Debug, clap::Subcommand)]
pub(super) enum SecretCommand {
    /// Print a new API Secret for a tenants file.
    New,
}

/// Runs a command of `key`.
pub(super) async fn run(
    command: &KeyCommand,
    config: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    match command {
        KeyCommand::New => Ok(writeln!(out, "{}", new_key())?),
        KeyCommand::Reseal => {
            let resealed = Desk::with(config, async |desk| {
                let resealed = desk.app.reseal().await?;
                desk.audit(
                    "key reseal",
                    &desk.app.setup().keys.current_id(),
                    &format!("{resealed} values"),
                )
                .await?;
                Ok(resealed)
            });
            let resealed = resealed.await?;
            Ok(writeln!(
                out,
                "{resealed} values resealed; nothing needs an old key any more, so `security.old_keys` may be emptied"
            )?)
        }
    }
}

/// Runs a command of `secret`.
pub(super) fn run_secret(command: &SecretCommand, out: &mut impl Write) -> Result<(), CliError> {
    match command {
        SecretCommand::New => Ok(writeln!(out, "{}", new_secret().expose())?),
    }
}
