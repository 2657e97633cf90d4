//! Keeps other sites from acting through somebody's browser. A browser sends the cookie by itself; a token in a header it sends
//! only for a page of ours.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::authentication::PresentedCredential;
use crate::problem_response::ProblemResponse;
use diagnostics::{Problem, ProblemCode};

/// Middleware: refuses what carries the cookie, or signs in, from another site.
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
        // Programs say nothing, and browsers always do when they change anything.
        Proof::None => by_cookie && !signs_in && !is_safe(request.method()),
    };
    if refused {
        let detail = "a browser sent this from another site; open the page of this server itself, or send the token as the header \
             Authorization: Bearer";
        return ProblemResponse(Problem::new(ProblemCode::CrossSite, detail)).into_response();
    }
    next.run(request).await
}

/// Where a browser says that a request comes from.
#[derive(Debug, PartialEq, Eq)]
enum Proof {
    SameOrigin,
    OtherOrigin,
    None,
}

impl Proof {
    fn of(request: &Request) -> Self {
        let headers = request.headers();
        // Scripts cannot set either header. The first cannot be had over plain HTTP but from localhost; the second is left out
        // of a page's own reading calls.
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

/// The header's value; one that cannot be read is some other site's.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or("unreadable"))
}

/// Whether host and port are those that the request was sent to. The scheme is not compared: a proxy that ends TLS hides it.
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

/// Somebody followed a link to here, from a wiki on a sibling host say. Nothing is changed, and the other page sees nothing of it.
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
