//! The networks that addresses belong to: what is limited by address alone, somebody with many addresses is not limited by.

use std::net::IpAddr;

use ipnet::IpNet;

/// The network of an address, with so many bits. An IPv6 address in which an IPv4 address stands is that one.
pub fn network(address: IpAddr, v4_bits: u8, v6_bits: u8) -> IpNet {
    let address = address.to_canonical();
    let bits = if address.is_ipv4() { v4_bits } else { v6_bits };
    IpNet::new(address, bits).map_or(IpNet::from(address), |network| network.trunc())
}
