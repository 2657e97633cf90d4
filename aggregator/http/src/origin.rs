//! Protects against cross-site requests. A browser sends the cookie automatically, but a token in a header only for pages of this server.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::authentication::PresentedCredential;
use crate::problem_response::ProblemResponse;
use diagnostics::{Problem, ProblemCode};

/// Middleware: refuses requests from other sites that carry the cookie or sign in.
pub async fn same_site_only(State(app): State<App>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let by_cookie = matches!(
        PresentedCredential::in_headers(headers, app.cookie),
        Some(PresentedCredential::Cookie(_))
    );
    let signs_in = request.uri().path() == "/login";
    let refused = match Proof::of(&request) {
        Proof::SameOrigin => false,
        Proof::OtherOrigin => (by_cookie || signs_in) && !is_navigation(&request),
        // Without such headers it is a program: browsers always send them for requests that change something.
        Proof::None => by_cookie && !signs_in && !is_safe(request.method()),
    };
    if refused {
        let detail = "a browser sent this from another site; open the page of this server itself, or send the token as the header \
             Authorization: Bearer";
        return ProblemResponse(Problem::new(ProblemCode::CrossSite, detail)).into_response();
    }
    next.run(request).await
}

/// The site that a request comes from, according to the browser.
#[derive(Debug, PartialEq, Eq)]
enum Proof {
    SameOrigin,
    OtherOrigin,
    None,
}

impl Proof {
    fn of(request: &Request) -> Self {
        let headers = request.headers();
        // Scripts cannot set either header. Browsers send the first over plain HTTP only to localhost, and omit the second from a page's own
        // GET requests.
        match text(headers, "sec-fetch-site") {
            Some("same-origin" | "none") => return Self::SameOrigin,
            Some(_) => return Self::OtherOrigin,
            None => {}
        }
        match text(headers, "origin") {
            None => Self::None,
            Some(origin) if is_here(origin, request) => Self::SameOrigin,
            Some(_) => Self::OtherOrigin,
        }
    }
}

/// The header's value; one that cannot be read counts as another site.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or("unreadable"))
}

/// Whether host and port are those that the request was sent to. The scheme is not compared, since a proxy that terminates TLS hides it.
fn is_here(origin: &str, request: &Request) -> bool {
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let here = authority.or_else(|| text(request.headers(), header::HOST.as_str()));
    let Ok(origin) = origin.parse::<Uri>() else {
        return false;
    };
    let http = matches!(origin.scheme_str(), Some("http" | "https"));
    let there = origin.authority().map(|authority| authority.as_str());
    http && there.is_some_and(|there| here.is_some_and(|here| here.eq_ignore_ascii_case(there)))
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
        Proof::of(&request.body(Body::empty()).expect("a request"))
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
}
