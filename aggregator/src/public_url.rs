//! How the service is reached from elsewhere, for links that people pass on. Never taken from a request: its Host is anybody's to write.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use axum::http::Uri;

/// Such as `https://fleet.example`, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

/// What is not a [`PublicUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write it like https://fleet.example, or with a path before which nothing is cut off")]
pub struct PublicUrlError;

impl PublicUrl {
    /// That of a listener, where others can reach it by its address.
    #[must_use]
    pub fn of(listen: SocketAddr) -> Option<Self> {
        (!listen.ip().is_unspecified()).then(|| Self(format!("http://{listen}")))
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
        // A shell reads the URL in a command: nothing in it may mean anything there.
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
