//! What the targets share: which vendor is meant, and a connection to it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use adapters::contract::Vendor;
use adapters::vocabulary::{Applicant, HiringManager, Order, Private};
use serde_json::Value;

/// Sheets that do not ship, and say what no shipped one does: batches, and two live signatures.
const FIXTURES: [(&str, &str); 2] = [
    (
        "ibr.toml",
        include_str!("../../../adapters/fixtures/ibr/sheet.toml"),
    ),
    (
        "persona.toml",
        include_str!("../../../adapters/fixtures/persona/sheet.toml"),
    ),
];

static VENDORS: LazyLock<Vec<Arc<Vendor>>> = LazyLock::new(|| {
    let mut vendors = adapters::shipped();
    let loaded = FIXTURES.map(|(name, text)| adapters::sheet::load(name, text).expect("it loads"));
    vendors.extend(loaded.into_iter().map(Arc::new));
    vendors
});

/// The vendor that a byte chooses.
pub fn vendor(choice: u8) -> Arc<Vendor> {
    Arc::clone(&VENDORS[usize::from(choice) % VENDORS.len()])
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

/// An order that every shipped vendor takes.
pub fn order() -> Order {
    let given = |text: &str| Some(Private::from(text));
    Order {
        package: "basic".to_owned(),
        add_ons: Vec::new(),
        applicant: Applicant {
            first_name: given("Dana"),
            last_name: given("Reyes"),
            email: given("dana.reyes@mailbox.dev"),
            phone: given("888-555-1234"),
            state: given("IL"),
            ..Applicant::default()
        },
        hiring_manager: HiringManager::default(),
        job_id: None,
        placed_at: 1_769_940_002_000,
    }
}
