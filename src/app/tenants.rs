//! Tenants and connections as operators change them. An import creates and changes, never deletes,
//! and may be run again.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapters::vocabulary::Private;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::app::tenant_file::{ConnectionEntry, Mistake, Spot, TenantEntry, TenantFile, told};
use crate::app::{App, AppError, Directory};
use crate::clock::millis;
use crate::domain::tenant::{Connection, Tenant};
use crate::seal::{Purpose, digest, random_text};
use crate::store::{ConnectionRow, TenantChange, TenantRow, new_id};

/// How API Secrets begin.
const SECRET_PREFIX: &str = "cgs_";

/// How secrets that sign webhooks begin.
const SIGNING_PREFIX: &str = "whsec_";

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
            file.find(&setup.vendors, setup.options.allow_http)
        };
        let prepared: Vec<Prepared> = file
            .tenants()
            .map(|(entry, spot)| self.prepare(entry, &spot, resolve, &mut mistakes))
            .collect();
        if !mistakes.is_empty() {
            return Err(told(mistakes));
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

    /// What in a file is no mistake and should be looked at twice.
    pub fn to_be_looked_at(&self, file: &TenantFile) -> Vec<String> {
        file.to_be_looked_at(&self.setup().vendors)
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

    /// A tenant of a file, ready to be saved if there are no mistakes.
    fn prepare(
        &self,
        entry: &TenantEntry,
        spot: &Spot<'_>,
        resolve: Resolve<'_>,
        mistakes: &mut Vec<Mistake>,
    ) -> Prepared {
        let (directory, keys) = (self.directory(), &self.setup().keys);
        let known = directory.tenant_by_account(&entry.account_id);
        let id = known.map_or_else(|| new_id("ten"), |tenant| tenant.id.clone());
        let given = given_secret(entry, spot, resolve, mistakes);
        let made = (given.is_none() && known.is_none()).then(new_secret);
        let live = given.as_ref().or(made.as_ref());
        let sealed = |text: &str| keys.seal(Purpose::WebhookSecret, &id, text.as_bytes());
        let signing = signing_secret(entry, spot, resolve, mistakes);
        let basic = live.map(|secret| basic_pair(&entry.account_id, secret));
        let kept_basic = known.and_then(|tenant| tenant.webhook_basic.clone());
        let mut changed = Vec::new();
        let mut connections = Vec::new();
        for (connection, spot) in entry.connections(spot) {
            let known = known.map(|tenant| &**tenant);
            let prepared =
                self.prepare_connection(connection, &id, known, &spot, resolve, mistakes);
            if let Some((row, is_changed)) = prepared {
                if is_changed {
                    changed.push(row.name.clone());
                }
                connections.push(row);
            }
        }
        Prepared {
            change: TenantChange {
                row: TenantRow {
                    account_id: entry.account_id.clone(),
                    name: entry.name.clone(),
                    options: entry.options(),
                    sealed_signing_secret: signing.map(|secret| sealed(secret.expose())),
                    sealed_webhook_basic: basic.or(kept_basic).map(|pair| sealed(pair.expose())),
                    disabled: known.is_some_and(|tenant| tenant.disabled),
                    id,
                },
                connections,
                secret_digest: live.map(|secret| digest(secret.expose().as_bytes()).to_string()),
            },
            made,
            created: known.is_none(),
            changed,
        }
    }

    /// The connection as it shall be, and whether it has to prove itself anew.
    fn prepare_connection(
        &self,
        entry: &ConnectionEntry,
        tenant_id: &str,
        tenant: Option<&Tenant>,
        spot: &Spot<'_>,
        resolve: Resolve<'_>,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<(ConnectionRow, bool)> {
        let known = tenant.and_then(|tenant| {
            tenant
                .connections
                .iter()
                .find(|connection| connection.name == entry.name)
        });
        if let Some(known) = known.filter(|known| known.vendor != entry.vendor) {
            let wrong = format!(
                "its vendor is `{}` and cannot become `{}`; retire it and give the new one another name",
                known.vendor, entry.vendor
            );
            mistakes.push(spot.wrong("vendor", wrong));
            return None;
        }
        let mut credentials: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, reference) in &entry.credentials {
            match resolve(reference) {
                Ok(secret) => {
                    credentials.insert(name, vec![secret.expose().clone()]);
                }
                Err(what) => {
                    let member = format!("credentials/{name}");
                    mistakes.push(spot.wrong(&member, format!("`credentials.{name}`: {what}")));
                }
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
        let credentials = Zeroizing::new(
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
            callback_digest: digest(token.expose().as_bytes()).to_string(),
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
        let digest = digest(secret.expose().as_bytes()).to_string();
        self.store
            .rotate_secret(&tenant.id, &digest, now + millis(overlap), sealed, now)
            .await?;
        Ok(secret)
    }

    /// Writes down when secrets were used last, as far as this process has seen and nobody has
    /// written; returns how many it wrote.
    ///
    /// # Errors
    /// [`AppError::Store`]; what was not written is written the next time.
    pub async fn write_secret_uses(&self) -> Result<usize, AppError> {
        let mut written = 0;
        for tenant in self.directory().tenants() {
            for secret in &tenant.secrets {
                if let Some(at) = secret.used.unwritten() {
                    let (tenant, digest) = (&tenant.id, &secret.digest);
                    self.store.note_secret_use(tenant, digest, at).await?;
                    secret.used.note_written(at);
                    written += 1;
                }
            }
        }
        Ok(written)
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

/// The API Secret that a file refers to.
fn given_secret(
    entry: &TenantEntry,
    spot: &Spot<'_>,
    resolve: Resolve<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Private<String>> {
    let wrong = match resolve(entry.api_secret.as_deref()?) {
        Ok(secret) if is_secret(secret.expose()) => return Some(secret),
        Ok(_) => format!(
            "`api_secret` refers to a text that is not an API Secret ({SECRET_PREFIX} and 43 base64url characters); `cleargate secret new` prints one"
        ),
        Err(what) => format!("`api_secret`: {what}"),
    };
    mistakes.push(spot.wrong("api_secret", wrong));
    None
}

/// What a file says that webhooks are signed with.
fn signing_secret(
    entry: &TenantEntry,
    spot: &Spot<'_>,
    resolve: Resolve<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Private<String>> {
    let reference = entry.webhook.signing_secret.as_str();
    if reference.is_empty() {
        return None;
    }
    let wrong = match resolve(reference) {
        Ok(secrets) if are_signing_secrets(secrets.expose()) => return Some(secrets),
        Ok(_) => "`webhook.signing_secret` refers to a text that is not a signing secret: whsec_ and the base64 of 24 to 64 bytes, several of them with blanks between; `echo whsec_$(openssl rand -base64 32)` prints one".to_owned(),
        Err(what) => format!("`webhook.signing_secret`: {what}"),
    };
    mistakes.push(spot.wrong("webhook/signing_secret", wrong));
    None
}

/// Whether a text is one or more secrets of the form that Standard Webhooks asks for.
fn are_signing_secrets(text: &str) -> bool {
    let is_one = |secret: &str| {
        let body = secret.strip_prefix(SIGNING_PREFIX);
        let key = body.and_then(|body| BASE64.decode(body).ok());
        key.map(Zeroizing::new)
            .is_some_and(|key| (24..=64).contains(&key.len()))
    };
    !text.trim().is_empty() && text.split_whitespace().all(is_one)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signing_secret_is_of_the_form_that_standard_webhooks_asks_for() {
        let of = |bytes: usize| format!("whsec_{}", BASE64.encode(vec![7; bytes]));
        for right in [of(24), of(32), of(64), format!("{} {}", of(24), of(64))] {
            assert!(are_signing_secrets(&right), "{right}");
        }
        let (short, long) = (of(23), of(65));
        let unpadded = of(25).trim_end_matches('=').to_owned();
        let body = of(32).replace("whsec_", "");
        for wrong in [
            "", " ", "whsec_", "whsec_?", &short, &long, &unpadded, &body,
        ] {
            assert!(!are_signing_secrets(wrong), "{wrong}");
        }
        assert!(!are_signing_secrets(&format!("{} {short}", of(24))));
    }
}
