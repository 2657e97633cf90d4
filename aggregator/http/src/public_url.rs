//! The public URL of the service, for links. It is never taken from a request, whose Host header anyone can forge.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::Uri;

use crate::origin::Origin;
use diagnostics::{Problem, ProblemCode};

/// A URL such as `https://fleet.example`, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

/// A text that is not a [`PublicUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write it like https://fleet.example, optionally with a path prefix")]
pub struct PublicUrlError;

impl PublicUrl {
    /// The URL of a listener, if it can be reached by its address.
    #[must_use]
    pub fn of(listen: SocketAddr) -> Option<Self> {
        (!listen.ip().is_unspecified()).then(|| Self(format!("http://{listen}")))
    }

    /// Whether the transport is confidential: HTTPS, or within this machine.
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        let uri: Option<Uri> = self.0.parse().ok();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        let local = address.map_or(host == "localhost", |address: IpAddr| {
            address.to_canonical().is_loopback()
        });
        local || self.0.starts_with("https://")
    }

    /// The origin of its pages.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        let uri: Uri = self.0.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        format!("{scheme}://{authority}").parse().ok()
    }

    /// Its path, such as `/fleet`, without a trailing slash; mostly empty.
    #[must_use]
    pub fn folder(&self) -> String {
        let uri: Option<Uri> = self.0.parse().ok();
        let path = uri.as_ref().map_or("", Uri::path);
        path.trim_end_matches('/').to_owned()
    }

    /// The URL of a path that begins with a slash.
    #[must_use]
    pub fn of_path(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let uri: Uri = text.parse().map_err(|_| PublicUrlError)?;
        // The URL becomes part of a shell command, so it must not contain shell metacharacters.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/.-_~%[]".contains(&byte);
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        if known && uri.authority().is_some() && uri.query().is_none() && text.bytes().all(plain) {
            Ok(Self(text.trim_end_matches('/').to_owned()))
        } else {
            Err(PublicUrlError)
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The URLs of links that join clusters, and whether they may carry secrets: manifests contain a private key, and links give access to one.
#[derive(Debug)]
pub struct Links {
    url: Option<PublicUrl>,
    allow_insecure: bool,
}

impl Links {
    /// Uses the configured URL, or else that of the listener, if it has one.
    #[must_use]
    pub fn new(given: Option<PublicUrl>, listen: SocketAddr, allow_insecure: bool) -> Self {
        Self {
            url: given.or_else(|| PublicUrl::of(listen)),
            allow_insecure,
        }
    }

    /// The base URL of links.
    ///
    /// # Errors
    /// Those of [`Links::carry_secrets`], and when the public URL is not known.
    pub fn url(&self) -> Result<&PublicUrl, Problem> {
        self.carry_secrets()?;
        self.url.as_ref().ok_or_else(unknown)
    }

    /// The folder in which users reach the service; mostly empty.
    #[must_use]
    pub fn folder(&self) -> String {
        self.url.as_ref().map(PublicUrl::folder).unwrap_or_default()
    }

    /// Checks that a private key may be sent to callers.
    ///
    /// # Errors
    /// [`ProblemCode::EnrolmentUnavailable`] when it would be sent unencrypted.
    pub fn carry_secrets(&self) -> Result<(), Problem> {
        match &self.url {
            _ if self.allow_insecure => Ok(()),
            Some(url) if url.is_confidential() => Ok(()),
            Some(url) => Err(in_the_clear(url)),
            None => Err(unknown()),
        }
    }

    /// A warning to log at the start, if any.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let secure = self.url.as_ref().is_some_and(PublicUrl::is_confidential);
        match self.carry_secrets() {
            Err(problem) => Some(format!("clusters cannot be enrolled: {}", problem.detail)),
            Ok(()) if secure => None,
            Ok(()) => Some(
                "--allow-insecure-links: manifests and links that join clusters are issued over plain HTTP: anyone on the network path can \
                 read their private keys"
                    .to_owned(),
            ),
        }
    }
}

fn unknown() -> Problem {
    let detail = "this aggregator does not know its public URL, nor whether it is HTTPS: start it with --public-url https://…, \
        or send the `credential_request` of `agent keygen` to POST /clusters/{cluster}/enroll";
    Problem::new(ProblemCode::EnrolmentUnavailable, detail)
}

fn in_the_clear(url: &PublicUrl) -> Problem {
    let detail = format!(
        "a manifest or link that joins a cluster contains a private key, and would be sent unencrypted by {url}: start the aggregator with --public-url \
         https://…, behind a proxy with TLS, or send the `credential_request` of `agent keygen` to POST /clusters/{{cluster}}/enroll; \
         --allow-insecure-links allows it in spite of that"
    );
    Problem::new(ProblemCode::EnrolmentUnavailable, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_can_reach_is_a_url() {
        let url = |text: &str| PublicUrl::of(text.parse().unwrap()).map(|url| url.to_string());
        assert_eq!(url("10.0.0.1:80").as_deref(), Some("http://10.0.0.1:80"));
        assert_eq!(url("[::1]:8000").as_deref(), Some("http://[::1]:8000"));
        assert_eq!(url("0.0.0.0:8000"), None);
        assert_eq!(url("[::]:8000"), None);
    }

    #[test]
    fn secrets_travel_over_https_or_within_this_machine_or_by_an_explicit_flag() {
        let links = |url: Option<&str>, listen: &str, allow| {
            let url = url.map(|url| url.parse().unwrap());
            let links = Links::new(url, listen.parse().unwrap(), allow);
            (
                links.url().is_ok() && links.carry_secrets().is_ok(),
                links.warning().is_some(),
            )
        };
        for (url, listen) in [
            (Some("https://fleet.example"), "0.0.0.0:80"),
            (Some("http://127.0.0.1:8000"), "0.0.0.0:80"),
            (Some("http://localhost:8000/mca"), "0.0.0.0:80"),
            (Some("http://[::1]:8000"), "[::]:80"),
            (None, "127.0.0.1:8000"),
            (None, "[::1]:8000"),
        ] {
            assert_eq!(links(url, listen, false), (true, false), "{url:?} {listen}");
        }
        for (url, listen) in [
            (Some("http://fleet.example"), "127.0.0.1:80"),
            (Some("http://localhost.example"), "127.0.0.1:80"),
            (Some("http://127.0.0.1.example"), "127.0.0.1:80"),
            (Some("http://10.0.0.1"), "127.0.0.1:80"),
            (None, "10.0.0.1:8000"),
            (None, "0.0.0.0:8000"),
            (None, "[::]:8000"),
        ] {
            assert_eq!(links(url, listen, false), (false, true), "{url:?} {listen}");
        }
        assert_eq!(
            links(Some("http://fleet.example"), "0.0.0.0:80", true),
            (true, true)
        );
        let problem = Links::new(None, "10.0.0.1:8000".parse().unwrap(), false)
            .url()
            .unwrap_err();
        assert_eq!(problem.code, ProblemCode::EnrolmentUnavailable);
        assert!(
            problem.detail.contains("--public-url https://"),
            "{problem}"
        );
    }

    #[test]
    fn its_origin_has_no_path() {
        let url: PublicUrl = "https://fleet.example:8443/mca".parse().unwrap();
        assert_eq!(url.origin(), "https://fleet.example:8443".parse().ok());
        assert_eq!(url.folder(), "/mca");
        for text in ["https://fleet.example", "https://fleet.example/"] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().folder(), "");
        }
    }

    #[test]
    fn what_a_shell_would_read_otherwise_is_no_url() {
        let of = |text: &str| text.parse::<PublicUrl>().map(|url| url.of_path("/join/x"));
        let good = [
            ("https://fleet.example", "https://fleet.example/join/x"),
            (
                "https://fleet.example/mca/",
                "https://fleet.example/mca/join/x",
            ),
        ];
        for (text, url) in good {
            assert_eq!(of(text).as_deref(), Ok(url));
        }
        for text in [
            "",
            "fleet.example",
            "ftp://a",
            "https://a;rm",
            "https://a?b",
            "https://$(a)",
            "/a",
        ] {
            assert_eq!(of(text), Err(PublicUrlError), "{text}");
        }
    }
}
