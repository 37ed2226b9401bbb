//! `cleargate check`: every mistake that can be found without asking anybody.

use std::io::Write;
use std::path::{Path, PathBuf};

use adapters::vocabulary::Private;

use super::error::CliError;
use super::tenant::read_file;
use crate::app::tenant_file::TenantFile;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::config::{self, Mistake, Settings};
use crate::seal::{Keyring, new_key};
use crate::startup::{StartError, caller, keyring, obstacles};
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
    let (tenants, misread) = match options.tenants.as_deref().map(read_file) {
        None => (None, Vec::new()),
        Some(Ok(file)) => (Some(file), Vec::new()),
        Some(Err(mistakes)) => (None, mistakes),
    };
    let mut mistakes = match config::examine(config) {
        Ok((settings, found)) => check(settings, &found, tenants.as_ref()),
        // Nothing is known of what was set, so nothing can be held against it.
        Err(error) => vec![error.to_string()],
    };
    mistakes.extend(misread);
    if mistakes.is_empty() {
        Ok(writeln!(out, "ok")?)
    } else {
        Err(CliError::SetUp(mistakes))
    }
}

/// The mistakes that were `found` in single settings, and all that show with the others.
fn check(mut settings: Settings, found: &[Mistake], tenants: Option<&TenantFile>) -> Vec<String> {
    let mut mistakes: Vec<String> = found.iter().map(Mistake::to_string).collect();
    // Where a setting is wrong its default is there; what only that would forbid is no mistake.
    let is_wrong = |key: &str| found.iter().any(|mistake| mistake.key == key);
    settings.vendors.allow_sandbox |= is_wrong("vendors.allow_sandbox");
    settings.egress.allow_http |= is_wrong("egress.allow_http");
    let keys = match keyring(&settings) {
        Ok(keys) => keys,
        Err(error) => {
            if !is_wrong("security.key") {
                mistakes.extend(error.sentences());
            }
            any_keys()
        }
    };
    mistakes.extend(obstacles(&settings));
    let dir = settings.vendors.dir.as_deref();
    let (vendors, wrong_sheets) = Registry::examine(dir, settings.vendors.allow_sandbox);
    mistakes.extend(wrong_sheets);
    let (clock, cache) = (Clock::running(), Cache::default());
    let caller = caller(&settings, &vendors, &clock, &cache, &keys.into());
    mistakes.extend(caller.err().map(StartError::sentences).unwrap_or_default());
    if let Some(file) = tenants {
        mistakes.extend(file.mistakes(&vendors, settings.egress.allow_http));
        mistakes.extend(file.secrets_written_out());
        for sentence in file.to_be_looked_at(&vendors) {
            eprintln!("{sentence}");
        }
    }
    mistakes
}

/// Stands in for keys that cannot be had, so that further mistakes are found.
fn any_keys() -> Keyring {
    let key = Private::new(new_key());
    Keyring::new(&key, &[]).expect("a new key is a key")
}
