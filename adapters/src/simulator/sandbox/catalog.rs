//! What the sandbox vendor sells.

use serde_json::{Value, json};

const FEDERAL: &str = "Address to Federal Criminal History (7 year)";
const TRACE: &str = "Social Security Address/Alias Trace";
const OFAC: &str = "OFAC Specially Designated Nationals";
const NATIONAL: &str = "USA CriminalSearch and USA Offender";

struct Item {
    id: &'static str,
    name: &'static str,
    price: &'static str,
    description: &'static str,
    screenings: &'static [&'static str],
}

const PACKAGES: [Item; 3] = [
    Item {
        id: "basic",
        name: "Basic Package",
        price: "29.99",
        description: "A basic background check screening",
        screenings: &[FEDERAL],
    },
    Item {
        id: "standard",
        name: "Standard Package",
        price: "49.99",
        description: "A basic background check screening",
        screenings: &[FEDERAL, TRACE],
    },
    Item {
        id: "deluxe",
        name: "Deluxe Package",
        price: "69.99",
        description: "A basic background check screening",
        screenings: &[FEDERAL, TRACE, OFAC, NATIONAL],
    },
];

const ADD_ONS: [Item; 2] = [
    Item {
        id: "drug_7_panel",
        name: "Basic Drug Screening",
        price: "29.99",
        description: "A 7 panel urine test for prohibited substances",
        screenings: &[],
    },
    Item {
        id: "drug_10_panel",
        name: "Comprehensive Drug Screening",
        price: "39.99",
        description: "A comprehensive 10 panel urine test for prohibited substances",
        screenings: &[],
    },
];

/// The whole catalog, as `GET /packages` answers it.
pub(super) fn document() -> Value {
    let packages = PACKAGES.iter().map(|item| {
        let mut shown = item.shown();
        shown["screenings"] = item.screenings.into();
        shown
    });
    json!({
        "packages": packages.collect::<Vec<_>>(),
        "add_ons": ADD_ONS.iter().map(Item::shown).collect::<Vec<_>>(),
    })
}

pub(super) fn has_package(id: &str) -> bool {
    PACKAGES.iter().any(|item| item.id == id)
}

pub(super) fn has_add_on(id: &str) -> bool {
    ADD_ONS.iter().any(|item| item.id == id)
}

impl Item {
    fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "price": self.price,
            "description": self.description,
        })
    }
}
