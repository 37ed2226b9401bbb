//! `cleargate vendor`: the vendors that a connection may name.

use std::io::Write;
use std::path::Path;

use adapters::Vendor;
use serde::Serialize;

use super::error::CliError;
use super::show::{Listed, write_list};
use crate::config;
use crate::vendors::Registry;

/// What can be done with vendors.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the built-in vendors and those of `vendors.dir`.
    List {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
}

/// Runs a command of `vendor`. None of them needs a database.
pub(super) fn run(
    command: &Command,
    config: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let settings = config::load(config)?.vendors;
    let vendors =
        Registry::load(settings.dir.as_deref(), settings.allow_sandbox).map_err(CliError::SetUp)?;
    match command {
        Command::List { json } => {
            let known = vendors
                .names()
                .into_iter()
                .filter_map(|name| vendors.get(name));
            let rows: Vec<VendorRow> = known.map(|vendor| VendorRow::of(vendor)).collect();
            write_list(out, *json, &rows)
        }
    }
}

#[derive(Serialize)]
struct VendorRow {
    name: String,
    title: String,
    operations: Vec<&'static str>,
    credentials: Vec<String>,
    settings: Vec<String>,
}

impl VendorRow {
    fn of(vendor: &Vendor) -> Self {
        let settings = vendor.settings.iter();
        Self {
            name: vendor.name.clone(),
            title: vendor.title.clone(),
            operations: operations(vendor),
            credentials: vendor.credentials.clone(),
            settings: settings.map(|setting| setting.name.clone()).collect(),
        }
    }
}

/// What its sheet can do beside placing.
fn operations(vendor: &Vendor) -> Vec<&'static str> {
    let all = [
        ("list", vendor.list.is_some()),
        ("fetch", vendor.fetch.is_some()),
        ("find", vendor.finds_ours),
        ("cancel", vendor.cancel.is_some()),
        ("report", vendor.report.is_some()),
        ("verify", vendor.verify.is_some()),
        ("callbacks", vendor.callbacks.is_some()),
    ];
    let can = all.into_iter().filter(|(_, can)| *can);
    std::iter::once("place")
        .chain(can.map(|(name, _)| name))
        .collect()
}

impl Listed for VendorRow {
    const HEADINGS: &'static [&'static str] =
        &["NAME", "TITLE", "OPERATIONS", "CREDENTIALS", "SETTINGS"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.title.clone(),
            self.operations.join(","),
            self.credentials.join(","),
            self.settings.join(","),
        ]
    }
}
