//! What is wrong with the aggregator itself, and who learns of it.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::service::{PASSWORD, PATIENCE, Service, Site, bearer, request};

/// The condition's types and messages, as this token may see them.
async fn conditions(service: &Service, token: &str) -> Vec<Value> {
    let answer = service.send(bearer("GET", "/conditions", token)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.body["items"].as_array().expect("a list").clone()
}

async fn text(service: &Service, path: &str) -> String {
    let answer = service.send(request("GET", path, &[], "")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.body.as_str().expect("text").to_owned()
}

async fn until_raised(service: &Service, token: &str, raised: bool) {
    let met = xtask::condition::met("the condition", PATIENCE, async || {
        let there = !conditions(service, token).await.is_empty();
        Ok((there == raised).then_some(()))
    });
    met.await.expect("seen in time");
}

#[tokio::test]
async fn a_users_file_that_is_broken_or_missing_is_a_condition_until_it_is_good_again() {
    let site = Site::start().await;
    let auditor = json!([{"role": "admin", "clusters": ["*"], "namespaces": ["*"]}]);
    site.edit(|users| users["ana"]["grants"] = auditor);
    let service = site.service().await;
    let (admin, viewer) = (service.token("ana").await, service.token("bob").await);
    assert_eq!(conditions(&service, &admin).await, [] as [Value; 0]);
    assert_eq!(text(&service, "/readyz").await, "ok");
    let series = r#"aggregator_condition{condition="users_file_unusable"}"#;
    assert!(
        text(&service, "/metrics")
            .await
            .contains(&format!("{series} 0"))
    );

    let good = std::fs::read_to_string(&site.users).unwrap();
    for broken in [Some(good.replace("bob", "ana")), None] {
        match &broken {
            Some(text) => std::fs::write(&site.users, text).unwrap(),
            None => std::fs::remove_file(&site.users).unwrap(),
        }
        until_raised(&service, &admin, true).await;
        let raised = conditions(&service, &admin).await;
        assert_eq!(raised[0]["type"], "users_file_unusable");
        let message = raised[0]["message"].as_str().unwrap();
        let path = site.users.display().to_string();
        assert!(
            message.contains(&path) && message.contains("stay signed in"),
            "{message}"
        );
        let ready = text(&service, "/readyz").await;
        assert_eq!(ready, "ok\ndegraded: users_file_unusable");
        assert!(
            text(&service, "/metrics")
                .await
                .contains(&format!("{series} 1"))
        );
        let refused = service.send(bearer("GET", "/conditions", &viewer)).await;
        assert_eq!(refused.code(), "forbidden");
        assert_eq!(service.login("bob", PASSWORD).await.status, StatusCode::OK);

        std::fs::write(&site.users, &good).unwrap();
        until_raised(&service, &admin, false).await;
        assert_eq!(text(&service, "/readyz").await, "ok");
        assert!(
            text(&service, "/metrics")
                .await
                .contains(&format!("{series} 0"))
        );
    }
}
