//! Protects against cross-site requests. A browser sends the cookie automatically, but a token in a header only for pages of this server.

use std::net::IpAddr;
use std::str::FromStr;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::authentication::PresentedCredential;
use crate::problem_response::ProblemResponse;
use diagnostics::{Problem, ProblemCode};

/// Most characters of a header that a refusal repeats.
const REPEATED: usize = 255;

/// The origin of a page, such as `https://fleet.example`: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    place: Place,
}

/// Host, in lower case, and port.
type Place = (String, u16);

/// A text that is not an [`Origin`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write it like https://fleet.example, with the port if it is not 443, and without a path")]
pub struct OriginError;

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let uri: Uri = text.parse().map_err(|_| OriginError)?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(OriginError),
        };
        let place = uri.authority().and_then(|of| place(of, https));
        match place {
            Some(place) if uri.path() == "/" && uri.query().is_none() => Ok(Self { https, place }),
            _ => Err(OriginError),
        }
    }
}

/// Without a port, it is the default one of the scheme, as in an `Origin`: proxies may write it out in `Host`.
fn place(authority: &Authority, https: bool) -> Option<Place> {
    let host = authority.host();
    if host.contains('*') {
        return None;
    }
    let port = match authority.as_str().strip_prefix(host)? {
        "" if https => 443,
        "" => 80,
        port => port.strip_prefix(':')?.parse().ok()?,
    };
    Some((host.to_ascii_lowercase(), port))
}

/// Middleware: refuses requests from other sites that carry the cookie or sign in.
pub async fn same_site_only(State(app): State<App>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let by_cookie = matches!(
        PresentedCredential::in_headers(headers, app.cookie),
        Some(PresentedCredential::Cookie(_))
    );
    let signs_in = request.uri().path() == "/login";
    let refused = match Proof::of(&request, &app.trusted_origins) {
        Proof::SameOrigin => false,
        Proof::OtherOrigin => (by_cookie || signs_in) && !is_navigation(&request),
        // Without such headers it is a program: browsers always send them for requests that change something.
        Proof::None => by_cookie && !signs_in && !is_safe(request.method()),
    };
    if refused {
        let problem = Problem::new(ProblemCode::CrossSite, reason(&request));
        return ProblemResponse(problem).into_response();
    }
    next.run(request).await
}

/// What differs, and the remedy.
fn reason(request: &Request) -> String {
    let headers = request.headers();
    let remedy = "open the page of this server itself, or send the token as the header Authorization: Bearer";
    let Some(origin) = text(headers, "origin") else {
        return match text(headers, "sec-fetch-site") {
            Some(site) => {
                let site = repeated(site);
                format!("a browser sent this from another site (Sec-Fetch-Site: {site}); {remedy}")
            }
            None => format!(
                "the request carries the session's cookie, but neither Origin nor Sec-Fetch-Site, which browsers send; {remedy}"
            ),
        };
    };
    let host = repeated(host(request).unwrap_or("none"));
    let differ = format!(
        "a browser sent this from another site: the Origin is {}, and the host of the request is {host}",
        repeated(origin)
    );
    match origin.parse::<Origin>() {
        Ok(_) => format!(
            "{differ}; {remedy}; if that is this server's own address, let its proxy pass Host on unchanged, or start the aggregator with \
             --trusted-origins {}",
            repeated(origin)
        ),
        Err(_) => format!("{differ}; {remedy}"),
    }
}

/// Headers are visible ASCII.
fn repeated(text: &str) -> &str {
    &text[..text.len().min(REPEATED)]
}

/// The site that a request comes from, according to the browser.
#[derive(Debug, PartialEq, Eq)]
enum Proof {
    SameOrigin,
    OtherOrigin,
    None,
}

impl Proof {
    fn of(request: &Request, trusted: &[Origin]) -> Self {
        let headers = request.headers();
        let origin = text(headers, "origin");
        let page = page(headers);
        if page.as_ref().is_some_and(|page| trusted.contains(page)) {
            return Self::SameOrigin;
        }
        // Scripts cannot set either header. Browsers send the first over plain HTTP only to localhost, and omit the second from a page's own
        // GET requests.
        match text(headers, "sec-fetch-site") {
            Some("same-origin" | "none") => return Self::SameOrigin,
            Some(_) => return Self::OtherOrigin,
            None => {}
        }
        match (origin, page) {
            (None, _) => Self::None,
            (_, Some(page)) if page.is_of(request) => Self::SameOrigin,
            _ => Self::OtherOrigin,
        }
    }
}

impl Origin {
    /// Whether browsers keep cookies that are `Secure`: over HTTPS, or from this machine.
    pub(crate) fn keeps_secure_cookies(&self) -> bool {
        let host = self.place.0.as_str();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        let local = address.map_or_else(
            |_| host == "localhost" || host.ends_with(".localhost"),
            |address: IpAddr| address.to_canonical().is_loopback(),
        );
        self.https || local
    }

    /// Whether the request was sent to this host and port. The scheme is not compared, since a proxy that terminates TLS hides it.
    fn is_of(&self, request: &Request) -> bool {
        let host: Option<Authority> = host(request).and_then(|host| host.parse().ok());
        let place = host.and_then(|host| place(&host, self.https));
        place.is_some_and(|place| place == self.place)
    }
}

/// The origin of the page that sent the request.
pub(crate) fn page(headers: &HeaderMap) -> Option<Origin> {
    text(headers, "origin")?.parse().ok()
}

/// The header's value; one that cannot be read counts as another site.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or("unreadable"))
}

/// The host and port to which the request was sent, as its client or a proxy wrote them.
fn host(request: &Request) -> Option<&str> {
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    authority.or_else(|| text(request.headers(), header::HOST.as_str()))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether the user followed a link to here, for example from a wiki on a sibling host. It changes nothing, and the other page cannot read the
/// response.
fn is_navigation(request: &Request) -> bool {
    let headers = request.headers();
    *request.method() == Method::GET
        && text(headers, "sec-fetch-mode") == Some("navigate")
        && text(headers, "sec-fetch-dest") == Some("document")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn proof(headers: &[(&str, &str)]) -> Proof {
        let mut request = Request::builder()
            .uri("/restart")
            .header("host", "mca.example:8443");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Proof::of(&request.body(Body::empty()).expect("a request"), &[])
    }

    #[test]
    fn the_browsers_own_word_goes_first() {
        let here = ("origin", "https://mca.example:8443");
        assert_eq!(
            proof(&[("sec-fetch-site", "same-origin")]),
            Proof::SameOrigin
        );
        assert_eq!(proof(&[("sec-fetch-site", "none")]), Proof::SameOrigin);
        for site in ["cross-site", "same-site", "", "Same-Origin"] {
            assert_eq!(proof(&[("sec-fetch-site", site), here]), Proof::OtherOrigin);
        }
    }

    #[test]
    fn else_the_origin_must_be_this_host() {
        assert_eq!(proof(&[]), Proof::None);
        assert_eq!(
            proof(&[("origin", "https://mca.example:8443")]),
            Proof::SameOrigin
        );
        for origin in [
            "null",
            "",
            "https://mca.example",
            "https://evil.example",
            "https://mca.example:8443.evil.example",
            "https://mca.example:8443@evil.example",
            "file://mca.example:8443",
        ] {
            assert_eq!(proof(&[("origin", origin)]), Proof::OtherOrigin, "{origin}");
        }
    }
    #[test]
    fn a_default_port_may_be_written_out_or_not() {
        let proof = |origin: &str, host: &str| {
            let request = Request::builder().uri("/login").header("host", host);
            let request = request.header("origin", origin).body(Body::empty());
            Proof::of(&request.expect("a request"), &[])
        };
        for (origin, host) in [
            ("https://mca.example", "mca.example"),
            ("https://mca.example", "MCA.example:443"),
            ("https://mca.example:443", "mca.example"),
            ("http://mca.example", "mca.example:80"),
            ("https://[2001:db8::1]", "[2001:db8::1]:443"),
        ] {
            assert_eq!(proof(origin, host), Proof::SameOrigin, "{origin} {host}");
        }
        for (origin, host) in [
            ("https://mca.example", "mca.example:80"),
            ("http://mca.example", "mca.example:443"),
            ("https://mca.example:99999", "mca.example"),
            ("https://mca.example:", "mca.example"),
            ("https://mca.example", "mca.example@mca.example"),
        ] {
            assert_eq!(proof(origin, host), Proof::OtherOrigin, "{origin} {host}");
        }
    }

    #[test]
    fn a_trusted_origin_counts_as_this_one_whatever_the_host_is() {
        let trusted = ["https://fleet.example:8443".parse().expect("an origin")];
        let proof = |headers: &[(&str, &str)]| {
            let mut request = Request::builder().uri("/login").header("host", "10.0.0.7");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            Proof::of(&request.body(Body::empty()).expect("a request"), &trusted)
        };
        let page = ("origin", "https://fleet.example:8443");
        assert_eq!(proof(&[page]), Proof::SameOrigin);
        let site = ("sec-fetch-site", "same-site");
        assert_eq!(proof(&[site, page]), Proof::SameOrigin);
        for origin in [
            "https://fleet.example",
            "http://fleet.example:8443",
            "https://fleet.example:8443.evil.example",
            "null",
        ] {
            assert_eq!(proof(&[("origin", origin)]), Proof::OtherOrigin, "{origin}");
        }
    }

    #[test]
    fn only_an_origin_can_be_trusted() {
        for text in [
            "",
            "null",
            "*",
            "fleet.example",
            "https://*.example",
            "https://a@fleet.example",
            "https://fleet.example/ui",
            "ftp://fleet.example",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(OriginError), "{text}");
        }
    }
}
