//! What has changed in a vendor's own list between two fetches: a package that has gone is refused
//! from now on, and one that costs more may have been sold for less.

use std::collections::BTreeMap;

use adapters::vocabulary::{Catalog, Millis};
use serde::Serialize;

use crate::domain::tenant::OfferKind;

/// Changes that are kept of a connection.
pub const KEPT: i64 = 100;

/// What has happened to something on a vendor's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// It is not on the list any more.
    Gone,
    /// It has another name.
    Renamed,
    /// It has another price.
    Repriced,
    /// It was not on the list before.
    Added,
}

impl DriftKind {
    const ALL: [Self; 4] = [Self::Gone, Self::Renamed, Self::Repriced, Self::Added];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Renamed => "renamed",
            Self::Repriced => "repriced",
            Self::Added => "added",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// What has happened.
    pub kind: DriftKind,
    /// To a package or an add-on.
    pub offer: OfferKind,
    /// The vendor's id of it.
    pub vendor_id: String,
    /// From what to what, in the vendor's words.
    pub detail: String,
}

/// A change, as it was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see Drift")]
pub struct DriftRow {
    /// When it was noticed.
    pub at: Millis,
    pub kind: DriftKind,
    pub offer: OfferKind,
    pub vendor_id: String,
    pub detail: String,
}

type Listed<'a> = BTreeMap<(OfferKind, &'a str), (&'a str, Option<&'a str>)>;

/// Names and prices by what they are of.
fn listed(catalog: &Catalog) -> Listed<'_> {
    let packages = catalog.packages.iter().map(|it| {
        let key = (OfferKind::Package, it.vendor_id.as_str());
        (key, (it.name.as_str(), it.price.as_deref()))
    });
    let add_ons = catalog.add_ons.iter().map(|it| {
        let key = (OfferKind::AddOn, it.vendor_id.as_str());
        (key, (it.name.as_str(), it.price.as_deref()))
    });
    packages.chain(add_ons).collect()
}

/// What has changed from `before` to `after`.
pub fn drift(before: &Catalog, after: &Catalog) -> Vec<Drift> {
    let (before, after) = (listed(before), listed(after));
    let mut changes = Vec::new();
    let mut note = |(offer, vendor_id): &(OfferKind, &str), kind, detail: String| {
        changes.push(Drift {
            kind,
            offer: *offer,
            vendor_id: (*vendor_id).to_owned(),
            detail,
        });
    };
    for (key, (name, price)) in &before {
        let Some((new_name, new_price)) = after.get(key) else {
            note(key, DriftKind::Gone, (*name).to_owned());
            continue;
        };
        if name != new_name {
            note(key, DriftKind::Renamed, format!("{name} to {new_name}"));
        }
        if price != new_price {
            let [from, to] = [price, new_price].map(|price| price.unwrap_or("no price"));
            note(key, DriftKind::Repriced, format!("{from} to {to}"));
        }
    }
    for (key, (name, _)) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
        note(key, DriftKind::Added, (*name).to_owned());
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapters::vocabulary::{AddOn, Package};

    fn package(vendor_id: &str, name: &str, price: Option<&str>) -> Package {
        Package {
            vendor_id: vendor_id.into(),
            name: name.into(),
            price: price.map(str::to_owned),
            description: None,
            screenings: vec![],
        }
    }

    fn catalog(packages: Vec<Package>) -> Catalog {
        Catalog {
            packages,
            add_ons: vec![AddOn {
                vendor_id: "basic".into(),
                name: "An add-on with the id of a package".into(),
                price: None,
                description: None,
                only_with: vec![],
            }],
        }
    }

    #[test]
    fn what_has_gone_come_or_changed_is_noticed_and_nothing_else() {
        let before = catalog(vec![
            package("basic", "Basic", Some("29.99")),
            package("gold", "Gold", None),
            package("same", "Same", Some("1.00")),
        ]);
        let after = catalog(vec![
            package("same", "Same", Some("1.00")),
            package("basic", "Basic Plus", Some("31.00")),
            package("silver", "Silver", None),
        ]);
        let told = |drift: &Drift| (drift.kind, drift.vendor_id.clone(), drift.detail.clone());
        let told: Vec<_> = drift(&before, &after).iter().map(told).collect();
        let expected = [
            (DriftKind::Renamed, "basic", "Basic to Basic Plus"),
            (DriftKind::Repriced, "basic", "29.99 to 31.00"),
            (DriftKind::Gone, "gold", "Gold"),
            (DriftKind::Added, "silver", "Silver"),
        ];
        let owned = |(kind, id, detail): (DriftKind, &str, &str)| (kind, id.into(), detail.into());
        assert_eq!(told, expected.map(owned));
        assert_eq!(drift(&after, &after), []);
        let unpriced = catalog(vec![package("silver", "Silver", Some("5.00"))]);
        assert!(
            drift(&after, &unpriced)
                .iter()
                .any(|it| it.detail == "no price to 5.00")
        );
    }

    #[test]
    fn every_kind_reads_back_from_its_word() {
        for kind in DriftKind::ALL {
            assert_eq!(DriftKind::parse(kind.as_str()), Some(kind));
        }
    }
}
