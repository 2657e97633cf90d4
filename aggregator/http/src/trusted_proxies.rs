//! Proxies whose `X-Forwarded-For` is trusted.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::HeaderMap;
use ipnet::IpNet;
use parking_lot::Mutex;

/// Most peers that are logged for an untrusted header. More than one, so that a stranger who sends the header first does not prevent the
/// ingress from being logged; not all, since anybody can send it.
const NAMED: usize = 16;

/// Why a peer's headers of forwarding are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// It is not a trusted proxy.
    Untrusted,
    /// It is trusted, but sends only `Forwarded` (RFC 7239), which is not read.
    Unread,
}

/// Networks whose `X-Forwarded-For` is trusted. None by default, since anyone can send the header.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    named: Arc<Mutex<HashSet<IpAddr>>>,
}

impl TrustedProxies {
    /// These networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self {
            networks,
            named: Arc::default(),
        }
    }

    /// Whether a proxy of ours has this address.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Why to log this peer: its headers of forwarding are ignored, and it has not been logged before.
    pub fn to_be_named(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Ignored> {
        let peer = peer.to_canonical();
        let [read, unread] =
            ["x-forwarded-for", "forwarded"].map(|name| headers.contains_key(name));
        let ignored = match self.trusts(peer) {
            false if read || unread => Ignored::Untrusted,
            true if unread && !read => Ignored::Unread,
            _ => return None,
        };
        let mut named = self.named.lock();
        (named.len() < NAMED && named.insert(peer)).then_some(ignored)
    }

    /// Each proxy appends the address of its client, so the list is read from its end, for as long as the addresses are of trusted proxies.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lists = headers.get_all("x-forwarded-for").into_iter().rev();
        for list in lists {
            for hop in list.to_str().unwrap_or_default().rsplit(',') {
                if !self.trusts(client) {
                    return client;
                }
                match address(hop.trim()) {
                    Some(address) => client = address.to_canonical(),
                    None => return client,
                }
            }
        }
        client
    }
}

fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let networks = proxies.iter().map(|text| text.parse().expect("a network"));
        let mut headers = HeaderMap::new();
        for list in forwarded {
            headers.append("x-forwarded-for", list.parse().expect("a header"));
        }
        let proxies = TrustedProxies::new(networks.collect());
        let peer = peer.parse().expect("an address");
        proxies.client(peer, &headers).to_string()
    }

    #[test]
    fn nobody_is_believed_by_default() {
        assert_eq!(client(&[], "10.0.0.1", &["1.2.3.4"]), "10.0.0.1");
        assert_eq!(
            client(&["10.1.0.0/16"], "10.0.0.1", &["1.2.3.4"]),
            "10.0.0.1"
        );
    }

    #[test]
    fn a_peer_that_is_not_believed_is_named_once() {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let (mut headers, plain) = (HeaderMap::new(), HeaderMap::new());
        headers.insert("x-forwarded-for", "1.2.3.4".parse().unwrap());
        let named = |peer: &str, headers| proxies.to_be_named(peer.parse().unwrap(), headers);
        assert_eq!(named("192.0.2.1", &plain), None);
        assert_eq!(named("10.0.0.1", &headers), None);
        assert_eq!(named("192.0.2.1", &headers), Some(Ignored::Untrusted));
        assert_eq!(named("::ffff:192.0.2.1", &headers), None);
        let others = (2..=200).filter_map(|n| named(&format!("192.0.2.{n}"), &headers));
        assert_eq!(others.count(), NAMED - 1);
    }

    #[test]
    fn a_peer_that_sends_only_forwarded_is_named_too_trusted_or_not() {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        headers.insert("forwarded", "for=1.2.3.4;proto=https".parse().unwrap());
        let named =
            |peer: &str, headers: &HeaderMap| proxies.to_be_named(peer.parse().unwrap(), headers);
        assert_eq!(named("192.0.2.1", &headers), Some(Ignored::Untrusted));
        assert_eq!(named("10.0.0.1", &headers), Some(Ignored::Unread));
        assert_eq!(named("10.0.0.1", &headers), None);
        headers.insert("x-forwarded-for", "1.2.3.4".parse().unwrap());
        assert_eq!(named("10.0.0.2", &headers), None);
    }

    #[test]
    fn what_a_client_says_of_itself_is_not_believed_through_a_proxy_either() {
        let proxies = ["10.0.0.0/8"];
        assert_eq!(
            client(&proxies, "10.0.0.1", &["6.6.6.6, 1.2.3.4"]),
            "1.2.3.4"
        );
        assert_eq!(
            client(&proxies, "10.0.0.1", &["6.6.6.6", "1.2.3.4, 10.2.2.2"]),
            "1.2.3.4"
        );
        assert_eq!(client(&proxies, "::ffff:10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
    }

    #[test]
    fn an_entry_that_is_no_address_leaves_the_last_one_that_was() {
        let proxies = ["10.0.0.0/8", "fd00::/8"];
        assert_eq!(
            client(&proxies, "10.0.0.1", &["1.2.3.4, unknown"]),
            "10.0.0.1"
        );
        assert_eq!(client(&proxies, "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(
            client(&proxies, "fd00::1", &["[2001:db8::7]:4711"]),
            "2001:db8::7"
        );
        assert_eq!(client(&proxies, "fd00::1", &["1.2.3.4:80"]), "1.2.3.4");
    }
}
