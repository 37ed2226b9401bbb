//! The canonical words every vendor is translated to and from.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// A moment: milliseconds since the Unix epoch. Adapters never read a clock; they are given one.
pub type Millis = i64;

/// A value that must not be printed: personal data or a secret.
///
/// It has no `Display`, its `Debug` shows only that something is there, it does not serialize,
/// and it is wiped from memory when dropped. Reading it takes a visible [`Private::expose`].
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Private<T: Zeroize>(T);

impl<T: Zeroize> Private<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every call is a place where it could leak, so each should be deliberate.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(private)")
    }
}

impl<T: Zeroize> Drop for Private<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl From<&str> for Private<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

/// A person's field that may be absent. Absent, `null` and `""` mean the same to the ATS.
pub type PrivateText = Option<Private<String>>;

/// What a tenant may order from a vendor: packages, and add-ons beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Screening packages; an order takes exactly one.
    pub packages: Vec<Package>,
    /// Services that may be ordered beside a package.
    #[serde(default)]
    pub add_ons: Vec<AddOn>,
}

/// A screening package as its vendor offers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// The id that orders it at the vendor.
    pub vendor_id: String,
    /// What people read.
    pub name: String,
    /// Decimal text in US dollars, such as `29.99`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The screenings in it, each a phrase for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub screenings: Vec<String>,
}

/// A service that may be ordered beside a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddOn {
    /// The id that orders it at the vendor.
    pub vendor_id: String,
    /// What people read.
    pub name: String,
    /// Decimal text in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The vendor ids of the packages it goes with; empty: any package of the connection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_with: Vec<String>,
}

/// The person who is screened, as the ATS gave them.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields are the ATS order's own members")]
pub struct Applicant {
    pub id: PrivateText,
    pub first_name: PrivateText,
    pub last_name: PrivateText,
    pub phone: PrivateText,
    pub email: PrivateText,
    pub address: PrivateText,
    pub address_2: PrivateText,
    pub city: PrivateText,
    pub state: PrivateText,
    pub zip: PrivateText,
}

/// The person who ordered, as the ATS gave them.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields are the ATS order's own members")]
pub struct HiringManager {
    pub id: PrivateText,
    pub first_name: PrivateText,
    pub last_name: PrivateText,
    pub email: PrivateText,
}

/// One background check to be placed at one vendor, in canonical words.
#[derive(Clone, Debug)]
pub struct Order {
    /// The vendor's id of the package.
    pub package: String,
    /// The vendor's ids of the add-ons.
    pub add_ons: Vec<String>,
    /// Who is screened.
    pub applicant: Applicant,
    /// Who asked for it.
    pub hiring_manager: HiringManager,
    /// The ATS's id of the job, if it gave one.
    pub job_id: Option<String>,
    /// When the ATS placed it.
    pub placed_at: Millis,
}

impl Order {
    /// The canonical fields a sheet may name, by path. The order of this list is the order in
    /// which documentation and messages show them.
    pub const FIELDS: &'static [&'static str] = &[
        "order.package",
        "order.add_ons",
        "order.placed_at",
        "applicant.id",
        "applicant.first_name",
        "applicant.last_name",
        "applicant.phone",
        "applicant.email",
        "applicant.address",
        "applicant.address_2",
        "applicant.city",
        "applicant.state",
        "applicant.zip",
        "hiring_manager.id",
        "hiring_manager.first_name",
        "hiring_manager.last_name",
        "hiring_manager.email",
        "job.id",
    ];

    /// The text at `path`, one of [`Order::FIELDS`] but `order.add_ons` (a list). `None` when the
    /// ATS gave nothing there or the path names no text.
    pub fn text(&self, path: &str) -> Option<&str> {
        let (applicant, manager) = (&self.applicant, &self.hiring_manager);
        let private = match path {
            "order.package" => return Some(&self.package),
            "job.id" => return self.job_id.as_deref().filter(|text| !text.is_empty()),
            "applicant.id" => &applicant.id,
            "applicant.first_name" => &applicant.first_name,
            "applicant.last_name" => &applicant.last_name,
            "applicant.phone" => &applicant.phone,
            "applicant.email" => &applicant.email,
            "applicant.address" => &applicant.address,
            "applicant.address_2" => &applicant.address_2,
            "applicant.city" => &applicant.city,
            "applicant.state" => &applicant.state,
            "applicant.zip" => &applicant.zip,
            "hiring_manager.id" => &manager.id,
            "hiring_manager.first_name" => &manager.first_name,
            "hiring_manager.last_name" => &manager.last_name,
            "hiring_manager.email" => &manager.email,
            _ => return None,
        };
        private
            .as_ref()
            .map(|value| value.expose().as_str())
            .filter(|text| !text.is_empty())
    }

    /// Takes the field at `path` away, so that a law can see what a sheet does without it.
    pub fn without(&self, path: &str) -> Self {
        let mut order = self.clone();
        let (applicant, manager) = (&mut order.applicant, &mut order.hiring_manager);
        match path {
            "job.id" => order.job_id = None,
            "order.add_ons" => order.add_ons.clear(),
            "applicant.id" => applicant.id = None,
            "applicant.first_name" => applicant.first_name = None,
            "applicant.last_name" => applicant.last_name = None,
            "applicant.phone" => applicant.phone = None,
            "applicant.email" => applicant.email = None,
            "applicant.address" => applicant.address = None,
            "applicant.address_2" => applicant.address_2 = None,
            "applicant.city" => applicant.city = None,
            "applicant.state" => applicant.state = None,
            "applicant.zip" => applicant.zip = None,
            "hiring_manager.id" => manager.id = None,
            "hiring_manager.first_name" => manager.first_name = None,
            "hiring_manager.last_name" => manager.last_name = None,
            "hiring_manager.email" => manager.email = None,
            _ => {}
        }
        order
    }
}

/// Our reference of an order at its vendor: stable per order and generation, in the alphabet the
/// vendor accepts ([`crate::contract::Reference`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OurRef(pub String);

/// A vendor's reference of an order, opaque to us.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TheirRef(pub String);

/// What a finished check says. There is no "none": a finished check without a result is
/// [`Outcome::Review`], or not finished (the sheet says which).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing stands against the applicant.
    Pass,
    /// A person has to read the report; also every result we have no word for.
    Review,
    /// The vendor (or the tenant's own rules at the vendor) says no.
    Fail,
}

/// Where a vendor says an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The applicant was written to and has not finished yet.
    Invited,
    /// The vendor is at work.
    InProgress,
    /// The vendor waits for the applicant, the employer or a dispute.
    OnHold,
    /// Finished, with a result.
    Complete(Outcome),
    /// Ended without a result because somebody withdrew it.
    Canceled,
    /// Ended because the applicant did not answer in time.
    Expired,
    /// Ended because the vendor could not do it.
    Failed,
}

/// Where a person reads the vendor's report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// A link that is stored and asks for the vendor's own login.
    Link(String),
    /// A link that shows the report to whoever has it: stored sealed, never logged.
    Capability(String),
    /// There is one, made by [`crate::ReportLink`] at the moment of the click.
    Minted,
}

/// What a vendor told us about one order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The reference we follow from now on; it may change (an invitation becomes a report).
    pub theirs: TheirRef,
    /// Further references by which callbacks may name this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<TheirRef>,
    /// Where it stands. `None`: the vendor used a word we do not know, so nothing moves.
    pub standing: Option<Standing>,
    /// Words no table knows, for operators: `status=paused_by_gremlins`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// A short code in the vendor's or the sheet's words: `dispute`, `includes_canceled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where the report is read, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// When the vendor thinks it will be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_at: Option<Millis>,
    /// Values that later operations on this order need, added to its memo.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keep: BTreeMap<String, String>,
}

impl Progress {
    /// Progress that says only where the order stands.
    pub fn new(theirs: TheirRef, standing: Option<Standing>) -> Self {
        Self {
            theirs,
            also: Vec::new(),
            standing,
            unknown: Vec::new(),
            detail: None,
            report: None,
            expected_at: None,
            keep: BTreeMap::new(),
        }
    }
}
