//! From a host to addresses that have all been judged.
//!
//! Our own resolver asks name servers and nothing else. The system's would also read the hosts
//! file and try search domains, so that a stranger's `db.prod` could become `db.prod.our.domain`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup_ip::LookupIp;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::read_system_conf;
use tokio::time::timeout;
use url::Host;

use super::attempt::{FailureKind, Stopped};
use super::judge::Judge;
use super::refusal::Refusal;

/// The most addresses a name may have.
pub const MAX_ADDRESSES: usize = 16;

/// The time that one name may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(3);

/// How long an answer is kept, if its own time to live is not shorter. This bounds how long we go
/// on calling an address its name has left; safety does not rest on it, since every attempt judges
/// the addresses it gets, remembered or not.
const REMEMBERED_FOR: Duration = Duration::from_secs(30);

/// Finds and judges the addresses of a host.
#[derive(Debug)]
pub struct Resolver {
    dns: TokioResolver,
    judge: Arc<Judge>,
    time_limit: Duration,
}

/// Why no resolver could be set up, at start.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No name server was given, and the system names none.
    #[error(
        "the system's resolver settings cannot be read; name the servers in egress.nameservers"
    )]
    SystemSettings(#[source] NetError),
    /// The resolver's own set-up failed.
    #[error("the resolver cannot be set up")]
    Resolver(#[source] NetError),
}

impl Resolver {
    /// A resolver that asks `name_servers` over UDP, and over TCP where an answer is too long; if
    /// there are none, the servers that the system's `resolv.conf` names at this moment.
    ///
    /// # Errors
    ///
    /// If the system names no server.
    pub fn new(name_servers: &[SocketAddr], judge: Arc<Judge>) -> Result<Self, SetupError> {
        Self::with_time_limit(name_servers, judge, TIME_LIMIT)
    }

    pub(super) fn with_time_limit(
        name_servers: &[SocketAddr],
        judge: Arc<Judge>,
        time_limit: Duration,
    ) -> Result<Self, SetupError> {
        let servers = if name_servers.is_empty() {
            let (system, _) = read_system_conf().map_err(SetupError::SystemSettings)?;
            system.name_servers().to_vec()
        } else {
            name_servers.iter().map(name_server).collect()
        };
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let dns = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options(time_limit))
            .build()
            .map_err(SetupError::Resolver)?;
        Ok(Self {
            dns,
            judge,
            time_limit,
        })
    }

    /// All addresses of `host`, IPv4 first, each judged: one that is refused refuses all.
    ///
    /// A host that is an address itself is judged as well, without a look-up.
    pub(super) async fn addresses(&self, host: Host<&str>) -> Result<Vec<IpAddr>, Stopped> {
        let addresses = match host {
            Host::Ipv4(address) => vec![address.into()],
            Host::Ipv6(address) => vec![address.into()],
            Host::Domain(name) => self.look_up(name).await?,
        };
        let judged = addresses.iter().try_for_each(|it| self.judge.judge(*it));
        judged.map_err(|rule| Stopped::Refused(Refusal::Address(rule)))?;
        Ok(addresses)
    }

    async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, Stopped> {
        let failed = |why: &dyn std::fmt::Display| {
            Stopped::failed(FailureKind::Dns, format!("look-up of {host}: {why}"))
        };
        let mut name = Name::from_ascii(host).map_err(|error| failed(&error))?;
        // A full name is asked as it stands, whatever the number of its dots.
        name.set_fqdn(true);
        let found = match timeout(self.time_limit, self.dns.lookup_ip(name)).await {
            Ok(Ok(found)) => distinct(&found),
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(_)))) => Vec::new(),
            Ok(Err(error)) => return Err(failed(&error)),
            Err(_) => {
                let limit = self.time_limit;
                return Err(failed(&format!("no name server answered within {limit:?}")));
            }
        };
        match found.len() {
            0 => Err(failed(&"the name has no address")),
            1..=MAX_ADDRESSES => Ok(found),
            _ => Err(Stopped::Refused(Refusal::TooManyAddresses)),
        }
    }
}

/// The addresses in their order, IPv4 as IPv4 also where a record maps it into IPv6.
fn distinct(found: &LookupIp) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for address in found.iter().map(|address| address.to_canonical()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

fn options(time_limit: Duration) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.use_hosts_file = ResolveHosts::Never;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.preserve_intermediates = false;
    options.positive_max_ttl = Some(REMEMBERED_FOR);
    options.negative_max_ttl = Some(REMEMBERED_FOR);
    // Asked twice, and given up before the whole limit: where a server never answers for one
    // family, as some do for IPv6, the other family's addresses are still used.
    options.attempts = 1;
    options.timeout = time_limit * 2 / 5;
    options
}
