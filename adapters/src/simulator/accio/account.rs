//! An agency's account, as a constructor may choose it.

use std::collections::BTreeMap;

use crate::simulator::Pace;

/// An XML user's account at an agency.
#[derive(Clone)]
pub struct Account {
    /// Names the client company in `login`.
    pub account: String,
    /// The XML user.
    pub username: String,
    /// Its password.
    pub password: String,
    /// The agency's own host, in links.
    pub host: String,
    /// How fast orders move; a step is a third of a hosted order's life.
    pub pace: Pace,
    /// What may be ordered. The first is the default, where an order names none.
    pub packages: Vec<Package>,
    /// On: the answer to an order repeats its `number`. The manual says that it does not, recorded
    /// traffic shows that it does.
    pub repeats_number: bool,
    /// On: the "Ignore Postback Info Block" of the agency, so that nothing is ever posted.
    pub ignores_post_backs: bool,
    /// On: completed orders are told in short, with `status` and `state` alone.
    pub summary: bool,
    /// The agency's own texts in the place of the usual ones for `order_state`.
    pub states: BTreeMap<String, String>,
    /// Nothing is posted after this many failed posts. How many there may be is unverified.
    pub most_failed_posts: u32,
}

/// A package with the products that it allows.
#[derive(Clone)]
pub struct Package {
    /// The name, by which it is ordered.
    pub name: String,
    /// Product types, and how many of each.
    pub products: Vec<(String, usize)>,
    /// Those that `IncludeDefaultProducts` adds, where they need no data of their own.
    pub defaults: Vec<String>,
}

impl Package {
    /// A package.
    pub fn new(name: &str, products: &[(&str, usize)], defaults: &[&str]) -> Self {
        let own = |(product, most): &(&str, usize)| ((*product).to_owned(), *most);
        Self {
            name: name.to_owned(),
            products: products.iter().map(own).collect(),
            defaults: defaults.iter().map(|name| (*name).to_owned()).collect(),
        }
    }
}

impl Default for Account {
    fn default() -> Self {
        Self {
            account: "acme".to_owned(),
            username: "accio-test-user".to_owned(),
            password: "accio-test-password".to_owned(),
            host: "https://agency.example".to_owned(),
            pace: Pace::default(),
            packages: usual(),
            repeats_number: true,
            ignores_post_backs: false,
            summary: false,
            states: BTreeMap::new(),
            most_failed_posts: 20,
        }
    }
}

/// The three packages of recorded traffic. What they allow is made up but for the error's sample.
fn usual() -> Vec<Package> {
    vec![
        Package::new(
            "A La Carte",
            &[
                ("National Criminal", 1),
                ("County_criminal", 5),
                ("Statewide_criminal", 5),
                ("SSN", 1),
                ("AIM", 1),
                ("MVR", 1),
                ("evictions_check", 1),
                ("Drug_screen", 1),
            ],
            &[],
        ),
        Package::new(
            "Criminal and Evictions",
            &[
                ("evictions_check", 1),
                ("County_criminal", 5),
                ("National Criminal", 1),
                ("SSN", 1),
            ],
            &["National Criminal", "County_criminal"],
        ),
        Package::new(
            "International",
            &[("globalreport", 1), ("National Criminal", 1)],
            &["globalreport"],
        ),
    ]
}
