//! The catalog (Checkr, section 3).

use serde_json::{Value, json};

use super::paging::{PER_PAGE, page};
use super::{Answer, Checkr, refusal};
use crate::simulator::{Arrived, Response};

/// Something that may be ordered. Its id follows from its place in the account's list.
#[derive(Clone)]
pub struct Package {
    /// What orders name it by.
    pub slug: String,
    /// What people read.
    pub name: String,
    /// US cents.
    pub price: u32,
    /// Types and, where they have one, subtypes of its screenings.
    pub screenings: Vec<(String, Option<String>)>,
    /// It was deleted: still listed, no longer sold.
    pub is_deleted: bool,
}

impl Package {
    /// A package on sale.
    pub fn new(slug: &str, name: &str, price: u32, screenings: &[(&str, Option<&str>)]) -> Self {
        let owned = |(kind, subtype): &(&str, Option<&str>)| {
            ((*kind).to_owned(), subtype.map(str::to_owned))
        };
        Self {
            slug: slug.to_owned(),
            name: name.to_owned(),
            price,
            screenings: screenings.iter().map(owned).collect(),
            is_deleted: false,
        }
    }
}

/// The packages of the default account: four on sale and a deleted one.
pub(super) fn usual() -> Vec<Package> {
    const TRACE: (&str, Option<&str>) = ("ssn_trace", None);
    const OFFENDERS: (&str, Option<&str>) = ("sex_offender_search", None);
    const NATIONAL: (&str, Option<&str>) = ("national_criminal_search", Some("standard"));
    const COUNTY: (&str, Option<&str>) = ("county_criminal_search", Some("7years"));
    const DRIVING: (&str, Option<&str>) = ("motor_vehicle_report", None);
    const DRUGS: (&str, Option<&str>) = ("drug_screening", None);
    vec![
        Package::new("basic_plus", "Basic+", 2_999, &[TRACE, OFFENDERS, NATIONAL]),
        Package::new("essential", "Essential", 5_499, &[TRACE, OFFENDERS, COUNTY]),
        Package::new("driver_pro", "Driver Pro", 6_500, &[TRACE, COUNTY, DRIVING]),
        Package {
            is_deleted: true,
            ..Package::new("tasker_legacy", "Tasker (old)", 2_500, &[TRACE])
        },
        Package::new(
            "driver_drug",
            "Driver Pro and Drug",
            9_900,
            &[TRACE, DRIVING, DRUGS],
        ),
    ]
}

impl Checkr {
    pub(super) fn list_packages(&self, request: &Arrived) -> Answer {
        let all = (0..self.account.packages.len()).map(|index| self.package(index));
        page(request, all.collect(), PER_PAGE)
    }

    pub(super) fn show_package(&self, id: &str) -> Answer {
        (0..self.account.packages.len())
            .map(|index| self.package(index))
            .find(|package| package["id"] == id)
            .map(|package| Response::json(200, &package))
            .ok_or_else(unknown)
    }

    /// Whether orders may name this slug.
    pub(super) fn sells(&self, slug: &str) -> bool {
        let mut packages = self.account.packages.iter();
        packages.any(|package| package.slug == slug && !package.is_deleted)
    }

    fn package(&self, index: usize) -> Value {
        let package = &self.account.packages[index];
        let id = format!("bac0{index:020x}");
        let screenings: Vec<_> = package
            .screenings
            .iter()
            .map(|(kind, subtype)| json!({"type": kind, "subtype": subtype}))
            .collect();
        json!({
            "id": id,
            "object": self.object_name("package"),
            "uri": format!("/v1/packages/{id}"),
            "apply_url": format!("https://apply.checkr.com/apply/acme-corp/{index:012x}"),
            "created_at": "2024-01-18T12:34:00Z",
            "deleted_at": package.is_deleted.then_some("2025-03-01T00:00:00Z"),
            "name": package.name,
            "slug": package.slug,
            "price": package.price,
            "screenings": screenings,
        })
    }
}

pub(super) fn unknown() -> Response {
    refusal(404, "Package not found")
}
