//! The cookie in which a browser stores a token, out of reach of scripts and of other sites.

use std::time::Duration;

use axum::http::HeaderMap;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};

use identity::sessions::Token;

/// Characters of the account's key in a cookie's name.
const INSTALLATION: usize = 8;

/// The cookie of this installation.
#[derive(Debug, Clone, Copy)]
pub struct SessionCookie {
    secure: bool,
    installation: Option<[u8; INSTALLATION]>,
}

impl SessionCookie {
    /// Sent only over HTTPS (or to localhost). Because of its prefix, browsers refuse such a cookie if it is set otherwise or by a sibling site.
    pub const SECURE: Self = Self {
        secure: true,
        installation: None,
    };

    /// Also sent over HTTP, for a demo that is reached by another name than localhost.
    pub const PLAIN: Self = Self {
        secure: false,
        installation: None,
    };

    /// The cookie of the installation with this account on the bus, which all its replicas share. Cookies know no ports, and with the prefix of
    /// [`SECURE`](Self::SECURE) no paths (RFC 6265, 8.5): another installation on the host would overwrite one of the same name.
    #[must_use]
    pub fn of(self, account: Option<&str>) -> Self {
        // The first character is the same in all keys.
        let characters = account.and_then(|key| key.as_bytes().get(1..=INSTALLATION));
        let installation = characters.and_then(|characters| characters.try_into().ok());
        Self {
            installation,
            ..self
        }
    }

    /// Whether it is sent only over HTTPS.
    #[must_use]
    pub fn is_secure(self) -> bool {
        self.secure
    }

    /// The cookie's name.
    #[must_use]
    pub fn name(self) -> String {
        self.named("session")
    }

    fn named(self, purpose: &str) -> String {
        let prefix = if self.secure { "__Host-" } else { "" };
        let installation = self.installation.as_ref().map(|it| str::from_utf8(it));
        match installation {
            Some(Ok(installation)) => format!("{prefix}mca_{purpose}_{installation}"),
            _ => format!("{prefix}mca_{purpose}"),
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
        let cookie = jar.get(&self.device_name())?;
        Some(cookie.value().to_owned())
    }

    fn device_name(self) -> String {
        self.named("device")
    }

    /// The token in a request's cookie.
    #[must_use]
    pub fn value_in(self, headers: &HeaderMap) -> Option<String> {
        let jar = CookieJar::from_headers(headers);
        jar.get(&self.name())
            .map(|cookie| cookie.value().to_owned())
    }

    fn with(self, value: String, lasts: Duration) -> Cookie<'static> {
        self.build(self.name(), value, lasts)
    }

    fn build(self, name: String, value: String, lasts: Duration) -> Cookie<'static> {
        let mut cookie = Cookie::build((name, value))
            .path("/")
            .http_only(true)
            .secure(self.secure)
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
        let cookie = SessionCookie::SECURE.holding(&token, Duration::from_secs(60));
        let text = cookie.to_string();
        let wanted = format!(
            "__Host-mca_session={}; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=60",
            token.expose()
        );
        assert_eq!(text, wanted);
        let plain = SessionCookie::PLAIN.emptied().to_string();
        assert_eq!(
            plain,
            "mca_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0"
        );
    }

    #[test]
    fn installations_on_one_host_have_cookies_of_their_own() {
        let account = "AABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRSTUVW";
        let cookie = SessionCookie::SECURE.of(Some(account));
        assert_eq!(cookie.name(), "__Host-mca_session_ABCDEFGH");
        let other = SessionCookie::SECURE.of(Some(&account.replace('B', "C")));
        let mut headers = HeaderMap::new();
        let both = format!("{}=x; {}=y", cookie.name(), other.name());
        headers.insert("cookie", both.parse().unwrap());
        assert_eq!(cookie.value_in(&headers).as_deref(), Some("x"));
        assert_eq!(other.value_in(&headers).as_deref(), Some("y"));
        // A bus without accounts.
        assert_eq!(SessionCookie::PLAIN.of(None).name(), "mca_session");
    }

    #[test]
    fn it_is_found_among_others_by_its_own_name_alone() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "cookie",
            "a=b; mca_session=x; __Host-mca_session=y".parse().unwrap(),
        );
        assert_eq!(
            SessionCookie::SECURE.value_in(&headers).as_deref(),
            Some("y")
        );
        assert_eq!(
            SessionCookie::PLAIN.value_in(&headers).as_deref(),
            Some("x")
        );
    }
}
