//! Tenants and connections as operators change them. An import creates and changes, never deletes,
//! and may be run again.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapters::vocabulary::Private;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::app::tenant_file::{ConnectionEntry, TenantEntry, TenantFile};
use crate::app::{App, AppError, Directory};
use crate::clock::millis;
use crate::domain::tenant::{Connection, Tenant};
use crate::seal::{Purpose, digest, random_text};
use crate::store::{ConnectionRow, TenantChange, TenantRow, new_id};

/// How API Secrets begin.
const SECRET_PREFIX: &str = "cgs_";

/// What an import did to one tenant.
#[derive(Debug)]
pub struct Imported {
    /// Which.
    pub account_id: String,
    /// It is new.
    pub created: bool,
    /// The API Secret that was made for it, to be shown once.
    pub secret: Option<Private<String>>,
    /// Its connections by name, with their callback addresses.
    pub callback_urls: Vec<(String, String)>,
    /// Its connections that are new, or lead elsewhere or with other credentials than before.
    pub changed: Vec<Arc<Connection>>,
}

/// Finds the value behind a reference such as `env:NAME`.
pub type Resolve<'a> = &'a (dyn Fn(&str) -> Result<Private<String>, String> + Sync);

/// A new API Secret: 256 random bits, so it needs no password hash.
pub fn new_secret() -> Private<String> {
    Private::new(format!("{SECRET_PREFIX}{}", random_text()))
}

fn is_secret(text: &str) -> bool {
    text.strip_prefix(SECRET_PREFIX).is_some_and(|body| {
        body.len() == 43
            && body
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

impl App {
    /// Brings the tenants of a file in, all or none.
    ///
    /// # Errors
    /// Every mistake, one sentence each; nothing was changed.
    pub async fn import_tenants(
        &self,
        file: &TenantFile,
        resolve: Resolve<'_>,
    ) -> Result<Vec<Imported>, Vec<String>> {
        let mut mistakes = {
            let setup = self.setup();
            file.mistakes(&setup.vendors, setup.options.allow_http)
        };
        let mut prepared = Vec::new();
        for entry in &file.tenant {
            match self.prepare(entry, resolve) {
                Ok(ready) => prepared.push(ready),
                Err(found) => mistakes.extend(found),
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let changes: Vec<TenantChange> =
            prepared.iter().map(|ready| ready.change.clone()).collect();
        let saved = async {
            self.store.save_tenants(&changes, self.clock.now()).await?;
            self.refresh_directory().await
        };
        saved
            .await
            .map_err(|error: AppError| vec![format!("nothing was imported: {error}")])?;
        let directory = self.directory();
        Ok(prepared
            .into_iter()
            .map(|ready| self.imported(&directory, ready))
            .collect())
    }

    fn imported(&self, directory: &Directory, ready: Prepared) -> Imported {
        let tenant = directory.tenant(&ready.change.row.id);
        let is_changed = |it: &&Arc<Connection>| ready.changed.contains(&it.name) && !it.retired;
        let connections = tenant
            .map(|tenant| tenant.connections.as_slice())
            .unwrap_or_default();
        Imported {
            account_id: ready.change.row.account_id,
            created: ready.created,
            secret: ready.made,
            callback_urls: connections
                .iter()
                .map(|connection| (connection.name.clone(), self.callback_url(connection)))
                .collect(),
            changed: connections.iter().filter(is_changed).cloned().collect(),
        }
    }

    fn prepare(&self, entry: &TenantEntry, resolve: Resolve<'_>) -> Result<Prepared, Vec<String>> {
        let directory = self.directory();
        let known = directory.tenant_by_account(&entry.account_id);
        let id = known.map_or_else(|| new_id("ten"), |tenant| tenant.id.clone());
        let place = format!("tenant `{}`", entry.account_id);
        let mut mistakes = Vec::new();
        let given = self.given_secret(entry, &place, resolve, &mut mistakes);
        let made = (given.is_none() && known.is_none()).then(new_secret);
        let live = given.as_ref().or(made.as_ref());
        let sealed = |text: &str| {
            self.setup()
                .keys
                .seal(Purpose::WebhookSecret, &id, text.as_bytes())
        };
        let signing = entry.webhook.signing_secret.as_str();
        let sealed_signing_secret = if signing.is_empty() {
            None
        } else {
            match resolve(signing) {
                Ok(secret) if secret.expose().starts_with("whsec_") => {
                    Some(sealed(secret.expose()))
                }
                Ok(_) => {
                    mistakes.push(format!("{place}: `webhook.signing_secret` refers to a text that does not begin with whsec_"));
                    None
                }
                Err(what) => {
                    mistakes.push(format!("{place}: `webhook.signing_secret`: {what}"));
                    None
                }
            }
        };
        let basic = live.map(|secret| basic_pair(&entry.account_id, secret));
        let kept_basic = known.and_then(|tenant| tenant.webhook_basic.clone());
        let mut changed = Vec::new();
        let connections = entry
            .connection
            .iter()
            .filter_map(|connection| {
                let (row, is_changed) = self.prepare_connection(
                    connection,
                    &id,
                    known.map(|tenant| &**tenant),
                    &place,
                    resolve,
                    &mut mistakes,
                )?;
                if is_changed {
                    changed.push(row.name.clone());
                }
                Some(row)
            })
            .collect();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Prepared {
            change: TenantChange {
                row: TenantRow {
                    account_id: entry.account_id.clone(),
                    name: entry.name.clone(),
                    options: entry.options(),
                    sealed_signing_secret,
                    sealed_webhook_basic: basic.or(kept_basic).map(|pair| sealed(pair.expose())),
                    disabled: known.is_some_and(|tenant| tenant.disabled),
                    id,
                },
                connections,
                secret_digest: live.map(|secret| digest(secret.expose().as_bytes())),
            },
            made,
            created: known.is_none(),
            changed,
        })
    }

    fn given_secret(
        &self,
        entry: &TenantEntry,
        place: &str,
        resolve: Resolve<'_>,
        mistakes: &mut Vec<String>,
    ) -> Option<Private<String>> {
        match resolve(entry.api_secret.as_deref()?) {
            Ok(secret) if is_secret(secret.expose()) => Some(secret),
            Ok(_) => {
                mistakes.push(format!(
                    "{place}: `api_secret` refers to a text that is not an API Secret ({SECRET_PREFIX} and 43 base64url characters); `cleargate secret new` prints one"
                ));
                None
            }
            Err(what) => {
                mistakes.push(format!("{place}: `api_secret`: {what}"));
                None
            }
        }
    }

    /// The connection as it shall be, and whether it has to prove itself anew.
    fn prepare_connection(
        &self,
        entry: &ConnectionEntry,
        tenant_id: &str,
        tenant: Option<&Tenant>,
        place: &str,
        resolve: Resolve<'_>,
        mistakes: &mut Vec<String>,
    ) -> Option<(ConnectionRow, bool)> {
        let place = format!("{place}, connection `{}`", entry.name);
        let known = tenant.and_then(|tenant| {
            tenant
                .connections
                .iter()
                .find(|connection| connection.name == entry.name)
        });
        if let Some(known) = known.filter(|known| known.vendor != entry.vendor) {
            mistakes.push(format!(
                "{place}: its vendor is `{}` and cannot become `{}`; retire it and give the new one another name",
                known.vendor, entry.vendor
            ));
            return None;
        }
        let mut credentials: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, reference) in &entry.credentials {
            match resolve(reference) {
                Ok(secret) => {
                    credentials.insert(name, vec![secret.expose().clone()]);
                }
                Err(what) => mistakes.push(format!("{place}: `credentials.{name}`: {what}")),
            }
        }
        let base_url = entry.base_url.trim_end_matches('/').to_owned();
        let is_changed = known.is_none_or(|known| {
            let same = known.credentials.iter().all(|(name, values)| {
                let given = credentials.get(name.as_str()).and_then(|all| all.last());
                given == values.last().map(Private::expose)
            });
            let settings = entry.settings.iter();
            known.base_url != base_url
                || known.credentials.len() != credentials.len()
                || !same
                || settings
                    .clone()
                    .any(|(name, value)| known.settings.get(name) != Some(value))
        });
        let id = known.map_or_else(|| new_id("con"), |connection| connection.id.clone());
        let token = known.map_or_else(
            || Private::new(random_text()),
            |connection| connection.callback_token.clone(),
        );
        let credentials = zeroize::Zeroizing::new(
            serde_json::to_vec(&credentials).expect("a map of texts always serializes"),
        );
        let row = ConnectionRow {
            tenant_id: tenant_id.to_owned(),
            name: entry.name.clone(),
            label: entry.label.clone().unwrap_or_else(|| entry.name.clone()),
            vendor: entry.vendor.clone(),
            base_url,
            prefix: entry.prefix.clone(),
            settings: entry.settings.clone(),
            overlay: entry.offer.clone(),
            sealed_credentials: self
                .setup()
                .keys
                .seal(Purpose::Credentials, &id, &credentials),
            callback_digest: digest(token.expose().as_bytes()),
            sealed_callback_token: self.setup().keys.seal(
                Purpose::CallbackToken,
                &id,
                token.expose().as_bytes(),
            ),
            retired: known.is_some_and(|connection| connection.retired),
            id,
        };
        Some((row, is_changed))
    }

    /// Makes a new API Secret for a tenant; the old ones live on for `overlap`. Webhooks that
    /// are sent with the tenant's own pair carry the new one from now on.
    ///
    /// # Errors
    /// [`AppError::NotFound`] or [`AppError::Store`].
    pub async fn rotate_secret(
        &self,
        account_id: &str,
        overlap: std::time::Duration,
    ) -> Result<Private<String>, AppError> {
        let tenant = self.tenant_named(account_id)?;
        let (secret, now) = (new_secret(), self.clock.now());
        let pair = basic_pair(account_id, &secret);
        let sealed =
            self.setup()
                .keys
                .seal(Purpose::WebhookSecret, &tenant.id, pair.expose().as_bytes());
        let digest = digest(secret.expose().as_bytes());
        self.store
            .rotate_secret(&tenant.id, &digest, now + millis(overlap), sealed, now)
            .await?;
        Ok(secret)
    }

    /// Turns a tenant off: every call of its is refused. Its open orders are still brought home.
    ///
    /// # Errors
    /// [`AppError::NotFound`] or [`AppError::Store`].
    pub async fn disable_tenant(&self, account_id: &str, disabled: bool) -> Result<(), AppError> {
        let tenant = self.tenant_named(account_id)?;
        Ok(self.store.set_tenant_disabled(&tenant.id, disabled).await?)
    }

    /// Retires a connection: no offers and no orders any more; what it needs to end its open orders
    /// stays. Returns how many those are.
    ///
    /// # Errors
    /// [`AppError::NotFound`] or [`AppError::Store`].
    pub async fn retire_connection(&self, account_id: &str, name: &str) -> Result<i64, AppError> {
        let tenant = self.tenant_named(account_id)?;
        let connection = tenant
            .connections
            .iter()
            .find(|connection| connection.name == name);
        let connection = connection.ok_or_else(|| {
            AppError::NotPossible(format!("tenant `{account_id}` has no connection `{name}`"))
        })?;
        self.store
            .retire_connection(&tenant.id, &connection.id)
            .await?;
        Ok(self.store.count_open_orders(&connection.id).await?)
    }

    /// The tenant of that account.
    ///
    /// # Errors
    /// [`AppError::NotPossible`] names the account.
    pub fn tenant_named(&self, account_id: &str) -> Result<Arc<Tenant>, AppError> {
        let directory = self.directory();
        let tenant = directory.tenant_by_account(account_id);
        tenant.cloned().ok_or_else(|| {
            AppError::NotPossible(format!("there is no tenant with account `{account_id}`"))
        })
    }
}

/// A tenant of a file, checked and sealed.
struct Prepared {
    change: TenantChange,
    made: Option<Private<String>>,
    created: bool,
    /// Names of connections that are new or can fail where they did not before.
    changed: Vec<String>,
}

fn basic_pair(account_id: &str, secret: &Private<String>) -> Private<String> {
    Private::new(format!(
        "Basic {}",
        BASE64.encode(format!("{account_id}:{}", secret.expose()))
    ))
}
