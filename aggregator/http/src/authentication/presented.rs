//! The credential that a request presents.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::session_cookie::SessionCookie;
use identity::sessions::Token;

/// A session's token, and how it was sent.
#[derive(Debug)]
pub enum PresentedCredential {
    /// In the header, which other sites cannot make a browser send.
    Bearer(Option<Token>),
    /// In the cookie, which a browser sends automatically.
    Cookie(Option<Token>),
}

impl PresentedCredential {
    /// The header takes precedence over the cookie, even if it is wrong, so that a wrong header is never ignored.
    #[must_use]
    pub fn in_headers(headers: &HeaderMap, cookie: SessionCookie) -> Option<Self> {
        let bearer = headers
            .get_all(header::AUTHORIZATION)
            .iter()
            .find_map(bearer);
        if let Some(text) = bearer {
            return Some(Self::Bearer(Token::parse(text)));
        }
        let text = cookie.value_in(headers)?;
        Some(Self::Cookie(Token::parse(&text)))
    }

    /// The token, if it has the form of one.
    #[must_use]
    pub fn token(self) -> Option<Token> {
        match self {
            Self::Bearer(token) | Self::Cookie(token) => token,
        }
    }
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    // A header that is not text counts as a wrong token.
    let text = value.to_str().unwrap_or("Bearer ");
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(headers: &[(&'static str, &str)]) -> Option<PresentedCredential> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header"));
        }
        PresentedCredential::in_headers(&map, SessionCookie::SECURE)
    }

    #[test]
    fn the_header_goes_before_the_cookie_even_when_it_is_wrong() {
        let token = Token::mint().unwrap();
        let cookie = format!("__Host-mca_session={}", token.expose());
        let both = [("authorization", "bearer nonsense"), ("cookie", &*cookie)];
        assert!(matches!(
            presented(&both),
            Some(PresentedCredential::Bearer(None))
        ));
        let empty = [("authorization", "Bearer"), ("cookie", &*cookie)];
        assert!(matches!(
            presented(&empty),
            Some(PresentedCredential::Bearer(None))
        ));
        let alone = presented(&both[1..]).unwrap();
        assert!(matches!(&alone, PresentedCredential::Cookie(Some(_))));
        assert_eq!(alone.token(), Some(token));
    }

    #[test]
    fn another_scheme_is_somebody_elses() {
        let token = Token::mint().unwrap();
        let cookie = format!("__Host-mca_session={}", token.expose());
        let proxy = [("authorization", "Basic YTpi"), ("cookie", &*cookie)];
        assert!(matches!(
            presented(&proxy),
            Some(PresentedCredential::Cookie(Some(_)))
        ));
        assert!(presented(&proxy[..1]).is_none());
        let header = format!("BEARER {}", token.expose());
        let bearer = presented(&[("authorization", &*header)]).unwrap();
        assert_eq!(bearer.token(), Some(token));
    }
}
