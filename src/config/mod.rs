//! The settings: compiled-in defaults, over them a file, over that the environment.
//!
//! `config/cleargate.toml` is both the operator's manual and the defaults, so the two cannot
//! drift apart, and its keys are the only ones there are. A setting is a text that one type
//! reads (in `kinds`); each component's struct reads its own section. We read the layers
//! ourselves instead of through a settings crate because a message must say all of it at once:
//! every mistake, its value, what would be right, and the line or variable it stands in.

mod error;
mod kinds;
mod placed;
mod secret;
mod sections;
mod sources;

use std::fs;
use std::path::Path;
use std::time::Duration;

pub use error::{ConfigError, Mistake, Place};
pub use kinds::{CacheUrl, LogFormat, LogLevel, ProxyUrl, Rate, StoreUrl};
pub use placed::Placed;
pub use secret::{SecretReference, is_reference, secret};
pub use sections::{
    BackgroundSettings, CacheSettings, CallSettings, CatalogSettings, DeliverySettings,
    EgressSettings, HttpSettings, LogSettings, OrderSettings, SecuritySettings, StoreSettings,
    VendorSettings,
};

use sources::Sources;

/// Everything an operator can set, a struct for each section of `cleargate.toml`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each section's type says what it holds")]
pub struct Settings {
    pub http: HttpSettings,
    pub orders: OrderSettings,
    pub store: StoreSettings,
    pub cache: CacheSettings,
    pub security: SecuritySettings,
    pub vendors: VendorSettings,
    pub egress: EgressSettings,
    pub delivery: DeliverySettings,
    pub catalog: CatalogSettings,
    pub background: BackgroundSettings,
    pub log: LogSettings,
}

/// Reads the defaults, `file` if there is one, and this process's environment.
pub fn load(file: Option<&Path>) -> Result<Settings, ConfigError> {
    examine(file).and_then(flawless)
}

/// Reads the same as [`load`], and goes on where a setting is wrong: with its default, and with every
/// mistake.
///
/// # Errors
/// The file cannot be read at all, or is not TOML.
pub fn examine(file: Option<&Path>) -> Result<(Settings, Vec<Mistake>), ConfigError> {
    let file = file
        .map(|path| match fs::read_to_string(path) {
            Ok(text) => Ok((path.display().to_string(), text)),
            Err(source) => Err(ConfigError::Unreadable {
                path: path.to_owned(),
                source,
            }),
        })
        .transpose()?;
    let file = file
        .as_ref()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    Settings::examine(file, environment())
}

fn flawless((settings, mistakes): (Settings, Vec<Mistake>)) -> Result<Settings, ConfigError> {
    if mistakes.is_empty() {
        Ok(settings)
    } else {
        Err(ConfigError::Mistakes(mistakes))
    }
}

/// A duration as settings write it, such as `24h`; else what would be right.
pub fn duration(text: &str) -> Result<Duration, String> {
    kinds::Setting::parse(text)
}

impl Settings {
    /// Reads the defaults, a file given as its name and text, and variables given as pairs.
    pub fn from_sources(
        file: Option<(&str, &str)>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::examine(file, variables).and_then(flawless)
    }

    fn examine(
        file: Option<(&str, &str)>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<Mistake>), ConfigError> {
        let mut sources = Sources::defaults();
        if let Some((name, text)) = file {
            sources.add_file(name, text)?;
        }
        sources.add_variables(variables);
        let settings = Self::read(&mut sources);
        settings.check_together(&mut sources);
        Ok((settings, sources.mistakes()))
    }

    fn read(sources: &mut Sources) -> Self {
        Self {
            http: HttpSettings::read(&mut sources.section("http")),
            orders: OrderSettings::read(&mut sources.section("orders")),
            store: StoreSettings::read(&mut sources.section("store")),
            cache: CacheSettings::read(&mut sources.section("cache")),
            security: SecuritySettings::read(&mut sources.section("security")),
            vendors: VendorSettings::read(sources),
            egress: EgressSettings::read(&mut sources.section("egress")),
            delivery: DeliverySettings::read(&mut sources.section("delivery")),
            catalog: CatalogSettings::read(&mut sources.section("catalog")),
            background: BackgroundSettings::read(&mut sources.section("background")),
            log: LogSettings::read(&mut sources.section("log")),
        }
    }

    /// The sections that differ in `other` although a running gateway cannot change them: they say
    /// what it listens on, is connected to and logs.
    pub fn fixed_sections_changed(&self, other: &Self) -> Vec<&'static str> {
        let changed = [
            ("http", self.http != other.http),
            ("store", self.store != other.store),
            ("cache", self.cache != other.cache),
            ("background", self.background != other.background),
            ("log", self.log != other.log),
        ];
        let changed = changed.into_iter().filter(|(_, changed)| *changed);
        changed.map(|(section, _)| section).collect()
    }

    /// What no single value shows.
    fn check_together(&self, sources: &mut Sources) {
        let http = &self.http;
        if http.public_addr == http.operations_addr && http.public_addr.port() != 0 {
            let wanted = "the operations listener needs an address other than `http.public_addr`";
            sources.object("http", "operations_addr", wanted);
        }
        if http.drain_deadline <= http.drain_delay {
            let wanted =
                "it must be longer than `http.drain_delay`, or no open request is waited for";
            sources.object("http", "drain_deadline", wanted);
        }
        if self.orders.vendor_timeout >= self.orders.answer_within {
            let wanted = "it must be shorter than `orders.answer_within`, or no answer can say what the vendor did";
            sources.object("orders", "vendor_timeout", wanted);
        }
        let shared = ("vendors.calls".to_owned(), &self.vendors.calls);
        let own = self.vendors.of.iter();
        let own = own.map(|(vendor, calls)| (format!("vendors.of.{vendor}"), calls));
        for (section, calls) in std::iter::once(shared).chain(own) {
            if calls.client_certificate.is_some() != calls.client_key.is_some() {
                let wanted = "a client certificate and its key go together: set both, or neither";
                let given = match calls.client_certificate {
                    Some(_) => "client_certificate",
                    None => "client_key",
                };
                sources.object(&section, given, wanted);
            }
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::from_sources(None, []).expect("the compiled-in defaults are tested")
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the environment is read as settings"
)]
fn environment() -> impl Iterator<Item = (String, String)> {
    // What is not Unicode cannot be one of our names; in a value it is refused by that value's type.
    std::env::vars_os().map(|(name, value)| {
        (
            name.to_string_lossy().into_owned(),
            value.to_string_lossy().into_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Settings, ConfigError> {
        Settings::from_sources(Some(("gateway.toml", text)), [])
    }

    fn variable(name: &str, value: &str) -> Result<Settings, ConfigError> {
        Settings::from_sources(None, [(name.to_owned(), value.to_owned())])
    }

    #[track_caller]
    fn refused(settings: Result<Settings, ConfigError>, sentence: &str) {
        let error = settings.expect_err("these settings are wrong");
        assert_eq!(error.to_string(), sentence);
    }

    #[test]
    fn the_defaults_are_what_the_manual_says() {
        let settings = Settings::default();
        assert_eq!(settings.http.public_addr.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.http.body_limit, 256 * 1024);
        assert_eq!(settings.orders.answer_within, Duration::from_secs(8));
        assert_eq!(settings.orders.keep_personal_data.as_secs(), 7 * 86_400);
        assert_eq!(settings.store.url.expose(), "sqlite://cleargate.db");
        assert_eq!(settings.security.key, None);
        assert!(!settings.vendors.allow_sandbox);
        assert!(settings.egress.allow.is_empty());
    }

    #[test]
    fn every_key_of_the_manual_is_read_by_a_setting_that_can_say_no() {
        // Any text is a path.
        let paths = ["http.logo", "vendors.dir"];
        for key in Sources::defaults().keys() {
            let name = format!("CLEARGATE__{}", key.to_uppercase().replace('.', "__"));
            let refusal = variable(&name, "§").map(|_| ());
            match refusal {
                Ok(()) => assert!(paths.contains(&key.as_str()), "{key} takes anything"),
                Err(error) => assert!(error.to_string().contains(&format!("`{key}`")), "{error}"),
            }
        }
    }

    #[test]
    fn a_variable_beats_the_file_and_the_file_beats_the_defaults() {
        let text = "[orders]\nanswer_within = \"6s\"\nvendor_timeout = \"4s\"";
        let variables = [("CLEARGATE__ORDERS__ANSWER_WITHIN".into(), "7s".into())];
        let settings =
            Settings::from_sources(Some(("gateway.toml", text)), variables).expect("right");
        assert_eq!(settings.orders.answer_within, Duration::from_secs(7));
        assert_eq!(settings.orders.vendor_timeout, Duration::from_secs(4));
        assert_eq!(settings.orders.keep_personal_data.as_secs(), 7 * 86_400);
    }

    #[test]
    fn lists_stand_in_files_and_in_variables() {
        let name = "CLEARGATE__EGRESS__ALLOW";
        let from_variable = variable(name, "127.0.0.0/8, ::1/128").expect("right");
        let from_file = file("[egress]\nallow = [\"127.0.0.0/8\", \"::1/128\"]").expect("right");
        assert_eq!(from_variable.egress.allow.len(), 2);
        assert_eq!(from_variable.egress.allow, from_file.egress.allow);
        let emptied = variable(name, "").expect("right");
        assert!(emptied.egress.allow.is_empty());
    }

    #[test]
    fn numbers_may_be_written_as_toml_writes_them() {
        let settings = file("[http]\nmax_connections = 1_000").expect("right");
        assert_eq!(settings.http.max_connections, 1_000);
    }

    #[test]
    fn a_mistake_names_value_remedy_and_place() {
        refused(
            file("[orders]\nanswer_within = 5\n"),
            "`orders.answer_within` is `5` in gateway.toml, line 2: \
             a duration needs a unit, such as `5s`",
        );
        refused(
            variable("CLEARGATE__STORE__CONNECTIONS", "many"),
            "`store.connections` is `many` in the variable CLEARGATE__STORE__CONNECTIONS: \
             this must be a whole number",
        );
        refused(
            file("[delivery]\nattempts = 30"),
            "`delivery.attempts` is `30` in gateway.toml, line 2: \
             it must be between 3 and 20, both inclusive",
        );
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let error = file("[http]\nbody_limit = 1\nheader_timeout = 1\n[store]\nmigrate = \"x\"")
            .expect_err("three mistakes");
        assert_eq!(error.to_string().lines().count(), 3, "{error}");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_known_ones() {
        refused(
            file("\n[cache]\nuri = \"memory:\""),
            "`cache.uri` in gateway.toml, line 3: there is no such setting; \
             [cache] has timeout, url",
        );
        let error = variable("CLEARGATE__CASH__URL", "memory:").expect_err("no such section");
        assert!(
            error
                .to_string()
                .contains("there is no such section; there are background, cache"),
            "{error}"
        );
        refused(
            file("url = \"memory:\""),
            "`url` in gateway.toml, line 1: it stands in no section, such as [http]",
        );
    }

    #[test]
    fn broken_toml_is_told_by_line_without_showing_it() {
        let error = file("[store]\nurl = \"postgres://me:hunter2@db").expect_err("no quote");
        assert!(
            error.to_string().contains("gateway.toml, line 2"),
            "{error}"
        );
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
    }

    #[test]
    fn a_vendor_has_its_own_settings_and_else_those_of_all() {
        let text = "[vendors.calls]\nin_flight = 8\n[vendors.of.acme]\nrate = \"10/s\"";
        let variable = "CLEARGATE__VENDORS__OF__ACME__BREAKER_PAUSE".to_owned();
        let settings =
            Settings::from_sources(Some(("gateway.toml", text)), [(variable, "3s".to_owned())])
                .expect("right");
        let acme = settings.vendors.calls_of("acme");
        assert_eq!(acme.rate.map(|rate| rate.count), Some(10));
        assert_eq!(
            (acme.in_flight, acme.breaker_pause),
            (8, Duration::from_secs(3))
        );
        let others = settings.vendors.calls_of("other");
        assert_eq!((others.rate, others.in_flight), (None, 8));
    }

    #[test]
    fn a_mistake_about_one_vendor_is_told_there_and_one_about_all_once() {
        refused(
            file("[vendors.of.acme]\nin_flight = 0"),
            "`vendors.of.acme.in_flight` is `0` in gateway.toml, line 2: \
             it must be between 1 and 10000, both inclusive",
        );
        refused(
            file("[vendors.calls]\nin_flight = \"x\"\n[vendors.of.acme]\nrate = \"1/s\""),
            "`vendors.calls.in_flight` is `x` in gateway.toml, line 2: this must be a whole number",
        );
        let error = file("[vendors.of.acme]\nspeed = 1").expect_err("no such key");
        assert!(
            error
                .to_string()
                .contains("[vendors.of.acme] has authorities"),
            "{error}"
        );
        for text in [
            "[vendors.of]\nacme = 1",
            "[vendors.off.acme]\nrate = \"1/s\"",
            "[http.x]",
        ] {
            assert!(file(text).is_err(), "{text}");
        }
        for section in ["vendors.calls", "vendors.of.acme"] {
            assert!(file(&format!("[{section}]\nclient_key = \"env:KEY\"")).is_err());
        }
    }

    #[test]
    fn passwords_and_keys_are_never_shown() {
        let wrong = file("[store]\nurl = \"mysql://me:hunter2@db\"\n[security]\nkey = \"hunter2\"")
            .expect_err("neither is right");
        assert!(wrong.to_string().contains("`security.key`"), "{wrong}");
        assert!(
            !format!("{wrong} {wrong:?}").contains("hunter2"),
            "{wrong:?}"
        );
        let right = file("[store]\nurl = \"postgres://me:hunter2@db/x\"").expect("right");
        assert!(!format!("{right:?}").contains("hunter2"), "{right:?}");
    }

    #[test]
    fn settings_that_do_not_go_together_are_refused() {
        refused(
            file("[http]\npublic_addr = \"0.0.0.0:9090\"\noperations_addr = \"0.0.0.0:9090\""),
            "`http.operations_addr` is `0.0.0.0:9090` in gateway.toml, line 3: \
             the operations listener needs an address other than `http.public_addr`",
        );
        let any_port = "[http]\npublic_addr = \"127.0.0.1:0\"\noperations_addr = \"127.0.0.1:0\"";
        assert!(file(any_port).is_ok(), "port 0 is another port each time");
        assert!(file("[orders]\nvendor_timeout = \"8s\"").is_err());
        assert!(file("[http]\ndrain_deadline = \"10s\"").is_err());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = load(Some(Path::new("/nowhere/gateway.toml"))).expect_err("no such file");
        assert!(
            error.to_string().contains("/nowhere/gateway.toml"),
            "{error}"
        );
    }
}
