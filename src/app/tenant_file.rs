//! The import file: tenants and their connections as an operator writes them, and every mistake
//! that can be found in it without asking anybody.

use std::collections::{BTreeMap, BTreeSet};

use adapters::Vendor;
use adapters::contract::{Setting, SettingForm};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::domain::tenant::{OfferOverlay, TenantOptions, WebhookOptions, WhenUnavailable, WhenUnconfirmed, Words};
use crate::vendors::Registry;

/// An import file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantFile {
    /// The tenants in it.
    #[serde(default)]
    pub tenant: Vec<TenantEntry>,
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
    /// A sentence with the line.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            format!("{name}:{line}: {}", error.message())
        })
    }

    /// Every mistake that can be found offline, one sentence each.
    pub fn mistakes(&self, vendors: &Registry, allow_http: bool) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut accounts = BTreeSet::new();
        for tenant in &self.tenant {
            let place = format!("tenant `{}`", tenant.account_id);
            if !accounts.insert(&tenant.account_id) {
                mistakes.push(format!("{place} stands in the file twice"));
            }
            tenant.check(&place, &mut mistakes);
            let mut names = BTreeSet::new();
            for connection in &tenant.connection {
                let place = format!("{place}, connection `{}`", connection.name);
                if !names.insert(&connection.name) {
                    mistakes.push(format!("{place} stands in the tenant twice"));
                }
                connection.check(&place, vendors, allow_http, &mut mistakes);
            }
        }
        mistakes
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

    fn check(&self, place: &str, mistakes: &mut Vec<String>) {
        let id = &self.account_id;
        if id.is_empty() || id.len() > 255 || id.contains(':') || id.chars().any(|c| c.is_control() || c.is_whitespace()) {
            mistakes.push(format!("{place}: an `account_id` has 1 to 255 characters, without blanks and colons"));
        }
        if self.requests_per_second == 0 {
            mistakes.push(format!("{place}: `requests_per_second` is 0; it has to be at least 1, and `tenant disable` turns a tenant off"));
        }
        for host in &self.webhook.hosts {
            if url::Host::parse(host).is_err() {
                mistakes.push(format!("{place}: `webhook.hosts` has `{host}`, which is not a host name; write it without scheme, port and path"));
            }
        }
        for (word, text) in self.words.status.iter().map(|(stage, text)| (stage.as_str(), text)) {
            if text.is_empty() {
                mistakes.push(format!("{place}: `words.status.{word}` is empty; an ATS needs a word for it"));
            }
        }
        for word in self.words.result.keys() {
            if !["pass", "review", "fail", "none"].contains(&word.as_str()) {
                mistakes.push(format!("{place}: `words.result` has `{word}`; results are pass, review, fail and none"));
            }
        }
    }
}

impl ConnectionEntry {
    fn check(&self, place: &str, vendors: &Registry, allow_http: bool, mistakes: &mut Vec<String>) {
        if self.name.is_empty() || !self.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            mistakes.push(format!("{place}: a connection's `name` is made of letters, digits, - and _"));
        }
        if let Err(what) = check_base_url(&self.base_url, allow_http) {
            mistakes.push(format!("{place}: `base_url` is `{}`; {what}", self.base_url));
        }
        match vendors.get(&self.vendor) {
            Some(vendor) => self.check_against(vendor, place, mistakes),
            None => mistakes.push(format!(
                "{place}: there is no vendor `{}` (there are: {}){}",
                self.vendor,
                vendors.names().join(", "),
                if self.vendor == "sandbox" { "; the sandbox needs `vendors.allow_sandbox = true`" } else { "" }
            )),
        }
        self.check_offers(place, mistakes);
    }

    fn check_against(&self, vendor: &Vendor, place: &str, mistakes: &mut Vec<String>) {
        for name in &vendor.credentials {
            if !self.credentials.contains_key(name) {
                mistakes.push(format!("{place}: `credentials.{name}` is missing; {} needs it", vendor.title));
            }
        }
        for name in self.credentials.keys().filter(|name| !vendor.credentials.contains(name)) {
            mistakes.push(format!("{place}: {} has no credential `{name}` (it has: {})", vendor.title, vendor.credentials.join(", ")));
        }
        for setting in &vendor.settings {
            match self.settings.get(&setting.name) {
                None if setting.default.is_none() => mistakes.push(format!(
                    "{place}: `settings.{}` is missing: {}; for example \"{}\"",
                    setting.name, setting.meaning, setting.example
                )),
                Some(value) if !fits(setting, value) => mistakes.push(format!(
                    "{place}: `settings.{}` is {value}; it has to be {}, such as \"{}\"",
                    setting.name,
                    form_in_words(&setting.form),
                    setting.example
                )),
                _ => {}
            }
        }
        let known: Vec<&str> = vendor.settings.iter().map(|setting| setting.name.as_str()).collect();
        for name in self.settings.keys().filter(|name| !known.contains(&name.as_str())) {
            mistakes.push(format!("{place}: {} has no setting `{name}` (it has: {})", vendor.title, known.join(", ")));
        }
    }

    fn check_offers(&self, place: &str, mistakes: &mut Vec<String>) {
        for offer in &self.offer {
            let decimal = |price: &String| {
                let (whole, cents) = price.split_once('.').unwrap_or((price, "00"));
                !whole.is_empty() && whole.chars().chain(cents.chars()).all(|c| c.is_ascii_digit()) && !cents.is_empty()
            };
            if let Some(price) = offer.price.as_ref().filter(|price| !decimal(price)) {
                mistakes.push(format!("{place}, offer `{}`: `price` is `{price}`; it has to be a decimal number as text, such as \"29.99\"", offer.vendor_id));
            }
        }
    }
}

fn check_base_url(text: &str, allow_http: bool) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "it has to be an address such as https://api.vendor.com")?;
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        "http" => return Err("it has to be https (http needs `egress.allow_http = true`)"),
        _ => return Err("it has to begin with https://"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials belong into `credentials`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it may have no ? and no #");
    }
    Ok(())
}

fn fits(setting: &Setting, value: &Value) -> bool {
    match (&setting.form, value) {
        (SettingForm::Text, Value::String(text)) => !text.is_empty() || setting.default.as_ref().is_some_and(|default| default == value),
        (SettingForm::OneOf(words), Value::String(text)) => words.contains(text),
        (SettingForm::Region, Value::String(text)) => text == "applicant" || is_region(text),
        (SettingForm::Table, Value::Object(table)) => table.values().all(Value::is_string),
        _ => false,
    }
}

fn is_region(text: &str) -> bool {
    let upper = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    match text.split_once('-') {
        Some((country, region)) => upper(country, 2..=2) && upper(region, 1..=3),
        None => upper(text, 2..=2) && text != "US",
    }
}

fn form_in_words(form: &SettingForm) -> String {
    match form {
        SettingForm::Text => "a text".to_owned(),
        SettingForm::OneOf(words) => format!("one of {}", words.join(", ")),
        SettingForm::Region => "a state or region with its country, a country other than the US, or \"applicant\" for the applicant's own state".to_owned(),
        SettingForm::Table => "a table from words to words".to_owned(),
    }
}
