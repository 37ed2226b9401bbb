//! Every mistake of meaning in a tenants file: what is wrong, what would be right, and the line.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use adapters::Vendor;
use adapters::contract::{Setting, SettingForm};
use adapters::sheet::OwnWords;
use serde_json::Value;
use url::Url;

use super::spots::{Mistake, Spot, told};
use super::{ConnectionEntry, TenantEntry, TenantFile};
use crate::config::is_reference;
use crate::domain::tenant::{OfferKind, OfferOverlay};
use crate::vendors::Registry;

/// The results that an ATS must be able to tell apart.
const RESULTS: [&str; 3] = ["pass", "review", "fail"];
/// The longest prefix, so that ids stay short enough to be read.
const LONGEST_PREFIX: usize = 32;

/// What is checked against.
struct Known<'a> {
    vendors: &'a Registry,
    allow_http: bool,
}

impl TenantFile {
    /// Every mistake that can be found without asking anybody, one sentence each.
    pub fn mistakes(&self, vendors: &Registry, allow_http: bool) -> Vec<String> {
        told(self.find(vendors, allow_http))
    }

    /// Every secret that is written out where a reference to one belongs, one sentence each.
    pub fn secrets_written_out(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut look = |spot: &Spot<'_>, member: &str, text: &str| {
            if !is_reference(text) {
                let name = member.replace('/', ".");
                let wrong = crate::config::ConfigError::NotAReference;
                found.push(spot.wrong(member, format!("`{name}`: {wrong}")));
            }
        };
        for (tenant, spot) in self.tenants() {
            if let Some(secret) = &tenant.api_secret {
                look(&spot, "api_secret", secret);
            }
            let signing = &tenant.webhook.signing_secret;
            if !signing.is_empty() {
                look(&spot, "webhook/signing_secret", signing);
            }
            for (connection, spot) in tenant.connections(&spot) {
                for (name, secret) in &connection.credentials {
                    look(&spot, &format!("credentials/{name}"), secret);
                }
            }
        }
        told(found)
    }

    /// What is no mistake and should be looked at twice: words that pass because the file says so,
    /// and that no sheet knows.
    pub fn to_be_looked_at(&self, vendors: &Registry) -> Vec<String> {
        let mut found = Vec::new();
        for (tenant, spot) in self.tenants() {
            for (connection, spot) in tenant.connections(&spot) {
                let Some(vendor) = vendors.get(&connection.vendor) else {
                    continue;
                };
                for (own, table) in connection.own_words(vendor) {
                    for word in own.vouched_for(table) {
                        let (setting, title) = (&own.setting, &vendor.title);
                        let told = format!(
                            "`{word}` of `settings.{setting}` passes because this file says so; the sheet of {title} does not know it, so see in the account that it means nothing but a clear report"
                        );
                        found.push(spot.wrong(&format!("settings/{setting}/{word}"), told));
                    }
                }
            }
        }
        told(found)
    }

    pub(in crate::app) fn find(&self, vendors: &Registry, allow_http: bool) -> Vec<Mistake> {
        let known = Known {
            vendors,
            allow_http,
        };
        let mut found = Vec::new();
        let mut accounts = Firsts::new();
        for (tenant, spot) in self.tenants() {
            accounts.add(&tenant.account_id, &spot, "account_id", &mut found, |line| {
                format!("the account stands in the file twice, first in line {line}; put both into one [[tenant]]")
            });
            tenant.check(&spot, &known, &mut found);
        }
        found
    }
}

/// Where each of some names stood first.
struct Firsts<K>(HashMap<K, usize>);

impl<K: std::hash::Hash + Eq> Firsts<K> {
    fn new() -> Self {
        Self(HashMap::new())
    }

    /// A name that was there before is a mistake, told with the line of the first.
    fn add(
        &mut self,
        name: K,
        spot: &Spot<'_>,
        member: &str,
        found: &mut Vec<Mistake>,
        tell: impl FnOnce(usize) -> String,
    ) {
        match self.0.entry(name) {
            Entry::Occupied(first) => found.push(spot.wrong(member, tell(*first.get()))),
            Entry::Vacant(free) => {
                free.insert(spot.line(member));
            }
        }
    }
}

impl TenantEntry {
    fn check(&self, spot: &Spot<'_>, known: &Known<'_>, found: &mut Vec<Mistake>) {
        if !is_account(&self.account_id) {
            found.push(spot.wrong(
                "account_id",
                "an `account_id` has 1 to 255 characters, without blanks and colons",
            ));
        }
        if self.requests_per_second == 0 {
            found.push(spot.wrong("requests_per_second", "`requests_per_second` is 0; it has to be at least 1, and `tenant disable` turns a tenant off"));
        }
        for (number, host) in self.webhook.hosts.iter().enumerate() {
            if url::Host::parse(host).is_err() {
                found.push(spot.wrong(&format!("webhook/hosts/{number}"), format!("`webhook.hosts` has `{host}`, which is not a host name; write it without scheme, port and path")));
            }
        }
        if let Some(number) = self.webhook.ports.iter().position(|port| *port == 0) {
            let member = format!("webhook/ports/{number}");
            found.push(spot.wrong(&member, "`webhook.ports` has 0; ports are 1 to 65535"));
        }
        self.check_words(spot, found);
        self.check_connections(spot, known, found);
    }

    fn check_words(&self, spot: &Spot<'_>, found: &mut Vec<Mistake>) {
        for (stage, _) in self.words.status.iter().filter(|(_, word)| word.is_empty()) {
            let stage = stage.as_str();
            let wrong = format!("`words.status.{stage}` is empty; an ATS needs a word for it");
            found.push(spot.wrong(&format!("words/status/{stage}"), wrong));
        }
        for word in self.words.result.keys() {
            if !RESULTS.contains(&word.as_str()) && word != "none" {
                let wrong =
                    format!("`words.result` has `{word}`; results are pass, review, fail and none");
                found.push(spot.wrong(&format!("words/result/{word}"), wrong));
            }
        }
        let mut taken = HashMap::new();
        for result in RESULTS.into_iter().chain(["none"]) {
            let member = format!("words/result/{result}");
            let text = self.words.result.get(result).map_or("", |text| text.trim());
            if text.is_empty() && result != "none" {
                let wrong = format!("`words.result.{result}` is empty; an ATS needs a word for it");
                found.push(spot.wrong(&member, wrong));
            } else if let Some(other) = taken.insert(text.to_lowercase(), result) {
                let wrong = format!(
                    "`words.result.{result}` is `{text}`, as `words.result.{other}` is; nobody could tell the two apart, so give each a word of its own"
                );
                found.push(spot.wrong(&member, wrong));
            }
        }
    }

    fn check_connections(&self, spot: &Spot<'_>, known: &Known<'_>, found: &mut Vec<Mistake>) {
        let (mut names, mut prefixes, mut ids) = (Firsts::new(), Firsts::new(), Firsts::new());
        for (connection, spot) in self.connections(spot) {
            names.add(&connection.name, &spot, "name", found, |line| {
                format!("the connection stands in the tenant twice, first in line {line}; give one another name")
            });
            let (vendor, prefix) = (&connection.vendor, &connection.prefix);
            prefixes.add((vendor, prefix), &spot, "prefix", found, |line| {
                format!("its `prefix` is `{prefix}`, as that of the other connection to `{vendor}` in line {line}, so both would offer the same ids; give one of them a prefix of its own")
            });
            for (number, offer) in connection.offer.iter().enumerate() {
                if let Some(id) = offer.id.as_ref().filter(|_| !offer.hidden) {
                    let kind = offer.kind.unwrap_or(OfferKind::Package);
                    let spot = offer_spot(&spot, number, offer);
                    ids.add((kind, id), &spot, "id", found, |line| {
                        format!("its `id` is `{id}`, as that of the offer in line {line}; an id means one thing")
                    });
                }
            }
            connection.check(&spot, known, found);
        }
    }
}

fn is_account(id: &str) -> bool {
    (1..=255).contains(&id.len())
        && !id.contains(':')
        && !id.chars().any(|c| c.is_control() || c.is_whitespace())
}

fn offer_spot<'a>(spot: &Spot<'a>, number: usize, offer: &OfferOverlay) -> Spot<'a> {
    let whose = format!("offer `{}`", offer.vendor_id);
    spot.part(&format!("offer/{number}"), &whose)
}

impl ConnectionEntry {
    fn check(&self, spot: &Spot<'_>, known: &Known<'_>, found: &mut Vec<Mistake>) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            found.push(spot.wrong(
                "name",
                "a connection's `name` is made of letters, digits, - and _",
            ));
        }
        if self.base_url.contains('@') {
            // Whatever stands before it may be a secret, so the address is not repeated.
            let wrong = "`base_url` has a user name or password in it; credentials belong into `credentials`";
            found.push(spot.wrong("base_url", wrong));
        } else if let Err(what) = check_base_url(&self.base_url, known.allow_http) {
            let wrong = format!("`base_url` is `{}`; {what}", self.base_url);
            found.push(spot.wrong("base_url", wrong));
        }
        if self.prefix.chars().count() > LONGEST_PREFIX
            || self
                .prefix
                .chars()
                .any(|c| c.is_control() || c.is_whitespace())
        {
            let wrong = format!(
                "`prefix` is `{}`; it has to be at most {LONGEST_PREFIX} characters without blanks, such as \"b-\"",
                self.prefix.escape_debug()
            );
            found.push(spot.wrong("prefix", wrong));
        }
        match known.vendors.get(&self.vendor) {
            Some(vendor) => self.check_against(vendor, spot, found),
            // What is wrong with its sheet is told there.
            None if known.vendors.may_have(&self.vendor) => {}
            None => found.push(spot.wrong("vendor", self.unknown_vendor(known.vendors))),
        }
        self.check_offers(spot, found);
    }

    fn unknown_vendor(&self, vendors: &Registry) -> String {
        let sandbox = if self.vendor == "sandbox" {
            "; the sandbox needs `vendors.allow_sandbox = true`"
        } else {
            ""
        };
        format!(
            "there is no vendor `{}` (there are: {}){sandbox}",
            self.vendor,
            vendors.names().join(", ")
        )
    }

    fn check_against(&self, vendor: &Vendor, spot: &Spot<'_>, found: &mut Vec<Mistake>) {
        let title = &vendor.title;
        for name in &vendor.credentials {
            if !self.credentials.contains_key(name) {
                let wrong = format!(
                    "`credentials.{name}` is missing; {title} needs it, such as {name} = \"env:NAME\""
                );
                found.push(spot.wrong("credentials", wrong));
            }
        }
        for name in self.credentials.keys() {
            if !vendor.credentials.contains(name) {
                let wrong = format!(
                    "{title} has no credential `{name}` (it has: {})",
                    listed(&vendor.credentials)
                );
                found.push(spot.wrong(&format!("credentials/{name}"), wrong));
            }
        }
        for setting in &vendor.settings {
            self.check_setting(setting, spot, found);
        }
        for (own, table) in self.own_words(vendor) {
            for (word, wrong) in own.mistakes(table) {
                let setting = &own.setting;
                let wrong = format!("in `settings.{setting}`, {wrong}");
                found.push(spot.wrong(&format!("settings/{setting}/{word}"), wrong));
            }
        }
        let known = vendor.settings.iter().map(|setting| setting.name.clone());
        let known: Vec<String> = known.collect();
        for name in self.settings.keys() {
            if !known.contains(name) {
                let wrong = format!(
                    "{title} has no setting `{name}` (it has: {})",
                    listed(&known)
                );
                found.push(spot.wrong(&format!("settings/{name}"), wrong));
            }
        }
        if vendor.list.is_none() {
            self.check_whole_offers(vendor, spot, found);
        }
    }

    /// The tables with words of this account's own.
    fn own_words<'a>(
        &'a self,
        vendor: &'a Vendor,
    ) -> impl Iterator<Item = (&'a OwnWords, &'a Value)> {
        let own = vendor.own_words.iter();
        own.filter_map(|own| Some((own, self.settings.get(&own.setting)?)))
    }

    fn check_setting(&self, setting: &Setting, spot: &Spot<'_>, found: &mut Vec<Mistake>) {
        let (name, example) = (&setting.name, &setting.example);
        let member = format!("settings/{name}");
        match self.settings.get(name) {
            None if setting.default.is_none() => {
                let meaning = &setting.meaning;
                let wrong =
                    format!("`settings.{name}` is missing: {meaning}; for example \"{example}\"");
                found.push(spot.wrong(&member, wrong));
            }
            Some(value) if !fits(setting, value) => {
                let form = form_in_words(&setting.form);
                let wrong = format!(
                    "`settings.{name}` is {value}; it has to be {form}, such as \"{example}\""
                );
                found.push(spot.wrong(&member, wrong));
            }
            _ => {}
        }
    }

    /// Where the vendor lists nothing, the offers are its whole catalog.
    fn check_whole_offers(&self, vendor: &Vendor, spot: &Spot<'_>, found: &mut Vec<Mistake>) {
        let title = &vendor.title;
        if self.offer.is_empty() {
            found.push(spot.wrong("offer", format!("it offers nothing: {title} has no list of packages to read, so each is written as a [[tenant.connection.offer]]")));
        }
        for (number, offer) in self.offer.iter().enumerate() {
            let is_add_on = offer.kind == Some(OfferKind::AddOn);
            let missing = [
                ("name", offer.name.is_none()),
                ("price", is_add_on && offer.price.is_none()),
                ("description", is_add_on && offer.description.is_none()),
            ];
            for (member, _) in missing.iter().filter(|(_, missing)| *missing) {
                let wrong = format!(
                    "`{member}` is missing; {title} has no list of packages to take it from"
                );
                found.push(offer_spot(spot, number, offer).wrong(member, wrong));
            }
        }
    }

    fn check_offers(&self, around: &Spot<'_>, found: &mut Vec<Mistake>) {
        for (number, offer) in self.offer.iter().enumerate() {
            let spot = offer_spot(around, number, offer);
            let earlier = &self.offer[..number];
            if let Some(first) = earlier.iter().position(|other| are_one(other, offer)) {
                let line = offer_spot(around, first, offer).line("vendor_id");
                let wrong = format!(
                    "it stands in the connection twice, first in line {line}; only that one counts, so put both into one, or say of each which `kind` it is"
                );
                found.push(spot.wrong("vendor_id", wrong));
            }
            if let Some(price) = offer.price.as_ref().filter(|price| !is_decimal(price)) {
                let wrong = format!(
                    "`price` is `{price}`; it has to be a decimal number as text, such as \"29.99\""
                );
                found.push(spot.wrong("price", wrong));
            }
            if offer.id.as_ref().is_some_and(|id| id.trim().is_empty()) {
                found.push(spot.wrong(
                    "id",
                    "`id` is empty; left out, it is the prefix and the vendor's id",
                ));
            }
        }
    }
}

/// Whether two offers say something of the same: without a kind, one is about packages and add-ons.
fn are_one(one: &OfferOverlay, other: &OfferOverlay) -> bool {
    let kinds = one.kind.zip(other.kind);
    one.vendor_id == other.vendor_id && kinds.is_none_or(|(one, other)| one == other)
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn is_decimal(price: &str) -> bool {
    let (whole, cents) = price.split_once('.').unwrap_or((price, "00"));
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    digits(whole) && digits(cents)
}

fn check_base_url(text: &str, allow_http: bool) -> Result<(), &'static str> {
    let url =
        Url::parse(text).map_err(|_| "it has to be an address such as https://api.vendor.com")?;
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        "http" => return Err("it has to be https (http needs `egress.allow_http = true`)"),
        _ => return Err("it has to begin with https://"),
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it may have no ? and no #");
    }
    Ok(())
}

fn fits(setting: &Setting, value: &Value) -> bool {
    match (&setting.form, value) {
        (SettingForm::Text, Value::String(text)) => {
            !text.is_empty()
                || setting
                    .default
                    .as_ref()
                    .is_some_and(|default| default == value)
        }
        (SettingForm::OneOf(words), Value::String(text)) => words.contains(text),
        (SettingForm::Region, Value::String(text)) => text == "applicant" || is_region(text),
        (SettingForm::Table, Value::Object(table)) => table.values().all(Value::is_string),
        _ => false,
    }
}

fn is_region(text: &str) -> bool {
    let upper = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len())
            && part
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
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
