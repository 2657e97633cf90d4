//! Unreadable records in JetStream: skipped, reported, and deleted by the command that the message names.

use std::process::Output;
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use axum::http::StatusCode;
use bus_keys::{CredentialRequest, Key, Kind};
use serde_json::{Value, json};
use tokio::process::Command;
use xtask::condition;

use crate::service::{PATIENCE, Service, Site, bearer, request};

/// The buckets, each with a key whose value can be invalid.
const BUCKETS: [(&str, &str); 8] = [
    ("clusters", "prod-bad"),
    ("credentials", "prod-bad"),
    ("idempotency", DIGITS),
    ("inventory", "prod-bad"),
    ("invitations", DIGITS),
    ("labels", "prod-bad"),
    ("operations", "0-bad"),
    ("sessions", DIGITS),
];

const DIGITS: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Not a valid name of any kind, and a key that the client library refuses to read or write.
const NO_NAME: &str = "no!name";

const HEARTBEAT: &str = include_str!("../../../bus-schema/golden/heartbeat.json");

async fn aggregator(site: &Site, arguments: &[&str]) -> Output {
    let keys = site.nats.keys().aggregator_dir();
    let mut command = Command::new(env!("CARGO_BIN_EXE_aggregator"));
    command
        .args(arguments)
        .args(["--nats-url", &site.nats.url()]);
    command.arg("--bus-keys").arg(keys);
    command
        .kill_on_drop(true)
        .output()
        .await
        .expect("the program")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// A client that may write anything.
async fn administrator(site: &Site) -> Context {
    let creds = site.nats.keys().admin_creds().expect("credentials");
    let options = async_nats::ConnectOptions::with_credentials_file(creds).await;
    let client = options.expect("credentials").connect(site.nats.url()).await;
    jetstream::new(client.expect("accepted"))
}

async fn put(administrator: &Context, subject: String, value: &str) {
    let put = administrator
        .publish(subject, value.to_owned().into())
        .await;
    put.expect("sent").await.expect("taken");
}

/// A users file with an administrator, and every bucket, with one session in it.
async fn begun() -> (Site, String) {
    let site = Site::start().await;
    let all = json!([{"role": "admin", "clusters": ["*"], "namespaces": ["*"]}]);
    site.edit(|users| users["ana"]["grants"] = all);
    let service = site.service().await;
    let token = service.token("ana").await;
    (site, token)
}

async fn plant(administrator: &Context) {
    for (bucket, key) in BUCKETS {
        for (key, value) in [(key, "{\"no\": "), (NO_NAME, "{}")] {
            put(administrator, format!("$KV.{bucket}.{key}"), value).await;
        }
    }
    put(
        administrator,
        "$KV.credentials._revoked-until".to_owned(),
        "[]",
    )
    .await;
    put(administrator, "audit.operation.junk".to_owned(), "junk").await;
}

/// The key of a request.
fn public(request: &str) -> &str {
    request.split('.').next().expect("a key")
}

async fn start(site: &Site) -> Service {
    let started = tokio::time::timeout(PATIENCE, site.service()).await;
    started.expect("it starts")
}

async fn metric(service: &Service, bucket: &str) -> Option<i64> {
    let answer = service.send(request("GET", "/metrics", &[], "")).await;
    let series = format!("aggregator_unreadable_records{{bucket=\"{bucket}\"}} ");
    let text = answer.body.as_str()?.to_owned();
    text.lines()
        .find_map(|line| line.strip_prefix(&series)?.parse().ok())
}

async fn until_counted(service: &Service, bucket: &str, count: i64) {
    let counted = async || Ok((metric(service, bucket).await == Some(count)).then_some(()));
    let met = condition::met("the count", PATIENCE, counted).await;
    met.unwrap_or_else(|error| panic!("{bucket}: {error}"));
}

async fn message(service: &Service, token: &str) -> Option<String> {
    let answer = service.send(bearer("GET", "/conditions", token)).await;
    let items = answer.body["items"].as_array()?.clone();
    let is_ours = |item: &&Value| item["type"] == "records_unreadable";
    let message = items.iter().find(is_ours)?["message"].as_str()?;
    Some(message.to_owned())
}

async fn clusters(service: &Service, token: &str) -> Vec<Value> {
    let answer = service.send(bearer("GET", "/clusters", token)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let items = answer.body["items"].as_array().or(answer.body.as_array());
    let names = items.expect("a list").iter();
    names.map(|cluster| cluster["cluster"].clone()).collect()
}

fn record() -> String {
    let heartbeat: Value = serde_json::from_str(HEARTBEAT).expect("JSON");
    let seen = "2026-01-05T10:00:00Z";
    json!({"cluster_uid": "u", "first_seen": seen, "last_seen": seen, "heartbeat": heartbeat})
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_record_stops_nothing_and_is_reported_until_it_is_deleted() {
    let (site, token) = begun().await;
    let administrator = administrator(&site).await;
    plant(&administrator).await;
    put(
        &administrator,
        "$KV.clusters.prod-good".to_owned(),
        &record(),
    )
    .await;

    let service = start(&site).await;
    assert_eq!(
        service.me(&token).await.status,
        StatusCode::OK,
        "sessions are used"
    );
    assert_eq!(clusters(&service, &token).await, ["prod-good"]);
    for (bucket, _) in BUCKETS {
        until_counted(
            &service,
            bucket,
            if bucket == "credentials" { 3 } else { 2 },
        )
        .await;
    }
    until_counted(&service, "audit", 1).await;
    let text = message(&service, &token).await.expect("a condition");
    assert!(text.contains("aggregator bus records --delete"), "{text}");

    let list = aggregator(&site, &["bus", "records"]).await;
    assert!(list.status.success(), "{}", said(&list));
    let list = String::from_utf8(list.stdout).unwrap();
    assert_eq!(list.lines().count(), 18, "{list}");
    let mut deleted = 0;
    for line in list.lines() {
        let (record, _) = line.split_once(": ").expect("what is wrong");
        let record = record.trim_matches('\'');
        let output = aggregator(&site, &["bus", "records", "--delete", record]).await;
        // The manifest of an unknown cluster is dropped after a while by itself.
        let may_be_gone = record == "inventory/prod-bad";
        let is_deleted = output.status.success();
        let expected = !record.starts_with("audit/");
        assert!(
            is_deleted == expected || may_be_gone,
            "{record}: {}",
            said(&output)
        );
        deleted += usize::from(is_deleted);
    }
    for (bucket, _) in BUCKETS {
        until_counted(&service, bucket, 0).await;
    }
    assert!(
        message(&service, &token)
            .await
            .expect("the audit's")
            .contains("audit/")
    );
    let good = aggregator(&site, &["bus", "records", "--delete", "clusters/prod-good"]).await;
    assert!(
        !good.status.success() && said(&good).contains("can be read"),
        "{}",
        said(&good)
    );
    let audited = service
        .send(bearer("GET", "/audit?verb=delete-record", &token))
        .await;
    let audited = audited.body["items"].as_array().map(Vec::len);
    assert_eq!(audited, Some(deleted));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_bucket_goes_on_behind_a_record_that_cannot_be_read() {
    let (site, token) = begun().await;
    let administrator = administrator(&site).await;
    put(
        &administrator,
        "$KV.clusters.prod-good".to_owned(),
        &record(),
    )
    .await;
    let (service, other) = (start(&site).await, start(&site).await);
    plant(&administrator).await;
    for (bucket, _) in BUCKETS {
        until_counted(
            &service,
            bucket,
            if bucket == "credentials" { 3 } else { 2 },
        )
        .await;
    }
    let later = other.token("bob").await;
    service.until_known(&later, true).await;
    let bucket = administrator.get_key_value("clusters").await.unwrap();
    bucket.purge("prod-good").await.unwrap();
    let forgotten = async || Ok(clusters(&service, &token).await.is_empty().then_some(()));
    condition::met("it is forgotten", PATIENCE, forgotten)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_revoked_stays_so_when_the_list_of_them_is_lost_or_cannot_be_read() {
    let site = Site::start().await;
    let requests = [(); 2].map(|()| CredentialRequest::sign(&Key::generate(Kind::User), "prod-a"));
    let keys = requests.map(|request| request.to_string());
    let enroll = async |request: &str| {
        aggregator(
            &site,
            &["enroll", "prod-a", "--credential-request", request],
        )
        .await
    };
    let revoke =
        async |key: &str| aggregator(&site, &["revoke", "prod-a", "--key", public(key)]).await;
    for key in &keys {
        let enrolled = enroll(key).await;
        assert!(enrolled.status.success(), "{}", said(&enrolled));
    }
    assert!(revoke(&keys[0]).await.status.success());
    let administrator = administrator(&site).await;
    let refused = async |key: &str| {
        let refused = enroll(key).await;
        assert!(
            !refused.status.success() && said(&refused).contains("was revoked permanently"),
            "{}",
            said(&refused)
        );
    };

    put(
        &administrator,
        "$KV.credentials._revoked-until".to_owned(),
        "junk",
    )
    .await;
    drop(start(&site).await);
    refused(&keys[0]).await;
    // Revoking continues, and repairs the record from the account's token.
    assert!(revoke(&keys[1]).await.status.success());
    let bucket = administrator.get_key_value("credentials").await.unwrap();
    let recorded = bucket
        .get("_revoked-until")
        .await
        .unwrap()
        .expect("a record");
    let recorded = String::from_utf8(recorded.to_vec()).unwrap();
    assert!(
        keys.iter().all(|key| recorded.contains(public(key))),
        "{recorded}"
    );

    bucket.purge("_revoked-until").await.unwrap();
    refused(&keys[0]).await;
    refused(&keys[1]).await;
    put(&administrator, "$KV.credentials.prod-a".to_owned(), "junk").await;
    let unknown = aggregator(&site, &["revoke", "prod-a"]).await;
    let text = said(&unknown);
    assert!(
        !unknown.status.success() && text.contains("bus records --delete credentials/prod-a"),
        "{text}"
    );
}

/// An operation that does not parse, one whose intent is something else in the audit, and one from the far future.
#[tokio::test(flavor = "multi_thread")]
async fn operations_are_settled_behind_those_that_cannot_be() {
    let (site, token) = begun().await;
    let administrator = administrator(&site).await;
    let line = json!({"time": "2026-01-05T10:00:00Z", "user": "ana", "verb": "restart", "outcome": "failed"});
    put(
        &administrator,
        "$KV.operations.0-bad".to_owned(),
        "{\"no\": ",
    )
    .await;
    for (id, deadline) in [
        ("0-end", "9999-12-30T22:00:00Z"),
        ("1-open", "2026-01-05T10:00:00Z"),
    ] {
        let restart = json!({"verb": "restart", "namespace": "shop", "deployment_name": "cart"});
        let operation = json!({"id": id, "change": restart, "deadline": deadline, "entry": line});
        put(
            &administrator,
            format!("$KV.operations.{id}"),
            &operation.to_string(),
        )
        .await;
    }
    put(
        &administrator,
        "audit.operation.1-open".to_owned(),
        &line.to_string(),
    )
    .await;
    let service = start(&site).await;
    let bucket = administrator.get_key_value("operations").await.unwrap();
    let closed = async || Ok(bucket.get("1-open").await?.is_none().then_some(()));
    let patience = PATIENCE + Duration::from_secs(10);
    condition::met("the settled one is closed", patience, closed)
        .await
        .unwrap();
    assert!(bucket.get("0-end").await.unwrap().is_some());
    // The two others are readable.
    until_counted(&service, "operations", 1).await;
    assert_eq!(service.me(&token).await.status, StatusCode::OK);
}
