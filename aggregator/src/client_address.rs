//! From where a request comes: the other end of the connection, unless that is a proxy that was declared as one.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::{HeaderMap, request::Parts};
use ipnet::IpNet;

use crate::app::App;
use crate::problem::{Problem, ProblemCode};

/// Networks whose word about their clients is believed. None by default: the header is anybody's to write.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// These networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Each proxy appends whom it was called by, so the list is read from its end, for as long as the proxies are ours.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
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

/// Where the request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let ConnectInfo(peer) = ConnectInfo::<SocketAddr>::from_request_parts(parts, app)
            .await
            .map_err(|_| Problem::new(ProblemCode::Internal, "the connection has no address"))?;
        let proxies = &app.identity.trusted_proxies;
        Ok(Self(proxies.client(peer.ip(), &parts.headers)))
    }
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
