//! Tenants and connections in memory, so that who is calling is known without a query. It is read
//! anew whenever the revision in the database has moved.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use adapters::vocabulary::{Millis, Private};
use subtle::ConstantTimeEq;

use crate::app::{App, AppError, Setup};
use crate::domain::tenant::{Connection, LiveSecret, Tenant};
use crate::seal::{Keyring, Purpose, SealError, digest};
use crate::store::{ConnectionRow, StoreError, TenantRow};

/// All tenants, as they were at one revision.
#[derive(Default)]
pub struct Directory {
    revision: i64,
    /// When the first of its secrets ends, which no revision announces.
    good_until: Option<Millis>,
    by_account: HashMap<String, Arc<Tenant>>,
    by_id: HashMap<String, Arc<Tenant>>,
    connections: HashMap<String, Arc<Connection>>,
    by_callback: HashMap<String, Arc<Connection>>,
}

/// What an unknown account is compared with, so that it takes as long as a known one.
static NOBODYS: LazyLock<[LiveSecret; 1]> = LazyLock::new(|| [LiveSecret::new("0".repeat(64))]);

impl Directory {
    /// The tenant with these credentials, if it may be served. An unknown account, a wrong secret
    /// and a disabled tenant look the same and take the same time. That the secret was used is
    /// noted in memory.
    pub fn authenticate(
        &self,
        account_id: &str,
        secret: &str,
        now: Millis,
    ) -> Option<&Arc<Tenant>> {
        let given = digest(secret.as_bytes());
        let tenant = self.by_account.get(account_id);
        let secrets = tenant.map_or(&NOBODYS[..], |tenant| &tenant.secrets);
        let mut fitting = None;
        for secret in secrets {
            if bool::from(secret.digest.as_bytes().ct_eq(given.as_str().as_bytes())) {
                fitting = Some(secret);
            }
        }
        let served = tenant.filter(|tenant| !tenant.disabled)?;
        fitting?.used.note(now);
        Some(served)
    }

    /// The tenant of that account, whoever asks.
    pub fn tenant_by_account(&self, account_id: &str) -> Option<&Arc<Tenant>> {
        self.by_account.get(account_id)
    }

    /// The tenant of that internal id.
    pub fn tenant(&self, id: &str) -> Option<&Arc<Tenant>> {
        self.by_id.get(id)
    }

    /// The connection of that internal id.
    pub fn connection(&self, id: &str) -> Option<&Arc<Connection>> {
        self.connections.get(id)
    }

    /// The connection whose callbacks carry that token.
    pub fn connection_by_token(&self, token: &str) -> Option<&Arc<Connection>> {
        self.by_callback.get(digest(token.as_bytes()).as_str())
    }

    /// All tenants, by account.
    pub fn tenants(&self) -> Vec<&Arc<Tenant>> {
        let mut tenants: Vec<_> = self.by_account.values().collect();
        tenants.sort_by(|a, b| a.account_id.cmp(&b.account_id));
        tenants
    }

    /// All connections.
    pub fn connections(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.connections.values()
    }

    fn insert(&mut self, tenant: Tenant) {
        let tenant = Arc::new(tenant);
        for connection in &tenant.connections {
            let token = digest(connection.callback_token.expose().as_bytes());
            self.by_callback
                .insert(token.to_string(), Arc::clone(connection));
            self.connections
                .insert(connection.id.clone(), Arc::clone(connection));
        }
        self.by_id.insert(tenant.id.clone(), Arc::clone(&tenant));
        self.by_account.insert(tenant.account_id.clone(), tenant);
    }
}

impl App {
    /// The tenants as they are known now.
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.load_full()
    }

    /// Reads tenants and connections anew if they have changed or a secret has ended; true where
    /// that was so.
    ///
    /// # Errors
    /// [`AppError::Store`]; the old directory stays in force.
    pub async fn refresh_directory(&self) -> Result<bool, AppError> {
        let (revision, now) = (self.store.revision().await?, self.clock.now());
        let known = self.directory.load();
        if revision == known.revision && known.good_until.is_none_or(|until| now < until) {
            return Ok(false);
        }
        let directory = self.read_directory(&self.setup()).await?;
        self.enter_directory(directory);
        Ok(true)
    }

    pub(crate) fn enter_directory(&self, directory: Directory) {
        let directory = Arc::new(directory);
        self.directory.store(Arc::clone(&directory));
        self.catalogs.enter_tenants(directory.by_id.values());
    }

    /// The tenants as the database holds them. The revision is read first: what changes while this
    /// reads is read again.
    pub(crate) async fn read_directory(&self, setup: &Setup) -> Result<Directory, AppError> {
        let (revision, now) = (self.store.revision().await?, self.clock.now());
        let mut directory = Directory {
            revision,
            ..Directory::default()
        };
        let mut connections: HashMap<String, Vec<Arc<Connection>>> = HashMap::new();
        for row in self.store.connections().await? {
            let connection = open_connection(setup, row)?;
            connections
                .entry(connection.tenant_id.clone())
                .or_default()
                .push(Arc::new(connection));
        }
        let known = self.directory();
        let mut secrets: HashMap<String, Vec<LiveSecret>> = HashMap::new();
        for secret in self.store.secrets(now).await? {
            let ends = [directory.good_until, secret.expires_at];
            directory.good_until = ends.into_iter().flatten().min();
            let known = known.tenant(&secret.tenant_id);
            let known = known.and_then(|tenant| tenant.secret(&secret.digest));
            let live = known
                .cloned()
                .unwrap_or_else(|| LiveSecret::new(secret.digest));
            secrets.entry(secret.tenant_id).or_default().push(live);
        }
        for row in self.store.tenants().await? {
            let connections = connections.remove(&row.id).unwrap_or_default();
            let secrets = secrets.remove(&row.id).unwrap_or_default();
            let mut tenant = open_tenant(&setup.keys, row, connections, secrets)?;
            if let Some(known) = known.tenant(&tenant.id) {
                tenant.pace = Arc::clone(&known.pace);
            }
            directory.insert(tenant);
        }
        Ok(directory)
    }
}

fn open_connection(setup: &Setup, row: ConnectionRow) -> Result<Connection, StoreError> {
    let open = |purpose, sealed: &[u8]| {
        setup
            .keys
            .open(purpose, &row.id, sealed)
            .map_err(|error| cannot_open(&row.id, &error))
    };
    let credentials: HashMap<String, Vec<String>> =
        serde_json::from_slice(&open(Purpose::Credentials, &row.sealed_credentials)?)
            .map_err(|error| unreadable(&row.id, &error.to_string()))?;
    let token = open(Purpose::CallbackToken, &row.sealed_callback_token)?;
    let defaults = setup
        .vendors
        .get(&row.vendor)
        .map(|vendor| vendor.settings.as_slice())
        .unwrap_or_default();
    let mut settings = row.settings;
    for setting in defaults {
        if let Some(default) = &setting.default {
            settings
                .entry(setting.name.clone())
                .or_insert_with(|| default.clone());
        }
    }
    Ok(Connection {
        tenant_id: row.tenant_id,
        name: row.name,
        label: row.label,
        vendor: row.vendor,
        base_url: row.base_url,
        prefix: row.prefix,
        settings,
        overlay: row.overlay,
        credentials: credentials
            .into_iter()
            .map(|(name, values)| (name, values.into_iter().map(Private::new).collect()))
            .collect(),
        callback_token: Private::new(String::from_utf8_lossy(&token).into_owned()),
        retired: row.retired,
        id: row.id,
    })
}

fn open_tenant(
    keys: &Keyring,
    row: TenantRow,
    connections: Vec<Arc<Connection>>,
    secrets: Vec<LiveSecret>,
) -> Result<Tenant, StoreError> {
    let open = |sealed: Option<Vec<u8>>| -> Result<Option<Private<String>>, StoreError> {
        sealed
            .map(|sealed| {
                let text = keys
                    .open(Purpose::WebhookSecret, &row.id, &sealed)
                    .map_err(|error| cannot_open(&row.id, &error))?;
                Ok(Private::new(String::from_utf8_lossy(&text).into_owned()))
            })
            .transpose()
    };
    Ok(Tenant {
        signing_secret: open(row.sealed_signing_secret)?,
        webhook_basic: open(row.sealed_webhook_basic)?,
        account_id: row.account_id,
        name: row.name,
        secrets,
        disabled: row.disabled,
        options: row.options,
        pace: Arc::default(),
        connections,
        id: row.id,
    })
}

fn cannot_open(row: &str, error: &SealError) -> StoreError {
    unreadable(row, &error.to_string())
}

fn unreadable(row: &str, what: &str) -> StoreError {
    StoreError::Unreadable {
        row: row.to_owned(),
        what: what.to_owned(),
    }
}
