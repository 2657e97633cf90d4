//! The signing keys in a separate process: the one that serves HTTP has none of them, and gets only a few kinds of tokens signed.

use std::path::PathBuf;

use async_nats::ConnectOptions;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bus_keys::{CredentialRequest, Credentials, Key, Kind, Token, UserKey};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::Command;
use xtask::condition;
use xtask::nats_server::NatsServer;
use xtask::process::Process;

use crate::secured::aggregator;
use crate::service::{Answer, PATIENCE, Service};
use crate::stack::write_users;

const FAR: &str = "9999-12-01T00:00:00Z";

/// A bus whose keys are in two directories: `web` for the serving process, `signer` for the signing process.
struct Site {
    nats: NatsServer,
    dir: TempDir,
}

impl Site {
    async fn start() -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let nats = NatsServer::start(&dir.path().join("nats")).await;
        let nats = nats.expect("a nats-server");
        write_users(&dir.path().join("users.json"));
        let all = nats.keys().aggregator_dir();
        for (name, files) in [
            ("web", ["aggregator.creds", "system.creds"]),
            ("signer", ["operator-signing.nk", "agent-scope.nk"]),
        ] {
            let part = dir.path().join(name);
            std::fs::create_dir(&part).expect("it is new");
            for file in ["identity.json"].iter().chain(&files) {
                std::fs::copy(all.join(file), part.join(file)).expect("it is there");
            }
        }
        Self { nats, dir }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("signer.sock")
    }

    /// `aggregator sign`, as a listening process.
    async fn signer(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aggregator"));
        command
            .args(["sign", "--agent-credential-lifetime", "12h", "--signer"])
            .arg(self.socket())
            .arg("--bus-keys")
            .arg(self.dir.path().join("signer"));
        let log = self.dir.path().join("signer.log");
        let process = Process::spawn("signer", command, &log).expect("the program");
        let listens = async || Ok(UnixStream::connect(self.socket()).await.ok().map(drop));
        condition::met("it signs", PATIENCE, listens)
            .await
            .expect("it signs");
        process
    }

    async fn is_healthy(&self) -> Result<String, String> {
        let socket = self.socket();
        let socket = socket.to_str().expect("UTF-8");
        aggregator(&["healthcheck", "--signer", socket]).await
    }

    async fn service(&self) -> Service {
        let mut settings = Service::settings(self.dir.path(), &self.nats.url());
        settings.bus_keys = Some(self.dir.path().join("web"));
        settings.signer = Some(self.socket());
        Service::of(settings).await.expect("it starts")
    }

    async fn can_connect(&self, creds: &str) -> bool {
        let options = ConnectOptions::with_credentials(creds).expect("credentials");
        options.connect(self.nats.url()).await.is_ok()
    }

    async fn send(&self, line: &[u8]) -> Value {
        let stream = UnixStream::connect(self.socket()).await;
        let mut stream = stream.expect("it listens");
        // It may respond before it has read everything.
        drop(stream.write_all(line).await);
        let mut response = Vec::new();
        drop(stream.read_to_end(&mut response).await);
        serde_json::from_slice(&response).unwrap_or_default()
    }

    async fn ask(&self, request: &Value) -> Value {
        self.send(format!("{request}\n").as_bytes()).await
    }
}

/// The credentials of a cluster that is enrolled with them.
async fn enroll(service: &Service, token: &str, cluster: &str) -> String {
    let key = Key::generate(Kind::User);
    let request = CredentialRequest::sign(&key, cluster).to_string();
    let body = json!({ "credential_request": request });
    let path = format!("/clusters/{cluster}/enroll");
    let enrolled = service.post(&path, token, &body).await;
    assert_eq!(enrolled.status, StatusCode::OK, "{enrolled:?}");
    let signed = Token::parse(enrolled.body["jwt"].as_str().expect("a token"));
    let signed = signed.expect("a token");
    Credentials::text(&signed, &key).expose().to_owned()
}

async fn join(service: &Service, path: &str) -> Answer {
    let request = Request::post(path).body(Body::empty()).expect("a request");
    Answer::read(service.send(request).await).await
}

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).expect("three parts");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    serde_json::from_slice(&claims).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_are_enrolled_and_revoked_by_a_process_without_signing_keys() {
    let site = Site::start().await;
    let _signer = site.signer().await;
    let service = site.service().await;
    let token = service.token("admin").await;
    let creds = enroll(&service, &token, "cluster-a").await;
    let signed = Credentials::parse(&creds, None).unwrap();
    let in_12_hours = Timestamp::now() + SignedDuration::from_hours(12);
    assert!(signed.expires_at().unwrap() <= in_12_hours);
    assert!(site.can_connect(&creds).await);
    let revoked = service.delete("/clusters/cluster-a", &token).await;
    let key = signed.user().to_string();
    assert_eq!(revoked.body["revoked"], json!([key]), "{revoked:?}");
    assert!(!site.can_connect(&creds).await);

    // The same at the command line.
    let (url, socket) = (site.nats.url(), site.socket());
    let web = site.dir.path().join("web");
    let link = [
        ["--nats-url", &url],
        ["--bus-keys", web.to_str().unwrap()],
        ["--signer", socket.to_str().unwrap()],
    ];
    let link = link.as_flattened();
    let manifest = aggregator(&[&["enroll", "cluster-b"], link].concat()).await;
    assert!(manifest.unwrap().contains("kind: Secret"));
    let key = UserKey::from(&Key::generate(Kind::User)).to_string();
    let revoked = aggregator(&[&["bus", "revoke", &key], link].concat()).await;
    revoked.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_signing_process_is_down_all_else_works_and_revocations_are_enforced_later() {
    let site = Site::start().await;
    let mut signer = site.signer().await;
    let service = site.service().await;
    let token = service.token("admin").await;
    let creds = enroll(&service, &token, "cluster-a").await;
    let invited = service
        .post("/clusters/cluster-b/invite", &token, &json!({}))
        .await;
    let link = invited.body["url"].as_str().unwrap();
    let link = link.strip_prefix("https://fleet.example").unwrap();
    site.is_healthy().await.unwrap();
    let log = std::fs::read_to_string(site.dir.path().join("signer.log")).unwrap();
    assert!(!log.contains("WARN"), "it is polled often: {log}");
    signer.kill().await.unwrap();
    let error = site.is_healthy().await.unwrap_err();
    assert!(error.contains("signer.sock"), "{error}");

    let enrolled = service
        .post("/clusters/cluster-c/enroll", &token, &json!({}))
        .await;
    let joined = join(&service, link).await;
    let revoked = service.delete("/clusters/cluster-a", &token).await;
    for answer in [enrolled, joined, revoked] {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
        assert_eq!(answer.code(), "signer_unavailable");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("signing process"), "{detail}");
    }
    assert!(site.can_connect(&creds).await, "nothing could be signed");
    for path in ["/clusters", "/readyz"] {
        assert_eq!(service.get(path, &token).await.status, StatusCode::OK);
    }
    let conditions = async || {
        let conditions = service.get("/conditions", &token).await;
        conditions.body["items"].as_array().cloned()
    };
    let outdated = async || {
        let mut conditions = conditions().await?.into_iter();
        conditions.find(|condition| condition["type"] == "account_token_outdated")
    };
    let outdated = service.until("a condition", outdated).await;
    let message = outdated["message"].as_str().unwrap();
    assert!(message.contains("signing process"), "{message}");

    // It replaces the stale socket, without a restart of the serving process.
    let _signer = site.signer().await;
    let no_condition = async || conditions().await?.is_empty().then_some(());
    service.until("no condition", no_condition).await;
    assert!(!site.can_connect(&creds).await, "it is enforced");
    let joined = join(&service, link).await;
    assert_eq!(
        joined.status,
        StatusCode::OK,
        "the link is as good as before"
    );
    enroll(&service, &token, "cluster-c").await;
}

/// As an attacker who has taken over the process that serves HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_but_agents_tokens_and_revocations() {
    let (site, other) = (Site::start().await, Site::start().await);
    let _signer = site.signer().await;
    let key = UserKey::from(&Key::generate(Kind::User)).to_string();
    let agent =
        |cluster: &str| json!({"agent": {"cluster": cluster, "key": key, "expires_at": FAR}});
    let signed = site.ask(&agent("cluster-a")).await;
    let claims = claims(signed["token"].as_str().unwrap());
    let account = claims["nats"]["issuer_account"].as_str().unwrap();
    let config = other.nats.config().with_file_name("bus.conf");
    let config = std::fs::read_to_string(config).unwrap();
    let foreign = config.split('"').filter(|text| text.starts_with("eyJ"));
    let mut refused: Vec<Value> = foreign
        .map(|token| json!({"fleet_account": {"current": token, "revoked": {}}}))
        .collect();
    assert_eq!(refused.len(), 3, "operator, system and fleet");
    refused.extend([
        agent("*"),
        agent("cluster-a.>"),
        json!({"agent": {"cluster": "cluster-a", "key": account, "expires_at": FAR}}),
        json!({"agent": {"cluster": "cluster-a", "key": key, "expires_at": FAR, "permissions": {}}}),
        json!({"administrator": {"name": "eve", "key": key, "expires_at": FAR}}),
        json!({"fleet_account": {"current": signed["token"], "revoked": {}}}),
        json!({"fleet_account": {"current": "no token", "revoked": {"*": FAR}}}),
        json!({"system_account": {"fleet_account": "no token", "revoked": {}}}),
        json!({"system_account": {"signing_keys": [key], "revoked": {}}}),
        json!("token"),
        json!(null),
    ]);
    for request in refused {
        let response = site.ask(&request).await;
        assert!(response["refused"].is_string(), "{request}: {response}");
    }
    for text in [&b"\n"[..], b"{\n", b"\xff\xfe\n", b"[[[[[[[[\n"] {
        let response = site.send(text).await;
        assert!(response["refused"].is_string(), "{text:?}: {response}");
    }
    let large = site.send(&vec![b' '; 17 * 1024 * 1024]).await;
    let reason = large["refused"].as_str().expect("an answer");
    assert!(reason.contains("bytes"), "{reason}");
    let (socket, keys) = (site.socket(), site.dir.path().join("signer"));
    let second = [
        "sign",
        "--signer",
        socket.to_str().unwrap(),
        "--bus-keys",
        keys.to_str().unwrap(),
    ];
    let refused = aggregator(&second).await.unwrap_err();
    assert!(refused.contains("another process listens"), "{refused}");

    // As many idle connections as are served at once: they are closed, and the next one is served.
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(UnixStream::connect(site.socket()).await.unwrap());
    }
    assert!(site.ask(&agent("cluster-a")).await["token"].is_string());
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "it is closed");
    }
}
