//! Everything in JetStream is bounded.

use async_nats::jetstream::{self, Context};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::TryStreamExt as _;
use identity::sessions::Token;

use serde_json::{Value, json};

use crate::service::{Answer, PASSWORD, Service, Site, bearer, login, request};

pub async fn administrator(site: &Site) -> Context {
    let creds = site.nats.keys().admin_creds().expect("credentials");
    let options = async_nats::ConnectOptions::with_credentials_file(creds).await;
    let client = options.expect("credentials").connect(site.nats.url()).await;
    jetstream::new(client.expect("accepted"))
}

/// The last sequence of each stream.
pub async fn sequences(administrator: &Context) -> Vec<(String, u64)> {
    let streams: Vec<_> = administrator
        .streams()
        .try_collect()
        .await
        .expect("streams");
    let mut sequences: Vec<_> = streams
        .into_iter()
        .map(|info| (info.config.name, info.state.last_sequence))
        .collect();
    sequences.sort();
    sequences
}

#[tokio::test(flavor = "multi_thread")]
async fn a23_nothing_is_written_for_tokens_that_are_made_up() {
    let site = Site::start().await;
    let service = site.service().await;
    let administrator = administrator(&site).await;
    let before = sequences(&administrator).await;
    for number in 0..1000_u16 {
        let [high, low] = number.to_be_bytes();
        let made_up = Token::mint().unwrap();
        let answer = service
            .send_from(
                [10, high, low, 1],
                bearer("POST", "/logout", made_up.expose()),
            )
            .await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
    }
    assert_eq!(sequences(&administrator).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_another_replica_has_begun_is_ended() {
    let site = Site::start().await;
    let (one, other) = (site.service().await, site.service().await);
    let token = one.token("ana").await;
    let answer = other.send(bearer("POST", "/logout", &token)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
    let before = sequences(&administrator(&site).await).await;
    let answer = other.send(bearer("POST", "/logout", &token)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
    assert_eq!(sequences(&administrator(&site).await).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a23_sign_outs_without_a_session_are_limited_by_address_and_those_with_one_are_not() {
    let site = Site::start().await;
    let service = site.service().await;
    let mut answers = Vec::new();
    for _ in 0..23 {
        let made_up = Token::mint().unwrap();
        let answer = service
            .send(bearer("POST", "/logout", made_up.expose()))
            .await;
        answers.push(answer);
    }
    assert!(
        answers[..20]
            .iter()
            .all(|answer| answer.status == StatusCode::NO_CONTENT)
    );
    for answer in &answers[20..] {
        assert_eq!(answer.code(), "rate_limited");
        assert!(answer.header("retry-after").parse::<u64>().unwrap() <= 3);
    }
    let token = service.token("ana").await;
    let answer = service.send(bearer("POST", "/logout", &token)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(service.me(&token).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_has_a_bound_and_together_they_fit_into_the_servers_store() {
    let site = Site::start().await;
    drop(site.service().await);
    let administrator = administrator(&site).await;
    let streams: Vec<_> = administrator.streams().try_collect().await.unwrap();
    let bounds: Vec<_> = streams
        .iter()
        .map(|info| (info.config.name.as_str(), info.config.max_bytes))
        .collect();
    assert!(bounds.len() >= 7, "{bounds:?}");
    assert!(bounds.iter().all(|(_, bytes)| *bytes > 0), "{bounds:?}");
    let monitoring = site.nats.monitoring_url().expect("monitoring");
    let jsz = reqwest::get(format!("{monitoring}/jsz")).await.unwrap();
    let jsz: Value = jsz.json().await.unwrap();
    let store = jsz["config"]["max_storage"].as_i64().expect("a size");
    let sum: i64 = bounds.iter().map(|(_, bytes)| bytes).sum();
    assert!(sum <= store, "{sum} of {store}: {bounds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_without_a_bound_is_refused_with_the_difference() {
    let site = Site::start().await;
    let unbounded = jetstream::kv::Config {
        bucket: "operations".to_owned(),
        history: 1,
        max_age: std::time::Duration::from_secs(7 * 24 * 60 * 60),
        ..Default::default()
    };
    let made = administrator(&site).await.create_key_value(unbounded).await;
    made.unwrap();
    let refused = site.try_service().await.map(drop).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "KV_operations exists with other settings: max_bytes is unlimited and should be 67108864, \
         allow_msg_ttl is false and should be true; change it with `nats stream edit`, or back it up and delete it"
    );
}

/// The response to a request of a user who makes as many changes as allowed all the time.
async fn beside_many_changes(service: &Service, user: &str, request: Request<Body>) -> Answer {
    let changes = async {
        loop {
            while service.app.change_limit.count(user).is_ok() {}
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = changes => unreachable!("it goes on"),
        answer = service.send(request) => answer,
    }
}

fn post(path: &str, token: &str) -> Request<Body> {
    let token = format!("Bearer {token}");
    let headers = [
        ("authorization", token.as_str()),
        ("content-type", "application/json"),
    ];
    request("POST", path, &headers, "{}")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_the_changes_of_a_user_is_refused_before_anything_is_written() {
    let site = Site::start().await;
    let all = json!([{"role": "admin", "clusters": ["*"], "namespaces": ["*"]}]);
    site.edit(|users| {
        users["ana"]["grants"] = all.clone();
        users["bob"]["grants"] = all;
    });
    let service = site.service().await;
    let (ana, bob) = (service.token("ana").await, service.token("bob").await);
    let administrator = administrator(&site).await;
    let before = sequences(&administrator).await;
    for request in [
        post("/clusters/prod-a/enroll", &ana),
        post("/clusters/prod-a/invite", &ana),
        bearer("DELETE", "/clusters/prod-a", &ana),
        login("ana", PASSWORD),
    ] {
        let refused = beside_many_changes(&service, "ana", request).await;
        assert_eq!(refused.code(), "rate_limited", "{refused:?}");
        assert_eq!(refused.header("retry-after"), "1");
    }
    assert_eq!(sequences(&administrator).await, before);
    assert_eq!(service.me(&ana).await.status, StatusCode::OK);

    let enrolled =
        beside_many_changes(&service, "ana", post("/clusters/prod-a/enroll", &bob)).await;
    assert_eq!(enrolled.status, StatusCode::OK, "{enrolled:?}");
}
