//! `cleargate key` and `cleargate secret`: new random values, printed and nothing else, so that
//! they can be piped to where they are kept.

use std::io::Write;

use super::error::CliError;
use crate::app::tenants::new_secret;
use crate::seal::new_key;

/// Keys that seal the database.
#[derive(Debug, clap::Subcommand)]
pub(super) enum KeyCommand {
    /// Print a new key for `security.key`.
    New,
}

/// API Secrets.
#[derive(Debug, clap::Subcommand)]
pub(super) enum SecretCommand {
    /// Print a new API Secret for a tenants file.
    New,
}

/// Runs a command of `key`.
pub(super) fn run(command: &KeyCommand, out: &mut impl Write) -> Result<(), CliError> {
    match command {
        KeyCommand::New => Ok(writeln!(out, "{}", new_key())?),
    }
}

/// Runs a command of `secret`.
pub(super) fn run_secret(command: &SecretCommand, out: &mut impl Write) -> Result<(), CliError> {
    match command {
        SecretCommand::New => Ok(writeln!(out, "{}", new_secret().expose())?),
    }
}
