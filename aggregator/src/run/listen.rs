//! Listening on all addresses of a host that may have no IPv6.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tracing::warn;

/// Binds to an address. `[::]`, which takes IPv4 too, becomes `0.0.0.0` where the host has no IPv6.
///
/// # Errors
/// The error of the address that was asked for.
pub async fn on<T>(
    address: SocketAddr,
    bind: impl AsyncFn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let error = match bind(address).await {
        Err(error) if lacks_ipv6(address, &error) => error,
        bound => return bound,
    };
    let all = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
    match bind(all).await {
        Ok(bound) => {
            warn!(%error, "cannot listen on {address}, so only on {all}: this host seems to have no IPv6");
            Ok(bound)
        }
        Err(_) => Err(error),
    }
}

fn lacks_ipv6(address: SocketAddr, error: &io::Error) -> bool {
    use io::ErrorKind::{AddrInUse, PermissionDenied};
    let is_all = address.is_ipv6() && address.ip().is_unspecified();
    is_all && !matches!(error.kind(), AddrInUse | PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of Linux: the kernel has no IPv6.
    const EAFNOSUPPORT: i32 = 97;

    async fn without_ipv6(address: SocketAddr) -> io::Result<SocketAddr> {
        match address {
            SocketAddr::V4(_) => Ok(address),
            SocketAddr::V6(_) => Err(io::Error::from_raw_os_error(EAFNOSUPPORT)),
        }
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn all_addresses_of_a_host_without_ipv6_are_those_of_ipv4() {
        let bound = on(address("[::]:8000"), without_ipv6).await.unwrap();
        assert_eq!(bound, address("0.0.0.0:8000"));
    }

    #[tokio::test]
    async fn one_address_that_is_not_there_is_an_error() {
        let refused = on(address("[::1]:8000"), without_ipv6).await.unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(EAFNOSUPPORT));
    }

    #[tokio::test]
    async fn a_port_in_use_is_an_error() {
        let in_use = async |_| Err::<(), _>(io::ErrorKind::AddrInUse.into());
        let refused = on(address("[::]:8000"), in_use).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn all_addresses_include_those_of_ipv4() {
        let listener = on(address("[::]:0"), tokio::net::TcpListener::bind);
        let listener = listener.await.unwrap();
        let of_ipv4 = (Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port());
        let (connected, accepted) =
            tokio::join!(tokio::net::TcpStream::connect(of_ipv4), listener.accept());
        connected.unwrap();
        accepted.unwrap();
    }
}
