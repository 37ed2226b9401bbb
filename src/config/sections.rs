//! The settings of each component. What each one means stands in `config/cleargate.toml`; here
//! are their types, and the bounds within which they make sense.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::error::Place;
use super::kinds::{
    CacheUrl, LogFormat, LogLevel, Nameserver, ProxyUrl, PublicUrl, Rate, Size, StoreUrl,
};
use super::placed::Placed;
use super::secret::SecretReference;
use super::sources::{Section, Sources};

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const MEBIBYTE: usize = 1 << 20;

/// `[http]`: the two listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "config/cleargate.toml is their documentation")]
pub struct HttpSettings {
    pub public_addr: SocketAddr,
    pub operations_addr: SocketAddr,
    /// As it was set; [`HttpSettings::public_url`] is what to use.
    pub public_url: Option<Url>,
    pub logo: Option<Placed<PathBuf>>,
    pub header_timeout: Duration,
    pub body_timeout: Duration,
    /// In bytes.
    pub body_limit: usize,
    pub max_connections: usize,
    pub drain_delay: Duration,
    pub drain_deadline: Duration,
}

impl HttpSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            public_addr: section.one("public_addr"),
            operations_addr: section.one("operations_addr"),
            public_url: section.optional("public_url").map(|PublicUrl(url)| url),
            logo: section.optional_placed("logo"),
            header_timeout: section.within("header_timeout", MILLISECOND..=HOUR),
            body_timeout: section.within("body_timeout", MILLISECOND..=HOUR),
            body_limit: section
                .within("body_limit", Size(1024)..=Size(32 * MEBIBYTE))
                .0,
            max_connections: section.within("max_connections", 1..=1_000_000),
            drain_delay: section.within("drain_delay", Duration::ZERO..=HOUR),
            drain_deadline: section.within("drain_deadline", MILLISECOND..=HOUR),
        }
    }

    /// The beginning of every URL we give away: as set, or else http:// and the address `bound`
    /// that the public listener got.
    pub fn public_url(&self, bound: SocketAddr) -> Url {
        let derived = || Url::parse(&format!("http://{bound}/")).expect("an address is a URL host");
        self.public_url.clone().unwrap_or_else(derived)
    }
}

/// `[orders]`: how long things about an order take.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/cleargate.toml is their documentation")]
pub struct OrderSettings {
    pub answer_within: Duration,
    pub vendor_timeout: Duration,
    pub keep_personal_data: Duration,
}

impl OrderSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            answer_within: section.within("answer_within", MILLISECOND..=2 * MINUTE),
            vendor_timeout: section.within("vendor_timeout", MILLISECOND..=2 * MINUTE),
            keep_personal_data: section.within("keep_personal_data", HOUR..=30 * DAY),
        }
    }
}

/// `[store]`: the database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "config/cleargate.toml is their documentation")]
pub struct StoreSettings {
    pub url: Placed<StoreUrl>,
    pub migrate: bool,
    pub connections: usize,
}

impl StoreSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            url: section.one_placed("url"),
            migrate: section.one("migrate"),
            connections: section.within("connections", 2..=1_000),
        }
    }
}

/// `[cache]`: what may be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "config/cleargate.toml is their documentation")]
pub struct CacheSettings {
    pub url: Placed<CacheUrl>,
    pub timeout: Duration,
}

impl CacheSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            url: section.one_placed("url"),
            timeout: section.within("timeout", MILLISECOND..=MINUTE),
        }
    }
}

/// `[security]`: the sealing key.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/cleargate.toml is their documentation")]
pub struct SecuritySettings {
    /// `None`: nothing that seals may start.
    pub key: Option<Placed<SecretReference>>,
    pub old_keys: Vec<Placed<SecretReference>>,
}

impl SecuritySettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            key: section.optional_placed("key"),
            old_keys: section.list_placed("old_keys"),
        }
    }
}

/// `[vendors]`: sheets, and what is read from vendors.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/cleargate.toml is their documentation")]
pub struct VendorSettings {
    pub dir: Option<PathBuf>,
    pub allow_sandbox: bool,
    /// In bytes.
    pub reply_limit: usize,
    /// `[vendors.calls]`, for every vendor that has no section of its own.
    pub calls: CallSettings,
    /// `[vendors.of.NAME]` by name, with what is said for all filled in.
    pub of: BTreeMap<String, CallSettings>,
}

impl VendorSettings {
    pub(super) fn read(sources: &mut Sources) -> Self {
        let calls = CallSettings::read(&mut sources.section("vendors.calls"));
        let mut of = BTreeMap::new();
        for vendor in sources.vendors() {
            let name = format!("vendors.of.{vendor}");
            of.insert(vendor, CallSettings::read(&mut sources.section(&name)));
        }
        let section = &mut sources.section("vendors");
        let reply_limits = Size(1024)..=Size(256 * MEBIBYTE);
        Self {
            dir: section.optional("dir"),
            allow_sandbox: section.one("allow_sandbox"),
            reply_limit: section.within("reply_limit", reply_limits).0,
            calls,
            of,
        }
    }

    /// How that vendor is called.
    pub fn calls_of(&self, vendor: &str) -> &CallSettings {
        self.of.get(vendor).unwrap_or(&self.calls)
    }
}

/// `[vendors.calls]` and `[vendors.of.NAME]`: how vendors, or one of them, are called.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/cleargate.toml is their documentation")]
pub struct CallSettings {
    pub rate: Option<Rate>,
    pub in_flight: usize,
    /// In percent.
    pub retries: usize,
    pub breaker_failures: usize,
    pub breaker_pause: Duration,
    pub denied_pause: Duration,
    pub longest_pause: Duration,
    pub no_news_after: Duration,
    pub proxy: Option<Placed<ProxyUrl>>,
    pub client_certificate: Option<Placed<SecretReference>>,
    pub client_key: Option<Placed<SecretReference>>,
    pub authorities: Option<Placed<SecretReference>>,
    /// Where the section begins, if anything is said in it.
    pub place: Option<Place>,
}

impl CallSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            rate: section.optional("rate"),
            in_flight: section.within("in_flight", 1..=10_000),
            retries: section.within("retries", 0..=100),
            breaker_failures: section.within("breaker_failures", 1..=1_000_000),
            breaker_pause: section.within("breaker_pause", MILLISECOND..=HOUR),
            denied_pause: section.within("denied_pause", Duration::ZERO..=DAY),
            longest_pause: section.within("longest_pause", Duration::ZERO..=DAY),
            no_news_after: section.within("no_news_after", HOUR..=365 * DAY),
            proxy: section.optional_placed("proxy"),
            client_certificate: section.optional_placed("client_certificate"),
            client_key: section.optional_placed("client_key"),
            authorities: section.optional_placed("authorities"),
            place: section.begins(),
        }
    }
}

/// `[egress]`: where we may connect to.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/cleargate.toml is their documentation")]
pub struct EgressSettings {
    pub allow: Vec<IpNet>,
    pub allow_http: bool,
    pub nameservers: Vec<SocketAddr>,
}

impl EgressSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let nameservers = section.list("nameservers");
        Self {
            allow: section.list("allow"),
            allow_http: section.one("allow_http"),
            nameservers: nameservers
                .into_iter()
                .map(|Nameserver(server)| server)
                .collect(),
        }
    }
}

/// `[delivery]`: webhooks.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/cleargate.toml is their documentation")]
pub struct DeliverySettings {
    pub attempts: usize,
    pub in_flight: usize,
    pub in_flight_per_tenant: usize,
    pub in_flight_per_origin: usize,
    pub attempt_timeout: Duration,
}

impl DeliverySettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        // A lane is leased for 30 s; an attempt that outlived its lease could be doubled.
        let attempt_timeouts = MILLISECOND..=Duration::from_secs(25);
        Self {
            attempts: section.within("attempts", 3..=20),
            in_flight: section.within("in_flight", 1..=10_000),
            in_flight_per_tenant: section.within("in_flight_per_tenant", 1..=10_000),
            in_flight_per_origin: section.within("in_flight_per_origin", 1..=10_000),
            attempt_timeout: section.within("attempt_timeout", attempt_timeouts),
        }
    }
}

/// `[catalog]`: vendors' package lists.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/cleargate.toml is their documentation")]
pub struct CatalogSettings {
    pub fresh_for: Duration,
    pub first_fetch: Duration,
}

impl CatalogSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            fresh_for: section.within("fresh_for", MILLISECOND..=7 * DAY),
            first_fetch: section.within("first_fetch", MILLISECOND..=MINUTE),
        }
    }
}

/// `[background]`: what happens when nobody asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "config/cleargate.toml is their documentation")]
pub struct BackgroundSettings {
    pub idle_poll: Duration,
}

impl BackgroundSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            idle_poll: section.within("idle_poll", Duration::from_millis(5)..=MINUTE),
        }
    }
}

/// `[log]`: what is told of our work, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "config/cleargate.toml is their documentation")]
pub struct LogSettings {
    pub format: LogFormat,
    pub level: LogLevel,
}

impl LogSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            format: section.one("format"),
            level: section.one("level"),
        }
    }
}
