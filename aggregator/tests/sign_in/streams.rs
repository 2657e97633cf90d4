//! The limit of open streams per user.

use axum::http::StatusCode;
use axum::response::Response;
use http_body_util::BodyExt as _;
use limits::{Stream, StreamPermit};

use crate::service::{PATIENCE, Service, Site, bearer};

async fn watch(service: &Service, token: &str) -> Response {
    service.open(bearer("GET", "/watch", token)).await
}

#[tokio::test]
async fn the_sessions_of_a_user_share_one_quota_of_streams() {
    let site = Site::start().await;
    let service = site.service().await;
    let tokens = [service.token("ana").await, service.token("ana").await];
    let mut open = Vec::new();
    for (token, streams) in tokens.iter().zip([40, 24]) {
        for _ in 0..streams {
            let response = watch(&service, token).await;
            assert_eq!(response.status(), StatusCode::OK, "{} open", open.len());
            open.push(response);
        }
    }
    for token in &tokens {
        let refused = service.send(bearer("GET", "/watch", token)).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.code(), "rate_limited");
        let detail = refused.body["detail"].as_str().expect("a detail");
        assert!(
            detail.contains("ana") && detail.contains("64") && detail.contains("close"),
            "{detail}"
        );
    }
    let other = service.token("bob").await;
    assert_eq!(watch(&service, &other).await.status(), StatusCode::OK);

    open.pop();
    until_free(&service, &tokens[0]).await;
}

async fn until_free(service: &Service, token: &str) {
    let free = xtask::condition::met("a permit is free", PATIENCE, async || {
        let response = watch(service, token).await;
        Ok((response.status() == StatusCode::OK).then_some(()))
    });
    free.await.expect("a permit is free in time");
}

/// This many streams of ana.
fn hold(service: &Service, stream: Stream, streams: usize) -> Vec<StreamPermit> {
    let quota = &service.app.identity.stream_quota;
    let permits = (0..streams).map(|_| quota.acquire(stream, "ana"));
    permits.collect::<Result<_, _>>().expect("permits")
}

#[tokio::test]
async fn a_watched_rollout_takes_a_permit_and_gives_it_back_when_it_cannot_be_watched() {
    let site = Site::start().await;
    let service = site.service().await;
    let token = service.token("ana").await;
    let path = "/workloads/prod-a/shop/Deployment/web/rollout/watch";
    let mut held = hold(&service, Stream::Rollout, 128);
    let refused = service.send(bearer("GET", path, &token)).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let detail = refused.body["detail"].as_str().expect("a detail");
    assert!(detail.contains("128 watched rollouts"), "{detail}");

    held.pop();
    for _ in 0..2 {
        let unknown = service.send(bearer("GET", path, &token)).await;
        assert_eq!(unknown.code(), "cluster_unknown");
    }
}

#[tokio::test]
async fn a_permit_comes_back_when_the_session_of_its_stream_is_revoked() {
    let site = Site::start().await;
    let service = site.service().await;
    let [revoked, other] = [service.token("ana").await, service.token("ana").await];
    let _held = hold(&service, Stream::Fleet, 63);
    let open = watch(&service, &revoked).await;
    assert_eq!(open.status(), StatusCode::OK);
    assert_eq!(watch(&service, &other).await.status(), 429);

    service.send(bearer("POST", "/logout", &revoked)).await;
    // Its reader is still connected, and gets the reason for the end.
    let body = tokio::time::timeout(PATIENCE, open.into_body().collect());
    let body = body.await.expect("it ends").expect("it is read").to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("the session has ended"));
    until_free(&service, &other).await;
}
