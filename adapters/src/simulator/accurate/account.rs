//! The account: what a constructor may choose, and what it sells (Accurate, sections 2, 3 and 5).

use serde_json::{Value, json};

use super::{Accurate, Answer, not_found};
use crate::simulator::{Pace, Response};

/// A client's account. What the vendor configures for each client is here.
#[derive(Clone)]
pub struct Account {
    /// Basic user of every call.
    pub client_id: String,
    /// Its password.
    pub client_secret: String,
    /// True in the vendor's sandbox, where no webhook is sent by itself.
    pub is_sandbox: bool,
    /// The account's own word for an order without findings; `None`: scoring is off, so that
    /// finished orders have no result.
    pub good_result: Option<String>,
    /// Whether support has switched the duplicate check on.
    pub duplicate_check: bool,
    /// True where a candidate lists its orders as bare ids. Which it is is not documented.
    pub bare_orders: bool,
    /// True where packages stand in `{"packages": [...]}`. Which it is is not documented.
    pub wrapped_packages: bool,
    /// True where a report is a JSON text. Which it is is not documented.
    pub quoted_reports: bool,
    /// How fast orders move; a step is a third of an ordinary order's life.
    pub pace: Pace,
    /// What may be ordered.
    pub packages: Vec<Package>,
}

impl Default for Account {
    fn default() -> Self {
        let package = |kind: &str, name: &str, products: &[&str]| Package {
            kind: kind.to_owned(),
            name: name.to_owned(),
            products: products.iter().map(|code| (*code).to_owned()).collect(),
        };
        Self {
            client_id: "accurate-test-id".to_owned(),
            client_secret: "accurate-test-secret".to_owned(),
            is_sandbox: false,
            good_result: Some("MEETS REQUIREMENTS".to_owned()),
            duplicate_check: false,
            bare_orders: false,
            wrapped_packages: false,
            quoted_reports: false,
            pace: Pace::default(),
            packages: vec![
                package("PKG_EMPTY", "Empty", &[]),
                package("PKG_BASIC", "Basic", &["NCRIM", "SON"]),
                package("PKG_ACME_DRIVER", "Acme Driver", &["NCRIM", "SON", "MOV"]),
            ],
        }
    }
}

/// A package of the account.
#[derive(Clone)]
pub struct Package {
    /// The code that orders it: `PKG_BASIC`.
    pub kind: String,
    /// What people read.
    pub name: String,
    /// The codes of its searches.
    pub products: Vec<String>,
}

impl Package {
    fn shown(&self) -> Value {
        let product = |code: &String| json!({"productType": code});
        json!({
            "packageType": self.kind,
            "name": self.name,
            "products": self.products.iter().map(product).collect::<Vec<_>>(),
        })
    }
}

impl Accurate {
    pub(super) fn list_packages(&self) -> Response {
        let packages: Vec<Value> = self.account.packages.iter().map(Package::shown).collect();
        match self.account.wrapped_packages {
            true => Response::json(200, &json!({"packages": packages})),
            false => Response::json(200, &Value::Array(packages)),
        }
    }

    pub(super) fn show_package(&self, kind: &str) -> Answer {
        let package = self.package(kind).ok_or_else(not_found)?;
        Ok(Response::json(200, &package.shown()))
    }

    pub(super) fn package(&self, kind: &str) -> Option<&Package> {
        self.account
            .packages
            .iter()
            .find(|package| package.kind == kind)
    }
}
