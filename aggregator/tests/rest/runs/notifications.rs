//! Webhooks that are notified of the states of runs, with a receiver in this process.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aggregator::args::Serve;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use xtask::proxy::TcpProxy;

use super::{quick, restart, run_in, start, with};
use crate::metrics::scrape;
use crate::service::{PATIENCE, Service};
use crate::stack::Stack;

/// Of the specification's example.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What the receiver asks for with a 429: longer than the pauses of the first tries.
const PAUSE: Duration = Duration::from_secs(5);

/// A server that takes notifications, or refuses them.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    requests: Vec<(HeaderMap, String)>,
    /// The next answers; 200 afterwards.
    answers: VecDeque<StatusCode>,
    /// After a redirect was followed.
    elsewhere: usize,
    times: Vec<Instant>,
}

impl Receiver {
    async fn start(answers: &[StatusCode]) -> (Self, SocketAddr) {
        let receiver = Self::default();
        receiver.0.lock().answers = answers.iter().copied().collect();
        let router = Router::new()
            .route("/hook", post(take))
            .route("/elsewhere", post(take_elsewhere))
            .with_state(receiver.clone());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, address)
    }

    fn count(&self) -> usize {
        self.0.lock().requests.len()
    }

    /// A header of each request.
    /// Whether the signature is that of the body, by the words of the specification.
    fn is_signed(&self, number: usize) -> bool {
        let (headers, body) = &self.0.lock().requests[number];
        let header = |name: &str| headers[name].to_str().expect("text").to_owned();
        let signed = [&header("webhook-id"), &header("webhook-timestamp"), body];
        let key = STANDARD.decode(&SECRET["whsec_".len()..]).expect("base64");
        let mac = Hmac::<Sha256>::new_from_slice(&key);
        let mut mac = mac.expect("a key of any length");
        mac.update(signed.map(String::as_str).join(".").as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        header("webhook-signature") == format!("v1,{signature}")
    }

    fn headers(&self, name: &str) -> Vec<String> {
        let of =
            |(headers, _): &(HeaderMap, String)| headers[name].to_str().expect("text").to_owned();
        self.0.lock().requests.iter().map(of).collect()
    }

    fn bodies(&self) -> Vec<Value> {
        let received = self.0.lock();
        let json = |(_, body): &(HeaderMap, String)| serde_json::from_str(body);
        let bodies = received.requests.iter().map(json);
        bodies.collect::<Result<_, _>>().expect("JSON")
    }

    fn types(&self) -> Vec<String> {
        let bodies = self.bodies();
        let of = |body: &Value| body["type"].as_str().expect("a type").to_owned();
        bodies.iter().map(of).collect()
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> Response {
    let mut received = receiver.0.lock();
    received.requests.push((headers, body));
    let status = received.answers.pop_front().unwrap_or(StatusCode::OK);
    received.times.push(Instant::now());
    let pause = PAUSE.as_secs().to_string();
    match status {
        StatusCode::TEMPORARY_REDIRECT => (status, [("location", "/elsewhere")]).into_response(),
        StatusCode::TOO_MANY_REQUESTS => (status, [("retry-after", &pause)]).into_response(),
        status => status.into_response(),
    }
}

async fn take_elsewhere(State(receiver): State<Receiver>) {
    receiver.0.lock().elsewhere += 1;
}

fn hook(address: SocketAddr) -> Value {
    json!({ "name": "on-call", "format": "standard", "url": format!("http://{address}/hook"),
        "secret_file": "secret", "allow_private": true })
}

/// The settings of an aggregator with these webhooks.
fn settings(stack: &Stack, webhooks: &[Value]) -> Serve {
    let dir = stack.dir.path();
    let file = dir.join("notifications.json");
    std::fs::write(dir.join("secret"), SECRET).expect("it is writable");
    let text = json!({ "webhooks": webhooks }).to_string();
    std::fs::write(&file, text).expect("it is writable");
    Serve {
        notifications: Some(file),
        ..Service::settings(dir, &stack.nats.url())
    }
}

/// An aggregator with these webhooks, beside the one of the stack, which has none.
async fn notifying(stack: &Stack, webhooks: &[Value]) -> Service {
    let service = Service::of(settings(stack, webhooks)).await;
    let service = service.expect("it starts");
    let token = service.token("admin").await;
    service.online(1, &token).await;
    known(stack, webhooks).await;
    service
}

/// Waits until the webhooks are known: they are not notified of what happened before.
async fn known(stack: &Stack, webhooks: &[Value]) {
    let jetstream = async_nats::jetstream::new(stack.admin().await);
    let runs = jetstream.get_key_value("runs").await.expect("a bucket");
    for webhook in webhooks {
        let key = format!("webhook.{}", webhook["name"].as_str().expect("a name"));
        let is_known = async || runs.get(&key).await.ok().flatten();
        stack.service.until("the webhook is known", is_known).await;
    }
}

/// The number of the last transition that each webhook has handled, once it is `number` for `on-call`.
async fn handled(stack: &Stack, path: &str, number: u64) -> BTreeMap<String, u64> {
    let jetstream = async_nats::jetstream::new(stack.admin().await);
    let runs = jetstream.get_key_value("runs").await.expect("a bucket");
    let key = format!("{}.notified", path.trim_start_matches("/runs/"));
    let stored = async || {
        let value = runs.get(&key).await.ok().flatten()?;
        let record: Value = serde_json::from_slice(&value).ok()?;
        let webhooks: BTreeMap<String, u64> =
            serde_json::from_value(record["webhooks"].clone()).ok()?;
        (webhooks.get("on-call") == Some(&number)).then_some(webhooks)
    };
    stack.service.until("the delivery is stored", stored).await
}

/// Runs until its end; returns its path and the run.
async fn succeeded(service: &Service) -> (String, Value) {
    let token = service.token("admin").await;
    let path = start(service, &token, &restart()).await;
    let run = run_in(service, &token, &path, "succeeded").await;
    (path, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_succeeds_is_notified_once_signed_and_with_a_link_and_old_runs_are_not() {
    let stack = Stack::start(1).await;
    succeeded(&stack.service).await;
    let (receiver, address) = Receiver::start(&[]).await;
    let service = notifying(&stack, &[hook(address)]).await;
    let (path, run) = succeeded(&service).await;
    handled(&stack, &path, 2).await;
    assert_eq!(receiver.types(), ["run.succeeded"]);
    let body = receiver.bodies().remove(0);
    assert_eq!(body["timestamp"], run["transitions"][1]["time"]);
    for (field, expected) in [
        ("run_id", run["run_id"].clone()),
        ("transition", json!(2)),
        ("state", json!("succeeded")),
        ("action", json!("restart")),
        ("user", json!("admin")),
        ("counts", run["counts"].clone()),
        ("link", json!(format!("https://fleet.example/ui{path}"))),
    ] {
        assert_eq!(body["data"][field], expected, "{field}: {body}");
    }
    let id = run["run_id"].as_str().expect("an id");
    assert_eq!(receiver.headers("webhook-id"), [format!("run_{id}_2")]);
    let timestamp: i64 = receiver.headers("webhook-timestamp")[0]
        .parse()
        .expect("seconds");
    let age = jiff::Timestamp::now().as_second() - timestamp;
    assert!((0..60).contains(&age), "{age}");
    assert!(receiver.is_signed(0));
    let delivered = r#"notifications_total{webhook="on-call",result="delivered"}"#;
    let samples = scrape(&service).await;
    let count = samples.get(&format!("aggregator_{delivered}"));
    assert_eq!(count, Some(&1.0), "{samples:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_refused_is_sent_again_with_the_same_id_and_redirects_are_not_followed()
{
    let stack = Stack::start(1).await;
    let refusals = [
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    let (receiver, address) = Receiver::start(&refusals).await;
    let service = notifying(&stack, &[hook(address)]).await;
    let (path, _) = succeeded(&service).await;
    handled(&stack, &path, 2).await;
    let ids = receiver.headers("webhook-id");
    assert_eq!(ids.len(), 4, "{ids:?}");
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let (times, elsewhere) = {
        let received = receiver.0.lock();
        (received.times.clone(), received.elsewhere)
    };
    assert_eq!(elsewhere, 0);
    assert!(times[3] - times[2] >= PAUSE, "{times:?}");
    let failed = r#"aggregator_notifications_total{webhook="on-call",result="failed"}"#;
    assert_eq!(scrape(&service).await.get(failed), Some(&3.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_only_of_its_states_and_clusters_in_order_and_a_broken_one_delays_no_other()
 {
    let stack = Stack::start(1).await;
    let (receiver, address) = Receiver::start(&[]).await;
    let (elsewhere, other) = Receiver::start(&[]).await;
    let (gone, nothing) = Receiver::start(&[StatusCode::GONE]).await;
    // Takes connections and never answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let silent = silent
        .local_addr()
        .map(|address| (silent, address))
        .expect("an address");
    let named = |address: SocketAddr, name: &str, more: Value| {
        with(with(hook(address), json!({ "name": name })), more)
    };
    let states = json!({ "states": ["running", "paused", "succeeded"], "clusters": ["cluster-*"] });
    let webhooks = [
        named(silent.1, "silent", json!({})),
        named(nothing, "gone", json!({})),
        named(address, "on-call", states),
        named(other, "others", json!({ "clusters": ["prod-*"] })),
    ];
    let service = notifying(&stack, &webhooks).await;
    let token = service.token("admin").await;
    let strategy = json!({ "max_concurrency": 1, "min_success_time": "2s" });
    let body = with(restart(), json!({ "strategy": with(quick(), strategy) }));
    let path = start(&service, &token, &body).await;
    for (act, state) in [("pause", "paused"), ("resume", "succeeded")] {
        service
            .post(&format!("{path}/{act}"), &token, &json!({}))
            .await;
        run_in(&service, &token, &path, state).await;
    }
    let run = service.get(&path, &token).await.body;
    let transitions = run["transitions"].as_array().expect("transitions");
    let last = transitions.last().expect("one")["number"].as_u64();
    let handled = handled(&stack, &path, last.expect("a number")).await;
    let expected = ["run.running", "run.paused", "run.running", "run.succeeded"];
    assert_eq!(receiver.types(), expected);
    assert_eq!(handled.len(), 1, "{handled:?}");
    assert_eq!((elsewhere.count(), gone.count()), (0, 1));
    let conditions = service.get("/conditions", &token).await.body;
    let of_webhook = |it: &&Value| it["type"] == "webhook_disabled";
    let items = conditions["items"].as_array().expect("conditions");
    let message = &items.iter().find(of_webhook).expect("a condition")["message"];
    assert!(
        message.as_str().is_some_and(|it| it.contains(": gone.")),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_came_while_the_receiver_was_down_is_notified_after_a_restart_of_the_aggregator()
 {
    let stack = Stack::start(1).await;
    let (receiver, address) = Receiver::start(&[]).await;
    let proxy = TcpProxy::start(address).await.expect("a proxy");
    let webhook = hook(proxy.addr());
    proxy.reset();
    let replica = Own::start(settings(&stack, std::slice::from_ref(&webhook))).await;
    known(&stack, std::slice::from_ref(&webhook)).await;
    let (path, _) = succeeded(&stack.service).await;
    replica.kill();
    assert_eq!(receiver.count(), 0);
    proxy.heal();
    let _service = notifying(&stack, &[webhook]).await;
    handled(&stack, &path, 2).await;
    assert_eq!(receiver.types(), ["run.succeeded"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_replicas_notifies_and_a_line_for_a_chat_has_no_headers_of_its_own() {
    let stack = Stack::start(1).await;
    let (receiver, address) = Receiver::start(&[]).await;
    let chat = json!({ "name": "on-call", "format": "slack", "url": format!("http://{address}/hook"),
        "allow_private": true });
    let first = notifying(&stack, std::slice::from_ref(&chat)).await;
    let second = notifying(&stack, std::slice::from_ref(&chat)).await;
    for service in [&first, &second] {
        let (path, _) = succeeded(service).await;
        handled(&stack, &path, 2).await;
    }
    let bodies = receiver.bodies();
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    let text = bodies[0]["text"].as_str().expect("text");
    assert!(text.starts_with("Run succeeded: restart of "), "{text}");
    assert!(text.contains(" <https://fleet.example/ui/runs/"), "{text}");
    assert!(
        !receiver.0.lock().requests[0]
            .0
            .contains_key("webhook-signature")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_webhooks_with_an_error_stops_the_start() {
    let stack = Stack::start(1).await;
    let wrong = with(
        hook(SocketAddr::from(([127, 0, 0, 1], 9))),
        json!({ "allow_private": false }),
    );
    let refused = Service::of(settings(&stack, &[wrong])).await;
    let error = format!("{:#}", refused.err().expect("an error"));
    assert!(error.contains("webhooks[0].url"), "{error}");
}

/// An aggregator on its own runtime, like a separate process.
struct Own(Option<Runtime>);

impl Own {
    async fn start(settings: Serve) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let started = runtime.spawn(async move { Service::of(settings).await.map(drop) });
        let started = tokio::time::timeout(PATIENCE, started).await;
        let started = started.expect("it starts in time");
        started.expect("no panic").expect("it starts");
        Self(Some(runtime))
    }

    /// Like SIGKILL.
    fn kill(self) {
        drop(self);
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
