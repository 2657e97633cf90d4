//! Which addresses a webhook may have. A person who writes the file of webhooks must not be able to make the aggregator call what only it can
//! reach, such as the metadata service of a cloud: an address in the URL is checked, and again after its name was resolved.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The addresses that a webhook may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those of the internet.
    Public,
    /// Also those of this machine and of private networks.
    Private,
}

/// An address that a webhook may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address {0} is not allowed: {why}", why = reason(*.0))]
pub struct Refused(pub IpAddr);

/// The metadata service of a cloud, at an address that looks like a private one.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

impl Reach {
    /// Checks an address.
    ///
    /// # Errors
    /// [`Refused`]
    pub fn check(self, address: IpAddr) -> Result<(), Refused> {
        let allowed = match embedded(address) {
            IpAddr::V4(address) => {
                is_public(address) || (self == Self::Private && is_private(address))
            }
            IpAddr::V6(address) => {
                is_public6(address) || (self == Self::Private && is_private6(address))
            }
        };
        allowed.then_some(()).ok_or(Refused(address))
    }
}

fn reason(address: IpAddr) -> &'static str {
    match Reach::Private.check(address) {
        Ok(()) => "it is not public; set allow_private for a receiver in your own network",
        Err(_) => "it belongs to no receiver",
    }
}

/// The IPv4 address that is reached through an IPv6 one: mapped, compatible, NAT64 and 6to4.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let at = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => at(high, low),
        [0x2002, high, low, ..] => at(high, low),
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => at(high, low),
        _ => address,
    }
}

fn is_public(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // This network, protocol assignments, 6to4 relays, benchmarks; reserved, which includes broadcast.
        [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [240..=255, ..] => true,
        _ => false,
    };
    !(special
        || is_private(address)
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

/// Of this machine, of a private network, or of a carrier's.
fn is_private(address: Ipv4Addr) -> bool {
    let is_shared = matches!(address.octets(), [100, 64..=127, ..]);
    address.is_loopback() || address.is_private() || is_shared
}

fn is_public6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let is_global_unicast = segments[0] & 0xe000 == 0x2000;
    // Protocol assignments, which include Teredo; documentation.
    let is_special = matches!(
        segments,
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..]
    );
    is_global_unicast && !is_special
}

fn is_private6(address: Ipv6Addr) -> bool {
    (address.is_loopback() || address.is_unique_local()) && address != METADATA
}

/// Resolves names to allowed addresses only.
#[derive(Debug, Clone, Copy)]
pub struct CheckedResolver(pub Reach);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed = allowed(reach, found)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The allowed ones of the addresses of a name.
fn allowed(
    reach: Reach,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    let mut allowed = Vec::new();
    for address in found {
        // One that is refused shows what the name is for: the others are not used either.
        reach.check(address.ip())?;
        allowed.push(address);
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &[&str] = &[
        "1.1.1.1",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "2606:4700::1111",
        "2a00:1450::1",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
        "2002:101:101::1",
    ];

    const PRIVATE: &[&str] = &[
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "::1",
        "fc00::1",
        "fd12:3456::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
    ];

    const NEVER: &[&str] = &[
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "169.254.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "100::1",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:a9fe:a9fe::",
    ];

    #[test]
    fn only_public_addresses_are_allowed_unless_private_ones_are_too() {
        let may = |reach: Reach, text: &str| reach.check(text.parse().unwrap()).is_ok();
        for text in PUBLIC {
            assert!(
                may(Reach::Public, text) && may(Reach::Private, text),
                "{text}"
            );
        }
        for text in PRIVATE {
            assert!(
                !may(Reach::Public, text) && may(Reach::Private, text),
                "{text}"
            );
        }
        for text in NEVER {
            assert!(
                !may(Reach::Public, text) && !may(Reach::Private, text),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_with_one_refused_address_is_refused() {
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
        let mixed = [at("1.1.1.1"), at("169.254.169.254")];
        let refused = allowed(Reach::Public, mixed.into_iter()).unwrap_err();
        assert!(refused.to_string().contains("169.254.169.254"), "{refused}");
        assert_eq!(
            allowed(Reach::Public, mixed[..1].iter().copied())
                .unwrap()
                .len(),
            1
        );

        let resolve = |reach: Reach| CheckedResolver(reach).resolve("localhost".parse().unwrap());
        assert!(resolve(Reach::Public).await.is_err());
        assert!(resolve(Reach::Private).await.is_ok());
    }
}
