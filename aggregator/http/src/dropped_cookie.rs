//! A session cookie that browsers drop, since the page is on plain HTTP: the sign-in succeeds and seems to do nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::HeaderMap;
use tracing::warn;

use crate::origin;
use crate::session_cookie::SessionCookie;

/// Warns of it once, since each of these sign-ins would say the same.
#[derive(Debug, Default)]
pub struct DroppedCookie {
    warned: AtomicBool,
}

impl DroppedCookie {
    /// After a sign-in: warns if the browser does not keep its cookie.
    pub fn warn_once(&self, cookie: SessionCookie, headers: &HeaderMap) {
        if let Some(origin) = self.is_to_be_named(cookie, headers) {
            warn!(
                origin,
                "a browser has signed in on plain HTTP and drops the session cookie, which is only for HTTPS: it stays signed out; open the \
                 page on HTTPS, or for a demo set --cookie-secure false (MCA_COOKIE_SECURE)"
            );
        }
    }

    /// The origin of the page, which alone tells: a proxy that terminates TLS sends plain HTTP, too. Programs send none and keep the token.
    fn is_to_be_named<'a>(&self, cookie: SessionCookie, headers: &'a HeaderMap) -> Option<&'a str> {
        let page = origin::page(headers)?;
        let dropped = cookie.is_secure() && !page.keeps_secure_cookies();
        if !dropped || self.warned.swap(true, Ordering::Relaxed) {
            return None;
        }
        headers.get("origin")?.to_str().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(dropped: &DroppedCookie, cookie: SessionCookie, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert("origin", origin.parse().expect("a header"));
        }
        dropped.is_to_be_named(cookie, &headers).is_some()
    }

    #[test]
    fn a_sign_in_whose_cookie_is_dropped_is_named_once() {
        let dropped = DroppedCookie::default();
        let page = Some("http://fleet.example");
        assert!(!named(&dropped, SessionCookie::PLAIN, page));
        assert!(named(&dropped, SessionCookie::SECURE, page));
        assert!(!named(&dropped, SessionCookie::SECURE, page));
        assert!(!named(
            &dropped,
            SessionCookie::SECURE,
            Some("http://10.0.0.7:8080")
        ));
    }

    #[test]
    fn over_https_on_this_machine_and_of_programs_nothing_is_dropped() {
        for origin in [
            None,
            Some("null"),
            Some("https://fleet.example"),
            Some("http://localhost:8000"),
            Some("http://mca.localhost"),
            Some("http://127.0.0.1:8000"),
            Some("http://[::1]:8000"),
        ] {
            let dropped = DroppedCookie::default();
            assert!(
                !named(&dropped, SessionCookie::SECURE, origin),
                "{origin:?}"
            );
        }
        for origin in [
            "http://localhost.example",
            "http://10.0.0.7",
            "http://[2001:db8::1]",
        ] {
            let dropped = DroppedCookie::default();
            assert!(
                named(&dropped, SessionCookie::SECURE, Some(origin)),
                "{origin}"
            );
        }
    }
}
