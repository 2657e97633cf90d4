//! `aggregator healthcheck`: requests `/readyz` of the aggregator in the same container, or checks the signing process, for images without another client.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// The caller has a time-out of its own; this one reports the reason.
const WITHIN: Duration = Duration::from_secs(2);

/// Succeeds when the aggregator that listens on `listen` can do its work.
///
/// # Errors
/// When nothing answers there, or with another response.
pub fn ask(listen: SocketAddr) -> Result<()> {
    let address = reached_at(listen);
    let answer = status(address).or_else(|error| match in_place_of(address, listen) {
        Some(other) => status(other).map_err(|_| error),
        None => Err(error),
    });
    let status = answer.with_context(|| format!("no answer from {address}"))?;
    ensure!(
        status.split(' ').nth(1) == Some("200"),
        "not ready: {}",
        status.trim_end()
    );
    Ok(())
}

/// Succeeds when the signing process answers on this socket: it closes the connection of a client that has sent no request.
///
/// # Errors
/// When the connection is not closed.
pub fn ask_signer(socket: &Path) -> Result<()> {
    hung_up(socket).with_context(|| format!("no answer from {}", socket.display()))
}

fn hung_up(socket: &Path) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.shutdown(Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

/// A listener on all addresses is reached on loopback.
fn reached_at(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    listen
}

/// `[::]` is `0.0.0.0` on a host without IPv6.
fn in_place_of(address: SocketAddr, listen: SocketAddr) -> Option<SocketAddr> {
    let all = listen.is_ipv6() && listen.ip().is_unspecified();
    all.then(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port()))
}

fn status(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, WITHIN)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.set_write_timeout(Some(WITHIN))?;
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers one request with `answer`, on all addresses of a free port.
    fn answering(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(&stream);
            reader.read_line(&mut line).unwrap();
            assert_eq!(line, "GET /readyz HTTP/1.1\r\n");
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).unwrap();
            }
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn only_a_200_is_ready() {
        ask(answering("HTTP/1.1 200 OK\r\n\r\nok")).unwrap();
        let refused = ask(answering("HTTP/1.1 503 Service Unavailable\r\n\r\n")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "not ready: HTTP/1.1 503 Service Unavailable"
        );
        for silence in ["", "HTTP/2 20"] {
            assert!(ask(answering(silence)).is_err(), "{silence:?}");
        }
    }

    #[test]
    fn all_addresses_are_those_of_ipv4_on_a_host_without_ipv6() {
        let of_ipv4 = answering("HTTP/1.1 200 OK\r\n\r\nok");
        ask(SocketAddr::new(
            Ipv6Addr::UNSPECIFIED.into(),
            of_ipv4.port(),
        ))
        .unwrap();
    }

    #[test]
    fn nobody_there_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = ask(address).unwrap_err();
        assert_eq!(error.to_string(), format!("no answer from {address}"));
    }
}
