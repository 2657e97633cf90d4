//! Grants by labels: they follow each label change at once, and no one can pass on rights without the right to.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{add_user, clusters_of, label};
use crate::joining::{link, open};
use crate::service::Answer;
use crate::stack::Stack;
use crate::watcher::Watcher;

/// Waits until a user of the users file can sign in; returns the session.
async fn signed_in(stack: &Stack, name: &str) -> String {
    let body = json!({"username": name, "password": crate::service::PASSWORD});
    stack
        .service
        .until("the user is known", async || {
            let answer = stack.service.post("/login", "", &body).await;
            answer.body["access_token"].as_str().map(str::to_owned)
        })
        .await
}

fn by_label(role: &str, selector: &str) -> Value {
    json!([{"role": role, "cluster_labels": selector, "namespaces": ["*"]}])
}

async fn restart(stack: &Stack, cluster: &str, token: &str) -> Answer {
    let (namespace, name) = stack.healthy(cluster).await;
    let body = json!({"cluster": cluster, "namespace": namespace, "deployment_name": name});
    stack.service.post("/restart", token, &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_labels_changes_rights_at_once() {
    let stack = Stack::start(2).await;
    add_user(&stack, "prod", by_label("restarter", "env=prod"));
    let prod = signed_in(&stack, "prod").await;
    let seen = async || clusters_of(&stack.service, "", &prod).await;
    assert_eq!(seen().await, [""; 0]);
    label(&stack, "cluster-a", json!({"env": "prod"})).await;
    assert_eq!(seen().await, ["cluster-a"]);
    let done = restart(&stack, "cluster-a", &prod).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    let refused = restart(&stack, "cluster-b", &prod).await;
    assert_eq!(refused.code(), "cluster_unknown");
    let me = stack.service.get("/me", &prod).await;
    let grant = &me.body["grants"][0];
    assert_eq!(grant["cluster_labels"], "env=prod", "{me:?}");
    assert_eq!(grant["labelled_clusters"], json!(["cluster-a"]), "{me:?}");

    // A stream ends if its reader's rights have changed, and continues otherwise.
    let mut watcher = Watcher::open(&stack.service, "/watch", &prod, None).await;
    label(&stack, "cluster-a", json!({"region": "eu"})).await;
    watcher
        .until("cluster", |event| event["labels"]["region"] == "eu")
        .await;
    label(&stack, "cluster-a", json!({"env": "dev"})).await;
    let ended = watcher.until("problem", |_| true).await;
    assert_eq!(ended["code"], "unauthenticated", "{ended}");
    assert_eq!(seen().await, [""; 0]);
    let refused = restart(&stack, "cluster-a", &prod).await;
    assert_eq!(refused.code(), "cluster_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_labels_is_granted_by_no_selector() {
    let stack = Stack::start(2).await;
    add_user(&stack, "others", by_label("viewer", "env!=prod"));
    let others = signed_in(&stack, "others").await;
    assert_eq!(clusters_of(&stack.service, "", &others).await, [""; 0]);
    label(&stack, "cluster-b", json!({"env": "dev"})).await;
    assert_eq!(
        clusters_of(&stack.service, "", &others).await,
        ["cluster-b"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_enroll_every_cluster_sets_no_labels() {
    let stack = Stack::start(1).await;
    label(&stack, "cluster-a", json!({"env": "dev"})).await;
    let grants = json!([
        {"role": "admin", "clusters": ["cluster-*"], "namespaces": ["*"]},
        {"role": "admin", "cluster_labels": "env", "namespaces": ["*"]},
    ]);
    add_user(&stack, "some", grants);
    let some = signed_in(&stack, "some").await;
    let labels = json!({"labels": {"env": "prod"}});
    let patched = stack
        .service
        .patch("/clusters/cluster-a", &some, &labels)
        .await;
    assert_eq!(patched.code(), "forbidden");
    for act in ["enroll", "invite"] {
        let path = format!("/clusters/cluster-b/{act}");
        let refused = stack.service.post(&path, &some, &labels).await;
        assert_eq!(refused.code(), "forbidden", "{act}");
        let allowed = stack.service.post(&path, &some, &json!({})).await;
        assert_eq!(allowed.status, StatusCode::OK, "{allowed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_with_labels_dies_with_its_makers_right_to_set_them() {
    let stack = Stack::start(0).await;
    let everywhere = json!([{"role": "admin", "clusters": ["*"], "namespaces": ["*"]}]);
    add_user(&stack, "maker", everywhere);
    let maker = signed_in(&stack, "maker").await;
    let path = "/clusters/cluster-a/invite";
    let labels = json!({"labels": {"env": "prod"}});
    let invited = stack.service.post(path, &maker, &labels).await;
    let url = invited.body["url"].as_str().expect("a link");
    let labelled = url.strip_prefix("https://fleet.example").expect("ours");
    stack.edit_users(|users| users["maker"]["grants"][0]["clusters"] = json!(["cluster-*"]));
    stack
        .service
        .until("the grants are read", async || {
            let answer = stack.service.patch("/clusters/x", &maker, &labels).await;
            let me = stack.service.get("/me", &maker).await;
            (answer.code() == "cluster_unknown"
                && me.body["grants"][0]["clusters"] == json!(["cluster-*"]))
            .then_some(())
        })
        .await;
    let refused = open(&stack, axum::http::Method::POST, labelled).await;
    assert_eq!(refused.code(), "invitation_unknown", "{refused:?}");
    let plain = link(&stack, "cluster-b").await;
    let joined = open(&stack, axum::http::Method::POST, &plain).await;
    assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
}
