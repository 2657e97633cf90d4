//! Moving old lines out of the audit.

use std::path::Path;
use std::process::Output;

use async_nats::jetstream::Context;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::bounds::administrator;
use crate::service::{PASSWORD, Service, Site, bearer};

const LATER: &str = "9000-01-01";

async fn begun() -> (Site, Service, Context) {
    let site = Site::start().await;
    let auditor = json!([{"role": "admin", "clusters": ["*"], "namespaces": ["*"]}]);
    site.edit(|users| users["ana"]["grants"] = auditor);
    let service = site.service().await;
    let administrator = administrator(&site).await;
    (site, service, administrator)
}

async fn export(site: &Site, before: &str, out: &Path, options: &[&str]) -> Output {
    let creds = site.nats.keys().admin_creds().expect("credentials");
    export_as(site, &creds, before, out, options).await
}

async fn export_as(
    site: &Site,
    creds: &Path,
    before: &str,
    out: &Path,
    options: &[&str],
) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aggregator"));
    command.args(["audit", "export", "--before", before, "--out"]);
    command
        .arg(out)
        .args(options)
        .arg("--nats-creds")
        .arg(creds);
    command.args(["--nats-url", &site.nats.url()]);
    let output = command.kill_on_drop(true).output().await;
    output.expect("the program")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).expect("the file");
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("JSON")
}

async fn operation(administrator: &Context, id: &str, outcomes: &[&str]) {
    for outcome in outcomes {
        let line = json!({
            "time": Timestamp::now(), "user": "ana", "verb": "restart", "operation_id": id, "outcome": outcome,
        });
        let subject = format!("audit.operation.{id}");
        let published = administrator.publish(subject, line.to_string().into());
        published.await.expect("sent").await.expect("taken");
    }
}

/// The first line and the one after the last.
async fn bounds(administrator: &Context) -> (u64, u64) {
    let stream = administrator.get_stream("AUDIT").await.expect("the audit");
    let state = &stream.cached_info().state;
    (state.first_sequence, state.last_sequence + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_before_a_time_are_exported_and_purged_up_to_what_is_not_settled() {
    let (site, service, administrator) = begun().await;
    let token = service.token("ana").await;
    operation(&administrator, "1-settled", &["pending", "succeeded"]).await;
    let middle = Timestamp::now().to_string();
    operation(&administrator, "2-open", &["pending"]).await;
    operation(
        &administrator,
        "3-settled",
        &["pending", "unknown", "failed"],
    )
    .await;
    let before = bounds(&administrator).await;
    let file = |name: &str| site.users.with_file_name(name);

    let done = export(&site, &middle, &file("part.jsonl"), &[]).await;
    assert!(done.status.success(), "{}", said(&done));
    let part = lines(&file("part.jsonl"));
    assert_eq!(part.len(), 3, "{part:?}");
    assert_eq!(part[2]["line"]["operation_id"], "1-settled");
    assert_eq!(part[2]["line"]["outcome"], "succeeded");
    let again = export(&site, &middle, &file("part.jsonl"), &[]).await;
    assert!(!again.status.success(), "never written over");
    let own = site.nats.keys().aggregator_creds();
    let refused = export_as(&site, &own, LATER, &file("own.jsonl"), &["--purge"]).await;
    assert!(
        said(&refused).contains("of an administrator"),
        "{}",
        said(&refused)
    );
    assert_eq!(bounds(&administrator).await.0, before.0, "all is there");

    let done = export(&site, LATER, &file("all.jsonl"), &["--purge"]).await;
    assert!(done.status.success(), "{}", said(&done));
    let all = lines(&file("all.jsonl"));
    let open = all
        .iter()
        .position(|line| line["line"]["operation_id"] == "2-open");
    let open = all[open.expect("exported")]["sequence"].as_u64().unwrap();
    assert_eq!(bounds(&administrator).await.0, open);
    assert!(said(&done).contains("2-open"), "{}", said(&done));

    let audit = service.send(bearer("GET", "/audit", &token)).await;
    let seen: Vec<_> = audit.body["items"].as_array().unwrap().iter().collect();
    assert_eq!(seen[0]["verb"], "purge-audit");
    assert_eq!(seen[0]["outcome"], "succeeded");
    assert_eq!(seen.last().unwrap()["operation_id"], "2-open");
    assert_eq!(audit.body["continue"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_audit_is_exported_and_purged_and_people_sign_in_again() {
    let (site, service, administrator) = begun().await;
    let audit = administrator.get_stream("AUDIT").await.unwrap();
    let mut settings = audit.cached_info().config.clone();
    settings.max_bytes = 20_000;
    administrator.update_stream(settings).await.unwrap();
    let full = async || {
        let line = json!({"time": Timestamp::now(), "user": "ana", "verb": "sign-in", "outcome": "succeeded"});
        let published = administrator.publish("audit.sign-in", line.to_string().into());
        published.await.expect("sent").await.is_err()
    };
    while !full().await {}
    let answer = service.login("ana", PASSWORD).await;
    assert_eq!(answer.code(), "audit_unavailable");

    let file = site.users.with_file_name("audit.jsonl");
    let done = export(&site, LATER, &file, &["--purge"]).await;
    assert!(done.status.success(), "{}", said(&done));
    assert!(lines(&file).len() > 50);
    let answer = service.login("ana", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_denies_purges_is_used_and_not_purged() {
    let (site, service, administrator) = begun().await;
    let token = service.token("ana").await;
    let audit = administrator.get_stream("AUDIT").await.unwrap();
    let mut settings = audit.cached_info().config.clone();
    assert!(settings.deny_delete);
    settings.deny_purge = true;
    administrator.update_stream(settings.clone()).await.unwrap();
    settings.deny_purge = false;
    let taken_back = administrator.update_stream(settings).await;
    assert!(taken_back.is_err(), "the server never takes it back");

    drop(site.service().await);
    let file = site.users.with_file_name("audit.jsonl");
    let done = export(&site, LATER, &file, &["--purge"]).await;
    assert!(said(&done).contains("deny_purge"), "{}", said(&done));
    assert!(!file.exists());
    assert_eq!(service.me(&token).await.status, StatusCode::OK);
}
