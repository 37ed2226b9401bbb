//! The account: what a constructor may choose, and what the API tells of it (Checkr, sections 2
//! and 3).

use serde_json::{Value, json};

use super::paging::page;
use super::{Answer, Checkr, Package, Webhooks, packages, refusal};
use crate::simulator::{Arrived, Pace, Response};

/// The account's id, in events and in `GET /v1/account`.
pub(super) const ID: &str = "acc000000000000000000001";

/// How many nodes a page has by default (Checkr, section 2, "Pagination").
const NODES_PER_PAGE: usize = 20;

/// A direct customer's account.
#[derive(Clone)]
pub struct Account {
    /// The secret API key: Basic user of every call, and what webhooks are signed with.
    pub key: String,
    /// How fast orders move; a step is a third of an ordinary order's life.
    pub pace: Pace,
    /// Requests a minute over all endpoints.
    pub requests_per_minute: u32,
    /// What may be ordered.
    pub packages: Vec<Package>,
    /// The hierarchy; empty: the account has none.
    pub nodes: Vec<Node>,
    /// Object types are called `test_report` and so on, as in the older test mode.
    pub test_names: bool,
    /// How events are sent.
    pub webhooks: Webhooks,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            key: "checkr-test-key".to_owned(),
            pace: Pace::default(),
            requests_per_minute: 1_200,
            packages: packages::usual(),
            nodes: Vec::new(),
            test_names: false,
            webhooks: Webhooks::default(),
        }
    }
}

/// A node of the account's hierarchy.
#[derive(Clone)]
pub struct Node {
    /// What an invitation names it by.
    pub custom_id: String,
    /// What people read.
    pub name: String,
    /// Slugs that may be ordered there; empty: all of the account.
    pub packages: Vec<String>,
}

impl Node {
    pub(super) fn allows(&self, slug: &str) -> bool {
        self.packages.is_empty() || self.packages.iter().any(|allowed| allowed == slug)
    }

    fn shown(&self, with_packages: bool) -> Value {
        let mut shown = json!({
            "custom_id": self.custom_id,
            "name": self.name,
            "tier": "unit",
            "parent_custom_id": null,
        });
        if with_packages {
            shown["packages"] = self.packages.clone().into();
        }
        shown
    }
}

impl Checkr {
    pub(super) fn show_account(&self) -> Response {
        let account = json!({
            "id": ID,
            "object": self.object_name("account"),
            "uri": "/v1/account",
            "uri_name": "acme-corp",
            "authorized": true,
            "api_authorized": true,
            "account_deauthorization": null,
            "purpose": "employment",
            "segmentation_enabled": !self.account.nodes.is_empty(),
            "geos_required": false,
            "default_compliance_state": null,
            "default_compliance_city": null,
            "available_screenings": [],
        });
        Response::json(200, &account)
    }

    pub(super) fn list_nodes(&self, request: &Arrived) -> Answer {
        let nodes = self.nodes()?;
        let with_packages = includes(request, "packages");
        let shown = nodes.iter().map(|node| node.shown(with_packages)).collect();
        page(request, shown, NODES_PER_PAGE)
    }

    pub(super) fn show_node(&self, request: &Arrived, custom_id: &str) -> Answer {
        let node = self
            .nodes()?
            .iter()
            .find(|node| node.custom_id == custom_id);
        let node = node.ok_or_else(super::not_found)?;
        Ok(Response::json(
            200,
            &node.shown(includes(request, "packages")),
        ))
    }

    fn nodes(&self) -> Result<&[Node], Response> {
        if self.account.nodes.is_empty() {
            let text = "Sorry, your account is not enabled for Hierarchy";
            return Err(refusal(403, text));
        }
        Ok(&self.account.nodes)
    }
}

/// Whether `?include=a,b` names `what`.
pub(super) fn includes(request: &Arrived, what: &str) -> bool {
    request
        .parameter("include")
        .is_some_and(|list| list.split(',').any(|name| name.trim() == what))
}
