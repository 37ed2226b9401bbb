//! What a webhook URL may look like, judged without any network.
//!
//! The text is parsed once, by the WHATWG rules that browsers follow, and only the parser's output
//! is used afterwards, here and on the wire. Two readings of one text are how guards are tricked:
//! `https://127。0。0。1/`, `https://0x7f.1/` and `https:\\host@10.0.0.1` all mean something else
//! to a regular expression than to a client.

use std::fmt;
use std::net::IpAddr;

use http::uri::PathAndQuery;
use ipnet::IpNet;
use url::{Host, ParseError, Position, Url};

use super::judge::is_allowed;
use super::refusal::Refusal;

/// The longest webhook URL, in characters.
pub const MAX_LENGTH: usize = 2_048;

/// The ports that every tenant may use.
const PORTS: [u16; 2] = [443, 8443];

/// Top-level domains that are reserved (RFC 2606, 6761, 6762 appendix G, 7686, 8375, 9476), set
/// aside by ICANN for private use, or so widely used inside that ICANN does not delegate them.
const RESERVED: [&str; 16] = [
    "alt",
    "arpa",
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "mail",
    "onion",
    "private",
    "test",
];

/// The rules that a webhook URL is held against: the operator's settings and one tenant's.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// The operator's `egress.allow_http`: http beside https. Ports stay as they are.
    pub allow_http: bool,
    /// The operator's `egress.allow`: in these ranges a host may be an IP address.
    pub allow: Vec<IpNet>,
    /// The tenant's `webhook.ports`, beside 443 and 8443.
    pub ports: Vec<u16>,
    /// The tenant's `webhook.hosts`; empty: any host.
    pub hosts: Vec<Host>,
    /// Our own host names. IP addresses among them have no effect: `allow` rules those.
    pub own_hosts: Vec<Host>,
}

impl Shape {
    /// Reads `text` as a webhook URL.
    ///
    /// # Errors
    ///
    /// The first rule that `text` breaks.
    pub fn check(&self, text: &str) -> Result<WebhookUrl, Refusal> {
        if text.chars().nth(MAX_LENGTH).is_some() {
            return Err(Refusal::TooLong);
        }
        if text.contains(char::is_control) {
            return Err(Refusal::ControlCharacter);
        }
        let url = Url::parse(text).map_err(|error| match error {
            ParseError::EmptyHost => Refusal::EmptyHost,
            error => Refusal::NotAUrl(error.to_string()),
        })?;
        self.check_parsed(&url)?;
        WebhookUrl::new(url)
    }

    fn check_parsed(&self, url: &Url) -> Result<(), Refusal> {
        // Escaping non-ASCII letters makes the parser's output longer than the text.
        if url.as_str().len() > MAX_LENGTH {
            return Err(Refusal::TooLong);
        }
        if url.scheme() != "https" && !(self.allow_http && url.scheme() == "http") {
            return Err(Refusal::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(Refusal::Fragment);
        }
        self.check_host(url.host().ok_or(Refusal::EmptyHost)?)?;
        self.check_port(url.port_or_known_default().unwrap_or_default())
    }

    fn check_host(&self, host: Host<&str>) -> Result<(), Refusal> {
        match host {
            Host::Domain(name) => self.check_name(name)?,
            Host::Ipv4(address) => self.check_literal(address.into())?,
            Host::Ipv6(address) => self.check_literal(address.into())?,
        }
        if !self.hosts.is_empty() && !names(&self.hosts, &host) {
            return Err(Refusal::NotListed);
        }
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<(), Refusal> {
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err(Refusal::HostForm);
        }
        let Some((_, top)) = name.rsplit_once('.') else {
            return Err(Refusal::SingleLabel);
        };
        if RESERVED.contains(&top) {
            return Err(Refusal::ReservedName);
        }
        if names(&self.own_hosts, &Host::Domain(name)) {
            return Err(Refusal::OwnHost);
        }
        Ok(())
    }

    fn check_literal(&self, address: IpAddr) -> Result<(), Refusal> {
        if is_allowed(&self.allow, address) {
            Ok(())
        } else {
            Err(Refusal::IpLiteral)
        }
    }

    fn check_port(&self, port: u16) -> Result<(), Refusal> {
        if PORTS.contains(&port) || self.ports.contains(&port) {
            Ok(())
        } else {
            Err(Refusal::Port(port))
        }
    }
}

/// The parser has lower-cased the name and written other scripts in ASCII (`xn--`).
fn is_label(label: &str) -> bool {
    let of_a_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len())
        && label.bytes().all(of_a_label)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn names(hosts: &[Host], host: &Host<&str>) -> bool {
    hosts.iter().any(|listed| match (listed, host) {
        (Host::Domain(listed), Host::Domain(name)) => listed.eq_ignore_ascii_case(name),
        (Host::Ipv4(listed), Host::Ipv4(address)) => listed == address,
        (Host::Ipv6(listed), Host::Ipv6(address)) => listed == address,
        _ => false,
    })
}

/// A webhook URL that has passed [`Shape::check`]; there is no other way to make one.
///
/// `Debug` and `Display` show the origin only, since a path or query may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl {
    url: Url,
    target: PathAndQuery,
}

impl WebhookUrl {
    fn new(url: Url) -> Result<Self, Refusal> {
        let target = PathAndQuery::try_from(&url[Position::BeforePath..Position::AfterQuery])
            .map_err(|error| Refusal::NotAUrl(error.to_string()))?;
        Ok(Self { url, target })
    }

    /// Scheme, host and port as one text, such as `https://host:8443`; safe to log.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The host: a name in ASCII and lower case, or an allowed IP address.
    #[must_use]
    pub fn host(&self) -> Host<&str> {
        self.url.host().expect("a checked URL has a host")
    }

    /// The port that is connected to.
    #[must_use]
    pub fn port(&self) -> u16 {
        let port = self.url.port_or_known_default();
        port.expect("http and https have a default port")
    }

    /// Whether the scheme is https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The whole URL, as the parser wrote it; not to be logged.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.url.as_str()
    }

    /// The whole URL; not to be logged.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.url
    }

    /// Path and query, as they stand in a request line; not to be logged.
    pub(super) fn request_target(&self) -> PathAndQuery {
        self.target.clone()
    }

    /// The value of the `Host` header: no port where it is the scheme's own.
    pub(super) fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({})", self.origin())
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        Host::parse(text).unwrap()
    }

    fn shape() -> Shape {
        Shape {
            ports: vec![9443],
            own_hosts: vec![host("gateway.cleargate.net")],
            ..Shape::default()
        }
    }

    fn rule_of(shape: &Shape, url: &str) -> &'static str {
        match shape.check(url) {
            Ok(_) => "ok",
            Err(refusal) => refusal.rule(),
        }
    }

    #[track_caller]
    fn check(shape: &Shape, url: &str, expected: &str) {
        assert_eq!(rule_of(shape, url), expected, "{url:?}");
    }

    /// Writes out the `{U+0009}` and `{a*3}` of the table.
    fn expand(text: &str) -> String {
        let Some((before, rest)) = text.split_once('{') else {
            return text.to_owned();
        };
        let (code, after) = rest.split_once('}').unwrap();
        let meant = match code.split_once('*') {
            Some((repeated, times)) => repeated.repeat(times.parse().unwrap()),
            None => {
                let number = u32::from_str_radix(&code[2..], 16).unwrap();
                char::from_u32(number).unwrap().to_string()
            }
        };
        format!("{before}{meant}{}", expand(after))
    }

    #[test]
    fn every_url_of_the_table_meets_its_rule() {
        let rows = include_str!("urls.tsv").lines();
        let rows = rows.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let rows: Vec<_> = rows.map(|line| line.split_once('\t').unwrap()).collect();
        assert!(rows.len() >= 200);
        let shape = shape();
        let wrong: Vec<_> = rows
            .into_iter()
            .map(|(expected, url)| (expected, rule_of(&shape, &expand(url)), url))
            .filter(|(expected, found, _)| expected != found)
            .collect();
        assert!(wrong.is_empty(), "expected, found, url: {wrong:#?}");
    }

    #[test]
    fn http_is_taken_where_the_operator_allows_it_on_the_same_ports() {
        let shape = Shape {
            allow_http: true,
            ..shape()
        };
        check(&shape, "http://hooks.example.com:8443/", "ok");
        check(&shape, "http://hooks.example.com:9443/", "ok");
        check(&shape, "http://hooks.example.com/", "port");
        check(&shape, "ftp://hooks.example.com/", "scheme");
    }

    #[test]
    fn allowed_ranges_lift_the_rule_on_ip_addresses_and_no_other() {
        let shape = Shape {
            allow: vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            ..shape()
        };
        check(&shape, "https://10.1.2.3/", "ok");
        check(&shape, "https://[::ffff:10.1.2.3]/", "ok");
        check(&shape, "https://[::1]/", "ok");
        check(&shape, "https://0x0a.1/", "ok");
        check(&shape, "https://11.0.0.1/", "ip_literal");
        check(&shape, "http://10.1.2.3/", "scheme");
        check(&shape, "https://10.1.2.3:22/", "port");
        check(&shape, "https://user@10.1.2.3/", "user_info");
        check(&shape, "https://localhost/", "single_label");
        check(&shape, "https://vault.corp/", "reserved_name");
        check(&shape, "https://gateway.cleargate.net/", "own_host");
    }

    #[test]
    fn a_list_of_hosts_refuses_every_other_and_lifts_nothing() {
        let shape = Shape {
            hosts: vec![
                host("Hooks.example.com"),
                host("localhost"),
                host("10.0.0.1"),
            ],
            ..shape()
        };
        check(&shape, "https://hooks.EXAMPLE.com/", "ok");
        check(&shape, "https://sub.hooks.example.com/", "not_listed");
        check(&shape, "https://example.com/", "not_listed");
        check(&shape, "https://localhost/", "single_label");
        check(&shape, "https://10.0.0.1/", "ip_literal");
    }

    #[test]
    fn a_listed_address_needs_the_operators_allowance_as_well() {
        let shape = Shape {
            allow: vec!["10.0.0.0/8".parse().unwrap()],
            hosts: vec![host("10.0.0.1")],
            ..shape()
        };
        check(&shape, "https://10.0.0.1/", "ok");
        check(&shape, "https://10.0.0.2/", "not_listed");
    }

    #[test]
    fn what_is_shown_is_the_origin_alone() {
        let url = shape()
            .check("https://Hooks.example.com:8443/secret-path?token=secret")
            .unwrap();
        assert_eq!(url.to_string(), "https://hooks.example.com:8443");
        assert_eq!(
            format!("{url:?}"),
            "WebhookUrl(https://hooks.example.com:8443)"
        );
        assert_eq!(
            url.expose(),
            "https://hooks.example.com:8443/secret-path?token=secret"
        );
    }

    #[test]
    fn no_refusal_repeats_the_path() {
        let shape = shape();
        for line in include_str!("urls.tsv").lines() {
            let Some((_, url)) = line.split_once('\t') else {
                continue;
            };
            if let Err(refusal) = shape.check(&format!("{}/canary?canary", expand(url))) {
                assert!(
                    !refusal.to_string().contains("canary"),
                    "{url:?}: {refusal}"
                );
            }
        }
    }

    #[test]
    fn every_character_the_parser_leaves_in_a_path_fits_a_request_line() {
        let printable: String = (' '..='~').filter(|letter| *letter != '#').collect();
        let url = shape()
            .check(&format!(
                "https://hooks.example.com/{printable}ß?{printable}ß"
            ))
            .unwrap();
        let sent = format!("https://{}{}", url.authority(), url.request_target());
        assert_eq!(sent, url.expose());
    }
}
