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
    ("yardstik.toml", include_str!("../../sheets/yardstik.toml")),
];

macro_rules! fixtures {
    ($($vendor:literal: $($file:literal),*;)*) => {
        /// What goes over the wire at every shipped vendor: the files of its folder of fixtures.
        const FIXTURES: &[(&str, &[(&str, &str)])] = &[
            $(($vendor, &[$((
                concat!($file, ".toml"),
                include_str!(concat!("../../fixtures/", $vendor, "/", $file, ".toml")),
            )),*])),*
        ];
    };
}

fixtures! {
    "accio": "callbacks", "fetch", "list", "place", "vendor", "verify";
    "accurate": "callbacks", "fetch", "list", "place", "report", "vendor", "verify";
    "certn": "callbacks", "cancel", "fetch", "place", "report", "vendor", "verify";
    "checkr": "callbacks", "cancel", "fetch", "list", "place", "vendor", "verify";
    "sandbox": "callbacks", "cancel", "fetch", "list", "place", "vendor", "verify";
    "sterling": "callbacks", "fetch", "list", "place", "report", "vendor", "verify";
    "tazworks": "callbacks", "fetch", "list", "place", "report", "vendor", "verify";
    "tazworks_xml": "callbacks", "fetch", "place", "vendor";
    "yardstik": "callbacks", "fetch", "list", "place", "vendor", "verify";
}

/// The fixtures of a shipped vendor: names of files and their texts, for
/// [`crate::conformance::Fixtures::parse`].
pub fn fixtures(vendor: &str) -> Option<&'static [(&'static str, &'static str)]> {
    let found = FIXTURES.iter().find(|(name, _)| *name == vendor);
    found.map(|(_, files)| *files)
}

static SHIPPED: LazyLock<Vec<Arc<Vendor>>> = LazyLock::new(|| {
    let vendors = SHEETS.iter().map(|(name, text)| {
        let vendor = sheet::load(name, text);
        Arc::new(vendor.expect("shipped sheets are loaded by the tests of this package"))
    });
    vendors.collect()
});

/// The text of the shipped sheet of that vendor, which others may extend.
pub fn sheet(vendor: &str) -> Option<&'static str> {
    let named = |(file, _): &&(&str, &str)| file.strip_suffix(".toml") == Some(vendor);
    SHEETS.iter().find(named).map(|(_, text)| *text)
}

/// The vendors that ship with this package, by name. They are loaded once.
pub fn shipped() -> Vec<Arc<Vendor>> {
    SHIPPED.clone()
}

#[cfg(test)]
mod tests;
