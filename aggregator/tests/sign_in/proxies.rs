//! Behind a proxy that knows nothing of the aggregator, such as nginx with its defaults.

use std::fmt::{Debug, Write as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::service::{PASSWORD, PATIENCE, Site, bearer, login, request};

/// A watch of the fleet in HTTP/1.0, as nginx speaks to its upstreams unless it is configured otherwise.
async fn watch(address: SocketAddr, token: &str, connection: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!(
        "GET /watch HTTP/1.0\r\nhost: mca.example\r\nconnection: {connection}\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream
}

/// Reads until this text has come.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&seen).contains(text) {
            seen.push(stream.read_u8().await.expect("the stream is open"));
        }
    };
    let read = tokio::time::timeout(PATIENCE, reading).await;
    let seen = String::from_utf8(seen).expect("text");
    assert!(read.is_ok(), "only {seen:?} has come");
    seen
}

#[tokio::test]
async fn an_event_stream_passes_a_proxy_that_speaks_http_1_0_event_by_event() {
    let site = Site::start().await;
    let service = site.service().await;
    let (address, _listening) = service.listen().await;
    for connection in ["close", "keep-alive"] {
        let token = service.token("ana").await;
        let mut stream = watch(address, &token, connection).await;
        let head = read_until(&mut stream, "\r\n\r\n").await.to_lowercase();
        assert!(head.starts_with("http/1.0 200"), "{head}");
        assert!(head.contains("\r\ncontent-type: text/event-stream\r\n"));
        for absent in ["transfer-encoding", "content-length", "keep-alive"] {
            assert!(!head.contains(absent), "{absent}: {head}");
        }
        assert!(head.contains("\r\nx-accel-buffering: no\r\n"), "{head}");
        // The first event comes while the second one has not yet happened, and the end is that of the connection.
        let first = read_until(&mut stream, "\n\n").await;
        assert!(first.starts_with("event: reset\n"), "{first}");
        service.send(bearer("POST", "/logout", &token)).await;
        let mut rest = String::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut rest));
        read.await.expect("it ends").expect("it is text");
        assert!(
            rest.contains("\nevent: problem\n") || rest.starts_with("event: problem\n"),
            "{rest}"
        );
    }
}

#[tokio::test]
async fn a_refused_sign_in_names_the_origin_and_the_host_that_differ() {
    let site = Site::start().await;
    let service = site.service().await;
    let detail = async |headers: &[(&str, &str)]| {
        let answer = service.send(request("POST", "/login", headers, "")).await;
        assert_eq!(answer.code(), "cross_site");
        answer.body["detail"].as_str().expect("a detail").to_owned()
    };
    // `proxy_set_header Host $host` leaves the port out.
    let lost = detail(&[("origin", "http://mca.example:8080")]).await;
    for text in [
        "the Origin is http://mca.example:8080, and the host of the request is mca.example;",
        "--trusted-origins http://mca.example:8080",
    ] {
        assert!(lost.contains(text), "{lost}");
    }
    let null = detail(&[("origin", "null")]).await;
    assert!(null.contains("the Origin is null,") && !null.contains("--trusted"));
    let site = detail(&[("sec-fetch-site", "cross-site")]).await;
    assert!(site.contains("Sec-Fetch-Site: cross-site"), "{site}");
    let long = format!("https://{}.example", "a".repeat(10_000));
    assert!(detail(&[("origin", &long)]).await.len() < 1_000);
}

/// The fields of an event.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").expect("a string takes all");
    }
}

/// The warnings of this thread.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Subscriber for Warnings {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        *of.level() == Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.0.lock().expect("no test has failed").push(text.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn a_sign_in_whose_cookie_the_browser_drops_is_logged_once_with_the_flag() {
    let site = Site::start().await;
    let service = site.service().await;
    let warnings = Warnings::default();
    let _logging = tracing::subscriber::set_default(warnings.clone());
    let named = || {
        let warnings = warnings.0.lock().expect("no test has failed");
        let of_cookie = warnings
            .iter()
            .filter(|text| text.contains("--cookie-secure"));
        of_cookie.cloned().collect::<Vec<_>>()
    };
    for (origin, expected) in [
        ("https://mca.example", 0),
        ("http://mca.example", 1),
        ("http://mca.example", 1),
    ] {
        let mut request = login("ana", PASSWORD);
        let value = origin.parse().expect("a header");
        request.headers_mut().insert("origin", value);
        assert_eq!(service.send(request).await.status, 200);
        let named = named();
        assert_eq!(named.len(), expected, "{origin}: {named:?}");
        assert!(named.iter().all(|text| text.contains("http://mca.example")));
    }
}
