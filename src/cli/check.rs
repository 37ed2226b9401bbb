//! `cleargate check`: every mistake that can be found without asking anybody.

use std::io::Write;
use std::path::{Path, PathBuf};

use adapters::vocabulary::Private;

use super::error::CliError;
use super::tenant::read_file;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::config;
use crate::seal::{Keyring, new_key};
use crate::startup::{caller, keyring};
use crate::vendors::Registry;

/// What is checked beside settings and vendor sheets.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A tenants file, as `tenant import` takes it. Its secrets are not looked up.
    #[arg(long, value_name = "FILE")]
    tenants: Option<PathBuf>,
}

/// Prints `ok`, or fails with all mistakes.
pub(super) fn run(
    options: &Options,
    config: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let settings = config::load(config)?;
    let mut mistakes = Vec::new();
    let keys = keyring(&settings).unwrap_or_else(|error| {
        mistakes.extend(error.sentences());
        any_keys()
    });
    let (dir, allow_sandbox) = (
        settings.vendors.dir.as_deref(),
        settings.vendors.allow_sandbox,
    );
    let vendors = Registry::load(dir, allow_sandbox).unwrap_or_else(|found| {
        mistakes.extend(found);
        Registry::default()
    });
    if !vendors.names().is_empty()
        && let Err(error) = caller(
            &settings,
            &vendors,
            &Clock::running(),
            &Cache::default(),
            &keys.into(),
        )
    {
        mistakes.extend(error.sentences());
    }
    match options.tenants.as_deref().map(read_file) {
        None => {}
        Some(Err(found)) => mistakes.extend(found),
        // Without the sheets every vendor of the file would be told as unknown.
        Some(Ok(_)) if vendors.names().is_empty() => {}
        Some(Ok(file)) => {
            mistakes.extend(file.mistakes(&vendors, settings.egress.allow_http));
            mistakes.extend(file.secrets_written_out());
            for sentence in file.to_be_looked_at(&vendors) {
                eprintln!("{sentence}");
            }
        }
    }
    if mistakes.is_empty() {
        Ok(writeln!(out, "ok")?)
    } else {
        Err(CliError::SetUp(mistakes))
    }
}

/// Stands in for keys that cannot be had, so that further mistakes are found.
fn any_keys() -> Keyring {
    let key = Private::new(new_key());
    Keyring::new(&key, &[]).expect("a new key is a key")
}
