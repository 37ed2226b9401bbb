//! Asking a real vendor what costs nothing: whether credentials are good, and what may be ordered.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use adapters::vocabulary::{Catalog, Private};
use adapters::{ListPackages, Memo, Vendor, VerifyCredentials};
use serde::Serialize;
use serde_json::Value;

use super::super::error::CliError;
use super::super::tenant::read_file;
use super::explain;
use super::test::Options;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::config::{self, Settings};
use crate::domain::tenant::Connection;
use crate::seal::{Keyring, new_key};
use crate::startup::caller;
use crate::vendors::Registry;

/// What a vendor answered.
#[derive(Serialize)]
pub(super) struct Answered {
    base_url: String,
    /// What was asked: `verify`, `list`, both, or nothing.
    asked: Vec<&'static str>,
    /// What is wrong.
    pub(super) wrong: Option<String>,
    catalog: Option<Catalog>,
}

impl Answered {
    /// Tells it.
    pub(super) fn write(&self, out: &mut impl Write) -> Result<(), CliError> {
        let asked = match self.asked.as_slice() {
            [] => "nothing: the sheet has neither `verify` nor `list`".to_owned(),
            asked => asked.join(" and "),
        };
        writeln!(out, "asked {}: {asked}", self.base_url)?;
        if let Some(wrong) = &self.wrong {
            writeln!(out, "  {wrong}")?;
        }
        let Some(catalog) = &self.catalog else {
            return Ok(());
        };
        let price = |price: &Option<String>| price.clone().unwrap_or_else(|| "no price".to_owned());
        for one in &catalog.packages {
            writeln!(
                out,
                "  package {}: {}, {}",
                one.vendor_id,
                one.name,
                price(&one.price)
            )?;
        }
        for one in &catalog.add_ons {
            writeln!(
                out,
                "  add-on {}: {}, {}",
                one.vendor_id,
                one.name,
                price(&one.price)
            )?;
        }
        Ok(())
    }
}

/// Asks the vendor at `base_url`.
///
/// # Errors
/// [`CliError`] where it cannot even be asked.
pub(super) async fn ask(
    vendor: &Vendor,
    base_url: &str,
    options: &Options,
    settings: &Settings,
) -> Result<Answered, CliError> {
    let is_http = base_url.starts_with("http://") && settings.egress.allow_http;
    if !is_http && !base_url.starts_with("https://") {
        return Err(CliError::Usage(format!(
            "`{base_url}` has to begin with https:// (http needs `egress.allow_http = true`)"
        )));
    }
    let connection = connection(vendor, base_url, options)?;
    let keys = Keyring::new(&Private::new(new_key()), &[])
        .map_err(|error| CliError::Internal(error.to_string()))?;
    let dir = settings.vendors.dir.as_deref();
    let vendors = Registry::load(dir, true).map_err(CliError::SetUp)?;
    let (clock, cache) = (Clock::running(), Cache::default());
    let caller = caller(settings, &vendors, &clock, &cache, &Arc::new(keys))?;
    let mut answered = Answered {
        base_url: base_url.to_owned(),
        asked: Vec::new(),
        wrong: None,
        catalog: None,
    };
    if let Some(verify) = &vendor.verify {
        answered.asked.push("verify");
        let asked = caller.ask(
            vendor,
            &connection,
            verify.as_ref(),
            &VerifyCredentials,
            Memo::default(),
        );
        let asked = asked.await;
        answered.wrong = asked
            .result
            .err()
            .map(|error| format!("verify.{}: {error}", asked.step));
    }
    if let (Some(list), None) = (&vendor.list, &answered.wrong) {
        answered.asked.push("list");
        let asked = caller.ask(
            vendor,
            &connection,
            list.as_ref(),
            &ListPackages,
            Memo::default(),
        );
        let asked = asked.await;
        match asked.result {
            Ok(catalog) => answered.catalog = Some(catalog),
            Err(error) => answered.wrong = Some(format!("list.{}: {error}", asked.step)),
        }
    }
    Ok(answered)
}

/// The connection that is asked through: what the command line gives, over what the tenants file
/// gives, over the defaults.
fn connection(vendor: &Vendor, base_url: &str, options: &Options) -> Result<Connection, CliError> {
    let mut references: BTreeMap<String, String> = BTreeMap::new();
    let defaults = vendor.settings.iter();
    let defaults = defaults.filter_map(|one| Some((one.name.clone(), one.default.clone()?)));
    let mut settings: BTreeMap<String, Value> = defaults.collect();
    if let Some(path) = &options.tenants {
        let file = read_file(path).map_err(CliError::SetUp)?;
        let mut all = file.tenant.iter().flat_map(|tenant| &tenant.connection);
        let found = all.find(|connection| connection.vendor == vendor.name);
        let found = found.ok_or_else(|| {
            one(format!(
                "{} has no connection to `{}`",
                path.display(),
                vendor.name
            ))
        })?;
        references.extend(found.credentials.clone());
        settings.extend(found.settings.clone());
    }
    references.extend(options.credential.iter().cloned());
    settings.extend(explain::settings(&vendor.settings, &options.setting)?);
    let lacking = vendor
        .settings
        .iter()
        .find(|one| !settings.contains_key(&one.name));
    if let Some(setting) = lacking {
        let (name, meaning, example) = (&setting.name, &setting.meaning, &setting.example);
        return Err(CliError::Usage(format!(
            "the setting `{name}` is missing: {meaning}; give --setting {name}={example}"
        )));
    }
    let mut credentials = BTreeMap::new();
    for name in &vendor.credentials {
        // What only callbacks are proved with is not needed to ask.
        let of_callbacks = vendor.callbacks.as_ref();
        let of_callbacks =
            of_callbacks.is_some_and(|one| one.proof.secrets().contains(&name.as_str()));
        match references.get(name) {
            Some(reference) => {
                let secret = config::secret(reference)
                    .map_err(|error| one(format!("the credential `{name}`: {error}")))?;
                credentials.insert(name.clone(), vec![secret]);
            }
            None if of_callbacks => {}
            None => {
                return Err(CliError::Usage(format!(
                    "the credential `{name}` is missing; give --credential {name}=env:NAME"
                )));
            }
        }
    }
    Ok(Connection {
        id: "live".to_owned(),
        tenant_id: "live".to_owned(),
        name: "live".to_owned(),
        label: vendor.title.clone(),
        vendor: vendor.name.clone(),
        base_url: base_url.trim_end_matches('/').to_owned(),
        prefix: String::new(),
        settings,
        overlay: Vec::new(),
        credentials: credentials.into_iter().collect(),
        callback_token: Private::from(""),
        retired: false,
    })
}

fn one(sentence: String) -> CliError {
    CliError::SetUp(vec![sentence])
}
