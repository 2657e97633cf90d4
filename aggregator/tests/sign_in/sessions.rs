//! From sign-in to sign-out.

use std::time::Duration;

use aggregator_http::caller::Caller;
use axum::extract::{ConnectInfo, FromRequestParts as _};
use axum::http::StatusCode;
use serde_json::{Value, json};

use identity::sessions::Token;

use crate::service::{PASSWORD, PATIENCE, Service, Site, bearer, request};

#[tokio::test]
async fn a_sign_in_returns_a_token_and_its_rights() {
    let site = Site::start().await;
    let service = site.service().await;
    let answer = service.login("ana", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let token = answer.body["access_token"].as_str().unwrap();
    assert_eq!(answer.body["token_type"], "bearer");
    assert_eq!(answer.body["expires_in"], 12 * 60 * 60);
    assert_eq!(answer.header("cache-control"), "no-store");
    let cookie = format!(
        "{}={token}; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=43200",
        service.cookie()
    );
    assert_eq!(answer.header("set-cookie"), cookie);

    let me = service.me(token).await;
    assert_eq!(me.body["user"], "ana");
    assert_eq!(
        me.body["grants"],
        json!([{"role": "operator", "clusters": ["prod-*"], "namespaces": ["*"],
            "rights": ["read", "logs", "restart", "scale", "pause", "resume", "undo", "image"]}])
    );
    assert!(me.body["session"]["created_at"].is_string());
}

#[tokio::test]
async fn a_form_signs_in_as_json_does() {
    let site = Site::start().await;
    let service = site.service().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = "grant_type=password&username=ana&password=canary+password+7&scope=";
    let answer = service.send(request("POST", "/login", &form, body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    for (body, field) in [
        ("username=ana&password=a&password=b", "password"),
        ("username=ana&password=a&grants=all", "grants"),
        ("username=ana", "password"),
    ] {
        let answer = service.send(request("POST", "/login", &form, body)).await;
        assert_eq!(answer.code(), "invalid_request");
        assert_eq!(answer.body["field"], field);
    }
}

#[tokio::test]
async fn every_other_body_is_a_problem() {
    let site = Site::start().await;
    let service = site.service().await;
    let json = "application/json";
    let deep = "[".repeat(50_000);
    let large = format!("{{\"username\":\"{}\"}}", "a".repeat(70_000));
    let long = json!({"username": "ana", "password": "a".repeat(1025)}).to_string();
    for (kind, body, status, code) in [
        (json, "", 400, "invalid_request"),
        (json, "{", 400, "invalid_request"),
        (json, deep.as_str(), 400, "invalid_request"),
        (json, "{\"username\":\"ana\"}", 422, "invalid_request"),
        (
            json,
            "{\"username\":1,\"password\":2}",
            422,
            "invalid_request",
        ),
        (
            json,
            "{\"username\":\"ana\",\"password\":\"x\",\"grants\":[]}",
            422,
            "invalid_request",
        ),
        (
            json,
            "{\"username\":\"ana\",\"username\":\"bob\",\"password\":\"x\"}",
            422,
            "invalid_request",
        ),
        (json, large.as_str(), 413, "body_too_large"),
        (json, long.as_str(), 422, "invalid_request"),
        ("text/plain", "{}", 415, "media_type_unsupported"),
        ("multipart/form-data", "{}", 415, "media_type_unsupported"),
        ("", "{}", 415, "media_type_unsupported"),
    ] {
        let answer = service
            .send(request("POST", "/login", &[("content-type", kind)], body))
            .await;
        assert_eq!(answer.code(), code, "{kind}");
        assert_eq!(answer.status.as_u16(), status, "{kind} {answer:?}");
    }
}

#[tokio::test]
async fn a_browser_is_known_by_its_cookie_and_forgotten_when_it_signs_out() {
    let site = Site::start().await;
    let service = site.service().await;
    let cookie = format!("{}={}", service.cookie(), service.token("ana").await);
    let same_origin = [("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
    let me = service.send(request("GET", "/me", &same_origin, "")).await;
    assert_eq!(me.body["user"], "ana");

    for _ in 0..2 {
        let out = service
            .send(request("POST", "/logout", &same_origin, ""))
            .await;
        assert_eq!(out.status, StatusCode::NO_CONTENT, "{out:?}");
        assert!(
            out.header("set-cookie")
                .starts_with(&format!("{}=; ", service.cookie()))
        );
        assert!(out.header("set-cookie").contains("Max-Age=0"));
    }
    let me = service.send(request("GET", "/me", &same_origin, "")).await;
    assert_eq!(me.code(), "unauthenticated");
}

#[tokio::test]
async fn to_sign_out_without_a_session_is_a_success() {
    let site = Site::start().await;
    let service = site.service().await;
    let out = service.send(request("POST", "/logout", &[], "")).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    let out = service
        .send(bearer("POST", "/logout", "mca_nonsense"))
        .await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_session_holds_on_every_replica_and_ends_on_every_replica() {
    let site = Site::start().await;
    let (one, other) = (site.service().await, site.service().await);
    let token = one.token("ana").await;
    other.until_known(&token, true).await;
    let out = other.send(bearer("POST", "/logout", &token)).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    one.until_known(&token, false).await;
}

#[tokio::test]
async fn while_the_bus_is_down_sessions_survive_and_no_one_signs_in() {
    let mut site = Site::start().await;
    let service = site.service().await;
    let token = service.token("ana").await;
    site.nats.kill().await.unwrap();
    assert_eq!(service.me(&token).await.status, StatusCode::OK);
    let refused = service.login("ana", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.code(), "audit_unavailable");
    assert!(refused.headers.get("set-cookie").is_none());
    let stays = service.send(bearer("POST", "/logout", &token)).await;
    assert_eq!(stays.code(), "bus_unavailable");

    site.nats.restart().await.unwrap();
    let again = xtask::condition::met("signed in again", PATIENCE, async || {
        Ok(service
            .login("ana", PASSWORD)
            .await
            .status
            .is_success()
            .then_some(()))
    });
    again.await.unwrap();
    assert_eq!(service.me(&token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn sign_ins_and_sign_outs_stand_in_the_audit() {
    let site = Site::start().await;
    site.write_users(&[("root", PASSWORD, "admin")]);
    let service = site.service().await;
    service.login("root", "wrong").await;
    let token = service.token("root").await;
    service.send(bearer("POST", "/logout", &token)).await;
    let token = service.token("root").await;
    let audit = service.send(bearer("GET", "/audit", &token)).await;
    let items = audit.body["items"].as_array().unwrap().iter();
    let lines: Vec<_> = items
        .map(|item| {
            (
                item["verb"].as_str().unwrap(),
                item["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            ("sign-in", "succeeded"),
            ("sign-out", "succeeded"),
            ("sign-in", "succeeded"),
            ("sign-in", "refused")
        ]
    );
    assert!(!audit.body.to_string().contains("mca_"));
}

/// The user who makes a call with this token.
async fn caller(service: &Service, token: &str) -> Caller {
    let (mut parts, _) = bearer("GET", "/watch", token).into_parts();
    parts
        .extensions
        .insert(ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 1))));
    let caller = Caller::from_request_parts(&mut parts, &service.app).await;
    caller.unwrap_or_else(|refused| panic!("{refused:?}"))
}

/// A10: what a stream waits for.
const CUT_OFF_WITHIN: Duration = Duration::from_secs(5);

/// Signs ana in, changes the file, waits until a stream of hers is ended, and returns whether the token is still valid for other
/// calls.
async fn cut_off_by(change: impl FnOnce(&mut Value)) -> bool {
    let site = Site::start().await;
    let service = site.service().await;
    let token = service.token("ana").await;
    let caller = caller(&service, &token).await;
    assert!(futures::poll!(std::pin::pin!(caller.revocation.revoked())).is_pending());
    site.edit(change);
    let cut_off = tokio::time::timeout(CUT_OFF_WITHIN, caller.revocation.revoked());
    cut_off.await.expect("cut off in time");
    service.me(&token).await.status.is_success()
}

#[tokio::test]
async fn a10_other_grants_cut_a_stream_off_and_the_session_goes_on_with_them() {
    let goes_on = cut_off_by(|users| users["ana"]["grants"][0]["role"] = "viewer".into());
    assert!(goes_on.await);
}

#[tokio::test]
async fn a10_another_password_ends_the_sessions_of_the_one_before() {
    let goes_on = cut_off_by(|users| {
        users["ana"]["password_hash"] = users["bob"]["password_hash"].clone();
    });
    assert!(!goes_on.await);
}

#[tokio::test]
async fn a10_a_user_who_is_gone_has_no_session() {
    let goes_on = cut_off_by(|users| {
        users.as_object_mut().expect("users").remove("ana");
    });
    assert!(!goes_on.await);
}

/// Taken out by mistake, or during a suspicion: what was signed in before stays signed out.
#[tokio::test]
async fn a_user_who_was_removed_and_put_back_signs_in_again() {
    let site = Site::start().await;
    let (service, replica) = (site.service().await, site.service().await);
    let (ana, bob) = (service.token("ana").await, service.token("bob").await);
    replica.until_known(&ana, true).await;
    let file = std::fs::read_to_string(&site.users).unwrap();
    site.edit(|users| drop(users.as_object_mut().expect("users").remove("ana")));
    let token = Token::parse(&ana).expect("a token");
    for service in [&service, &replica] {
        let sessions = &service.app.identity.sessions;
        let ended = xtask::condition::met("the session's end", PATIENCE, async || {
            Ok(sessions.find(&token).is_none().then_some(()))
        });
        ended.await.expect("it ends without being used");
    }
    std::fs::write(&site.users, file).unwrap();
    for service in [&service, &replica] {
        let mut users = service.app.identity.users.subscribe();
        let back = users.wait_for(|users| users.find("ana").is_some());
        let back = tokio::time::timeout(PATIENCE, back).await;
        drop(back.expect("in time").expect("it is followed"));
        assert_eq!(service.me(&ana).await.code(), "unauthenticated");
        service.until_known(&bob, true).await;
    }
    let again = service.token("ana").await;
    assert_eq!(service.me(&again).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a10_a_sign_out_on_another_replica_cuts_a_stream_off() {
    let site = Site::start().await;
    let (service, other) = (site.service().await, site.service().await);
    let token = service.token("ana").await;
    let caller = caller(&service, &token).await;
    other.until_known(&token, true).await;
    other.send(bearer("POST", "/logout", &token)).await;
    let cut_off = tokio::time::timeout(CUT_OFF_WITHIN, caller.revocation.revoked());
    cut_off.await.expect("cut off in time");
}

#[tokio::test]
async fn a_change_for_others_ends_no_session() {
    let site = Site::start().await;
    let service = site.service().await;
    let token = service.token("ana").await;
    let caller = caller(&service, &token).await;
    let mut changes = service.app.identity.users.subscribe();
    site.edit(|users| {
        users.as_object_mut().expect("users").remove("bob");
    });
    let read = changes.wait_for(|directory| directory.find("bob").is_none());
    drop(tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap());
    assert!(futures::poll!(std::pin::pin!(caller.revocation.revoked())).is_pending());
}
