//! Behind a real nginx, with the lines that recipes have.

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio_util::sync::DropGuard;
use xtask::{nginx, required};

use crate::service::{PASSWORD, PATIENCE, Site};

/// A page as the build of the UI has it.
const PAGE: &str = r#"<html><script src="/ui/theme.js"></script></html>"#;

/// nginx before an aggregator, whose public URL is this.
struct Stage {
    nginx: nginx::Nginx,
    site: Site,
    _listening: DropGuard,
    _dir: TempDir,
}

impl Stage {
    /// `{aggregator}` in the block `http` stands for its address. Nothing if there is no nginx.
    async fn start(public_url: Option<&str>, origins: &[&str], http: &str) -> Option<Self> {
        let program = required::or_skip(nginx::find().expect("a valid NGINX"), "nginx")?;
        let dir = TempDir::new().expect("a directory");
        std::fs::create_dir(dir.path().join("ui")).expect("a directory");
        std::fs::write(dir.path().join("ui/index.html"), PAGE).expect("a file");
        let site = Site::start().await;
        let service = site.service_with(|args| {
            args.public_url = public_url.map(|url| url.parse().expect("a URL"));
            args.ui_dir = Some(dir.path().join("ui"));
            args.http.trusted_origins = origins
                .iter()
                .map(|it| it.parse().expect("an origin"))
                .collect();
        });
        let service = service.await.expect("the aggregator starts");
        let (address, listening): (SocketAddr, DropGuard) = service.listen().await;
        let http = http.replace("{aggregator}", &address.to_string());
        let nginx = nginx::Nginx::start(&program, &dir.path().join("nginx"), &http).await;
        Some(Self {
            nginx: nginx.expect("nginx"),
            site,
            _listening: listening,
            _dir: dir,
        })
    }

    /// In HTTP/1.0, so that a body ends with the connection.
    async fn begin(&self, start: &str, headers: &[(&str, &str)], body: &str) -> UnixStream {
        let mut stream = self.nginx.connect().await.expect("it listens");
        let headers = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        let headers: String = headers.collect();
        let length = body.len();
        let text = format!("{start} HTTP/1.0\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        stream.write_all(text.as_bytes()).await.expect("sent");
        stream
    }

    /// Status line and headers, and the body.
    async fn send(&self, start: &str, headers: &[(&str, &str)], body: &str) -> (String, String) {
        let mut stream = self.begin(start, headers, body).await;
        let mut text = String::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text));
        read.await.expect("in time").expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        (head.to_lowercase(), body.to_owned())
    }

    async fn get(&self, path: &str) -> (String, String) {
        self.send(&format!("GET {path}"), &[("host", "tools.example")], "")
            .await
    }

    async fn login(&self, path: &str, host: &str, origin: &str) -> (String, String) {
        let body = format!(r#"{{"username": "ana", "password": "{PASSWORD}"}}"#);
        let json = ("content-type", "application/json");
        let headers = [("host", host), ("origin", origin), json];
        self.send(&format!("POST {path}"), &headers, &body).await
    }
}

/// The value of a header, in lower case.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// What an Ingress with rewrite-target does, and a proxy that leaves the folder on.
#[tokio::test]
async fn a_folder_of_a_proxy_works_for_the_pages_the_api_and_its_documentation() {
    for upstream in ["http://{aggregator}/", "http://{aggregator}"] {
        let http = format!(
            "server {{ listen {{socket}}; absolute_redirect off;
               location /fleet/ {{ proxy_pass {upstream}; proxy_redirect off; proxy_set_header Host $http_host; }} }}"
        );
        let url = "https://tools.example/fleet";
        let Some(stage) = Stage::start(Some(url), &[], &http).await else {
            return;
        };
        for (path, to) in [("/fleet/", "/fleet/ui/"), ("/fleet/docs", "/fleet/docs/")] {
            let (head, _) = stage.get(path).await;
            assert_eq!(header(&head, "location"), Some(to), "{upstream} {head}");
        }
        for path in ["/fleet/ui/", "/fleet/ui/deployments/a/b/c"] {
            let (head, page) = stage.get(path).await;
            assert!(head.starts_with("http/1.1 200"), "{head}");
            assert_eq!(page, PAGE.replace("/ui/", "/fleet/ui/"));
        }
        let (_, script) = stage.get("/fleet/docs/swagger-initializer.js").await;
        assert!(script.contains("\"/fleet/openapi.json\""), "{script}");
        let (_, document) = stage.get("/fleet/openapi.json").await;
        let document: Value = serde_json::from_str(&document).expect("JSON");
        assert_eq!(document["servers"][0]["url"], "/fleet");
        let flows = &document["components"]["securitySchemes"]["password"]["flows"];
        assert_eq!(flows["password"]["tokenUrl"], "/fleet/login");

        let login = stage.login("/fleet/login", "tools.example", "https://tools.example");
        let (head, body) = login.await;
        assert!(head.starts_with("http/1.1 200"), "{head} {body}");
        let token: Value = serde_json::from_str(&body).expect("JSON");
        let bearer = format!(
            "Bearer {}",
            token["access_token"].as_str().expect("a token")
        );
        let headers = [("host", "tools.example"), ("authorization", &*bearer)];
        let (head, me) = stage.send("GET /fleet/me", &headers, "").await;
        assert!(head.starts_with("http/1.1 200"), "{head} {me}");
    }
}

/// nginx with its defaults: HTTP/1.0 upstream, and responses are buffered.
#[tokio::test]
async fn a_stream_passes_an_nginx_with_its_defaults_event_by_event() {
    let http = "server { listen {socket}; location / { proxy_pass http://{aggregator}; } }";
    let Some(stage) = Stage::start(None, &[], http).await else {
        return;
    };
    let service = stage.site.service().await;
    let token = service.token("ana").await;
    service.until_known(&token, true).await;
    let bearer = format!("Bearer {token}");
    let headers = [("host", "mca.example"), ("authorization", &*bearer)];
    let mut stream = stage.begin("GET /watch", &headers, "").await;
    let mut seen = String::new();
    let reading = async {
        while !seen.contains("\r\n\r\nevent: reset\n") {
            seen.push(char::from(stream.read_u8().await.expect("it is open")));
        }
    };
    let read = tokio::time::timeout(PATIENCE, reading).await;
    assert!(read.is_ok(), "the first event is held back: {seen:?}");
}

/// `proxy_set_header Host $host`, as most recipes have it, leaves the port out.
#[tokio::test]
async fn a_host_without_its_port_is_named_and_the_origin_can_be_trusted() {
    let http = "server { listen {socket};
        location / { proxy_pass http://{aggregator}; proxy_set_header Host $host; } }";
    let origin = "http://mca.example:8080";
    let Some(stage) = Stage::start(None, &[], http).await else {
        return;
    };
    let (head, refused) = stage.login("/login", "mca.example:8080", origin).await;
    assert!(head.starts_with("http/1.1 403"), "{head}");
    for text in [
        "the Origin is http://mca.example:8080, and the host of the request is mca.example;",
        "--trusted-origins http://mca.example:8080",
    ] {
        assert!(refused.contains(text), "{refused}");
    }
    let Some(stage) = Stage::start(None, &[origin], http).await else {
        return;
    };
    let (head, body) = stage.login("/login", "mca.example:8080", origin).await;
    assert!(head.starts_with("http/1.1 200"), "{head} {body}");
}
