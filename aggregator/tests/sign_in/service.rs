//! Aggregators without clusters, in one process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use aggregator::args::{AgentCredentials, Http, Serve};
use aggregator::run;
use aggregator_http::app::App;
use aggregator_http::front::Front;
use aggregator_http::{listener, routes};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use bus_link::{BusAddress, LogFormat};
use enrolment::AGENT_CREDENTIAL_LIFETIME;
use http_body_util::BodyExt as _;
use identity::password::{self, Password};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;
use xtask::nats_server::NatsServer;

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const PASSWORD: &str = "canary password 7";

/// A nats-server with a file of users.
pub struct Site {
    pub nats: NatsServer,
    pub users: PathBuf,
    pub _dir: TempDir,
}

/// One aggregator.
pub struct Service {
    pub app: App,
    router: Router,
}

/// A complete response.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Site {
    pub async fn start() -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let nats = NatsServer::start(&dir.path().join("nats")).await;
        let site = Self {
            nats: nats.expect("a nats-server"),
            users: dir.path().join("users.json"),
            _dir: dir,
        };
        site.write_users(&[("ana", PASSWORD, "operator"), ("bob", PASSWORD, "viewer")]);
        site
    }

    /// Replaces the file: name, password and role of each user.
    pub fn write_users(&self, users: &[(&str, &str, &str)]) {
        let users = users.iter().map(|(name, password, role)| {
            let hash = password::hash(&Password::from((*password).to_owned())).expect("a hash");
            let grants = json!([{"role": role, "clusters": ["prod-*"], "namespaces": ["*"]}]);
            let user = json!({"password_hash": hash.expose(), "grants": grants});
            ((*name).to_owned(), user)
        });
        let document = json!({"users": Value::Object(users.collect())});
        std::fs::write(&self.users, document.to_string()).expect("the folder is writable");
    }

    /// Changes the file's users.
    pub fn edit(&self, change: impl FnOnce(&mut Value)) {
        let text = std::fs::read_to_string(&self.users).expect("the file is there");
        let mut document: Value = serde_json::from_str(&text).expect("it is JSON");
        change(&mut document["users"]);
        std::fs::write(&self.users, document.to_string()).expect("the folder is writable");
    }

    /// One more replica.
    pub async fn service(&self) -> Service {
        self.try_service().await.expect("the aggregator starts")
    }

    pub async fn try_service(&self) -> anyhow::Result<Service> {
        self.service_with(|_| {}).await
    }

    /// With other arguments than usual.
    pub async fn service_with(&self, change: impl FnOnce(&mut Serve)) -> anyhow::Result<Service> {
        let mut args = Serve {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            bus: BusAddress {
                nats_url: self.nats.url(),
                nats_ca: None,
            },
            nats_creds: None,
            bus_keys: Some(self.nats.keys().aggregator_dir()),
            signer: None,
            allow_insecure_links: false,
            agent_nats_url: None,
            agent_nats_ca: None,
            agent_image: "registry.example/agent:test".parse().expect("an image"),
            users: self.users.clone(),
            ui_dir: None,
            cookie_secure: true,
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
        };
        change(&mut args);
        let front = Front::new(args.ui_dir.clone(), args.public_url.as_ref())?;
        let app = run::start(args).await?;
        let router = front.before(routes::router(app.clone()));
        Ok(Service { app, router })
    }
}

impl Service {
    /// Sends a request as from this address, and reads the whole response.
    pub async fn send_from(&self, address: [u8; 4], request: Request<Body>) -> Answer {
        let response = self.open_from(address, request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the body is read").to_bytes();
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_else(|_| text()),
        }
    }

    async fn open_from(&self, address: [u8; 4], mut request: Request<Body>) -> Response {
        let peer = SocketAddr::from((address, 50_000));
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.router.clone().oneshot(request).await;
        response.expect("the router always answers")
    }

    /// Sends a request and leaves the body of the response unread: a stream stays open as long as it lives.
    pub async fn open(&self, request: Request<Body>) -> Response {
        self.open_from([127, 0, 0, 1], request).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        self.send_from([127, 0, 0, 1], request).await
    }

    pub async fn login(&self, user: &str, password: &str) -> Answer {
        self.send(login(user, password)).await
    }

    /// The token after a sign-in with the right password.
    pub async fn token(&self, user: &str) -> String {
        let answer = self.login(user, PASSWORD).await;
        let token = answer.body["access_token"].as_str();
        token
            .unwrap_or_else(|| panic!("no sign-in: {answer:?}"))
            .to_owned()
    }

    /// The name of the session's cookie.
    pub fn cookie(&self) -> String {
        self.app.cookie.name()
    }

    pub async fn me(&self, token: &str) -> Answer {
        self.send(bearer("GET", "/me", token)).await
    }

    /// Listens on a real socket, until the guard is dropped.
    pub async fn listen(&self) -> (SocketAddr, DropGuard) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (settings, stopping) = (listener::Settings::default(), CancellationToken::new());
        let serving = listener::serve(listener, self.router.clone(), settings, stopping.clone());
        tokio::spawn(serving);
        (address, stopping.drop_guard())
    }

    /// Waits until the token is valid, or is not.
    pub async fn until_known(&self, token: &str, known: bool) {
        let met = xtask::condition::met("the token's state", PATIENCE, async || {
            let status = self.me(token).await.status;
            Ok((status.is_success() == known).then_some(()))
        });
        met.await.expect("seen in time");
    }
}

impl Answer {
    /// The code of a failure.
    pub fn code(&self) -> &str {
        let kind = self.headers.get(header::CONTENT_TYPE);
        assert_eq!(
            kind.and_then(|kind| kind.to_str().ok()),
            Some("application/problem+json"),
            "{self:?}"
        );
        self.body["code"].as_str().expect("a code")
    }

    /// Without the fields that differ between any two calls.
    pub fn without_id(mut self) -> Self {
        self.headers.remove("x-request-id");
        if let Some(body) = self.body.as_object_mut() {
            body.remove("request_id");
        }
        self
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }
}

pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "mca.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .body(Body::from(body.to_owned()))
        .expect("a request")
}

pub fn login(user: &str, password: &str) -> Request<Body> {
    let body = json!({"username": user, "password": password}).to_string();
    request(
        "POST",
        "/login",
        &[("content-type", "application/json")],
        &body,
    )
}

pub fn bearer(method: &str, path: &str, token: &str) -> Request<Body> {
    let value = format!("Bearer {token}");
    request(method, path, &[("authorization", &value)], "")
}
