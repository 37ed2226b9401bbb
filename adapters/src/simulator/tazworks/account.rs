//! The account: what a constructor may choose, and the catalog (TazWorks, sections 2 and 3).

use serde_json::{Value, json};

use super::paging::page;
use super::{Answer, Tazworks, guid, not_found, refusal};
use crate::simulator::{Arrived, Pace, Response};
use crate::vocabulary::Millis;

/// When the client and its products were last changed.
pub(super) const MODIFIED: Millis = 1_767_225_600_000;

/// What kind of token the account has; some endpoints want another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiType {
    /// Places orders, and lists clients and products.
    Order,
    /// Also reads a single client and a single product.
    Client,
}

impl ApiType {
    fn word(self) -> &'static str {
        match self {
            Self::Order => "ORDER",
            Self::Client => "CLIENT",
        }
    }
}

/// One client of a screening agency, and the token its application was given.
#[derive(Clone)]
pub struct Account {
    /// The token of every call.
    pub token: String,
    /// The token's kind.
    pub api_type: ApiType,
    /// The GUID of the one client the token sees.
    pub client: String,
    /// The value of the `Authorization` header that webhooks carry.
    pub webhook_authorization: String,
    /// True where webhooks count seconds, as the vendor's sample does, instead of milliseconds.
    pub seconds: bool,
    /// How fast orders move; a step is a third of an ordinary order's life.
    pub pace: Pace,
    /// What may be ordered.
    pub products: Vec<Product>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            token: "tazworks-test-token".to_owned(),
            api_type: ApiType::Order,
            client: guid("a8", 1),
            webhook_authorization: "tazworks-test-webhook".to_owned(),
            seconds: false,
            pace: Pace::default(),
            products: usual(),
        }
    }
}

/// A client product: a package as one client may order it.
#[derive(Clone)]
pub struct Product {
    /// The GUID that orders it.
    pub client_product: String,
    /// The agency's own GUID of it, which orders nothing.
    pub product: String,
    /// What people read.
    pub name: String,
    /// The `orderType` of its orders.
    pub order_type: String,
    /// Whether the hosted applicant form is set up for it.
    pub uses_quickapp: bool,
}

impl Product {
    fn new(nth: u64, name: &str, order_type: &str, uses_quickapp: bool) -> Self {
        Self {
            client_product: guid("a1", nth),
            product: guid("a2", nth),
            name: name.to_owned(),
            order_type: order_type.to_owned(),
            uses_quickapp,
        }
    }

    /// Exactly the six fields of recorded answers.
    fn shown(&self) -> Value {
        json!({
            "clientProductGuid": self.client_product,
            "productGuid": self.product,
            "productName": self.name,
            "dateModified": MODIFIED,
            "modifiedBy": "Support",
            "usesQuickapp": self.uses_quickapp,
        })
    }
}

fn usual() -> Vec<Product> {
    vec![
        Product::new(1, "Employment Basic", "Employment", true),
        Product::new(2, "Employment Plus", "Employment", true),
        Product::new(3, "Tenant Package", "Tenant", true),
        Product::new(4, "Instant Database", "Employment", false),
    ]
}

impl Tazworks {
    pub(super) fn list_clients(&self, request: &Arrived) -> Answer {
        page(request, vec![self.client()])
    }

    pub(super) fn show_client(&self) -> Answer {
        self.wants(ApiType::Client)?;
        Ok(Response::json(200, &self.client()))
    }

    pub(super) fn list_products(&self, request: &Arrived) -> Answer {
        let products = self.account.products.iter();
        page(request, products.map(Product::shown).collect())
    }

    pub(super) fn show_product(&self, guid: &str) -> Answer {
        self.wants(ApiType::Client)?;
        let product = self.product(guid).ok_or_else(|| not_found("Product"))?;
        Ok(Response::json(200, &product.shown()))
    }

    /// The product that this GUID orders; the agency's own GUID orders nothing.
    pub(super) fn product(&self, guid: &str) -> Option<&Product> {
        let mut products = self.account.products.iter();
        products.find(|product| product.client_product == guid)
    }

    fn wants(&self, needed: ApiType) -> Result<(), Response> {
        let held = self.account.api_type;
        if held == needed {
            return Ok(());
        }
        let (needed, held) = (needed.word(), held.word());
        let text =
            format!("This action requires API type {needed}, the token has API type {held}.");
        Err(refusal(403, "NOT_AUTHORIZED", &text))
    }

    fn client(&self) -> Value {
        json!({
            "clientGuid": self.account.client,
            "name": "Acme Staffing",
            "code": guid("a7", 1),
            "status": "ACTIVE",
            "contactName": "Pat",
            "contactEmail": "pat@example.com",
            "createdBy": "Support",
            "modifiedDate": MODIFIED,
            "modifiedBy": "Support",
        })
    }
}
