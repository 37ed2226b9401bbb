//! From the ids that the ATS orders to what they mean at a vendor, or why they mean nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::app::catalog::selling;
use crate::app::{App, AppError};
use crate::clock::millis;
use crate::domain::catalog::Offer;
use crate::domain::tenant::{Connection, OfferKind, Tenant};

/// When an order may be sent again that needs a catalog which could not be fetched yet.
const RETRY_FIRST_FETCH: Duration = Duration::from_secs(5);
/// An unknown id makes us ask a vendor again at most this often.
const UNKNOWN_ID_PAUSE: Duration = Duration::from_secs(10);

/// What was ordered, found in the catalog.
pub(crate) struct Ordered {
    pub(crate) connection: Arc<Connection>,
    pub(crate) package: String,
    pub(crate) add_ons: Vec<String>,
}

impl App {
    /// What a package and its add-ons mean at a vendor.
    pub(crate) async fn find_offers(
        &self,
        tenant: &Tenant,
        package_id: &str,
        add_on_ids: &[String],
    ) -> Result<Ordered, AppError> {
        let package = self
            .find_offer(tenant, OfferKind::Package, package_id)
            .await?;
        let mut add_ons = Vec::new();
        for id in add_on_ids {
            let add_on = self.find_offer(tenant, OfferKind::AddOn, id).await?;
            if add_on.connection_id != package.connection_id {
                let message = format!(
                    "The add-on `{id}` belongs to another screening provider than the package `{package_id}`."
                );
                return Err(AppError::unfit(
                    "add_on_of_another_connection",
                    "add_on_package_ids",
                    message,
                ));
            }
            if !add_on.only_with.is_empty() && !add_on.only_with.contains(&package.vendor_id) {
                let message =
                    format!("The add-on `{id}` cannot be ordered with the package `{package_id}`.");
                return Err(AppError::unfit(
                    "add_on_not_with_package",
                    "add_on_package_ids",
                    message,
                ));
            }
            add_ons.push(add_on.vendor_id);
        }
        let connection = tenant
            .connection(&package.connection_id)
            .filter(|connection| !connection.retired);
        let connection = connection.ok_or_else(|| gone("package_id", package_id, &package.name))?;
        Ok(Ordered {
            connection: Arc::clone(connection),
            package: package.vendor_id,
            add_ons,
        })
    }

    /// An offer from memory, else from the database, else after one fresh look at the vendors.
    async fn find_offer(
        &self,
        tenant: &Tenant,
        kind: OfferKind,
        id: &str,
    ) -> Result<Offer, AppError> {
        let key = (kind, id.to_owned());
        if let Some(offer) = self.packages(tenant).await?.offers.get(&key) {
            return Ok(offer.clone());
        }
        let row = self.store.tenant_offer(&tenant.id, kind, id).await?;
        self.refresh_for_unknown_id(tenant).await?;
        let list = self.packages(tenant).await?;
        if let Some(offer) = list.offers.get(&key) {
            return Ok(offer.clone());
        }
        if !list.is_whole && row.is_none() {
            // It may well be on the list that could not be fetched.
            return Err(AppError::Unavailable {
                retry_after: RETRY_FIRST_FETCH,
            });
        }
        let field = match kind {
            OfferKind::Package => "package_id",
            OfferKind::AddOn => "add_on_package_ids",
        };
        Err(match row {
            Some(row) => gone(field, id, &row.name),
            None => AppError::unfit(
                "package_unknown",
                field,
                format!("`{id}` is not offered to this account."),
            ),
        })
    }
}

impl App {
    /// One bounded fresh look at the vendors, because an id is not known. A catalog that has only
    /// just been fetched is believed: wrong ids must not become calls to vendors.
    async fn refresh_for_unknown_id(&self, tenant: &Tenant) -> Result<(), AppError> {
        let recent = self.clock.now() - millis(UNKNOWN_ID_PAUSE);
        let stale = |connection: &Connection| {
            let fetched = self.catalogs.fetched_at(&connection.id);
            fetched.is_none_or(|at| at < recent)
        };
        let refreshes = selling(tenant)
            .into_iter()
            .filter(|connection| stale(connection))
            .map(|connection| self.refresh_catalog(connection));
        let all = futures_util::future::try_join_all(refreshes);
        if let Ok(refreshed) =
            tokio::time::timeout(self.setup().options.catalog_first_fetch, all).await
        {
            refreshed?;
        }
        Ok(())
    }
}

fn gone(field: &str, id: &str, name: &str) -> AppError {
    AppError::unfit(
        "package_gone",
        field,
        format!("`{name}` ({id}) is not offered any more."),
    )
}
