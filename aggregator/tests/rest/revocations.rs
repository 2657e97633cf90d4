//! The list of revoked credentials when it has reached the maximum size of a message.

use std::fmt::Write as _;
use std::path::Path;

use async_nats::jetstream::{self, kv};
use axum::http::StatusCode;
use bus_keys::{AggregatorKeys, Key, Kind, Revocations, UserKey, renew_aggregator};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::nats_server::NatsServer;

use crate::metrics::scrape;
use crate::secured::{aggregator, unpacked};
use crate::service::Service;
use crate::stack::write_users;

/// The list in the bucket `credentials`.
const RECORD: &str = "_revoked-until";

/// A bus whose nats-server accepts only small messages, and a client with all permissions.
struct Site {
    nats: NatsServer,
    dir: TempDir,
}

impl Site {
    async fn start() -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let nats = NatsServer::start(&dir.path().join("nats")).await;
        let mut site = Self {
            nats: nats.expect("a nats-server"),
            dir,
        };
        write_users(&site.dir.path().join("users.json"));
        site.take_messages_of("16KB").await;
        site
    }

    async fn take_messages_of(&mut self, size: &str) {
        let config = self.nats.config();
        let text = std::fs::read_to_string(config).expect("the configuration");
        let text = text.lines().filter(|line| !line.contains("max_payload"));
        let mut text = text.collect::<Vec<_>>().join("\n");
        writeln!(text, "\nmax_payload: {size}").expect("a string");
        std::fs::write(config, text).expect("the folder is writable");
        self.nats.restart().await.expect("it starts again");
    }

    async fn service(&self) -> Service {
        Service::start(&self.dir, &self.nats.url()).await
    }

    async fn bucket(&self) -> kv::Store {
        let creds = self.nats.keys().admin_creds().expect("credentials");
        let options = async_nats::ConnectOptions::with_credentials_file(creds).await;
        let client = options.expect("credentials").connect(self.nats.url()).await;
        let jetstream = jetstream::new(client.expect("a connection"));
        let bucket = jetstream.get_key_value("credentials").await;
        bucket.expect("the bucket")
    }

    /// The revoked users in the bucket.
    async fn recorded(&self) -> Revocations {
        let recorded = self.bucket().await.get(RECORD).await;
        let recorded = recorded.expect("the bucket answers");
        let recorded = recorded.map(|json| serde_json::from_slice(&json).expect("a list"));
        recorded.unwrap_or_default()
    }

    /// Records this many revocations, like a replica that cannot enforce them.
    async fn record_revocations(&self, count: usize, until: Timestamp) {
        let mut revoked = self.recorded().await;
        revoked.extend((0..count).map(|_| (UserKey::from(&Key::generate(Kind::User)), until)));
        let json = serde_json::to_vec(&revoked).expect("plain data");
        let put = self.bucket().await.put(RECORD, json.into()).await;
        put.expect("it is written");
    }

    async fn can_connect(&self, creds: &str) -> bool {
        let options = async_nats::ConnectOptions::with_credentials(creds).expect("credentials");
        let connected = options.max_reconnects(1).connect(self.nats.url()).await;
        connected.is_ok()
    }
}

/// The message of this condition, once it is set.
async fn raised(service: &Service, token: &str, kind: &str) -> String {
    let found = service.until(kind, async || {
        let conditions = service.get("/conditions", token).await;
        let items = conditions.body["items"].as_array()?.clone();
        items.into_iter().find(|item| item["type"] == kind)
    });
    found.await["message"].as_str().expect("a text").to_owned()
}

async fn until_none(service: &Service, token: &str) {
    let none = async || {
        let conditions = service.get("/conditions", token).await;
        (conditions.body["items"] == json!([])).then_some(())
    };
    service.until("no condition", none).await;
}

fn creds_in(enrolled: &Value, dir: &Path) -> String {
    let manifest = enrolled["manifest"].as_str().expect("a manifest");
    let file = unpacked(manifest, "agent.creds", dir);
    std::fs::read_to_string(file).expect("what was written")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_list_of_revocations_stops_no_start_and_is_reported() {
    let mut site = Site::start().await;
    let service = site.service().await;
    let token = service.token("admin").await;
    let enroll = "/clusters/cluster-a/enroll";
    let enrolled = service.post(enroll, &token, &json!({})).await;
    let creds = creds_in(&enrolled.body, site.dir.path());
    until_none(&service, &token).await;

    // Little more than 80 entries fit beside the permissions.
    let until = Timestamp::now() + SignedDuration::from_hours(1);
    site.record_revocations(70, until).await;
    let unknown = service.delete("/clusters/cluster-b", &token).await;
    assert_eq!(unknown.code(), "credential_unknown");
    let message = raised(&service, &token, "revocations_nearly_full").await;
    assert!(message.contains("70 entries"), "{message}");
    assert!(message.contains("max_payload"), "{message}");
    let samples = scrape(&service).await;
    assert_eq!(samples["aggregator_revocations"], 70.0);
    assert_eq!(samples["aggregator_account_token_limit_bytes"], 16384.0);
    let bytes = samples["aggregator_account_token_bytes"];
    assert!((13_107.0..16_384.0).contains(&bytes), "{bytes}");

    site.record_revocations(30, until).await;
    let refused = service.delete("/clusters/cluster-a", &token).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "revocations_full")
    );
    let message = raised(&service, &token, "revocations_full").await;
    for part in ["101 entries", "of at most 16384", "max_payload"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(site.can_connect(&creds).await, "as the condition says");

    // Another replica starts, serves and signs people in.
    let other = site.service().await;
    let token = other.token("admin").await;
    assert_eq!(other.get("/clusters", &token).await.status, StatusCode::OK);
    raised(&other, &token, "revocations_full").await;

    // It is enforced once there is space, without another call.
    site.take_messages_of("1MB").await;
    until_none(&other, &token).await;
    assert!(!site.can_connect(&creds).await, "it is revoked");
    let again = other.delete("/clusters/cluster-a", &token).await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn revocations_of_expired_credentials_free_space_for_others() {
    let site = Site::start().await;
    let service = site.service().await;
    let token = service.token("admin").await;
    let enroll = "/clusters/cluster-a/enroll";
    let enrolled = service.post(enroll, &token, &json!({})).await;
    let creds = creds_in(&enrolled.body, site.dir.path());

    let soon = Timestamp::now() + SignedDuration::from_secs(20);
    site.record_revocations(70, soon).await;
    service.delete("/clusters/cluster-b", &token).await;
    raised(&service, &token, "revocations_nearly_full").await;
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    site.record_revocations(30, later).await;
    let refused = service.delete("/clusters/cluster-a", &token).await;
    assert_eq!(refused.code(), "revocations_full", "{refused:?}");
    assert!(site.can_connect(&creds).await);

    // Without another call, once the first ones have expired.
    until_none(&service, &token).await;
    let samples = scrape(&service).await;
    assert_eq!(samples["aggregator_revocations"], 31.0);
    assert_eq!(site.recorded().await.len(), 31, "nor are they recorded");
    assert!(!site.can_connect(&creds).await, "it is revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregator_that_the_system_account_refuses_serves_and_says_so() {
    let site = Site::start().await;
    let (keys, operator) = (
        site.nats.keys().aggregator_dir(),
        site.nats.keys().operator_dir(),
    );
    let current = AggregatorKeys::system_creds(&keys);
    let old = std::fs::read(&current).unwrap();
    let [_, old_key] = renew_aggregator(&operator, &keys, Timestamp::now()).unwrap();
    let url = site.nats.url();
    let link = ["--nats-url", &url, "--bus-keys", keys.to_str().unwrap()];
    let revoked = aggregator(&[&["bus", "revoke", old_key.as_str()], &link[..]].concat()).await;
    revoked.unwrap();
    // As on a replica that did not get the new ones.
    std::fs::write(&current, old).unwrap();

    let service = site.service().await;
    let token = service.token("admin").await;
    assert_eq!(
        service.get("/clusters", &token).await.status,
        StatusCode::OK
    );
    let message = raised(&service, &token, "account_token_outdated").await;
    assert!(message.contains("did not answer"), "{message}");
}
