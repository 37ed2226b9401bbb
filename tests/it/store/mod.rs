//! What the store promises, held against both databases: every promise is one body that runs on a
//! SQLite file and on a real PostgreSQL.

mod callbacks;
mod calls;
mod catalogs;
mod claims;
mod deliveries;
mod delivery_model;
mod opening;
mod orders;
mod races;
mod references;
mod tenants;

use std::collections::BTreeMap;

use adapters::Memo;
use adapters::vocabulary::{Millis, OurRef, TheirRef};
use cleargate::domain::delivery::Claimed;
use cleargate::domain::order::{Line, Order, Stage};
use cleargate::domain::tenant::TenantOptions;
use cleargate::store::{
    Change, ConnectionRow, NewDelivery, Placement, Saved, Store, StoreError, StoreOptions,
    TenantChange, TenantRow,
};
use tempfile::TempDir;

use crate::support::{Database, services};

/// A moment to count from. The store reads no clock of its own for what is due.
const NOW: Millis = 1_000_000;
/// Later than everything that a test leases.
const MUCH_LATER: Millis = NOW + 1_000_000_000;

/// A database with a tenant `ten_1` that has the connections `con_1` and `con_2`.
struct Base {
    store: Store,
    options: StoreOptions,
    _folder: TempDir,
}

impl Base {
    async fn on(database: Database) -> Self {
        let base = Self::empty(database).await;
        let connections = ["con_1", "con_2"].map(connection);
        save_tenant(&base.store, &tenant("ten_1"), &connections, None, NOW)
            .await
            .expect("a tenant is saved");
        base
    }

    async fn empty(database: Database) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let url = match database {
            Database::Sqlite => format!("sqlite://{}", folder.path().join("store.db").display()),
            Database::Postgres => services::postgres_url().await,
        };
        let options = StoreOptions {
            url,
            connections: 4,
            migrate: true,
            serving: true,
        };
        let store = Store::open(&options).await.expect("the database opens");
        Self {
            store,
            options,
            _folder: folder,
        }
    }

    /// The same database with connections of its own: another replica, or on SQLite a command that
    /// runs beside the serving process.
    async fn another(&self) -> Store {
        let options = StoreOptions {
            serving: false,
            ..self.options.clone()
        };
        Store::open(&options).await.expect("the database opens")
    }

    /// An order that the store has.
    async fn inserted(&self, name: &str) -> Order {
        let order = order(name);
        let placement = self
            .store
            .insert_order(&order, &Change::default(), NOW)
            .await;
        assert!(matches!(placement, Ok(Placement::Inserted)));
        order
    }

    /// Saves a change of an order, which has to succeed.
    async fn save(&self, order: &mut Order, change: &Change) {
        let saved = self.store.save_order(order, change, NOW).await;
        assert_eq!(saved.expect("the database works"), Saved::Done);
    }

    /// Saves the order with an update for the ATS.
    async fn enqueue(&self, order: &mut Order, body: &str, now: Millis) {
        let change = Change {
            webhook: Some(update(body)),
            ..Change::default()
        };
        let saved = self.store.save_order(order, &change, now).await;
        assert_eq!(saved.expect("the database works"), Saved::Done);
    }

    /// Claims lanes that are due.
    async fn claim(&self, token: &str, now: Millis, until: Millis) -> Vec<Claimed> {
        let claimed = self.store.claim_lanes(token, now, until, 100).await;
        claimed.expect("the database works")
    }

    /// Claims the one lane that is due.
    async fn claim_one(&self, token: &str, now: Millis, until: Millis) -> Claimed {
        let claimed = self.claim(token, now, until).await;
        assert_eq!(claimed.len(), 1, "one lane is due: {claimed:?}");
        claimed.into_iter().next().expect("it is one")
    }

    /// The states of an order's deliveries in their sequence, which has no gap.
    async fn states(&self, order: &Order) -> Vec<String> {
        let rows = self.store.order_deliveries(&order.id).await;
        let rows = rows.expect("the database works");
        assert!(
            rows.iter().map(|row| row.sequence).eq(1..=len(&rows)),
            "the sequence has gaps: {rows:?}"
        );
        rows.into_iter()
            .map(|row| match row.reason {
                Some(reason) => format!("{} {reason}", row.state),
                None => row.state,
            })
            .collect()
    }

    async fn kinds_of_history(&self, order: &Order) -> Vec<String> {
        let lines = self.store.history(&order.id).await;
        let lines = lines.expect("the database works");
        lines.into_iter().map(|line| line.kind).collect()
    }

    async fn read(&self, order: &Order) -> Order {
        let found = self.store.order(&order.id).await;
        found.expect("the database works").expect("it is there")
    }
}

fn len<T>(rows: &[T]) -> i64 {
    i64::try_from(rows.len()).expect("a test has few rows")
}

fn tenant(id: &str) -> TenantRow {
    TenantRow {
        id: id.to_owned(),
        account_id: format!("account of {id}"),
        name: "Example Staffing".to_owned(),
        options: TenantOptions::default(),
        sealed_signing_secret: None,
        sealed_webhook_basic: None,
        disabled: false,
    }
}

fn connection(id: &str) -> ConnectionRow {
    ConnectionRow {
        id: id.to_owned(),
        tenant_id: "ten_1".to_owned(),
        name: id.to_owned(),
        label: "Main".to_owned(),
        vendor: "sandbox".to_owned(),
        base_url: "https://vendor.example.com".to_owned(),
        prefix: String::new(),
        settings: BTreeMap::new(),
        overlay: Vec::new(),
        sealed_credentials: b"key1 sealed".to_vec(),
        callback_digest: format!("digest of {id}"),
        sealed_callback_token: b"key1 token".to_vec(),
        retired: false,
    }
}

/// An open order of `con_1`, with values in every column that may have one.
fn order(name: &str) -> Order {
    Order {
        id: format!("ord_{name}"),
        tenant_id: "ten_1".to_owned(),
        background_check_id: name.to_owned(),
        tracking_id: format!("trk_{name}"),
        connection_id: "con_1".to_owned(),
        package_id: "PKG001".to_owned(),
        vendor_package: "basic".to_owned(),
        vendor_add_ons: vec!["drug".to_owned()],
        add_on_ids: vec!["DRG01".to_owned()],
        webhook_url: format!("https://ats.example.com/hooks/{name}"),
        fingerprint: "v1".to_owned(),
        generation: 1,
        our_ref: OurRef(format!("ours-{name}")),
        their_ref: None,
        stage: Stage::Placing,
        result: None,
        detail: None,
        accepted: true,
        version: 1,
        memo: Memo::default(),
        person: None,
        sealed_order: Some(b"key1 applicant".to_vec()),
        sealed_report: None,
        link_generation: 1,
        lease_token: None,
        lease_until: None,
        due_at: None,
        look_at: None,
        looked_at: None,
        idle_looks: 0,
        waiting: None,
        created_at: NOW,
        updated_at: NOW,
        ended_at: None,
    }
}

fn update(body: &str) -> NewDelivery {
    NewDelivery {
        body: body.to_owned(),
        origin: "https://ats.example.com".to_owned(),
    }
}

fn line(kind: &str) -> Line {
    Line::new(kind, "a phrase")
}

fn theirs(reference: &str) -> TheirRef {
    TheirRef(reference.to_owned())
}

/// A change that gives the order references.
fn gains(references: &[&str]) -> Change {
    Change {
        references: references.iter().copied().map(theirs).collect(),
        ..Change::default()
    }
}

/// Saves one tenant.
async fn save_tenant(
    store: &Store,
    row: &TenantRow,
    connections: &[ConnectionRow],
    secret_digest: Option<&str>,
    now: i64,
) -> Result<(), StoreError> {
    let change = TenantChange {
        row: row.clone(),
        connections: connections.to_vec(),
        secret_digest: secret_digest.map(str::to_owned),
    };
    store.save_tenants(&[change], now).await
}
