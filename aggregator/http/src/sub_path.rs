//! The folder of a proxy in which users reach the service, such as `/fleet` of `https://tools.example/fleet`. Most proxies take it off a
//! request's path, some leave it on: both work.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Uri, header};
use axum::response::Response;
use tower::ServiceExt as _;

/// Serves both what arrives with the folder and without. Redirects and links in `Location` lead into it.
pub fn below(service: Router, folder: &str) -> Router {
    if folder.is_empty() {
        return service;
    }
    let folder: Arc<str> = folder.into();
    // Not a layer, which would run after the route was chosen.
    Router::new().fallback(move |mut request: Request| {
        let (service, folder) = (service.clone(), Arc::clone(&folder));
        async move {
            if let Some(inner) = inside(request.uri(), &folder) {
                *request.uri_mut() = inner;
            }
            let mut response = service.oneshot(request).await?;
            relocate(&mut response, &folder);
            Ok::<_, std::convert::Infallible>(response)
        }
    })
}

/// The rest of a path in the folder.
fn inside(uri: &Uri, folder: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(folder)?;
    match rest.as_bytes().first() {
        None => Some(Uri::from_static("/")),
        Some(b'/') => rest.parse().ok(),
        Some(b'?') => format!("/{rest}").parse().ok(),
        Some(_) => None,
    }
}

fn relocate(response: &mut Response, folder: &str) {
    let location = response.headers().get(header::LOCATION);
    let Some(path) = location.and_then(|value| value.to_str().ok()) else {
        return;
    };
    if !path.starts_with('/') {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(&format!("{folder}{path}")) {
        response.headers_mut().insert(header::LOCATION, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::response::{Redirect, Response};
    use axum::routing::get;

    async fn answer(folder: &str, path: &str) -> Response {
        let service = Router::new()
            .route("/", get(|| async { Redirect::to("/ui/") }))
            .route(
                "/away",
                get(|| async { Redirect::to("https://a.example/") }),
            )
            .route("/fleets", get(|uri: Uri| async move { uri.to_string() }))
            .route("/me", get(|uri: Uri| async move { uri.to_string() }));
        let request = Request::get(path).body(Body::empty()).unwrap();
        below(service, folder).oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn paths_are_found_with_and_without_the_folder() {
        for path in ["/me", "/fleet/me", "/fleet/me?a=/fleet/b", "/fleets"] {
            assert_eq!(
                answer("/fleet", path).await.status(),
                StatusCode::OK,
                "{path}"
            );
        }
        for path in ["/fleetme", "/fleet/fleet/me", "/fleet//me"] {
            let status = answer("/fleet", path).await.status();
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        }
        let status = answer("", "/fleet/me").await.status();
        assert_eq!(status, StatusCode::NOT_FOUND, "there is no folder");
    }

    #[tokio::test]
    async fn redirects_lead_into_the_folder() {
        for (path, to) in [
            ("/", "/fleet/ui/"),
            ("/fleet", "/fleet/ui/"),
            ("/fleet?a", "/fleet/ui/"),
            ("/fleet/", "/fleet/ui/"),
            ("/fleet/away", "https://a.example/"),
        ] {
            let answer = answer("/fleet", path).await;
            assert_eq!(answer.headers()[header::LOCATION], to, "{path}");
        }
    }
}
