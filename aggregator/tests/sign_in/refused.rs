//! Refused sign-ins in the audit: unauthenticated callers must not displace authorised operations.

use async_nats::jetstream::Context;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::bounds::{administrator, sequences};
use crate::service::{Service, Site, bearer, login};

const AUDIT: &str = "AUDIT";
const REFUSED: &str = "AUDIT_REFUSED";

/// With an auditor.
async fn begun() -> (Site, Service, Context) {
    let site = Site::start().await;
    let all = json!([{"role": "admin", "clusters": ["*"], "namespaces": ["*"]}]);
    site.edit(|users| users["ana"]["grants"] = all);
    let service = site.service().await;
    let administrator = administrator(&site).await;
    (site, service, administrator)
}

async fn last_sequence(administrator: &Context, stream: &str) -> u64 {
    let all = sequences(administrator).await;
    let found = all.into_iter().find(|(name, _)| name == stream);
    found.expect("the stream").1
}

async fn page(service: &Service, token: &str, query: &str) -> Value {
    let path = format!("/audit?{query}");
    let answer = service.send(bearer("GET", &path, token)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.body
}

async fn lines(service: &Service, token: &str, query: &str) -> Vec<Value> {
    let page = page(service, token, query).await;
    page["items"].as_array().expect("lines").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_a_flood_of_refused_sign_ins_is_two_lines_a_minute_and_none_of_the_audits() {
    let (_site, service, administrator) = begun().await;
    let token = service.token("ana").await;
    let before = last_sequence(&administrator, AUDIT).await;
    let mut codes = Vec::new();
    // So many that some exceed the limit even if each takes half a second.
    for number in 0..240 {
        let user = format!("{number:->64}");
        let answer = service
            .send_from([192, 0, 2, number], login(&user, "a guess"))
            .await;
        codes.push(answer.code().to_owned());
    }
    let count = |code: &str| codes.iter().filter(|found| *found == code).count();
    assert_eq!(count("unauthenticated") + count("rate_limited"), 240);
    assert_eq!(last_sequence(&administrator, AUDIT).await, before);
    assert_eq!(last_sequence(&administrator, REFUSED).await, 2);

    service.app.audit.finish().await;
    assert_eq!(last_sequence(&administrator, REFUSED).await, 4);
    let seen = lines(&service, &token, "outcome=refused").await;
    let sums: Vec<&Value> = seen.iter().map(|line| &line["refused"]).collect();
    let counted: u64 = sums.iter().filter_map(|sum| sum["count"].as_u64()).sum();
    assert_eq!(counted, 238, "beside the two first: {seen:?}");
    let wrong = sums[1];
    assert_eq!(wrong["network"], "192.0.2.0/24");
    assert_eq!(wrong["users"].as_u64(), wrong["count"].as_u64());
    assert_eq!(wrong["sample"].as_array().map(Vec::len), Some(5));
    let sample = wrong["sample"][0].as_str().expect("a name");
    let found = lines(&service, &token, &format!("user={sample}")).await;
    assert_eq!(found, [seen[1].clone()]);

    let bob = service.token("bob").await;
    let seen = lines(&service, &bob, "limit=500").await;
    assert!(
        seen.iter().all(|line| line["user"] == "bob"),
        "those of others are shown only to auditors: {seen:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_audit_have_refused_sign_ins_among_the_rest_by_time() {
    let (_site, service, _) = begun().await;
    let mut expected = Vec::new();
    let mut token = String::new();
    for number in 0..6 {
        token = service.token("ana").await;
        expected.push(json!(["ana", "succeeded"]));
        // Two at once, so that one stream has two consecutive lines.
        for last in [1, 2] {
            let user = format!("stranger-{number}-{last}");
            service
                .send_from([10, number, last, 1], login(&user, "a guess"))
                .await;
            expected.push(json!([user, "refused"]));
        }
    }
    expected.reverse();
    let shown = |line: &Value| json!([line["user"], line["outcome"]]);
    let whole = lines(&service, &token, "limit=500").await;
    let whole: Vec<Value> = whole.iter().map(shown).collect();
    assert_eq!(whole, expected);

    for limit in [1, 2, 4] {
        let (mut collected, mut next) = (Vec::new(), String::new());
        loop {
            let page = page(&service, &token, &format!("limit={limit}{next}")).await;
            let items = page["items"].as_array().expect("lines");
            collected.extend(items.iter().map(shown));
            match page["continue"].as_str() {
                Some(cursor) => next = format!("&continue={cursor}"),
                None => break,
            }
        }
        assert_eq!(collected, expected, "{limit} at a time");
    }
}
