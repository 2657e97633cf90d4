//! Names and passwords as different keyboards and tools write them.

use axum::http::StatusCode;
use serde_json::json;

use crate::service::{PASSWORD, Site, login, request};

#[tokio::test]
async fn a_user_signs_in_with_every_spelling_of_the_name_and_the_password() {
    let site = Site::start().await;
    site.write_users(&[("Rene\u{301}", "pass word \u{e9}", "viewer")]);
    let service = site.service().await;
    for (user, password) in [
        ("Ren\u{e9}", "pass word \u{e9}"),
        ("Rene\u{301}", "pass word e\u{301}"),
        ("Ren\u{e9} ", "pass\u{a0}word \u{e9}"),
    ] {
        let answer = service.login(user, password).await;
        assert_eq!(answer.status, StatusCode::OK, "{user:?} {password:?}");
        let token = answer.body["access_token"].as_str().unwrap();
        assert_eq!(service.me(token).await.body["user"], "Ren\u{e9}");
    }
    // Blanks are part of a password.
    let answer = service.login("Ren\u{e9}", "pass word \u{e9} ").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

/// A guesser would otherwise have five attempts a minute for each spelling.
#[tokio::test]
async fn all_spellings_of_a_name_share_their_attempts() {
    let site = Site::start().await;
    let service = site.service().await;
    for name in ["ana", "ana ", " ana", "\u{ff41}na", "a\u{ff4e}a"] {
        let answer = service.login(name, "wrong password").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name:?}");
    }
    let answer = service.login("ana\t", "wrong password").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_body_may_begin_with_a_byte_order_mark() {
    let site = Site::start().await;
    let service = site.service().await;
    let body = json!({"username": "ana", "password": PASSWORD});
    let body = format!("\u{feff}{body}\r\n");
    let json = [("content-type", "application/json")];
    let answer = service.send(request("POST", "/login", &json, &body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(
        service.send(login("ana", PASSWORD)).await.status,
        StatusCode::OK
    );
}
