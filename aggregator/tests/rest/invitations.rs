//! Links that have not been used yet: who sees them, and that they can be withdrawn.

use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use crate::joining::{delete, link, open};
use crate::stack::Stack;

/// The ids of the invitations that this user can see.
async fn invitations(stack: &Stack, token: &str) -> Vec<String> {
    let list = stack.service.get("/invitations", token).await;
    assert_eq!(list.status, StatusCode::OK, "{list:?}");
    let items = list.body["items"].as_array().expect("a list");
    let id = |item: &serde_json::Value| item["id"].as_str().expect("an id").to_owned();
    items.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_listed_until_it_is_used_withdrawn_or_void() {
    let stack = Stack::start(0).await;
    let admin = stack.service.token("admin").await;
    let used = link(&stack, "cluster-a").await;
    let withdrawn = link(&stack, "cluster-b").await;
    let _void = link(&stack, "cluster-c").await;
    let list = stack.service.get("/invitations", &admin).await;
    let items = list.body["items"].as_array().expect("a list");
    let clusters: Vec<_> = items.iter().map(|item| &item["cluster"]).collect();
    assert_eq!(
        clusters,
        ["cluster-c", "cluster-b", "cluster-a"],
        "{list:?}"
    );
    assert_eq!(items[0]["by"], "admin");
    let time = |name: &str| {
        items[0][name]
            .as_str()
            .unwrap()
            .parse::<Timestamp>()
            .unwrap()
    };
    let lasts = time("expires_at").duration_since(time("created_at"));
    assert_eq!(lasts.as_secs(), 15 * 60);
    // The list contains nothing that lets anyone join.
    let id = items[1]["id"].as_str().expect("an id");
    let guessed = open(&stack, Method::POST, &format!("/join/{id}")).await;
    assert_eq!(guessed.code(), "invitation_unknown");

    let path = format!("/invitations/{id}");
    let done = delete(&stack, &path, &admin).await;
    assert_eq!(done.body["cluster"], "cluster-b", "{done:?}");
    let late = open(&stack, Method::POST, &withdrawn).await;
    assert_eq!(late.code(), "invitation_unknown", "{late:?}");
    let again = delete(&stack, &path, &admin).await;
    assert_eq!(
        (again.status, again.code()),
        (StatusCode::NOT_FOUND, "invitation_unknown")
    );
    let audit = stack
        .service
        .get("/audit?cluster=cluster-b&verb=withdraw", &admin)
        .await;
    let line = &audit.body["items"][0];
    assert_eq!(
        (&line["outcome"], &line["operation_id"], &line["detail"]),
        (
            &json!("succeeded"),
            &done.body["operation_id"],
            &json!("an invitation by admin")
        ),
        "{audit:?}"
    );
    let joined = open(&stack, Method::POST, &used).await;
    assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
    assert_eq!(invitations(&stack, &admin).await.len(), 1);
    let revoked = delete(&stack, "/clusters/cluster-c", &admin).await;
    assert_eq!(revoked.status, StatusCode::OK, "{revoked:?}");
    assert_eq!(invitations(&stack, &admin).await, [""; 0]);
    let wrong = delete(&stack, "/invitations/cluster-a", &admin).await;
    assert_eq!(
        (wrong.code(), &wrong.body["field"]),
        ("invalid_request", &json!("invitation_id"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_of_an_invitation_to_a_cluster_that_they_may_not_enroll() {
    let stack = Stack::start(0).await;
    let admin = stack.service.token("admin").await;
    link(&stack, "cluster-a").await;
    let [id] = &invitations(&stack, &admin).await[..] else {
        panic!("one invitation");
    };
    let viewer = stack.service.token("viewer").await;
    assert_eq!(invitations(&stack, &viewer).await, [""; 0]);
    let refused = delete(&stack, &format!("/invitations/{id}"), &viewer).await;
    let unknown = delete(&stack, &format!("/invitations/{}", "0".repeat(64)), &viewer).await;
    assert_eq!(refused.code(), "invitation_unknown", "{refused:?}");
    assert_eq!(refused.body["detail"], unknown.body["detail"]);
    assert_eq!(invitations(&stack, &admin).await.len(), 1);
}
