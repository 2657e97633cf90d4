//! The host that a request is for must be named once (RFC 9112, 3.2; RFC 9113, 8.3.1): of two names, a proxy may check one and this server
//! use the other.

use axum::http::uri::Authority;
use axum::http::{HeaderValue, Request, Version, header};
use diagnostics::{Problem, ProblemCode};

/// Checks the `Host` of a request.
///
/// # Errors
/// [`ProblemCode::InvalidRequest`] when it is missing, given twice or no host. HTTP/1.0 may omit it, HTTP/2 has `:authority` instead.
pub fn check<B>(request: &Request<B>) -> Result<(), Problem> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let why = match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => "it is given twice",
        (Some(host), None) if !is_host(host) => "it is no host, such as fleet.example:8443",
        (None, _) if needs_host(request) => "it is missing",
        _ => return Ok(()),
    };
    let problem = Problem::new(ProblemCode::InvalidRequest, format!("Host: {why}"));
    Err(problem.field("Host"))
}

fn needs_host<B>(request: &Request<B>) -> bool {
    match request.version() {
        Version::HTTP_09 | Version::HTTP_10 => false,
        Version::HTTP_11 => true,
        _ => request.uri().authority().is_none(),
    }
}

/// A host, which may be empty, and a port, which may be absent.
fn is_host(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else {
        return false;
    };
    let Ok(authority) = text.parse::<Authority>() else {
        return text.is_empty();
    };
    let port = text.strip_prefix(authority.host()).unwrap_or("@");
    port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_no_user_no_scheme_and_a_number_as_its_port() {
        for host in [
            "",
            "a",
            "a:",
            "fleet.example:8443",
            "127.0.0.1",
            "[::1]",
            "[::1]:80",
        ] {
            assert!(is_host(&HeaderValue::from_static(host)), "{host}");
        }
        for host in [
            "a b", "a@b", "http://a", "a/b", "a:b", "a,b:1:2", "[::1", "a?b", "\u{e4}",
        ] {
            let value = HeaderValue::from_bytes(host.as_bytes()).expect("a value");
            assert!(!is_host(&value), "{host}");
        }
    }
}
