//! An agency's client, as a constructor may choose it.

use crate::simulator::Pace;

/// An XML user at an agency.
#[derive(Clone)]
pub struct Account {
    /// The XML user.
    pub user_id: String,
    /// Its password.
    pub password: String,
    /// The agency's own host, in links.
    pub host: String,
    /// How fast orders move; a step is a third of an invited applicant's order.
    pub pace: Pace,
    /// What may be ordered.
    pub products: Vec<Product>,
    /// The word for an order whose applicant has not finished, in all but the first answer. The
    /// vendor's own pages spell it `applicant-pending` and `applicant_pending`.
    pub applicant_pending: String,
    /// Off: an ampersand in a link stands as it is, as in captured documents.
    pub escapes_links: bool,
}

/// A product: a named configuration that the agency has made.
#[derive(Clone)]
pub struct Product {
    /// The `type` that orders it, letter by letter.
    pub name: String,
    /// The searches it runs by default.
    pub searches: Vec<String>,
}

impl Product {
    /// A product.
    pub fn new(name: &str, searches: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            searches: searches.iter().map(|name| (*name).to_owned()).collect(),
        }
    }
}

impl Default for Account {
    fn default() -> Self {
        Self {
            user_id: "gateway_xml".to_owned(),
            password: "tazworks-test-password".to_owned(),
            host: "https://brand.instascreen.example".to_owned(),
            pace: Pace::default(),
            products: vec![
                Product::new("Employment Basic", &["ssn", "criminal"]),
                Product::new("Employment Plus", &["ssn", "criminal", "license"]),
            ],
            applicant_pending: "applicant-pending".to_owned(),
            escapes_links: true,
        }
    }
}
