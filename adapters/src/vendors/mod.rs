//! The vendors that ship: the sheets of `adapters/sheets`, compiled in.
//!
//! An operation that a sheet cannot say is written by hand in a file here, one a vendor, and put
//! into the loaded [`Vendor`], which is a record.

use std::sync::{Arc, LazyLock};

use crate::contract::Vendor;
use crate::sheet;

/// Every shipped sheet by its file name.
const SHEETS: &[(&str, &str)] = &[
    ("accio.toml", include_str!("../../sheets/accio.toml")),
    ("checkr.toml", include_str!("../../sheets/checkr.toml")),
    ("sandbox.toml", include_str!("../../sheets/sandbox.toml")),
    ("sterling.toml", include_str!("../../sheets/sterling.toml")),
    (
        "tazworks_xml.toml",
        include_str!("../../sheets/tazworks_xml.toml"),
    ),
    ("tazworks.toml", include_str!("../../sheets/tazworks.toml")),
    ("accurate.toml", include_str!("../../sheets/accurate.toml")),
    ("certn.toml", include_str!("../../sheets/certn.toml")),
    ("checkr.toml", include_str!("../../sheets/checkr.toml")),
    ("sandbox.toml", include_str!("../../sheets/sandbox.toml")),
    ("sterling.toml", include_str!("../../sheets/sterling.toml")),
    ("yardstik.toml", include_str!("../../sheets/yardstik.toml")),
];

static SHIPPED: LazyLock<Vec<Arc<Vendor>>> = LazyLock::new(|| {
    let vendors = SHEETS.iter().map(|(name, text)| {
        let vendor = sheet::load(name, text);
        Arc::new(vendor.expect("shipped sheets are loaded by the tests of this package"))
    });
    vendors.collect()
});

/// The shipped sheet of that vendor.
pub(crate) fn sheet(vendor: &str) -> Option<&'static str> {
    let named = |(file, _): &&(&str, &str)| file.strip_suffix(".toml") == Some(vendor);
    SHEETS.iter().find(named).map(|(_, text)| *text)
}

/// The vendors that ship with this package, by name. They are loaded once.
pub fn shipped() -> Vec<Arc<Vendor>> {
    SHIPPED.clone()
}

#[cfg(test)]
mod tests;
