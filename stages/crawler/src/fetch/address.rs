//! Checks which IP addresses may be connected to, and resolves names only to such addresses.
//!
//! The resolver makes the check, and the client connects to exactly the addresses that passed, so a name that later
//! resolves to another address (DNS rebinding) gains nothing. Literal addresses never reach a resolver: the fetcher
//! calls [`AddressPolicy::check_host`] for each hop.
//!
//! Invariant: an address that is not globally reachable unicast by the IANA special-purpose registries (RFC 6890 and
//! its updates) has a [`class`], and each class is blocked unless a setting allows it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use url::{Host, Url};

/// Why an address is not part of the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressClass {
    Loopback,
    Private,
    SharedCarrier,
    UniqueLocal,
    LinkLocal,
    Mapped,
    Multicast,
    Reserved,
}

impl AddressClass {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::SharedCarrier => "carrier-grade NAT",
            Self::UniqueLocal => "unique-local",
            Self::LinkLocal => "link-local",
            Self::Mapped => "IPv4-mapped",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
        }
    }
}

/// The class of an address, or `None` for a public address.
pub(crate) fn class(ip: IpAddr) -> Option<AddressClass> {
    match ip {
        IpAddr::V4(ip) => class_v4(ip),
        IpAddr::V6(ip) => class_v6(ip),
    }
}

fn class_v4(ip: Ipv4Addr) -> Option<AddressClass> {
    match ip.octets() {
        [127, ..] => Some(AddressClass::Loopback),
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Some(AddressClass::Private),
        [100, 64..=127, ..] => Some(AddressClass::SharedCarrier),
        [169, 254, ..] => Some(AddressClass::LinkLocal),
        [224..=239, ..] => Some(AddressClass::Multicast),
        // "this network", future use and broadcast; protocol assignments, documentation, 6to4 relay; benchmarking,
        // documentation
        [0 | 240..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Some(AddressClass::Reserved),
        _ => None,
    }
}

fn class_v6(ip: Ipv6Addr) -> Option<AddressClass> {
    let tail = || {
        let [.., a, b, c, d] = ip.octets();
        Ipv4Addr::new(a, b, c, d)
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(AddressClass::Loopback),
        [0, 0, 0, 0, 0, 0xffff, ..] => Some(class_v4(tail()).unwrap_or(AddressClass::Mapped)),
        // NAT64 (RFC 6052): on such a network public IPv4 hosts have these addresses.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => class_v4(tail()),
        [0x64, 0xff9b, 1, ..] => Some(AddressClass::Private),
        // 6to4 (RFC 3056) carries an IPv4 address after its prefix.
        [0x2002, a, b, ..] => {
            let [a0, a1] = a.to_be_bytes();
            let [b0, b1] = b.to_be_bytes();
            Some(class_v4(Ipv4Addr::new(a0, a1, b0, b1)).unwrap_or(AddressClass::Reserved))
        }
        [0xfc00..=0xfdff, ..] => Some(AddressClass::UniqueLocal),
        [0xfe80..=0xfebf, ..] => Some(AddressClass::LinkLocal),
        [0xff00..=0xffff, ..] => Some(AddressClass::Multicast),
        // 2001::/23 protocol assignments (Teredo, ORCHID), 2001:db8::/32 and 3fff::/20 documentation
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some(AddressClass::Reserved),
        // Global unicast is 2000::/3; no other block is allocated.
        [0x2000..=0x3fff, ..] => None,
        _ => Some(AddressClass::Reserved),
    }
}

/// An address blocked before any byte is sent to it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{host} is at the {class} address {ip}")]
pub(crate) struct BlockedAddress {
    pub(crate) host: String,
    pub(crate) ip: IpAddr,
    pub(crate) class: &'static str,
}

/// The address classes that a crawl allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AddressPolicy {
    pub(crate) loopback: bool,
    pub(crate) private: bool,
    /// Public addresses are allowed only if a contact is set, so no redirect can lead a crawl without a contact to
    /// them.
    pub(crate) public: bool,
}

impl AddressPolicy {
    /// Whether an address may be connected to for a host.
    pub(crate) fn check(self, host: &str, ip: IpAddr) -> Result<(), BlockedAddress> {
        let blocked = match class(ip) {
            Some(AddressClass::Loopback) => !self.loopback,
            Some(AddressClass::Private | AddressClass::SharedCarrier | AddressClass::UniqueLocal) => !self.private,
            Some(_) => true,
            None => !self.public || is_loopback_host(host),
        };
        if blocked {
            let class = class(ip).map_or("public (and no contact is set)", AddressClass::name);
            return Err(BlockedAddress { host: host.to_owned(), ip, class });
        }
        Ok(())
    }

    /// Checks a URL whose host is a literal address; names pass, since the resolver checks them.
    pub(crate) fn check_host(self, url: &Url) -> Result<(), BlockedAddress> {
        match url.host() {
            Some(Host::Ipv4(ip)) => self.check(&ip.to_string(), ip.into()),
            Some(Host::Ipv6(ip)) => self.check(&ip.to_string(), ip.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }
}

/// Resolves names through the operating system and returns the addresses that a policy allows.
#[derive(Debug, Clone)]
pub(crate) struct CheckedResolver {
    policy: AddressPolicy,
    routes: Arc<BTreeMap<String, SocketAddr>>,
}

impl CheckedResolver {
    pub(crate) fn new(policy: AddressPolicy, routes: BTreeMap<String, SocketAddr>) -> Self {
        Self { policy, routes: Arc::new(routes) }
    }
}

impl reqwest::dns::Resolve for CheckedResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let Self { policy, routes } = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = match routes.get(host) {
                Some(address) => vec![*address],
                None => tokio::net::lookup_host((host, 0)).await?.collect(),
            };
            let mut blocked = None;
            let mut allowed = Vec::with_capacity(found.len());
            for address in found {
                match policy.check(host, address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(error) => blocked = Some(error),
                }
            }
            match blocked {
                Some(error) if allowed.is_empty() => Err(error.into()),
                _ => Ok(Box::new(allowed.into_iter()) as reqwest::dns::Addrs),
            }
        })
    }
}

/// Whether a host, as written in a URL, is always this machine: a loopback address, `localhost` or a name below it (RFC
/// 6761, section 6.3; the resolver accepts only loopback addresses for such names).
pub fn is_loopback_host(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Ipv4(ip)) => ip.is_loopback(),
        Ok(Host::Ipv6(ip)) => ip.is_loopback(),
        Ok(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Option<&'static str> {
        class(text.parse().unwrap()).map(AddressClass::name)
    }

    #[test]
    fn special_addresses_have_a_class() {
        for (text, expected) in [
            ("127.0.0.1", "loopback"),
            ("127.255.0.9", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("64:ff9b::127.0.0.1", "loopback"),
            ("2002:7f00:1::", "loopback"),
            ("10.1.2.3", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.0.1", "private"),
            ("::ffff:10.0.0.1", "private"),
            ("100.64.0.1", "carrier-grade NAT"),
            ("169.254.169.254", "link-local"),
            ("::ffff:169.254.169.254", "link-local"),
            ("fe80::1", "link-local"),
            ("fd00::1", "unique-local"),
            ("::ffff:8.8.8.8", "IPv4-mapped"),
            ("0.0.0.0", "reserved"),
            ("::", "reserved"),
            ("255.255.255.255", "reserved"),
            ("198.18.0.1", "reserved"),
            ("192.0.2.1", "reserved"),
            ("224.0.0.1", "multicast"),
            ("ff02::1", "multicast"),
            ("2001::1", "reserved"),
            ("2001:db8::1", "reserved"),
            ("::127.0.0.1", "reserved"),
            ("100::1", "reserved"),
            ("fec0::1", "reserved"),
            ("5f00::1", "reserved"),
            ("64:ff9b:1::1", "private"),
        ] {
            assert_eq!(named(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn public_addresses_have_none() {
        for text in
            ["8.8.8.8", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "64:ff9b::8.8.8.8", "2a00::1"]
        {
            assert_eq!(named(text), None, "{text}");
        }
    }

    #[test]
    fn every_spelling_of_a_literal_is_seen() {
        let policy = AddressPolicy { loopback: false, private: false, public: false };
        for text in
            ["http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/", "http://[::ffff:7f00:1]/"]
        {
            assert!(policy.check_host(&Url::parse(text).unwrap()).is_err(), "{text}");
        }
        let open = AddressPolicy { loopback: true, private: true, public: true };
        assert!(open.check_host(&Url::parse("http://127.1/").unwrap()).is_ok());
        assert!(open.check_host(&Url::parse("http://169.254.169.254/").unwrap()).is_err());
        let public = "8.8.8.8".parse().unwrap();
        assert!(open.check("localhost", public).is_err());
        assert!(open.check("site.org", public).is_ok());
        assert!(policy.check("site.org", public).is_err(), "a public host needs a contact");
    }
}
