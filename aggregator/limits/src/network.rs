//! The networks that addresses belong to: a limit per address alone would not limit a client with many addresses.

use std::net::IpAddr;

use ipnet::IpNet;

/// The network of an address, with prefixes of these lengths. An IPv4-mapped IPv6 address counts as the IPv4 address.
pub fn network(address: IpAddr, v4_bits: u8, v6_bits: u8) -> IpNet {
    let address = address.to_canonical();
    let bits = if address.is_ipv4() { v4_bits } else { v6_bits };
    IpNet::new(address, bits).map_or(IpNet::from(address), |network| network.trunc())
}
