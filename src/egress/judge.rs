//! Which IP addresses may be called on a stranger's word.
//!
//! [`refused_range`] is the rule for the world, a pure function. [`Judge`] adds what is particular
//! to this machine and this installation: the addresses of its own interfaces, and the operator's
//! `egress.allow`.
//!
//! IPv4 is open but for a list of ranges. IPv6 is closed but for global unicast, 2000::/3, minus a
//! list, so that every form that carries another address inside (v4-compatible, NAT64, Teredo,
//! 6to4) is refused without a rule of its own.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tokio::time::Instant;

/// How old the list of interface addresses may get before it is read anew.
const INTERFACES_FRESH_FOR: Duration = Duration::from_secs(60);

/// Why an address is refused. `Display` names the kind of address, never the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rule {
    /// 0/8.
    #[error("it means \"this network\"")]
    ThisNetwork,
    /// 10/8, 172.16/12, 192.168/16.
    #[error("it is in a private network")]
    Private,
    /// 100.64/10, behind the address translation of carriers.
    #[error("it is in the space that carriers share")]
    Shared,
    /// 127/8.
    #[error("it is a loopback address")]
    Loopback,
    /// 169.254/16, where clouds keep their metadata services.
    #[error("it is link-local")]
    LinkLocal,
    /// 168.63.129.16, the host agent of one cloud, outside every reserved range.
    #[error("it belongs to the cloud platform")]
    CloudPlatform,
    /// Ranges with a purpose in protocols: assignments, relays, AS112, benchmarks, the future.
    #[error("it is reserved for a special purpose")]
    SpecialPurpose,
    /// Ranges for examples in texts.
    #[error("it is reserved for documentation")]
    Documentation,
    /// 224/4.
    #[error("it is a multicast address")]
    Multicast,
    /// IPv6 outside 2000::/3.
    #[error("it is not a global IPv6 address")]
    NotGlobal,
    /// IPv6 inside 2000::/3 that carries an IPv4 address: 6to4, Teredo.
    #[error("it is a tunnel to another address")]
    Tunnel,
    /// An address of one of this machine's interfaces.
    #[error("it is an address of this gateway")]
    OwnInterface,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

const REFUSED_V4: [(Ipv4Net, Rule); 19] = [
    (v4(0, 0, 0, 0, 8), Rule::ThisNetwork),
    (v4(10, 0, 0, 0, 8), Rule::Private),
    (v4(100, 64, 0, 0, 10), Rule::Shared),
    (v4(127, 0, 0, 0, 8), Rule::Loopback),
    (v4(168, 63, 129, 16, 32), Rule::CloudPlatform),
    (v4(169, 254, 0, 0, 16), Rule::LinkLocal),
    (v4(172, 16, 0, 0, 12), Rule::Private),
    (v4(192, 0, 0, 0, 24), Rule::SpecialPurpose),
    (v4(192, 0, 2, 0, 24), Rule::Documentation),
    (v4(192, 31, 196, 0, 24), Rule::SpecialPurpose),
    (v4(192, 52, 193, 0, 24), Rule::SpecialPurpose),
    (v4(192, 88, 99, 0, 24), Rule::SpecialPurpose),
    (v4(192, 168, 0, 0, 16), Rule::Private),
    (v4(192, 175, 48, 0, 24), Rule::SpecialPurpose),
    (v4(198, 18, 0, 0, 15), Rule::SpecialPurpose),
    (v4(198, 51, 100, 0, 24), Rule::Documentation),
    (v4(203, 0, 113, 0, 24), Rule::Documentation),
    (v4(224, 0, 0, 0, 4), Rule::Multicast),
    (v4(240, 0, 0, 0, 4), Rule::SpecialPurpose),
];

const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

/// Exceptions inside [`GLOBAL_V6`]; the first match names the rule.
const REFUSED_V6: [(Ipv6Net, Rule); 6] = [
    (v6(0x2001, 0, 0, 32), Rule::Tunnel),
    (v6(0x2001, 0, 0, 23), Rule::SpecialPurpose),
    (v6(0x2001, 0xdb8, 0, 32), Rule::Documentation),
    (v6(0x2002, 0, 0, 16), Rule::Tunnel),
    (v6(0x2620, 0x4f, 0x8000, 48), Rule::SpecialPurpose),
    (v6(0x3fff, 0, 0, 20), Rule::Documentation),
];

/// The rule that refuses `address` everywhere, if one does. A v4-mapped address is its IPv4 one.
#[must_use]
pub fn refused_range(address: IpAddr) -> Option<Rule> {
    match address.to_canonical() {
        IpAddr::V4(address) => rule_of(&REFUSED_V4, |range| range.contains(&address)),
        IpAddr::V6(address) if !GLOBAL_V6.contains(&address) => Some(Rule::NotGlobal),
        IpAddr::V6(address) => rule_of(&REFUSED_V6, |range| range.contains(&address)),
    }
}

fn rule_of<N>(ranges: &[(N, Rule)], contains: impl Fn(&N) -> bool) -> Option<Rule> {
    let found = ranges.iter().find(|(range, _)| contains(range));
    found.map(|(_, rule)| *rule)
}

/// Whether the operator's `egress.allow` holds `address`, or the IPv4 address mapped in it.
#[must_use]
pub fn is_allowed(allow: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    allow.iter().any(|range| range.contains(&address))
}

type ReadInterfaces = fn() -> io::Result<HashSet<IpAddr>>;

/// Judges addresses for this machine and this installation.
#[derive(Debug)]
pub struct Judge {
    allow: Vec<IpNet>,
    read_interfaces: ReadInterfaces,
    own: Mutex<OwnAddresses>,
}

#[derive(Debug)]
struct OwnAddresses {
    addresses: HashSet<IpAddr>,
    read_at: Instant,
}

impl Judge {
    /// A judge that lets the ranges of `allow` (the operator's `egress.allow`) pass.
    ///
    /// # Errors
    ///
    /// If the addresses of the local interfaces cannot be read.
    pub fn new(allow: Vec<IpNet>) -> io::Result<Self> {
        Self::with_interfaces(allow, read_interfaces)
    }

    fn with_interfaces(allow: Vec<IpNet>, read_interfaces: ReadInterfaces) -> io::Result<Self> {
        let own = OwnAddresses {
            addresses: read_interfaces()?,
            read_at: Instant::now(),
        };
        Ok(Self {
            allow,
            read_interfaces,
            own: Mutex::new(own),
        })
    }

    /// Whether `address` may be called.
    ///
    /// # Errors
    ///
    /// The rule that refuses it.
    pub fn judge(&self, address: IpAddr) -> Result<(), Rule> {
        if is_allowed(&self.allow, address) {
            return Ok(());
        }
        if let Some(rule) = refused_range(address) {
            return Err(rule);
        }
        if self.is_own(address.to_canonical()) {
            return Err(Rule::OwnInterface);
        }
        Ok(())
    }

    /// The list is read anew here, by the attempt that finds it old, so that no task has to live
    /// for it; reading takes microseconds. If that fails the last list stays in force.
    fn is_own(&self, address: IpAddr) -> bool {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if own.read_at.elapsed() >= INTERFACES_FRESH_FOR {
            own.read_at = Instant::now();
            match (self.read_interfaces)() {
                Ok(addresses) => own.addresses = addresses,
                Err(error) => tracing::warn!(
                    %error,
                    "the addresses of the local interfaces could not be read; the last ones stay"
                ),
            }
        }
        own.addresses.contains(&address)
    }
}

fn read_interfaces() -> io::Result<HashSet<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let addresses = interfaces.iter().map(|interface| interface.ip());
    Ok(addresses.map(|address| address.to_canonical()).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(rule: Option<Rule>, addresses: &str) {
        for address in addresses.split_whitespace() {
            assert_eq!(refused_range(ip(address)), rule, "{address}");
        }
    }

    #[test]
    fn the_first_and_last_address_of_every_ipv4_range_is_refused() {
        check(Some(Rule::ThisNetwork), "0.0.0.0 0.255.255.255");
        check(Some(Rule::Private), "10.0.0.0 10.255.255.255");
        check(Some(Rule::Shared), "100.64.0.0 100.127.255.255");
        check(Some(Rule::Loopback), "127.0.0.0 127.0.0.1 127.255.255.255");
        check(Some(Rule::CloudPlatform), "168.63.129.16");
        check(
            Some(Rule::LinkLocal),
            "169.254.0.0 169.254.169.254 169.254.255.255",
        );
        check(Some(Rule::Private), "172.16.0.0 172.31.255.255");
        check(Some(Rule::SpecialPurpose), "192.0.0.0 192.0.0.255");
        check(Some(Rule::Documentation), "192.0.2.0 192.0.2.255");
        check(Some(Rule::SpecialPurpose), "192.31.196.0 192.31.196.255");
        check(Some(Rule::SpecialPurpose), "192.52.193.0 192.52.193.255");
        check(Some(Rule::SpecialPurpose), "192.88.99.0 192.88.99.255");
        check(Some(Rule::Private), "192.168.0.0 192.168.255.255");
        check(Some(Rule::SpecialPurpose), "192.175.48.0 192.175.48.255");
        check(Some(Rule::SpecialPurpose), "198.18.0.0 198.19.255.255");
        check(Some(Rule::Documentation), "198.51.100.0 198.51.100.255");
        check(Some(Rule::Documentation), "203.0.113.0 203.0.113.255");
        check(Some(Rule::Multicast), "224.0.0.0 239.255.255.255");
        check(Some(Rule::SpecialPurpose), "240.0.0.0 255.255.255.255");
    }

    #[test]
    fn the_neighbours_of_every_ipv4_range_are_not_refused() {
        check(
            None,
            "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
             168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 \
             191.255.255.255 192.0.1.0 192.0.1.255 192.0.3.0 192.31.195.255 192.31.197.0 \
             192.52.192.255 192.52.194.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 \
             192.175.47.255 192.175.49.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 \
             203.0.112.255 203.0.114.0 223.255.255.255",
        );
    }

    #[test]
    fn ipv6_is_taken_inside_global_unicast_alone() {
        check(
            None,
            "2000:: 2001:200:: 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9:: \
             2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2003:: 2606:4700:4700::1111 2620:4f:7fff:: \
             2620:4f:8001:: 3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff 3fff:1000::",
        );
        check(
            Some(Rule::NotGlobal),
            ":: ::1 ::2 100::1 1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 4000:: 5f00::1 fc00::1 \
             fd00:ec2::254 fe80::1 febf::1 fec0::1 ff02::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        );
    }

    #[test]
    fn the_exceptions_in_global_unicast_are_refused() {
        check(
            Some(Rule::SpecialPurpose),
            "2001:1::1 2001:10:: 2001:20:: 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff \
             2620:4f:8000:: 2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
        );
        check(
            Some(Rule::Documentation),
            "2001:db8:: 2001:db8:ffff::1 3fff:: 3fff:fff:ffff::1",
        );
    }

    #[test]
    fn addresses_that_carry_an_ipv4_address_are_refused_or_judged_as_it() {
        check(Some(Rule::Loopback), "::ffff:127.0.0.1");
        check(Some(Rule::LinkLocal), "::ffff:169.254.169.254");
        check(None, "::ffff:8.8.8.8");
        check(
            Some(Rule::NotGlobal),
            "::127.0.0.1 ::8.8.8.8 ::ffff:0:8.8.8.8",
        );
        check(
            Some(Rule::NotGlobal),
            "64:ff9b::127.0.0.1 64:ff9b::8.8.8.8 64:ff9b:1::8.8.8.8",
        );
        check(
            Some(Rule::Tunnel),
            "2002:7f00:1:: 2002:808:808:: 2001::1 2001:0:7f00:1::",
        );
    }

    /// The same rule once more, from the ranges as text and by comparing strings of bits.
    mod slow {
        use std::net::IpAddr;

        const REFUSED: &str = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 \
            172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 \
            192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 \
            203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32 \
            2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20";

        fn bits(address: &str) -> String {
            match address.parse().unwrap() {
                IpAddr::V4(address) => format!("4:{:032b}", address.to_bits()),
                IpAddr::V6(address) => format!("6:{:0128b}", address.to_bits()),
            }
        }

        fn is_in(address: &str, range: &str) -> bool {
            let (network, length) = range.split_once('/').unwrap();
            let length: usize = length.parse().unwrap();
            bits(address).starts_with(&bits(network)[..2 + length])
        }

        pub(super) fn is_refused(address: IpAddr) -> bool {
            let address = address.to_string();
            let plain = address
                .strip_prefix("::ffff:")
                .filter(|rest| rest.contains('.'));
            let address = plain.unwrap_or(&address);
            let global = is_in(address, "2000::/3") || !address.contains(':');
            !global
                || REFUSED
                    .split_whitespace()
                    .any(|range| is_in(address, range))
        }
    }

    /// Addresses anywhere, and many within 32 of the edge of a range.
    fn addresses() -> impl Strategy<Value = IpAddr> {
        let v4 = REFUSED_V4.map(|(range, _)| [range.network(), range.broadcast()]);
        let v6 = REFUSED_V6.map(|(range, _)| [range.network(), range.broadcast()]);
        let near_v4 = (prop::sample::select(v4.concat()), 0..64u32)
            .prop_map(|(edge, step)| edge.to_bits().wrapping_add(step).wrapping_sub(32));
        let near_v6 = (prop::sample::select(v6.concat()), 0..64u128)
            .prop_map(|(edge, step)| edge.to_bits().wrapping_add(step).wrapping_sub(32));
        let global_v6 =
            (any::<u128>(), 0x2000..0x4000u128).prop_map(|(bits, top)| bits >> 16 | top << 112);
        prop_oneof![
            any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
            near_v4
                .clone()
                .prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
            near_v4.prop_map(|bits| Ipv4Addr::from_bits(bits).to_ipv6_mapped().into()),
            any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
            global_v6.prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
            near_v6.prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig {
        // More where `PROPTEST_CASES` asks for more.
        cases: ProptestConfig::default().cases.max(2_000),
        ..ProptestConfig::default()
    })]

        #[test]
        fn the_judge_agrees_with_a_slow_one(address in addresses()) {
            prop_assert_eq!(refused_range(address).is_some(), slow::is_refused(address));
        }
    }

    #[test]
    fn allowed_ranges_lift_the_rules_for_their_addresses_alone() {
        let allow = vec!["127.0.0.1/32".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let judge = Judge::with_interfaces(allow, || Ok(HashSet::new())).unwrap();
        assert_eq!(judge.judge(ip("127.0.0.1")), Ok(()));
        assert_eq!(judge.judge(ip("::ffff:127.0.0.1")), Ok(()));
        assert_eq!(judge.judge(ip("fd12::1")), Ok(()));
        assert_eq!(judge.judge(ip("127.0.0.2")), Err(Rule::Loopback));
        assert_eq!(judge.judge(ip("fe80::1")), Err(Rule::NotGlobal));
    }

    #[tokio::test(start_paused = true)]
    async fn the_machines_own_addresses_are_refused_also_those_it_gains_later() {
        static READ: AtomicU8 = AtomicU8::new(0);
        let interfaces = || match READ.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(HashSet::from([ip("8.8.8.1")])),
            1 => Err(io::Error::other("out of descriptors")),
            _ => Ok(HashSet::from([ip("8.8.8.2")])),
        };
        let judge = Judge::with_interfaces(Vec::new(), interfaces).unwrap();
        let own = Err(Rule::OwnInterface);
        assert_eq!(judge.judge(ip("8.8.8.1")), own);
        assert_eq!(judge.judge(ip("::ffff:8.8.8.1")), own);
        assert_eq!(judge.judge(ip("8.8.8.2")), Ok(()));
        tokio::time::advance(INTERFACES_FRESH_FOR).await;
        assert_eq!(
            judge.judge(ip("8.8.8.1")),
            own,
            "a failed reading keeps the last list"
        );
        tokio::time::advance(INTERFACES_FRESH_FOR).await;
        assert_eq!(judge.judge(ip("8.8.8.2")), own);
        assert_eq!(judge.judge(ip("8.8.8.1")), Ok(()));
    }

    #[test]
    fn the_interfaces_of_this_machine_are_found() {
        assert!(read_interfaces().unwrap().contains(&ip("127.0.0.1")));
    }

    #[test]
    fn no_sentence_shows_an_address() {
        for (_, rule) in REFUSED_V4 {
            assert!(
                !rule
                    .to_string()
                    .contains(|letter: char| letter.is_ascii_digit())
            );
        }
    }
}
