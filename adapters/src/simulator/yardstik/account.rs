//! The account: what a constructor may choose, and its packages (Yardstik, sections 2 and 3).

use serde_json::{Value, json};

use super::Yardstik;
use crate::simulator::{Pace, Response};

/// The account's id and name, in objects and events.
pub(super) const ID: &str = "4f6c1a2e-acct";
/// The account's name.
pub(super) const NAME: &str = "Acme";

/// An account at Yardstik.
#[derive(Clone)]
pub struct Account {
    /// The API key.
    pub key: String,
    /// The value of the API key that is literally named `WEBHOOK_SIGNATURE`; `None`: there is no
    /// key of that name, so nothing is signed.
    pub webhook_signature: Option<String>,
    /// How fast orders move; a step is a third of an ordinary order's life.
    pub pace: Pace,
    /// What may be ordered: the account's own package ids, system names and names.
    pub packages: Vec<(&'static str, &'static str, &'static str)>,
    /// Lists of candidates filter by `external_id`; unverified.
    pub filters_external_id: bool,
    /// Events carry the `external_id` of their candidate; some do not.
    pub echoes_external_id: bool,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            key: "yardstik-test-key".to_owned(),
            webhook_signature: Some("ys-secret".to_owned()),
            pace: Pace::default(),
            packages: vec![
                (
                    "6a1f0c11-5023-412b-95df-aa57300a4d71",
                    "basic_plus_mvr",
                    "Basic Plus + MVR",
                ),
                (
                    "6a1f0c11-5023-412b-95df-aa57300a4d72",
                    "idv_premium_mvr",
                    "ID Premium + MVR",
                ),
            ],
            filters_external_id: true,
            echoes_external_id: true,
        }
    }
}

impl Yardstik {
    /// A bare array, in which each `id` is the account's own.
    pub(super) fn list_packages(&self) -> Response {
        let packages = self.account.packages.iter();
        let shown: Vec<Value> = packages
            .map(|(id, system_name, name)| {
                json!({"id": id, "package_system_name": system_name, "package_name": name})
            })
            .collect();
        Response::json(200, &shown.into())
    }

    /// The name of a package. An id with a blank behind it, as pasting gives, is none.
    pub(super) fn package_name(&self, id: &str) -> Option<&'static str> {
        let mut packages = self.account.packages.iter();
        packages.find_map(|(known, _, name)| (*known == id).then_some(*name))
    }
}
