//! What is wrong with the aggregator itself, and who is informed.

use axum::http::StatusCode;
use serde_json::{Value, json};

use xtask::condition;

use crate::bounds::administrator;
use crate::service::{PASSWORD, PATIENCE, Service, Site, bearer, request};

/// The condition's types and messages, as visible with this token.
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
    let met = condition::met("the condition", PATIENCE, async || {
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

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_that_is_nearly_full_is_a_condition_and_how_full_is_in_the_metrics() {
    let site = Site::start().await;
    let auditor = json!([{"role": "admin", "clusters": ["*"], "namespaces": ["*"]}]);
    site.edit(|users| users["ana"]["grants"] = auditor);
    drop(site.service().await);
    let administrator = administrator(&site).await;
    let audit = administrator.get_stream("AUDIT").await.unwrap();
    let mut settings = audit.cached_info().config.clone();
    administrator.delete_stream("AUDIT").await.unwrap();
    settings.max_bytes = 100_000;
    administrator.create_stream(settings).await.unwrap();
    for _ in 0..85 {
        let junk = vec![b' '; 950];
        let put = administrator.publish("audit.operation.junk", junk.into());
        put.await.unwrap().await.unwrap();
    }

    let service = site.service().await;
    let token = service.token("ana").await;
    let nearly_full = async || {
        let answer = service.send(bearer("GET", "/conditions", &token)).await;
        let items = answer.body["items"].as_array()?.clone();
        items
            .into_iter()
            .find(|item| item["type"] == "store_nearly_full")
    };
    let raised = condition::met("the condition", PATIENCE, async || Ok(nearly_full().await));
    let raised = raised.await.unwrap();
    let message = raised["message"].as_str().expect("a message");
    assert!(message.starts_with("AUDIT has "), "{message}");
    assert!(message.contains("of the 100000 bytes"), "{message}");
    assert!(!message.contains("KV_"), "{message}");

    let metrics = service.send(request("GET", "/metrics", &[], "")).await;
    let text = metrics.body.as_str().expect("text");
    for series in [
        r#"aggregator_stream_max_bytes{stream="AUDIT"} 100000"#,
        r#"aggregator_stream_max_bytes{stream="AUDIT_REFUSED"} 67108864"#,
        r#"aggregator_stream_max_bytes{stream="KV_sessions"} 67108864"#,
        r#"aggregator_stream_bytes{stream="AUDIT"} "#,
        r#"aggregator_condition{condition="store_nearly_full"} 1"#,
    ] {
        assert!(text.contains(series), "{series}: {text}");
    }
}
