//! One aggregator in process, and its responses.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use aggregator::args::{AgentCredentials, Http, Serve};
use aggregator::run;
use aggregator_http::app::App;
use aggregator_http::{listener, routes};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, Response, StatusCode};
use bus_link::{BusAddress, LogFormat};
use enrolment::AGENT_CREDENTIAL_LIFETIME;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use xtask::condition;

/// How long anything may take before a test fails. Generous: it is not a measure of speed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// No call takes longer, even if it waits for clusters.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);

/// The password of every user of these tests.
pub const PASSWORD: &str = "a test's password";

/// One aggregator.
pub struct Service {
    pub app: App,
    router: Router,
}

/// A complete response.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub body: Value,
}

impl Service {
    pub async fn start(dir: &TempDir, nats_url: &str) -> Self {
        let started = tokio::time::timeout(PATIENCE, Self::try_start(dir.path(), nats_url)).await;
        let started = started.expect("the aggregator starts in time");
        started.expect("the aggregator starts")
    }

    pub async fn try_start(dir: &Path, nats_url: &str) -> anyhow::Result<Self> {
        Self::of(Self::settings(dir, nats_url)).await
    }

    /// Its settings, with users and keys in `dir`.
    pub fn settings(dir: &Path, nats_url: &str) -> Serve {
        Serve {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: Some("https://fleet.example".parse().expect("a URL")),
            bus: BusAddress {
                nats_url: nats_url.to_owned(),
                nats_ca: None,
            },
            nats_creds: None,
            bus_keys: Some(dir.join("nats/keys/aggregator")),
            signer: None,
            allow_insecure_links: false,
            agent_nats_url: None,
            agent_nats_ca: None,
            agent_image: "registry.example/agent:test".parse().expect("an image"),
            users: dir.join("users.json"),
            ui_dir: None,
            cookie_secure: false,
            http: Http::default(),
            protected_clusters: vec![],
            protected_namespaces: vec![],
            jetstream_replicas: 1,
            inventory_interval: Duration::from_millis(100),
            notifications: None,
            agent_credentials: AgentCredentials {
                lifetime: AGENT_CREDENTIAL_LIFETIME,
            },
            log_format: LogFormat::Text,
        }
    }

    pub async fn of(settings: Serve) -> anyhow::Result<Self> {
        let app = run::start(settings).await?;
        let router = routes::router(app.clone());
        Ok(Self { app, router })
    }

    /// Waits until this many clusters are online and their caches filled.
    pub async fn online(&self, clusters: usize, token: &str) {
        self.until("the clusters are online", async || {
            let list = self.get("/clusters", token).await;
            let items = list.body["items"].as_array().cloned().unwrap_or_default();
            let ready = |item: &&Value| item["presence"] == "online" && item["counts"].is_object();
            (items.iter().filter(ready).count() == clusters).then_some(())
        })
        .await;
    }

    /// Waits until these clusters are known and online.
    pub async fn known(&self, clusters: &[&str], token: &str) {
        self.until("the clusters are known", async || {
            let list = self.get("/clusters", token).await;
            let items = list.body["items"].as_array()?.clone();
            let online = |name: &&str| {
                let of = |item: &&Value| item["cluster"] == **name && item["presence"] == "online";
                items.iter().any(|item| of(&item))
            };
            clusters.iter().all(online).then_some(())
        })
        .await;
    }

    /// The namespace and name of a healthy deployment of a cluster.
    pub async fn healthy(&self, cluster: &str, token: &str) -> (String, String) {
        let namespaces = self.get(&format!("/namespaces/{cluster}"), token).await;
        for item in namespaces.body["items"].as_array().expect("namespaces") {
            let namespace = item["namespace"].as_str().expect("a name");
            let path = format!("/deployments/{cluster}/{namespace}?health=healthy");
            let list = self.get(&path, token).await;
            if let Some(name) = list.body["items"][0]["deployment_name"].as_str() {
                return (namespace.to_owned(), name.to_owned());
            }
        }
        panic!("no healthy deployment in {cluster}");
    }

    /// Also listens on a free port; returns its address.
    pub async fn listen(&self) -> SocketAddr {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let stopping = self.app.stopping.clone();
        tokio::spawn(listener::serve(
            socket,
            self.router.clone(),
            listener::Settings::default(),
            stopping,
        ));
        address
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        let mut request = request;
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        request.extensions_mut().insert(ConnectInfo(peer));
        let received = format!("{} {}", request.method(), request.uri());
        let answer = self.router.clone().oneshot(request);
        let answer = tokio::time::timeout(ANSWERED_WITHIN, answer).await;
        let answer = answer.unwrap_or_else(|_| panic!("no answer to {received}"));
        answer.expect("the router always answers")
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        Answer::read(self.open(path, token).await).await
    }

    /// The response to a GET, with its body unread.
    pub async fn open(&self, path: &str, token: &str) -> Response<Body> {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).expect("a request"))
            .await
    }

    /// The whole body of a response, as text.
    pub async fn get_text(&self, path: &str, token: &str) -> String {
        let body = self.open(path, token).await.into_body().collect();
        let body = tokio::time::timeout(ANSWERED_WITHIN, body).await;
        let bytes = body
            .expect("the body has an end")
            .expect("the body is read");
        String::from_utf8(bytes.to_bytes().to_vec()).expect("text")
    }

    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        let request = Request::delete(path).header("authorization", format!("Bearer {token}"));
        Answer::read(
            self.send(request.body(Body::empty()).expect("a request"))
                .await,
        )
        .await
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.post_text(path, token, body.to_string()).await
    }

    pub async fn patch(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.send_json(Method::PATCH, path, token, body.to_string())
            .await
    }

    pub async fn post_text(&self, path: &str, token: &str, body: impl Into<Body>) -> Answer {
        self.send_json(Method::POST, path, token, body).await
    }

    async fn send_json(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: impl Into<Body>,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        Answer::read(
            self.send(request.body(body.into()).expect("a request"))
                .await,
        )
        .await
    }

    /// Signs in.
    pub async fn token(&self, user: &str) -> String {
        let body = json!({"username": user, "password": PASSWORD});
        let request = Request::post("/login").header("content-type", "application/json");
        let answer = self
            .send(
                request
                    .body(Body::from(body.to_string()))
                    .expect("a request"),
            )
            .await;
        let answer = Answer::read(answer).await;
        answer.body["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("no sign-in: {answer:?}"))
            .to_owned()
    }

    pub async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let met = condition::met(what, PATIENCE, async || Ok(look().await));
        met.await.expect("it becomes true in time")
    }
}

impl Answer {
    pub async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = tokio::time::timeout(ANSWERED_WITHIN, body.collect()).await;
        let bytes = bytes.unwrap_or_else(|_| panic!("the answer {parts:?} has no end"));
        let bytes = bytes.expect("the body is read").to_bytes();
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        Self {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_else(|_| text()),
        }
    }

    /// The code of a failure, after checking its format.
    pub fn code(&self) -> &str {
        let kind = self
            .headers
            .get("content-type")
            .and_then(|kind| kind.to_str().ok());
        assert_eq!(kind, Some("application/problem+json"), "{self:?}");
        assert_eq!(self.body["status"], self.status.as_u16(), "{self:?}");
        assert_eq!(
            self.body["request_id"].as_str(),
            self.headers["x-request-id"].to_str().ok()
        );
        self.body["code"].as_str().expect("a code")
    }
}
