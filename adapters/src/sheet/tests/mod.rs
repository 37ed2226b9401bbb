//! The language as a whole: what loads, what does not, and what the shipped sheets do.

mod acme;
mod auth;
mod drive;
mod family;
mod fuzz;
mod iris;
mod loading;
mod looking;
mod nodes;
mod nova;
mod ordered;
mod refused;
mod rough;
mod samples;
mod shorter;
mod tally;
mod texts;

use std::sync::Arc;

use crate::contract::Vendor;
use crate::vocabulary::{Applicant, HiringManager, Order, Private};

/// The shipped vendor of that name.
fn shipped(name: &str) -> Arc<Vendor> {
    let vendors = crate::shipped();
    let found = vendors.into_iter().find(|vendor| vendor.name == name);
    found.expect("it ships")
}

/// An order with every field that both vendors use.
pub(super) fn order(package: &str) -> Order {
    let given = |text: &str| Some(Private::from(text));
    Order {
        package: package.to_owned(),
        add_ons: Vec::new(),
        applicant: Applicant {
            first_name: given("Dana"),
            last_name: given("Reyes"),
            email: given("dana.reyes@mailbox.dev"),
            phone: given("888-555-1234"),
            state: given("IL"),
            ..Applicant::default()
        },
        hiring_manager: HiringManager::default(),
        job_id: None,
        placed_at: 1_767_323_045_000,
    }
}
