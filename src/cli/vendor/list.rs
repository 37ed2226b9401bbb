//! `cleargate vendor list`.

use std::io::Write;

use adapters::Vendor;
use serde::Serialize;

use super::super::error::CliError;
use super::super::show::{Listed, write_list};
use crate::vendors::Registry;

/// Prints the vendors that a connection may name.
pub(super) fn run(vendors: &Registry, json: bool, out: &mut impl Write) -> Result<(), CliError> {
    let names = vendors.names().into_iter();
    let known = names.filter_map(|name| vendors.get(name));
    let rows: Vec<VendorRow> = known.map(|vendor| VendorRow::of(vendor)).collect();
    write_list(out, json, &rows)
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
