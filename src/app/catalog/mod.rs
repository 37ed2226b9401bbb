//! The catalog: from memory, then Redis where there is one, then the last good copy in the
//! database, then, for the first time ever, the vendor itself with a deadline. It is refreshed in
//! the background before it is stale; a slow or dead vendor neither delays nor empties the list.

mod memory;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use adapters::vocabulary::Millis;
use adapters::{ListPackages, Memo, Vendor};
use bytes::Bytes;
use http::HeaderValue;

pub(crate) use memory::Catalogs;

use crate::app::{App, AppError};
use crate::cache::Kind;
use crate::clock::millis;
use crate::domain::catalog::{Offer, offers, package_list};
use crate::domain::drift::Drift;
use crate::domain::tenant::{Connection, OfferKind, Tenant};
use crate::seal::{digest, random_text};
use crate::store::{OfferRow, StoreError, StoredCatalog};

/// A catalog is refreshed in the background only while somebody asks for it.
const ASKED_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// One refresher over all replicas holds its lease this long.
const REFRESH_LEASE: Duration = Duration::from_secs(60);
/// Changes of a catalog that one log line tells.
const TOLD: usize = 10;

/// The answer to the ATS's package call, ready to be sent.
#[derive(Debug)]
pub struct PackageAnswer {
    /// The JSON.
    pub body: Bytes,
    /// Its entity tag, quoted.
    pub etag: HeaderValue,
    /// When the oldest part of it was fetched.
    pub fetched_at: Millis,
    /// No vendor is missing in it because its catalog could never be fetched.
    pub(super) is_whole: bool,
    pub(super) offers: HashMap<(OfferKind, String), Offered>,
}

/// What ordering needs to know of an offer.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    pub(super) connection_id: String,
    pub(super) vendor_id: String,
    pub(super) name: String,
    /// For add-ons: the vendor ids of the packages it goes with; empty: any of the connection.
    pub(super) only_with: Vec<String>,
}

/// About what an offer takes in memory, with its id and what surrounds both.
const OFFERED_BYTES: usize = 320;

impl PackageAnswer {
    /// About what it takes in memory, in bytes.
    fn size(&self) -> usize {
        self.body.len() + self.offers.len() * OFFERED_BYTES
    }
}

/// An offer whose id means something else already.
#[derive(Debug)]
pub struct Clash {
    /// What is not offered.
    pub offer: Offer,
    /// What its id means.
    pub means: OfferRow,
}

fn is_meant(offer: &Offer, row: &OfferRow) -> bool {
    row.connection_id == offer.connection_id && row.vendor_id == offer.vendor_id
}

impl App {
    /// The merged catalog of a tenant.
    ///
    /// # Errors
    /// [`AppError::Store`] when there is no copy in memory and the database is out of reach.
    pub async fn packages(&self, tenant: &Tenant) -> Result<Arc<PackageAnswer>, AppError> {
        match self.listed(tenant) {
            Some(answer) => Ok(answer),
            // In a box of its own: a hit need not carry about what only a miss has room for.
            None => Box::pin(self.merge_packages(tenant)).await,
        }
    }

    /// The merged catalog of a tenant, where it is in memory.
    pub fn listed(&self, tenant: &Tenant) -> Option<Arc<PackageAnswer>> {
        self.catalogs.list(tenant)
    }

    async fn merge_packages(&self, tenant: &Tenant) -> Result<Arc<PackageAnswer>, AppError> {
        let (connections, merging) = (selling(tenant), self.catalogs.begin_list(tenant));
        let catalogs = connections
            .iter()
            .map(|connection| self.stored_catalog(connection));
        // All at the same time: two vendors that do not answer take no longer than one.
        let catalogs = futures_util::future::join_all(catalogs).await;
        let mut parts = Vec::new();
        let (mut fetched_at, mut is_whole) = (self.clock.now(), true);
        for (connection, stored) in connections.into_iter().zip(catalogs) {
            let Some(stored) = stored? else {
                is_whole = false;
                continue;
            };
            fetched_at = fetched_at.min(stored.fetched_at);
            parts.push((connection, self.offers_of(connection, &stored)));
        }
        self.drop_clashes(tenant, &mut parts).await?;
        let parts: Vec<_> = parts
            .into_iter()
            .map(|(connection, offers)| (connection.label.as_str(), offers))
            .collect();
        let body =
            serde_json::to_vec(&package_list(&parts)).expect("a list of texts always serializes");
        let answer = Arc::new(PackageAnswer {
            etag: HeaderValue::from_str(&format!("\"{}\"", &digest(&body).as_str()[..32]))
                .expect("a digest in quotes is a header value"),
            body: Bytes::from(body.into_boxed_slice()),
            fetched_at,
            is_whole,
            offers: parts
                .into_iter()
                .flat_map(|(_, offers)| offers)
                .map(|offer| {
                    let Offer {
                        kind,
                        id,
                        connection_id,
                        vendor_id,
                        name,
                        only_with,
                        ..
                    } = offer;
                    let offered = Offered {
                        connection_id,
                        vendor_id,
                        name,
                        only_with,
                    };
                    ((kind, id), offered)
                })
                .collect(),
        });
        merging.keep(&answer);
        Ok(answer)
    }

    fn offers_of(&self, connection: &Connection, stored: &StoredCatalog) -> Vec<Offer> {
        let listed = self
            .vendor_of(connection)
            .is_some_and(|vendor| vendor.list.is_some());
        offers(connection, &stored.catalog, listed)
    }

    /// Two connections that offer one id: the older row keeps it, the newer is not offered.
    async fn drop_clashes(
        &self,
        tenant: &Tenant,
        parts: &mut [(&Arc<Connection>, Vec<Offer>)],
    ) -> Result<(), StoreError> {
        let mut meanings = self.meanings(tenant).await?;
        let mut written = false;
        for (connection, offers) in parts.iter() {
            let known = |offer: &Offer| meanings.contains_key(&(offer.kind, offer.id.clone()));
            // The overlay or the prefix has changed since the vendor was asked.
            if !offers.iter().all(known) {
                let now = self.clock.now();
                self.store
                    .save_offers(&tenant.id, &connection.id, offers, now)
                    .await?;
                written = true;
            }
        }
        if written {
            meanings = self.meanings(tenant).await?;
        }
        for (_, offers) in parts {
            offers.retain(|offer| {
                let meaning = meanings.get(&(offer.kind, offer.id.clone()));
                let ours = meaning.is_some_and(|row| is_meant(offer, row));
                if !ours {
                    tracing::warn!(event = "offer_clash", tenant = %tenant.id, connection = %offer.connection_id, id = %offer.id, "an offer's id means something else already, so it is not offered");
                }
                ours
            });
        }
        Ok(())
    }

    /// Offers of a connection whose id means something else already, so that they are not offered.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn clashes(
        &self,
        tenant: &Tenant,
        connection: &Connection,
    ) -> Result<Vec<Clash>, AppError> {
        let Some(stored) = self.store.catalog(&connection.id).await? else {
            return Ok(Vec::new());
        };
        let meanings = self.meanings(tenant).await?;
        let offers = self.offers_of(connection, &stored).into_iter();
        let clashes = offers.filter_map(|offer| {
            let meaning = meanings.get(&(offer.kind, offer.id.clone()))?;
            (!is_meant(&offer, meaning)).then(|| Clash {
                means: meaning.clone(),
                offer,
            })
        });
        Ok(clashes.collect())
    }

    /// What every id ever offered to a tenant means.
    async fn meanings(
        &self,
        tenant: &Tenant,
    ) -> Result<HashMap<(OfferKind, String), OfferRow>, StoreError> {
        let mut meanings = HashMap::new();
        for kind in [OfferKind::Package, OfferKind::AddOn] {
            for row in self.store.tenant_offers(&tenant.id, kind).await? {
                meanings.insert((kind, row.offered_id.clone()), row);
            }
        }
        Ok(meanings)
    }

    /// A connection's catalog from Redis, the database, or for the first time ever its vendor.
    async fn stored_catalog(
        &self,
        connection: &Connection,
    ) -> Result<Option<StoredCatalog>, AppError> {
        self.catalogs.note_asked(&connection.id, self.clock.now());
        if let Some(stored) = self.shared_catalog(connection).await? {
            self.catalogs
                .note_fetched(&connection.id, stored.fetched_at);
            return Ok(Some(stored));
        }
        let first = tokio::time::timeout(
            self.setup().options.catalog_first_fetch,
            self.refresh_catalog(connection),
        )
        .await;
        Ok(first.unwrap_or_else(|_| Ok(None))?)
    }

    /// Fetches a connection's catalog anew and keeps it, once for all who ask at the same time;
    /// `None`: the vendor could not be asked, and the last good one stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refresh_catalog(
        &self,
        connection: &Connection,
    ) -> Result<Option<StoredCatalog>, StoreError> {
        let Some(vendor) = self.vendor_of(connection) else {
            return Ok(None);
        };
        let turns = self.catalogs.turns(&connection.id);
        let Some(_turn) = turns.take().await else {
            return self.shared_catalog(connection).await;
        };
        let Some(catalog) = self.list_packages(&vendor, connection).await else {
            return Ok(None);
        };
        let stored = StoredCatalog {
            catalog,
            fetched_at: self.clock.now(),
        };
        let Some(changes) = self.store.save_catalog(&connection.id, &stored).await? else {
            return self.shared_catalog(connection).await;
        };
        tell(connection, &changes);
        let offers = self.offers_of(connection, &stored);
        self.store
            .save_offers(
                &connection.tenant_id,
                &connection.id,
                &offers,
                stored.fetched_at,
            )
            .await?;
        self.share_catalog(connection, &stored).await;
        self.catalogs
            .note_fetched(&connection.id, stored.fetched_at);
        self.catalogs.forget_list(&connection.tenant_id);
        Ok(Some(stored))
    }

    /// A connection's last good catalog, wherever replicas share it.
    async fn shared_catalog(
        &self,
        connection: &Connection,
    ) -> Result<Option<StoredCatalog>, StoreError> {
        let (tenant, owner) = (&connection.tenant_id, &connection.id);
        if let Some(value) = self.cache.get(Kind::Catalog, tenant, owner).await
            && let Ok(stored) = serde_json::from_slice(&value)
        {
            return Ok(Some(stored));
        }
        let stored = self.store.catalog(owner).await?;
        if let Some(stored) = &stored {
            self.share_catalog(connection, stored).await;
        }
        Ok(stored)
    }

    async fn share_catalog(&self, connection: &Connection, stored: &StoredCatalog) {
        let value = serde_json::to_vec(stored).expect("texts and numbers always serialize");
        let (tenant, owner) = (&connection.tenant_id, &connection.id);
        self.cache
            .put(Kind::Catalog, tenant, owner, &value, ASKED_WITHIN)
            .await;
    }

    /// A vendor without a list has the overlay for its catalog.
    async fn list_packages(
        &self,
        vendor: &Vendor,
        connection: &Connection,
    ) -> Option<adapters::vocabulary::Catalog> {
        let Some(list) = vendor.list.as_deref() else {
            return Some(adapters::vocabulary::Catalog::default());
        };
        match self
            .setup()
            .caller
            .ask(vendor, connection, list, &ListPackages, Memo::default())
            .await
            .result
        {
            Ok(catalog) => Some(catalog),
            Err(error) => {
                tracing::warn!(vendor = %vendor.name, connection = %connection.id, %error, "the catalog cannot be fetched; the last good one is served");
                None
            }
        }
    }

    /// Refreshes the catalogs that grow stale or could not be fetched yet, and are asked for;
    /// returns how many.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn refresh_stale_catalogs(&self) -> Result<usize, AppError> {
        let now = self.clock.now();
        let stale_from = now - millis(self.setup().options.catalog_fresh_for) * 2 / 3;
        let mut refreshed = 0;
        for connection in self
            .directory()
            .connections()
            .filter(|connection| !connection.retired)
        {
            let asked = self.catalogs.asked_at(&connection.id);
            let fetched = self.catalogs.fetched_at(&connection.id);
            // Only merging a list notes that it was asked for, so one that its vendor's silence has
            // kept for long is merged anew for whoever still asks.
            if asked.is_some_and(|at| now - at > millis(ASKED_WITHIN) / 2) {
                self.catalogs.forget_list(&connection.tenant_id);
            }
            if asked.is_some_and(|at| now - at < millis(ASKED_WITHIN))
                && fetched.is_none_or(|at| at <= stale_from)
                && self
                    .refresh_as_the_only_one(connection, stale_from, now)
                    .await?
            {
                refreshed += 1;
            }
        }
        Ok(refreshed)
    }

    /// Takes over what another replica has fetched, or fetches.
    async fn refresh_as_the_only_one(
        &self,
        connection: &Connection,
        stale_from: Millis,
        now: Millis,
    ) -> Result<bool, StoreError> {
        if let Some(stored) = self
            .shared_catalog(connection)
            .await?
            .filter(|stored| stored.fetched_at > stale_from)
        {
            self.catalogs
                .note_fetched(&connection.id, stored.fetched_at);
            self.catalogs.forget_list(&connection.tenant_id);
            return Ok(true);
        }
        let name = format!("catalog:{}", connection.id);
        if !self
            .store
            .lease(&name, &random_text(), now, now + millis(REFRESH_LEASE))
            .await?
        {
            return Ok(false);
        }
        Ok(self.refresh_catalog(connection).await?.is_some())
    }
}

/// Tells operators what a vendor has changed on its list.
fn tell(connection: &Connection, changes: &[Drift]) {
    if changes.is_empty() {
        return;
    }
    let told: Vec<String> = changes
        .iter()
        .take(TOLD)
        .map(|change| {
            let (kind, id) = (change.kind.as_str(), &change.vendor_id);
            format!("{id} {kind} ({})", change.detail)
        })
        .collect();
    tracing::warn!(
        event = "catalog_drift", connection = %connection.id, vendor = %connection.vendor,
        changes = changes.len(), first = told.join("; "), "the vendor has changed what it offers"
    );
    for change in changes {
        metrics::counter!(
            "catalog_changes_total", "vendor" => connection.vendor.clone(), "kind" => change.kind.as_str()
        )
        .increment(1);
    }
}

/// The connections of a tenant that take orders.
pub(super) fn selling(tenant: &Tenant) -> Vec<&Arc<Connection>> {
    let connections = tenant.connections.iter();
    connections
        .filter(|connection| !connection.retired)
        .collect()
}
