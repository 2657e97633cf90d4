//! Strangers and neighbours on real sockets, with short limits.

use std::net::Ipv6Addr;
use std::sync::Arc;

use axum::routing::{get, post};
use bytes::Bytes;
use futures::future::join_all;
use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;

use super::*;

/// How long anything may take before a test fails. Generous: it is not a measure of speed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nothing ends by itself within a test.
const LASTING: Limits = Limits {
    connections: 8,
    reserve: 2,
    headers_within: Duration::from_secs(600),
    idle_within: Duration::from_secs(600),
    close_within: Duration::from_millis(200),
};

const SHORT: Duration = Duration::from_millis(300);

/// A listener with its calls: `/livez`, `/held`, which is answered when the test lets it, and `/stream`.
struct Site {
    address: SocketAddr,
    counts: ConnectionCounts,
    /// A permit for each answer of `/held`.
    answers: Arc<Semaphore>,
    /// A permit for each `/held` that has come.
    come: Arc<Semaphore>,
    _stopping: tokio_util::sync::DropGuard,
}

impl Site {
    async fn start(limits: Limits) -> Self {
        Self::of(limits, Settings::default()).await
    }

    async fn of(limits: Limits, settings: Settings) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (answers, come) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (wait, say) = (Arc::clone(&answers), Arc::clone(&come));
        let held = move || {
            let (wait, say) = (Arc::clone(&wait), Arc::clone(&say));
            async move {
                say.add_permits(1);
                wait.acquire().await.expect("it is never closed").forget();
                "held"
            }
        };
        let stream = || async {
            let events = futures::stream::unfold((), async |()| {
                tokio::time::sleep(SHORT / 5).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b".")), ()))
            });
            Body::from_stream(events)
        };
        let large = || async {
            let parts = futures::stream::repeat(Ok::<_, Infallible>(Bytes::from(vec![0; 65_536])));
            Body::from_stream(parts)
        };
        let router = Router::new()
            .route("/livez", get(|| async { "ok" }))
            .route("/held", post(held))
            .route("/stream", get(stream))
            .route("/large", get(large));
        let (stopping, counts) = (CancellationToken::new(), settings.counts.clone());
        tokio::spawn(serve_within(
            listener,
            router,
            settings,
            limits,
            stopping.clone(),
        ));
        Self {
            address,
            counts,
            answers,
            come,
            _stopping: stopping.drop_guard(),
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    /// A connection whose request is in flight.
    async fn held(&self) -> TcpStream {
        let mut stream = self.connect().await;
        send(&mut stream, "POST /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
        in_time(self.come.acquire())
            .await
            .expect("it is never closed")
            .forget();
        stream
    }

    /// A connection that has had a response and sends no further request.
    async fn idle(&self) -> TcpStream {
        let mut stream = self.connect().await;
        assert!(
            get_on(&mut stream, "/livez")
                .await
                .starts_with("HTTP/1.1 200")
        );
        stream
    }

    /// Waits until the listener has so many connections.
    async fn until_open(&self, connections: i64) {
        in_time(async {
            while self.counts.open.get() != connections {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("it is sent");
}

/// The head of the answer; empty when there is none.
async fn get_on(stream: &mut TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    if stream.write_all(request.as_bytes()).await.is_err() {
        return String::new();
    }
    head(stream).await
}

async fn head(stream: &mut TcpStream) -> String {
    let mut buffer = vec![0; 16 * 1024];
    let read = in_time(stream.read(&mut buffer)).await.unwrap_or(0);
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

/// Waits until the other end has closed.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end, too.
    drop(in_time(stream.read_to_end(&mut rest)).await);
}

/// A connection in HTTP/2, and the task that answers pings on it.
async fn http2(site: &Site) -> hyper::client::conn::http2::SendRequest<Body> {
    let stream = TokioIo::new(site.connect().await);
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
        .await
        .expect("a connection");
    tokio::spawn(connection);
    sender
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_send_nothing_or_no_whole_request_end_soon() {
    let limits = Limits {
        headers_within: SHORT,
        ..LASTING
    };
    let site = Site::start(limits).await;
    let beginnings = [
        "",
        "P",
        "PRI * HTTP/2.0\r\n",
        "GET /livez HTTP/1.1\r\nhost:",
    ];
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let ended = beginnings.into_iter().chain([preface]).map(async |text| {
        let mut stream = site.connect().await;
        send(&mut stream, text).await;
        closed(&mut stream).await;
    });
    join_all(ended).await;
    site.until_open(0).await;
}

/// RFC 9112, 3.2: one server would take the first of two, and another the last.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_names_its_host_once() {
    let site = Site::start(LASTING).await;
    for (request, status) in [
        ("GET /livez HTTP/1.1\r\nhost: a\r\n\r\n", 200),
        ("GET /livez HTTP/1.1\r\nhost:\r\n\r\n", 200),
        ("GET /livez HTTP/1.0\r\n\r\n", 200),
        ("GET http://a/livez HTTP/1.1\r\nhost: a\r\n\r\n", 200),
        ("GET /livez HTTP/1.1\r\n\r\n", 400),
        ("GET http://a/livez HTTP/1.1\r\n\r\n", 400),
        ("GET /livez HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400),
        ("GET /livez HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        ("GET /livez HTTP/1.1\r\nhost: a@b\r\n\r\n", 400),
    ] {
        let mut stream = site.connect().await;
        send(&mut stream, request).await;
        let answer = head(&mut stream).await;
        let line = answer.lines().next().unwrap_or_default();
        let code = line.split(' ').nth(1).unwrap_or_default();
        assert_eq!(code, status.to_string(), "{request}: {answer}");
        if status == 400 {
            assert!(answer.contains("\"field\":\"Host\""), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_http2_names_its_host_too() {
    let site = Site::start(LASTING).await;
    let request = |uri: &str, hosts: &[&str]| {
        let request = Request::builder().version(axum::http::Version::HTTP_2);
        let request = request.uri(uri);
        let request = hosts
            .iter()
            .fold(request, |it, host| it.header("host", *host));
        request.body(Body::empty()).expect("a request")
    };
    for (uri, hosts, status) in [
        ("http://a/livez", &[][..], 200),
        ("http://a/livez", &["a"], 200),
        ("http://a/livez", &["a", "a"], 400),
    ] {
        let mut sender = http2(&site).await;
        let answer = in_time(sender.send_request(request(uri, hosts))).await;
        let answer = answer.expect("an answer").status().as_u16();
        assert_eq!(answer, status, "{uri} {hosts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_of_both_protocols_end_and_a_stream_with_events_does_not() {
    let limits = Limits {
        headers_within: SHORT,
        idle_within: SHORT,
        ..LASTING
    };
    let site = Site::start(limits).await;
    let mut stream = site.connect().await;
    assert!(
        get_on(&mut stream, "/stream")
            .await
            .starts_with("HTTP/1.1 200")
    );
    let mut one = site.idle().await;
    let mut two = http2(&site).await;
    let request = Request::get("http://a/livez").body(Body::empty()).unwrap();
    let answer = in_time(two.send_request(request)).await.unwrap();
    assert_eq!(answer.status(), 200);
    closed(&mut one).await;
    // It answers pings for as long as it lives, and sends no request.
    in_time(async {
        while !two.is_closed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    site.until_open(1).await;
    for _ in 0..10 {
        assert!(!head(&mut stream).await.is_empty(), "events still come");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_kept_alive_outlasts_the_time_for_a_first_request() {
    let limits = Limits {
        headers_within: SHORT,
        ..LASTING
    };
    let site = Site::start(limits).await;
    let mut kept = site.idle().await;
    let mut begun = site.idle().await;
    send(&mut begun, "GET /livez HTTP/1.1\r\n").await;
    // Three connections that send nothing are the clock.
    for _ in 0..3 {
        closed(&mut site.connect().await).await;
    }
    assert!(
        get_on(&mut kept, "/livez")
            .await
            .starts_with("HTTP/1.1 200")
    );
    send(&mut begun, "host: a\r\n\r\n").await;
    assert!(head(&mut begun).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_whole_request_do_not_hold_up_the_end() {
    let limits = Limits {
        headers_within: SHORT,
        ..LASTING
    };
    for text in ["", "G", "GET /livez HTTP/1.1\r\nhost:"] {
        let site = Site::start(limits).await;
        let mut stream = site.connect().await;
        send(&mut stream, text).await;
        site.until_open(1).await;
        drop(site);
        closed(&mut stream).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_its_reader_does_not_take_ends() {
    let limits = Limits {
        headers_within: SHORT,
        idle_within: SHORT,
        ..LASTING
    };
    let site = Site::start(limits).await;
    let mut stream = site.connect().await;
    send(&mut stream, "GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    site.until_open(1).await;
    site.until_open(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_are_in_use_the_longest_idle_one_goes_and_none_that_is_answered() {
    let site = Site::start(LASTING).await;
    let mut busy = site.held().await;
    let mut oldest = site.idle().await;
    let mut rest = Vec::new();
    for _ in 2..LASTING.connections {
        rest.push(site.connect().await);
    }
    site.until_open(8).await;
    let mut newcomer = site.connect().await;
    assert!(
        get_on(&mut newcomer, "/livez")
            .await
            .starts_with("HTTP/1.1 200")
    );
    closed(&mut oldest).await;
    assert_eq!(site.counts.evicted.get(), 1);
    // A thousand silent ones are no more than eight.
    for _ in 0..1_000 {
        rest.push(site.connect().await);
    }
    let mut probe = site.connect().await;
    assert!(
        get_on(&mut probe, "/livez")
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert!(site.counts.open.get() <= 8);
    site.answers.add_permits(1);
    assert!(head(&mut busy).await.ends_with("held"));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_all_have_a_request_in_flight_probes_are_answered_and_nothing_else() {
    let site = Site::start(LASTING).await;
    let mut busy = Vec::new();
    for _ in 0..LASTING.connections {
        busy.push(site.held().await);
    }
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(site.connect().await);
    }
    let mut probe = site.connect().await;
    assert!(
        get_on(&mut probe, "/livez")
            .await
            .starts_with("HTTP/1.1 200")
    );
    let other = get_on(&mut probe, "/stream").await;
    assert!(other.starts_with("HTTP/1.1 429"), "{other}");
    assert!(site.counts.open.get() <= 10);
    site.answers.add_permits(LASTING.connections);
    for stream in &mut busy {
        assert!(head(stream).await.ends_with("held"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_connections_and_a_trusted_proxy_has_all() {
    let proxy = TrustedProxies::new(vec!["127.0.0.1/32".parse().unwrap()]);
    for (trusted_proxies, may) in [(TrustedProxies::default(), 3), (proxy, 5)] {
        let settings = Settings {
            per_address: 3,
            trusted_proxies,
            ..Settings::default()
        };
        let site = Site::of(LASTING, settings).await;
        let mut held = Vec::new();
        for _ in 0..may {
            held.push(site.idle().await);
        }
        let mut next = site.connect().await;
        let answered = get_on(&mut next, "/livez")
            .await
            .starts_with("HTTP/1.1 200");
        assert_eq!(answered, may == 5);
        drop(held.pop());
        site.until_open(if may == 5 { 5 } else { 2 }).await;
        site.idle().await;
    }
}

#[test]
fn an_ipv6_network_of_64_bits_is_one_address() {
    let settings = Settings {
        per_address: 2,
        ..Settings::default()
    };
    let permits = Permits::new(settings, LASTING);
    let v6 = |text: &str| text.parse::<Ipv6Addr>().unwrap().into();
    let one = permits.acquire(v6("2001:db8::1"));
    let two = permits.acquire(v6("2001:db8::ffff:2"));
    assert!(one.is_some() && two.is_some());
    assert!(permits.acquire(v6("2001:db8::3")).is_none());
    assert!(permits.acquire(v6("2001:db8:0:1::1")).is_some());
    drop(one);
    assert!(permits.acquire(v6("2001:db8::3")).is_some());
}

/// A frame of HTTP/2: type, flags, stream and payload.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_resets_its_streams_at_once_ends() {
    let site = Site::start(LASTING).await;
    let mut stream = site.connect().await;
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    sent.extend(frame(4, 0, 0, &[]));
    // :method POST, :scheme http, :path /held, :authority a
    let headers = [&[0x83, 0x86, 0x04, 5][..], b"/held", &[0x01, 1], b"a"].concat();
    for stream in (1..4_000).step_by(2) {
        sent.extend(frame(1, 0x4, stream, &headers));
        sent.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    // It may be cut in the middle.
    drop(stream.write_all(&sent).await);
    closed(&mut stream).await;
    site.until_open(0).await;
    assert!(
        site.come.available_permits() < 2_000,
        "not all were looked at"
    );
    assert!(site.idle().await.peer_addr().is_ok());
}

#[tokio::test]
async fn what_is_counted_of_connections_is_a_handful_of_series() {
    let counts = ConnectionCounts::default();
    counts.refused("full");
    let register = |registry: &mut _| counts.register(registry);
    let metrics = diagnostics::Metrics::new(Counter::default(), register);
    let text = metrics.text([], [], true).unwrap();
    for series in [
        "aggregator_connections 0",
        "aggregator_connections_evicted_total 0",
        r#"aggregator_connections_refused_total{reason="full"} 1"#,
    ] {
        assert!(text.contains(series), "{series} is not in {text}");
    }
}
