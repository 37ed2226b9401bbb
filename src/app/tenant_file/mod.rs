//! The import file: tenants and their connections as an operator writes them, and every mistake
//! that can be found in it without asking anybody, with its line.

mod check;
mod form;
mod spots;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use spots::Lines;
pub(in crate::app) use spots::{Mistake, Spot, told};

use crate::domain::tenant::{
    OfferOverlay, TenantOptions, WebhookOptions, WhenUnavailable, WhenUnconfirmed, Words,
};

/// An import file.
#[derive(Debug)]
pub struct TenantFile {
    /// The tenants in it.
    pub tenant: Vec<TenantEntry>,
    lines: Lines,
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    tenant: Vec<TenantEntry>,
}

/// A tenant in an import file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "see domain::tenant::Tenant")]
pub struct TenantEntry {
    pub account_id: String,
    pub name: String,
    /// A reference; left out: made on the first import, and printed once.
    #[serde(default)]
    pub api_secret: Option<String>,
    #[serde(default = "unavailable")]
    pub when_unavailable: WhenUnavailable,
    #[serde(default = "unconfirmed")]
    pub when_unconfirmed: WhenUnconfirmed,
    #[serde(default = "requests_per_second")]
    pub requests_per_second: u32,
    #[serde(default)]
    pub webhook: WebhookEntry,
    #[serde(default)]
    pub words: Words,
    #[serde(default)]
    pub connection: Vec<ConnectionEntry>,
}

/// The webhook part of a tenant in an import file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "see domain::tenant::WebhookOptions")]
pub struct WebhookEntry {
    pub hosts: Vec<String>,
    pub ports: Vec<u16>,
    pub updates: bool,
    pub basic: bool,
    /// A reference to a `whsec_...`; empty: none.
    pub signing_secret: String,
}

/// A connection in an import file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "see domain::tenant::Connection")]
pub struct ConnectionEntry {
    pub name: String,
    pub label: Option<String>,
    pub vendor: String,
    pub base_url: String,
    #[serde(default)]
    pub prefix: String,
    /// References, by the name the vendor's sheet gives them.
    #[serde(default)]
    pub credentials: BTreeMap<String, String>,
    #[serde(default)]
    pub settings: BTreeMap<String, Value>,
    #[serde(default)]
    pub offer: Vec<OfferOverlay>,
}

fn unavailable() -> WhenUnavailable {
    TenantOptions::default().when_unavailable
}

fn unconfirmed() -> WhenUnconfirmed {
    TenantOptions::default().when_unconfirmed
}

fn requests_per_second() -> u32 {
    TenantOptions::default().requests_per_second
}

impl TenantFile {
    /// Reads an import file.
    ///
    /// # Errors
    /// Every mistake of form, a sentence each, with its line.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<String>> {
        let written: Written = form::read(name, text).map_err(told)?;
        Ok(Self {
            tenant: written.tenant,
            lines: Lines::read(name, text),
        })
    }

    /// The tenants, each with where it stands.
    pub(in crate::app) fn tenants(&self) -> impl Iterator<Item = (&TenantEntry, Spot<'_>)> {
        self.tenant.iter().enumerate().map(|(number, tenant)| {
            let (path, whose) = (
                format!("tenant/{number}"),
                format!("tenant `{}`", tenant.account_id),
            );
            (tenant, Spot::new(&self.lines, path, whose))
        })
    }
}

impl TenantEntry {
    /// How the tenant wants to be served.
    pub fn options(&self) -> TenantOptions {
        TenantOptions {
            when_unavailable: self.when_unavailable,
            when_unconfirmed: self.when_unconfirmed,
            requests_per_second: self.requests_per_second,
            webhook: WebhookOptions {
                hosts: self.webhook.hosts.clone(),
                ports: self.webhook.ports.clone(),
                updates: self.webhook.updates,
                basic: self.webhook.basic,
            },
            words: self.words.clone(),
        }
    }

    /// Its connections, each with where it stands.
    pub(in crate::app) fn connections<'a>(
        &'a self,
        spot: &Spot<'a>,
    ) -> impl Iterator<Item = (&'a ConnectionEntry, Spot<'a>)> {
        let entries = self.connection.iter().enumerate();
        entries.map(|(number, entry)| {
            let whose = format!("connection `{}`", entry.name);
            (entry, spot.part(&format!("connection/{number}"), &whose))
        })
    }
}
