//! Serves the built web UI. Its pages are under `/ui/`, because `/clusters` and `/deployments` belong to the API.
//! It is also served while the aggregator is waiting for the bus, since the page explains that better than a browser's error.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{MethodRouter, get};
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;

/// Nothing from other sites, nothing inline: a name that contains markup stays text even if the page has a bug.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The directory of files whose name changes with their content.
const HASHED: &str = "/_app/immutable";

/// Most bytes of a part of a page's path: the name of a deployment has up to 253.
const PAGE_NAME: usize = 255;

/// Most bytes of a page's path.
const PAGE_PATH: usize = 2_048;

/// Most bytes of a file's name, so that its compressed variants have legal names too.
const FILE_NAME: usize = 250;

/// The service, with the UI of that directory at `/ui/`, and a redirect from `/`. Users reach it in the folder, which is mostly empty.
pub fn beside(service: Router, dir: &Path, folder: &str) -> Router {
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    let hashed = Router::new()
        .fallback_service(compressed(dir.join("_app/immutable")))
        .layer(map_response(kept_for_ever));
    // It is a single-page application, so every path that is not a file is its start page.
    let page = dir.join("index.html");
    let pages = if folder.is_empty() {
        let page = ServeFile::new(page).precompressed_br().precompressed_gzip();
        Router::new().fallback_service(compressed(dir).fallback(page))
    } else {
        let page = page_in(page, folder);
        let files = compressed(dir).append_index_html_on_directories(false);
        Router::new()
            .route("/index.html", page.clone())
            .fallback_service(files.fallback(page))
    };
    let ui = Router::new()
        .nest_service(HASHED, hashed)
        .nest_service("/_app", compressed(dir.join("_app")))
        .fallback_service(pages)
        .layer(from_fn(legal_names_only))
        .layer(with(header::CACHE_CONTROL, "no-cache"));
    let ui = fixed
        .into_iter()
        .fold(ui, |ui, (name, value)| ui.layer(with(name, value)));
    Router::new()
        .route("/", get(|| async { Redirect::to("/ui/") }))
        .nest_service("/ui", ui)
        .fallback_service(service)
}

/// The file system fails at a name that no file can have, instead of finding nothing.
async fn legal_names_only(mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let longest = path.split('/').map(str::len).max().unwrap_or_default();
    if longest > PAGE_NAME || path.len() > PAGE_PATH || path.contains("%00") {
        return StatusCode::NOT_FOUND.into_response();
    }
    if longest > FILE_NAME {
        *request.uri_mut() = Uri::from_static("/");
    }
    next.run(request).await
}

/// The page, whose addresses lead into the folder; its scripts find each other.
fn page_in(file: PathBuf, folder: &str) -> MethodRouter {
    let base: Arc<str> = format!("\"{folder}/ui/").into();
    get(move || async move {
        match tokio::fs::read_to_string(&file).await {
            Ok(page) => Html(page.replace("\"/ui/", &base)).into_response(),
            Err(_) => StatusCode::NOT_FOUND.into_response(),
        }
    })
}

fn compressed(dir: impl AsRef<Path>) -> ServeDir {
    ServeDir::new(dir).precompressed_br().precompressed_gzip()
}

/// A missing file may exist in the next version.
async fn kept_for_ever(mut response: Response) -> Response {
    if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
        let value = HeaderValue::from_static("public, max-age=31536000, immutable");
        response.headers_mut().insert(header::CACHE_CONTROL, value);
    }
    response
}

/// Unless an inner layer has set it.
fn with(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    /// A build, and the API beside it.
    fn service() -> (tempfile::TempDir, Router) {
        service_in("")
    }

    fn service_in(folder: &str) -> (tempfile::TempDir, Router) {
        let dir = tempfile::tempdir().expect("a directory");
        let hashed = dir.path().join("_app/immutable");
        std::fs::create_dir_all(&hashed).expect("a directory");
        for (file, text) in [
            ("index.html", "page"),
            ("index.html.br", "page, compressed"),
            ("_app/version.json", "version"),
            ("_app/immutable/start.abc.js", "script"),
        ] {
            std::fs::write(dir.path().join(file), text).expect("a file");
        }
        let api = Router::new().fallback(|| async { (StatusCode::UNAUTHORIZED, "api") });
        let service = beside(api, dir.path(), folder);
        (dir, service)
    }

    async fn get(service: &Router, path: &str, encodings: &str) -> (Response, String) {
        let request = Request::get(path).header(header::ACCEPT_ENCODING, encodings);
        let request = request.body(Body::empty()).expect("a request");
        let answer = service.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, 1024).await.expect("a body");
        let text = String::from_utf8(body.to_vec()).expect("text");
        (Response::from_parts(parts, Body::empty()), text)
    }

    fn cached(answer: &Response) -> &str {
        answer.headers()[header::CACHE_CONTROL]
            .to_str()
            .expect("text")
    }

    #[tokio::test]
    async fn every_path_of_the_ui_is_its_page_which_is_asked_for_anew_each_time() {
        let (_dir, service) = service();
        for path in ["/ui", "/ui/", "/ui/deployments", "/ui/deployments/a/b/c.d"] {
            let (answer, text) = get(&service, path, "identity").await;
            assert_eq!(
                (answer.status(), &*text),
                (StatusCode::OK, "page"),
                "{path}"
            );
            assert_eq!(cached(&answer), "no-cache");
            let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str();
            let policy = policy.expect("text");
            assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"));
        }
        let (answer, text) = get(&service, "/ui/", "br").await;
        assert_eq!(text, "page, compressed");
        assert_eq!(answer.headers()[header::CONTENT_ENCODING], "br");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html");
    }

    #[tokio::test]
    async fn in_a_folder_the_page_leads_there() {
        let (dir, service) = service_in("/fleet");
        let page = r#"<script src="/ui/theme.js"></script><link href="/ui/_app/a.css">"#;
        std::fs::write(dir.path().join("index.html"), page).unwrap();
        let expected = page.replace("/ui/", "/fleet/ui/");
        for path in ["/ui", "/ui/", "/ui/index.html", "/ui/deployments/a/b/c"] {
            let (answer, text) = get(&service, path, "br, gzip").await;
            assert_eq!((answer.status(), &*text), (StatusCode::OK, &*expected));
            assert_eq!(cached(&answer), "no-cache");
            let kind = &answer.headers()[header::CONTENT_TYPE];
            assert_eq!(kind, "text/html; charset=utf-8");
        }
        let script = "/ui/_app/immutable/start.abc.js";
        let (_, text) = get(&service, script, "br").await;
        assert_eq!(text, "script");
    }

    #[tokio::test]
    async fn files_named_after_their_content_are_kept_and_missing_ones_are_not() {
        let (_dir, service) = service();
        let (answer, text) = get(&service, "/ui/_app/immutable/start.abc.js", "br").await;
        assert_eq!((answer.status(), &*text), (StatusCode::OK, "script"));
        assert!(cached(&answer).ends_with("immutable"));
        let (answer, _) = get(&service, "/ui/_app/version.json", "br").await;
        assert_eq!(cached(&answer), "no-cache");
        for path in ["/ui/_app/immutable/start.old.js", "/ui/_app/gone.json"] {
            let (answer, text) = get(&service, path, "identity").await;
            assert_eq!((answer.status(), &*text), (StatusCode::NOT_FOUND, ""));
            assert_eq!(cached(&answer), "no-cache", "{path}");
        }
    }

    /// Longer than a file's name (255 bytes) or a path (4,096 bytes) can be, in each directory and for a compressed variant of the file.
    #[tokio::test]
    async fn what_cannot_be_the_name_of_a_file_is_not_found() {
        let (_dir, service) = service();
        let names = [
            "a".repeat(253),
            "a".repeat(300),
            "a".repeat(5_000),
            "%F0%9F%98%80".repeat(64),
            "a/".repeat(2_500),
            "a%00b".to_owned(),
        ];
        for name in &names {
            for dir in ["", "deployments/", "_app/", "_app/immutable/"] {
                for encodings in ["identity", "br", "gzip"] {
                    let path = format!("/ui/{dir}{name}");
                    let (answer, _) = get(&service, &path, encodings).await;
                    let is_page = name.len() == 253 && !dir.starts_with("_app");
                    let status = if is_page {
                        StatusCode::OK
                    } else {
                        StatusCode::NOT_FOUND
                    };
                    assert_eq!(answer.status(), status, "{path} {encodings}");
                    assert_eq!(cached(&answer), "no-cache");
                }
            }
        }
    }

    #[tokio::test]
    async fn the_apis_paths_stay_the_apis() {
        let (_dir, service) = service();
        for path in ["/clusters", "/deployments", "/uist", "/index.html"] {
            let (answer, text) = get(&service, path, "identity").await;
            assert_eq!(
                (answer.status(), &*text),
                (StatusCode::UNAUTHORIZED, "api"),
                "{path}"
            );
        }
        let (answer, _) = get(&service, "/", "identity").await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()[header::LOCATION], "/ui/");
    }
}
