//! What is ordered, at which connection of the tenant, and whether its vendor is called at all just
//! now.

use std::sync::Arc;
use std::time::Duration;

use adapters::Vendor;

use super::{Incoming, Obstacle};
use crate::app::{App, AppError};
use crate::domain::order::Order;
use crate::domain::tenant::{Connection, WhenUnavailable};

/// What is ordered, at which connection.
pub(super) struct Target {
    pub(super) connection: Arc<Connection>,
    pub(super) vendor: Arc<Vendor>,
    pub(super) package: String,
    pub(super) add_ons: Vec<String>,
}

impl App {
    /// What is ordered, or why it cannot be.
    pub(super) async fn target(self: &Arc<Self>, incoming: &Incoming) -> Result<Target, AppError> {
        let finding = self.find_offers(
            &incoming.tenant,
            incoming.ats.package_id(),
            incoming.ats.add_on_ids(),
        );
        let found = tokio::time::timeout_at(incoming.deadline, finding).await;
        let ordered = found.unwrap_or(Err(AppError::Unavailable {
            retry_after: Duration::from_secs(5),
        }))?;
        let vendor = self.vendor_of(&ordered.connection).ok_or_else(|| {
            tracing::error!(connection = %ordered.connection.id, vendor = %ordered.connection.vendor, "no sheet for the vendor of this connection");
            AppError::Unavailable { retry_after: Duration::from_secs(60) }
        })?;
        Ok(Target {
            connection: ordered.connection,
            vendor,
            package: ordered.package,
            add_ons: ordered.add_ons,
        })
    }

    /// The target an order already has; `None` where it is not there any more.
    pub(super) fn same_target(&self, order: &Order) -> Option<Target> {
        let connection = self.directory().connection(&order.connection_id).cloned()?;
        let vendor = self.vendor_of(&connection)?;
        let (package, add_ons) = (order.vendor_package.clone(), order.vendor_add_ons.clone());
        (!connection.retired).then_some(Target {
            connection,
            vendor,
            package,
            add_ons,
        })
    }

    /// Turns an order away whose vendor is left alone just now, where its tenant does not queue:
    /// nothing would be sent, so nothing has to be remembered, and a vendor that fails costs the
    /// database no write, however many ask.
    pub(super) fn turn_away(&self, incoming: &Incoming, target: &Target) -> Result<(), Obstacle> {
        if incoming.tenant.options.when_unavailable == WhenUnavailable::Queue {
            return Ok(());
        }
        let caller = &self.setup().caller;
        match caller.held_back(&target.vendor, &target.connection) {
            None => Ok(()),
            Some(call) => Err(Obstacle::HeldBack {
                vendor: Arc::clone(&target.vendor),
                call,
            }),
        }
    }
}
