//! The merged catalog: what the vendors of a tenant offer, under the tenant's own ids, names and
//! prices.

use adapters::vocabulary::{AddOn, Catalog, Package};
use serde::Serialize;

use crate::domain::tenant::{Connection, OfferKind, OfferOverlay};

/// One thing a tenant may order: an id of the ATS's world and what it means in a vendor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The id the ATS sees.
    pub id: String,
    /// Package or add-on.
    pub kind: OfferKind,
    /// Whose it is.
    pub connection_id: String,
    /// The vendor's id of it.
    pub vendor_id: String,
    /// What people read.
    pub name: String,
    /// Decimal text.
    pub price: Option<String>,
    /// A sentence.
    pub description: Option<String>,
    /// For packages.
    pub screenings: Vec<String>,
    /// For add-ons: the vendor ids of the packages it goes with; empty: any of the connection.
    pub only_with: Vec<String>,
}

/// What one connection offers: the vendor's catalog with the tenant's overlay on it. An overlay
/// entry of something the vendor does not list is an offer of its own only where the vendor lists
/// nothing at all (`listed` is false).
pub fn offers(connection: &Connection, catalog: &Catalog, listed: bool) -> Vec<Offer> {
    let packages = catalog.packages.iter().map(from_package);
    let add_ons = catalog.add_ons.iter().map(from_add_on);
    let mut offers: Vec<Offer> = packages.chain(add_ons).collect();
    for overlay in &connection.overlay {
        let known = offers.iter().any(|offer| overlays(overlay, offer));
        if !known && !listed {
            offers.push(from_overlay(overlay));
        }
    }
    offers.retain_mut(|offer| {
        offer.connection_id.clone_from(&connection.id);
        offer.id = format!("{}{}", connection.prefix, offer.vendor_id);
        let overlay = connection
            .overlay
            .iter()
            .find(|overlay| overlays(overlay, offer));
        overlay.is_none_or(|overlay| lay_over(offer, overlay))
    });
    offers
}

fn overlays(overlay: &OfferOverlay, offer: &Offer) -> bool {
    overlay.vendor_id == offer.vendor_id && overlay.kind.is_none_or(|kind| kind == offer.kind)
}

/// Lays an overlay over an offer; false: it is hidden.
fn lay_over(offer: &mut Offer, overlay: &OfferOverlay) -> bool {
    let replace = |to: &mut Option<String>, from: &Option<String>| {
        if from.is_some() {
            to.clone_from(from);
        }
    };
    if let Some(id) = &overlay.id {
        offer.id.clone_from(id);
    }
    if let Some(name) = &overlay.name {
        offer.name.clone_from(name);
    }
    replace(&mut offer.price, &overlay.price);
    replace(&mut offer.description, &overlay.description);
    if let Some(screenings) = &overlay.screenings {
        offer.screenings.clone_from(screenings);
    }
    !overlay.hidden
}

fn from_package(package: &Package) -> Offer {
    Offer {
        id: String::new(),
        kind: OfferKind::Package,
        connection_id: String::new(),
        vendor_id: package.vendor_id.clone(),
        name: package.name.clone(),
        price: package.price.clone(),
        description: package.description.clone(),
        screenings: package.screenings.clone(),
        only_with: Vec::new(),
    }
}

fn from_add_on(add_on: &AddOn) -> Offer {
    Offer {
        id: String::new(),
        kind: OfferKind::AddOn,
        connection_id: String::new(),
        vendor_id: add_on.vendor_id.clone(),
        name: add_on.name.clone(),
        price: add_on.price.clone(),
        description: add_on.description.clone(),
        screenings: Vec::new(),
        only_with: add_on.only_with.clone(),
    }
}

fn from_overlay(overlay: &OfferOverlay) -> Offer {
    Offer {
        id: String::new(),
        kind: overlay.kind.unwrap_or(OfferKind::Package),
        connection_id: String::new(),
        vendor_id: overlay.vendor_id.clone(),
        name: overlay.vendor_id.clone(),
        price: None,
        description: None,
        screenings: Vec::new(),
        only_with: Vec::new(),
    }
}

/// The answer to the ATS's package call.
#[derive(Debug, Default, Serialize)]
pub struct PackageList<'a> {
    packages: Vec<PackageEntry<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    add_on_packages: Vec<AddOnEntry<'a>>,
}

#[derive(Debug, Serialize)]
struct PackageEntry<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    screenings: &'a [String],
}

#[derive(Debug, Serialize)]
struct AddOnEntry<'a> {
    id: &'a str,
    name: String,
    price: &'a str,
    description: &'a str,
}

/// Merges the offers of a tenant's connections (each with its label) into the list the ATS reads.
///
/// With several connections an add-on's name ends with its connection's label, because the ATS
/// shows all add-ons beside every package. An add-on without price or description is left out: the
/// ATS requires both.
pub fn package_list<'a>(offers: &'a [(&'a str, Vec<Offer>)]) -> PackageList<'a> {
    let labelled = offers.len() > 1;
    let mut list = PackageList::default();
    for (label, offers) in offers {
        for offer in offers {
            match offer.kind {
                OfferKind::Package => list.packages.push(PackageEntry {
                    id: &offer.id,
                    name: &offer.name,
                    price: offer.price.as_deref(),
                    description: offer.description.as_deref(),
                    screenings: &offer.screenings,
                }),
                OfferKind::AddOn => {
                    let (Some(price), Some(description)) = (&offer.price, &offer.description)
                    else {
                        continue;
                    };
                    let name = if labelled {
                        format!("{} ({label})", offer.name)
                    } else {
                        offer.name.clone()
                    };
                    list.add_on_packages.push(AddOnEntry {
                        id: &offer.id,
                        name,
                        price,
                        description,
                    });
                }
            }
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapters::vocabulary::Private;
    use serde_json::json;

    fn connection(prefix: &str, overlay: serde_json::Value) -> Connection {
        Connection {
            id: "con_1".into(),
            tenant_id: "ten_1".into(),
            name: "main".into(),
            label: "Main".into(),
            vendor: "sandbox".into(),
            base_url: "https://v.example.com".into(),
            prefix: prefix.into(),
            settings: [].into(),
            overlay: serde_json::from_value(overlay).unwrap(),
            credentials: crate::domain::tenant::Credentials::default(),
            callback_token: Private::from("t"),
            retired: false,
        }
    }

    fn catalog() -> Catalog {
        serde_json::from_value(json!({
            "packages": [{"vendor_id": "basic", "name": "Basic", "price": "29.99"}, {"vendor_id": "deluxe", "name": "Deluxe"}],
            "add_ons": [{"vendor_id": "drug", "name": "Drug", "price": "9.99", "description": "A test"}, {"vendor_id": "bare", "name": "Bare"}],
        }))
        .unwrap()
    }

    fn listed(connections: &[(&str, Vec<Offer>)]) -> serde_json::Value {
        serde_json::to_value(package_list(connections)).unwrap()
    }

    #[test]
    fn an_overlay_renames_reprices_and_hides() {
        let overlay = json!([
            {"vendor_id": "basic", "id": "PKG001", "name": "Ours", "price": "65.00", "screenings": ["A"]},
            {"vendor_id": "deluxe", "hidden": true},
            {"vendor_id": "unlisted", "name": "Nowhere"},
        ]);
        let offers = offers(&connection("x-", overlay), &catalog(), true);
        assert_eq!(
            listed(&[("Main", offers)]),
            json!({
                "packages": [{"id": "PKG001", "name": "Ours", "price": "65.00", "screenings": ["A"]}],
                "add_on_packages": [{"id": "x-drug", "name": "Drug", "price": "9.99", "description": "A test"}],
            })
        );
    }

    #[test]
    fn with_several_connections_an_add_on_says_whose_it_is() {
        let one = offers(&connection("a-", json!([])), &catalog(), true);
        let two = offers(&connection("b-", json!([])), &catalog(), true);
        let list = listed(&[("First", one), ("Second", two)]);
        assert_eq!(list["add_on_packages"][1]["name"], "Drug (Second)");
        assert_eq!(list["packages"][2]["name"], "Basic");
    }

    #[test]
    fn where_the_vendor_lists_nothing_the_overlay_is_the_catalog() {
        let overlay = json!([{"vendor_id": "std", "name": "Standard"}, {"vendor_id": "d", "kind": "add_on", "name": "D", "price": "1.00", "description": "d"}]);
        let offers = offers(&connection("", overlay), &Catalog::default(), false);
        assert_eq!(
            listed(&[("Main", offers)]),
            json!({
                "packages": [{"id": "std", "name": "Standard"}],
                "add_on_packages": [{"id": "d", "name": "D", "price": "1.00", "description": "d"}],
            })
        );
    }
}
