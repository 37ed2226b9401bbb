//! What the targets share: which vendor is meant, and a connection to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapters::contract::Vendor;
use serde_json::Value;

/// The shipped vendor that a byte chooses.
pub fn vendor(choice: u8) -> Arc<Vendor> {
    let vendors = adapters::shipped();
    Arc::clone(&vendors[usize::from(choice) % vendors.len()])
}

/// Settings of a connection that leaves out what it may.
pub fn settings(vendor: &Vendor) -> BTreeMap<String, Value> {
    let settings = vendor.settings.iter().map(|setting| {
        let example = || Value::from(setting.example.as_str());
        let value = setting.default.clone().unwrap_or_else(example);
        (setting.name.clone(), value)
    });
    settings.collect()
}
