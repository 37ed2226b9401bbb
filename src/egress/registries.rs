//! The judge against the registries of IANA themselves: every row of the IPv4 and the IPv6
//! Special-Purpose Address Registry (RFC 6890, RFC 8190) by its registered name, and the rows of
//! the address-space registries that stand beside them.
//!
//! The table is written out and its arithmetic is its own, so that a slip in the judge's ranges
//! cannot be repeated here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::judge::refused_range;

/// The IANA IPv4 Special-Purpose Address Registry.
const IPV4: [(&str, &str); 28] = [
    ("0.0.0.0/8", "\"This network\""),
    ("0.0.0.0/32", "\"This host on this network\""),
    ("10.0.0.0/8", "Private-Use"),
    ("100.64.0.0/10", "Shared Address Space"),
    ("127.0.0.0/8", "Loopback"),
    ("169.254.0.0/16", "Link Local"),
    ("172.16.0.0/12", "Private-Use"),
    ("192.0.0.0/24", "IETF Protocol Assignments"),
    ("192.0.0.0/29", "IPv4 Service Continuity Prefix"),
    ("192.0.0.8/32", "IPv4 dummy address"),
    ("192.0.0.9/32", "Port Control Protocol Anycast"),
    ("192.0.0.10/32", "Traversal Using Relays around NAT Anycast"),
    ("192.0.0.170/32", "NAT64/DNS64 Discovery"),
    ("192.0.0.171/32", "NAT64/DNS64 Discovery"),
    ("192.0.2.0/24", "Documentation (TEST-NET-1)"),
    ("192.31.196.0/24", "AS112-v4"),
    ("192.52.193.0/24", "AMT"),
    ("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)"),
    ("192.88.99.2/32", "6a44-relay anycast address"),
    ("192.168.0.0/16", "Private-Use"),
    ("192.175.48.0/24", "Direct Delegation AS112 Service"),
    ("198.18.0.0/15", "Benchmarking"),
    ("198.51.100.0/24", "Documentation (TEST-NET-2)"),
    ("203.0.113.0/24", "Documentation (TEST-NET-3)"),
    ("240.0.0.0/4", "Reserved"),
    ("255.255.255.255/32", "Limited Broadcast"),
    // Not in that registry: the IPv4 Multicast Address Space Registry, and the one address that a
    // cloud has taken for its platform.
    ("224.0.0.0/4", "Multicast"),
    ("168.63.129.16/32", "a cloud's platform"),
];

/// The IANA IPv6 Special-Purpose Address Registry, but for IPv4-mapped addresses
/// (`::ffff:0:0/96`), which are judged as the IPv4 address in them.
const IPV6: [(&str, &str); 24] = [
    ("::1/128", "Loopback Address"),
    ("::/128", "Unspecified Address"),
    ("64:ff9b::/96", "IPv4-IPv6 Translat."),
    ("64:ff9b:1::/48", "IPv4-IPv6 Translat."),
    ("100::/64", "Discard-Only Address Block"),
    ("100:0:0:1::/64", "Dummy IPv6 Prefix"),
    ("2001::/23", "IETF Protocol Assignments"),
    ("2001::/32", "TEREDO"),
    ("2001:1::1/128", "Port Control Protocol Anycast"),
    ("2001:1::2/128", "Traversal Using Relays around NAT Anycast"),
    (
        "2001:1::3/128",
        "DNS-SD Service Registration Protocol Anycast",
    ),
    ("2001:2::/48", "Benchmarking"),
    ("2001:3::/32", "AMT"),
    ("2001:4:112::/48", "AS112-v6"),
    ("2001:10::/28", "Deprecated (previously ORCHID)"),
    ("2001:20::/28", "ORCHIDv2"),
    ("2001:30::/28", "Drone Remote ID Protocol Entity Tags"),
    ("2001:db8::/32", "Documentation"),
    ("2002::/16", "6to4"),
    ("2620:4f:8000::/48", "Direct Delegation AS112 Service"),
    ("3fff::/20", "Documentation"),
    ("5f00::/16", "Segment Routing (SRv6) SIDs"),
    ("fc00::/7", "Unique-Local"),
    ("fe80::/10", "Link-Local Unicast"),
];

/// The IANA IPv6 Address Space Registry has one block that is assigned to anybody: 2000::/3,
/// Global Unicast. These are all the others.
const NOT_ASSIGNED: [(&str, &str); 14] = [
    ("::/8", "Reserved by IETF"),
    ("100::/8", "Reserved by IETF"),
    ("200::/7", "Reserved by IETF"),
    ("400::/6", "Reserved by IETF"),
    ("800::/5", "Reserved by IETF"),
    ("1000::/4", "Reserved by IETF"),
    ("4000::/3", "Reserved by IETF"),
    ("6000::/3", "Reserved by IETF"),
    ("8000::/3", "Reserved by IETF"),
    ("a000::/3", "Reserved by IETF"),
    ("c000::/3", "Reserved by IETF"),
    ("e000::/4", "Reserved by IETF"),
    ("f000::/4", "Reserved, Unique-Local, Link-Local"),
    ("ff00::/8", "Multicast"),
];

/// A block as the numbers of its first and last address, IPv6 where `true`.
fn block(text: &str) -> (bool, u128, u128) {
    let (first, length) = text.split_once('/').unwrap();
    let length: u32 = length.parse().unwrap();
    let (is_v6, first, bits) = match first.parse().unwrap() {
        IpAddr::V4(first) => (false, u128::from(u32::from_be_bytes(first.octets())), 32),
        IpAddr::V6(first) => (true, u128::from_be_bytes(first.octets()), 128),
    };
    let host_bits = bits - length;
    let rest = if host_bits == 128 {
        u128::MAX
    } else {
        (1 << host_bits) - 1
    };
    assert_eq!(first & rest, 0, "{text} is no block");
    (is_v6, first, first + rest)
}

fn address(is_v6: bool, number: u128) -> IpAddr {
    if is_v6 {
        Ipv6Addr::from_bits(number).into()
    } else {
        Ipv4Addr::from_bits(number.try_into().unwrap()).into()
    }
}

fn every_block() -> impl Iterator<Item = (&'static str, &'static str)> {
    IPV4.into_iter().chain(IPV6).chain(NOT_ASSIGNED)
}

/// The name of the first block that an address is in.
fn registered(address: IpAddr) -> Option<&'static str> {
    let (is_v6, number) = match address {
        IpAddr::V4(address) => (false, u128::from(address.to_bits())),
        IpAddr::V6(address) => (true, address.to_bits()),
    };
    let mapped = 0xffff_0000_0000..=0xffff_ffff_ffff;
    if is_v6 && mapped.contains(&number) {
        let inside = u32::try_from(number - mapped.start()).unwrap();
        return registered(Ipv4Addr::from_bits(inside).into());
    }
    let mut blocks = every_block();
    let found = blocks.find(|(text, _)| {
        let (of_v6, first, last) = block(text);
        of_v6 == is_v6 && (first..=last).contains(&number)
    });
    found.map(|(_, name)| name)
}

#[test]
fn every_registered_block_is_refused_from_its_first_to_its_last_address() {
    for (text, name) in every_block() {
        let (is_v6, first, last) = block(text);
        let size = last - first;
        let inside = (0..=16).map(|part| first + size / 16 * part);
        for number in inside.chain([first, first + size.min(1), last - size.min(1), last]) {
            let address = address(is_v6, number);
            let mapped = (0xffff_0000_0000..=0xffff_ffff_ffff).contains(&number);
            if !(is_v6 && mapped) {
                assert!(
                    refused_range(address).is_some(),
                    "{address}: {name}, {text}"
                );
            }
        }
    }
}

#[test]
fn what_stands_beside_a_registered_block_is_refused_only_by_another() {
    let mut open = 0;
    for (text, _) in every_block() {
        let (is_v6, first, last) = block(text);
        let most = if is_v6 { u128::MAX } else { u32::MAX.into() };
        let before = first.checked_sub(1);
        let after = last.checked_add(1).filter(|after| *after <= most);
        for number in before.into_iter().chain(after) {
            let address = address(is_v6, number);
            let (refused, registered) = (refused_range(address), registered(address));
            assert_eq!(
                refused.is_some(),
                registered.is_some(),
                "{address}, beside {text}"
            );
            open += u32::from(refused.is_none());
        }
    }
    assert!(open > 30, "the neighbours were not found: {open}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        // More where `PROPTEST_CASES` asks for more.
        cases: ProptestConfig::default().cases.max(2_000),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_other_address_is_judged_as_the_registries_say(
        v4 in any::<u32>(),
        v6 in any::<u128>(),
        global in 0x2000_u128..0x4000,
    ) {
        let global = (global << 112) | (v6 >> 16);
        for address in [address(false, v4.into()), address(true, v6), address(true, global)] {
            prop_assert_eq!(refused_range(address).is_some(), registered(address).is_some(), "{}", address);
        }
    }
}
