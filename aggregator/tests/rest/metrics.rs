//! The metrics, and that callers cannot make them grow.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;

use crate::service::Service;
use crate::stack::Stack;

/// Each series with its value, as Prometheus reads it.
pub async fn scrape(service: &Service) -> BTreeMap<String, f64> {
    let request = Request::get("/metrics")
        .body(Body::empty())
        .expect("a request");
    let response = service.send(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let kind = response.headers()["content-type"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        kind.starts_with("application/openmetrics-text; version=1.0.0"),
        "{kind}"
    );
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    read(std::str::from_utf8(&body).expect("text"))
}

/// Checks the format: each sample belongs to an announced family, and appears once.
fn read(text: &str) -> BTreeMap<String, f64> {
    let (mut families, mut samples) = (BTreeSet::new(), BTreeMap::new());
    let text = text.strip_suffix("# EOF\n").expect("an end");
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            if words.next() == Some("TYPE") {
                families.insert(words.next().expect("a name"));
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let name = series.split('{').next().unwrap_or_default();
        let parts = ["", "_total", "_info", "_bucket", "_sum", "_count"];
        let of = |part: &&str| {
            name.strip_suffix(*part)
                .is_some_and(|f| families.contains(f))
        };
        assert!(parts.iter().any(of), "{line}");
        let value = value.parse().expect("a number");
        assert!(samples.insert(series.to_owned(), value).is_none(), "{line}");
    }
    samples
}

/// The sum of all series that have these pieces in their names.
fn sum(samples: &BTreeMap<String, f64>, pieces: &[&str]) -> f64 {
    let has = |series: &str| pieces.iter().all(|piece| series.contains(piece));
    samples
        .iter()
        .filter(|(series, _)| has(series))
        .map(|(_, value)| value)
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted() {
    let mut stack = Stack::start(2).await;
    let service = &stack.service;
    let token = service.token("viewer").await;
    let before = scrape(service).await;
    service.get("/deployments", &token).await;
    service.get("/namespaces/cluster-a", &token).await;
    service.get("/namespaces/cluster-z", &token).await;
    let after = scrape(service).await;
    let grown = |pieces: &[&str]| sum(&after, pieces) - sum(&before, pieces);
    let call = "aggregator_http_requests_total{";
    let namespaces = r#"route="/namespaces/{cluster}""#;
    for (pieces, expected) in [
        (
            &[call, r#"route="/deployments""#, r#"status="200""#][..],
            1.0,
        ),
        (&[call, namespaces, r#"status="200""#], 1.0),
        (&[call, namespaces, r#"status="404""#], 1.0),
        (&[call, r#"route="/metrics""#], 1.0),
        (
            &["aggregator_http_request_duration_seconds_count", namespaces],
            2.0,
        ),
        (
            &[
                "aggregator_bus_requests_total",
                r#"verb="namespaces",outcome="answered""#,
            ],
            1.0,
        ),
        (&["aggregator_survey_answers_total", r#""answered""#], 2.0),
    ] {
        assert_eq!(grown(pieces), expected, "{pieces:?}");
    }
    assert!(sum(&after, &["aggregator_heartbeats_total", r#""taken""#]) >= 2.0);
    assert_eq!(after[r#"aggregator_clusters{presence="online"}"#], 2.0);
    assert_eq!(after["aggregator_bus_connected"], 1.0);
    assert_eq!(
        sum(
            &after,
            &["aggregator_build_info", env!("CARGO_PKG_VERSION")]
        ),
        1.0
    );

    stack.agents.remove(1).stop().await;
    let offline = async || {
        let now = scrape(&stack.service).await;
        let stored = sum(&now, &["aggregator_inventory_writes_total", r#""kept""#]) >= 2.0;
        let offline = now[r#"aggregator_clusters{presence="offline"}"#] == 1.0;
        (stored && offline).then_some(())
    };
    stack
        .service
        .until("one is offline and both are stored", offline)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_event_streams_are_counted_while_they_read() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let path = format!("/workloads/cluster-a/{namespace}/Deployment/{name}/log/watch");
    let reader = stack.service.open(&path, &token).await;
    assert_eq!(reader.status(), StatusCode::OK);
    let readers = async || scrape(&stack.service).await["aggregator_event_stream_readers"];
    assert_eq!(readers().await, 1.0);
    drop(reader);
    assert_eq!(readers().await, 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_outside_can_make_up_a_series() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let strange = async |n: usize| {
        for method in [format!("MADE{n}"), "GET".to_owned()] {
            for path in [
                format!("/no-{n}"),
                format!("/namespaces/made-up-{n}"),
                format!("/deployments?q=made-up-{n}"),
                format!("/docs/made-up-{n}"),
            ] {
                let request = Request::builder().method(method.as_str()).uri(path);
                let request = request.header("authorization", format!("Bearer {token}"));
                stack
                    .service
                    .send(request.body(Body::empty()).unwrap())
                    .await;
            }
        }
        let login = json!({"username": format!("made-up-{n}"), "password": "x"});
        stack.service.post("/login", "", &login).await;
    };
    // Each kind once; concurrent activity has its series too.
    strange(0).await;
    scrape(&stack.service).await;
    let settled = async || {
        let now = scrape(&stack.service).await;
        let stored = sum(&now, &["aggregator_inventory_writes_total", r#""kept""#]) >= 1.0;
        let reported = sum(&now, &[r#"verb="workloads",outcome="answered""#]) >= 1.0;
        (stored && reported).then_some(now)
    };
    let before = stack.service.until("everything continues", settled).await;
    for n in 1..30 {
        strange(n).await;
    }
    let after = scrape(&stack.service).await;
    let series = |samples: &BTreeMap<String, f64>| {
        // A second list may or may not be written; the sign-in is refused after a while.
        let ours = samples
            .keys()
            .filter(|series| !series.contains("inventory") && !series.contains("429"));
        ours.cloned().collect::<BTreeSet<_>>()
    };
    let (before, now) = (series(&before), series(&after));
    let new: Vec<_> = now.difference(&before).collect();
    assert!(new.is_empty() && !before.is_empty(), "{new:?}");
    assert!(sum(&after, &[r#"method="other",route="none""#]) >= 29.0);
    let all = format!("{after:?}");
    for secret in ["made-up", "MADE", "cluster-a", "admin", token.as_str()] {
        assert!(!all.contains(secret), "{secret}");
    }
}
