//! The kinds of values that settings have, each read from a text.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use adapters::vocabulary::Private;
use ipnet::IpNet;
use tracing::level_filters::LevelFilter;
use url::Url;

use super::secret::{is_reference, secret};

/// A value that a setting can have.
pub(super) trait Setting: Sized {
    /// Whether the text may hold a secret, so that no message shows it.
    const PRIVATE: bool = false;

    /// Reads the value; the error says what would be right, fit to follow a colon.
    fn parse(text: &str) -> Result<Self, String>;
}

/// A value that can be too small or too large.
pub(super) trait Ordered: Setting + PartialOrd {
    /// The value as it would be written in a file.
    fn shown(&self) -> String;
}

impl Setting for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Setting for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }
}

impl Setting for bool {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "this must be true or false".to_owned())
    }
}

impl Setting for usize {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "this must be a whole number".to_owned())
    }
}

impl Ordered for usize {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Setting for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        let wanted = "an address is an IP address and a port, such as `127.0.0.1:8080`";
        text.parse().map_err(|_| wanted.to_owned())
    }
}

impl Setting for IpNet {
    fn parse(text: &str) -> Result<Self, String> {
        let wanted = "a range is an address and the length of its prefix, such as `10.20.0.0/16`";
        text.parse().map_err(|_| wanted.to_owned())
    }
}

/// `ms`, `s`, `m`, `h` or `d`; a bare number says too little.
impl Setting for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        let wanted = || "a duration is a number and one of ms, s, m, h, d, such as `8s`".to_owned();
        let (number, unit) = number_and_unit(text).ok_or_else(wanted)?;
        let unit = match unit {
            "ms" => return Ok(Self::from_millis(number)),
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "" => return Err(format!("a duration needs a unit, such as `{number}s`")),
            _ => return Err(wanted()),
        };
        number
            .checked_mul(unit)
            .map(Self::from_secs)
            .ok_or_else(wanted)
    }
}

impl Ordered for Duration {
    fn shown(&self) -> String {
        let seconds = self.as_secs();
        match seconds {
            _ if self.subsec_millis() > 0 => format!("{}ms", self.as_millis()),
            _ if seconds > 0 && seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
            _ if seconds > 0 && seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
            _ if seconds > 0 && seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
            _ => format!("{seconds}s"),
        }
    }
}

/// Bytes, written with a unit.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Size(pub(super) usize);

impl Setting for Size {
    fn parse(text: &str) -> Result<Self, String> {
        let wanted = || "a size is a number and one of B, KiB, MiB, such as `256KiB`".to_owned();
        let (number, unit) = number_and_unit(text).ok_or_else(wanted)?;
        let unit = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "" => return Err(format!("a size needs a unit, such as `{number}KiB`")),
            _ => return Err(wanted()),
        };
        let bytes = usize::try_from(number).ok();
        let bytes = bytes.and_then(|number| number.checked_mul(unit));
        bytes.map(Self).ok_or_else(wanted)
    }
}

impl Ordered for Size {
    fn shown(&self) -> String {
        match self.0 {
            bytes if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
            bytes if bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
            bytes => format!("{bytes}B"),
        }
    }
}

/// So many of something in a time: `10/s`, `300/m`, `1440/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; at least one.
    pub count: u32,
    /// In which time.
    pub per: Duration,
}

impl Setting for Rate {
    fn parse(text: &str) -> Result<Self, String> {
        let wanted = || "a rate is a number and one of /s, /m, /h, such as `10/s`".to_owned();
        let (count, unit) = text.split_once('/').ok_or_else(wanted)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return Err(wanted()),
        };
        let count = count
            .parse()
            .ok()
            .filter(|count| (1..=1_000_000).contains(count));
        Ok(Self {
            count: count.ok_or_else(wanted)?,
            per: Duration::from_secs(seconds),
        })
    }
}

/// A proxy's URL, with its password.
#[derive(Clone, Debug)]
pub struct ProxyUrl(Private<String>);

impl ProxyUrl {
    /// The URL itself: `http://...` or `https://...`.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Setting for ProxyUrl {
    const PRIVATE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let wanted = "this must be http://HOST:PORT, or a reference to a proxy's URL";
        let address = address_of_a_service(text, &["http://", "https://"], wanted)?;
        let url = Url::parse(address.expose()).ok().filter(Url::has_host);
        url.map(|_| Self(address)).ok_or_else(|| wanted.to_owned())
    }
}

/// A name server; port 53 where none is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nameserver(pub(super) SocketAddr);

impl Setting for Nameserver {
    fn parse(text: &str) -> Result<Self, String> {
        let wanted = "a name server is an IP address, such as `10.0.0.2` or `10.0.0.2:5353`";
        let alone = text.parse::<IpAddr>().map(|address| (address, 53).into());
        let address = alone.or_else(|_| text.parse());
        address.map(Self).map_err(|_| wanted.to_owned())
    }
}

/// The beginning of every URL we give away.
#[derive(Clone, Debug)]
pub(super) struct PublicUrl(pub(super) Url);

impl Setting for PublicUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let wanted = "this must be the URL of a host, such as `https://checks.example.com`";
        let url = Url::parse(text).ok().filter(|url| {
            let plain = url.query().is_none() && url.fragment().is_none() && url.path() == "/";
            let anonymous = url.username().is_empty() && url.password().is_none();
            matches!(url.scheme(), "https" | "http") && url.has_host() && plain && anonymous
        });
        url.map(Self).ok_or_else(|| wanted.to_owned())
    }
}

/// Where the database is, with its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreUrl(Private<String>);

impl StoreUrl {
    /// The URL itself: `sqlite://...`, `postgres://...` or `postgresql://...`.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Setting for StoreUrl {
    const PRIVATE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let wanted = "this must be sqlite://FILE, postgres://USER:PASSWORD@HOST/DATABASE, or a \
                      reference to one of them";
        address_of_a_service(text, &["sqlite:", "postgres://", "postgresql://"], wanted).map(Self)
    }
}

/// Where the cache is, with its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheUrl(Private<String>);

impl CacheUrl {
    /// The URL itself: `memory:`, `redis://...` or `rediss://...`.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Setting for CacheUrl {
    const PRIVATE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let wanted = "this must be memory:, redis://HOST, rediss://HOST, or a reference to one";
        address_of_a_service(text, &["memory:", "redis://", "rediss://"], wanted).map(Self)
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A line of JSON for each event.
    Json,
    /// A line for people.
    Text,
    /// Text on a terminal, else JSON.
    Auto,
}

impl Setting for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            "auto" => Ok(Self::Auto),
            _ => Err("this must be json, text or auto".to_owned()),
        }
    }
}

/// What is told of Cleargate's own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLevel(pub LevelFilter);

impl Setting for LogLevel {
    fn parse(text: &str) -> Result<Self, String> {
        let level = match text {
            "error" => LevelFilter::ERROR,
            "warn" => LevelFilter::WARN,
            "info" => LevelFilter::INFO,
            "debug" => LevelFilter::DEBUG,
            "trace" => LevelFilter::TRACE,
            _ => return Err("this must be error, warn, info, debug or trace".to_owned()),
        };
        Ok(Self(level))
    }
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim()))
}

/// A URL with one of `schemes`, or the one a reference stands for.
fn address_of_a_service(
    text: &str,
    schemes: &[&str],
    wanted: &str,
) -> Result<Private<String>, String> {
    let address = if is_reference(text) {
        secret(text).map_err(|error| error.to_string())?
    } else {
        Private::from(text)
    };
    let known = schemes
        .iter()
        .any(|scheme| address.expose().starts_with(scheme));
    known.then_some(address).ok_or_else(|| wanted.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn wrong<T: Setting>(texts: &[&str]) {
        for text in texts {
            assert!(T::parse(text).is_err(), "{text} was taken");
        }
    }

    #[test]
    fn durations_have_units() {
        for text in ["250ms", "8s", "90s", "30m", "36h", "7d", "0s"] {
            let parsed = Duration::parse(text).map(|duration| duration.shown());
            assert_eq!(parsed.as_deref(), Ok(text));
        }
        wrong::<Duration>(&[
            "",
            "5",
            "s",
            "-5s",
            "5 years",
            "1.5s",
            "99999999999999999999s",
        ]);
        wrong::<Duration>(&["18446744073709551615d"]);
    }

    #[test]
    fn sizes_have_units() {
        for text in ["1B", "256KiB", "8MiB"] {
            assert_eq!(
                Size::parse(text).map(|size| size.shown()).as_deref(),
                Ok(text)
            );
        }
        wrong::<Size>(&["", "5", "5KB", "-1B", "18446744073709551615MiB"]);
    }

    #[test]
    fn rates_are_so_many_in_a_time() {
        let rate = Rate::parse("1440/h").expect("right");
        assert_eq!((rate.count, rate.per.as_secs()), (1440, 3600));
        wrong::<Rate>(&["", "10", "0/s", "-1/s", "1.5/s", "10/d", "/s", "10/s/s"]);
    }

    #[test]
    fn a_proxy_is_a_url_of_a_host() {
        assert!(ProxyUrl::parse("http://proxy.internal:3128").is_ok());
        wrong::<ProxyUrl>(&["proxy:3128", "socks5://a.example", "http://", ""]);
    }

    #[test]
    fn a_name_server_has_port_53_unless_it_says_so() {
        let port = |text| Nameserver::parse(text).map(|server| server.0.port());
        assert_eq!(port("10.0.0.2"), Ok(53));
        assert_eq!(port("::1"), Ok(53));
        assert_eq!(port("10.0.0.2:5353"), Ok(5353));
        wrong::<Nameserver>(&["dns.example", ""]);
    }

    #[test]
    fn a_public_url_is_a_host_and_nothing_more() {
        assert!(PublicUrl::parse("https://checks.example.com:8443").is_ok());
        wrong::<PublicUrl>(&[
            "checks.example.com",
            "ftp://a.example",
            "https://a.example/?b",
        ]);
        wrong::<PublicUrl>(&["https://a.example/path", "https://me:pw@a.example"]);
    }

    #[test]
    fn a_database_may_be_referred_to() {
        // Cargo sets this one for every test; it is no URL, and is not shown.
        let refused = StoreUrl::parse("env:CARGO_PKG_NAME").expect_err("not a database");
        assert!(
            refused.starts_with("this must be sqlite://FILE"),
            "{refused}"
        );
        let unset = StoreUrl::parse("env:NO_SUCH_VARIABLE").expect_err("not set");
        assert!(unset.contains("NO_SUCH_VARIABLE"), "{unset}");
    }
}
