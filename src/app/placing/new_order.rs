//! A new order's row: who is screened, and our reference at the vendor.

use std::time::Duration;

use adapters::Vendor;
use adapters::contract::Reference;
use adapters::vocabulary::OurRef;
use tokio::time::Instant;

use super::target::Target;
use super::{Incoming, WAIT_POLL};
use crate::app::{App, AppError};
use crate::domain::order::{Order, Stage};
use crate::seal::{Purpose, random_text};
use crate::store::new_id;

impl App {
    /// The order as it will be inserted, but for the lease of whoever places it.
    pub(super) fn new_order(&self, incoming: &Incoming, target: &Target) -> Order {
        let (id, now) = (new_id("ord"), self.clock.now());
        Order {
            tenant_id: incoming.tenant.id.clone(),
            background_check_id: incoming.ats.background_check_id().to_owned(),
            tracking_id: random_text(),
            connection_id: target.connection.id.clone(),
            package_id: incoming.ats.package_id().to_owned(),
            vendor_package: target.package.clone(),
            vendor_add_ons: target.add_ons.clone(),
            add_on_ids: incoming.ats.add_on_ids().to_vec(),
            webhook_url: incoming.ats.webhook_url().to_owned(),
            fingerprint: self.setup().keys.fingerprint(&incoming.canonical),
            generation: 1,
            our_ref: new_reference(&target.vendor.policy.reference),
            their_ref: None,
            stage: Stage::Placing,
            result: None,
            detail: None,
            accepted: false,
            version: 1,
            memo: adapters::Memo::default(),
            person: self.person(incoming, &target.vendor),
            sealed_order: Some(
                self.setup()
                    .keys
                    .seal(Purpose::AtsOrder, &id, &incoming.canonical),
            ),
            sealed_report: None,
            link_generation: 1,
            lease_token: None,
            lease_until: None,
            due_at: None,
            look_at: None,
            looked_at: None,
            idle_looks: 0,
            waiting: None,
            created_at: now,
            updated_at: now,
            ended_at: None,
            id,
        }
    }

    /// Who is screened, where their vendor's orders are looked up by person.
    pub(super) fn person(&self, incoming: &Incoming, vendor: &Vendor) -> Option<String> {
        let person = ["email", "first_name", "last_name"]
            .map(|field| incoming.ats.text(&format!("applicant.{field}")))
            .map(|text| text.unwrap_or_default().trim().to_lowercase())
            .join("\n");
        vendor
            .finds_by_person
            .then(|| self.setup().keys.fingerprint(person.as_bytes()))
    }

    /// Waits until no other order for that person is being placed there: if both were lost, nobody
    /// could tell which of them a look-up has found. The database refuses the second all the same.
    pub(super) async fn await_person(
        &self,
        incoming: &Incoming,
        order: &Order,
    ) -> Result<(), AppError> {
        while self.is_person_busy(order).await? {
            self.pause_for_person(incoming, false).await?;
        }
        Ok(())
    }

    pub(super) async fn is_person_busy(&self, order: &Order) -> Result<bool, AppError> {
        Ok(order.person.is_some() && self.store.person_is_busy(order).await?)
    }

    /// Waits before a person is asked about again, unless that would be in vain.
    pub(super) async fn pause_for_person(
        &self,
        incoming: &Incoming,
        in_vain: bool,
    ) -> Result<(), AppError> {
        if in_vain || Instant::now() + WAIT_POLL > incoming.deadline {
            return Err(AppError::Unavailable {
                retry_after: Duration::from_secs(5),
            });
        }
        tokio::time::sleep(WAIT_POLL).await;
        Ok(())
    }
}

/// A new reference in the alphabet and length that the vendor accepts.
fn new_reference(form: &Reference) -> OurRef {
    let alphabet: Vec<char> = form.alphabet.chars().collect();
    OurRef(
        (0..form.length)
            .map(|_| alphabet[rand::random_range(0..alphabet.len())])
            .collect(),
    )
}
