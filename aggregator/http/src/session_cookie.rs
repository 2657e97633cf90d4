//! The cookie in which a browser stores a token, out of reach of scripts and of other sites.

use std::time::Duration;

use axum::http::HeaderMap;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};

use identity::sessions::Token;

/// The cookie of this installation.
#[derive(Debug, Clone, Copy)]
pub enum SessionCookie {
    /// Sent only over HTTPS (or to localhost). Because of its prefix, browsers refuse such a cookie if it is set otherwise or by a sibling site.
    Secure,
    /// Also sent over HTTP, for a demo that is reached by another name than localhost.
    Plain,
}

impl SessionCookie {
    /// The cookie's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Secure => "__Host-mca_session",
            Self::Plain => "mca_session",
        }
    }

    /// The cookie that sets a token.
    #[must_use]
    pub fn holding(self, token: &Token, lasts: Duration) -> Cookie<'static> {
        self.with(token.expose().to_owned(), lasts)
    }

    /// The cookie that removes it.
    #[must_use]
    pub fn emptied(self) -> Cookie<'static> {
        self.with(String::new(), Duration::ZERO)
    }

    /// The cookie that outlives sessions and identifies a device from which a user has signed in.
    #[must_use]
    pub fn device(self, value: String, lasts: Duration) -> Cookie<'static> {
        self.build(self.device_name(), value, lasts)
    }

    /// The device cookie of a request.
    #[must_use]
    pub fn device_in(self, headers: &HeaderMap) -> Option<String> {
        let jar = CookieJar::from_headers(headers);
        let cookie = jar.get(self.device_name())?;
        Some(cookie.value().to_owned())
    }

    fn device_name(self) -> &'static str {
        match self {
            Self::Secure => "__Host-mca_device",
            Self::Plain => "mca_device",
        }
    }

    /// The token in a request's cookie.
    #[must_use]
    pub fn value_in(self, headers: &HeaderMap) -> Option<String> {
        let jar = CookieJar::from_headers(headers);
        jar.get(self.name()).map(|cookie| cookie.value().to_owned())
    }

    fn with(self, value: String, lasts: Duration) -> Cookie<'static> {
        self.build(self.name(), value, lasts)
    }

    fn build(self, name: &'static str, value: String, lasts: Duration) -> Cookie<'static> {
        let mut cookie = Cookie::build((name, value))
            .path("/")
            .http_only(true)
            .secure(matches!(self, Self::Secure))
            .same_site(SameSite::Strict)
            .build();
        cookie.set_max_age(lasts.try_into().ok());
        cookie
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_other_sites_do_not_get_it() {
        let token = Token::mint().unwrap();
        let cookie = SessionCookie::Secure.holding(&token, Duration::from_secs(60));
        let text = cookie.to_string();
        let wanted = format!(
            "__Host-mca_session={}; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=60",
            token.expose()
        );
        assert_eq!(text, wanted);
        let plain = SessionCookie::Plain.emptied().to_string();
        assert_eq!(
            plain,
            "mca_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0"
        );
    }

    #[test]
    fn it_is_found_among_others_by_its_own_name_alone() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "cookie",
            "a=b; mca_session=x; __Host-mca_session=y".parse().unwrap(),
        );
        assert_eq!(
            SessionCookie::Secure.value_in(&headers).as_deref(),
            Some("y")
        );
        assert_eq!(
            SessionCookie::Plain.value_in(&headers).as_deref(),
            Some("x")
        );
    }
}
