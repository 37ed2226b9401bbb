//! `cleargate migrate`: the database's schema, brought up to date before `serve` needs it.

use std::io::Write;
use std::path::Path;

use super::error::CliError;
use crate::config;
use crate::startup::open_store;
use crate::store::SCHEMA_VERSION;

/// Migrates. It may be run again, and by several at once.
pub(super) async fn run(config: Option<&Path>, out: &mut impl Write) -> Result<(), CliError> {
    let settings = config::load(config)?;
    let store = open_store(&settings, false, true).await?;
    store.close().await;
    Ok(writeln!(out, "the database has schema {SCHEMA_VERSION}")?)
}
