//! What strangers cannot make grow in JetStream.

use aggregator::sessions::Token;
use async_nats::jetstream::{self, Context};
use axum::http::StatusCode;
use futures::TryStreamExt as _;

use crate::service::{Site, bearer};

async fn administrator(site: &Site) -> Context {
    let creds = site.nats.keys().admin_creds().expect("credentials");
    let options = async_nats::ConnectOptions::with_credentials_file(creds).await;
    let client = options.expect("credentials").connect(site.nats.url()).await;
    jetstream::new(client.expect("let in"))
}

/// The last sequence of each stream.
async fn sequences(administrator: &Context) -> Vec<(String, u64)> {
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
    for _ in 0..1000 {
        let made_up = Token::mint().unwrap();
        let answer = service
            .send(bearer("POST", "/logout", made_up.expose()))
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
