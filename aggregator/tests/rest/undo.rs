//! `POST /undo`, and the revisions of a workload.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::service::Answer;
use crate::stack::Stack;

/// A deployment with revisions of its own.
struct Undoing {
    stack: Stack,
    token: String,
    workload: (String, String),
    path: String,
}

impl Undoing {
    async fn start() -> Self {
        let stack = Stack::start(1).await;
        let token = stack.service.token("admin").await;
        let workload = stack.healthy("cluster-a").await;
        let (namespace, name) = &workload;
        Self {
            path: format!("/workloads/cluster-a/{namespace}/Deployment/{name}"),
            stack,
            token,
            workload,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        let path = format!("{}{path}", self.path);
        self.stack.service.get(&path, &self.token).await
    }

    async fn post(&self, path: &str, parameters: Value) -> Answer {
        let (namespace, name) = &self.workload;
        let mut body = parameters;
        body["cluster"] = json!("cluster-a");
        body["namespace"] = json!(namespace);
        body["deployment_name"] = json!(name);
        self.stack.service.post(path, &self.token, &body).await
    }

    /// Sets the image of its first container, and waits for its revision.
    async fn set_image(&self, image: &str) -> u64 {
        let before = self.current().await;
        let container = self.get("").await.body["containers"][0]["container"].clone();
        let images = json!([{ "container": container, "image": image }]);
        let set = self.post("/image", json!({ "images": images })).await;
        assert_eq!(set.status, StatusCode::OK, "{set:?}");
        self.newer_than(before).await
    }

    async fn newer_than(&self, revision: u64) -> u64 {
        let newer = async || {
            let current = self.find_current().await;
            current.filter(|current| *current > revision)
        };
        self.stack.service.until("a newer revision", newer).await
    }

    async fn find_current(&self) -> Option<u64> {
        let revisions = self.get("/revisions").await.body;
        let mut items = revisions["items"].as_array()?.iter();
        let current = items.find(|item| item["current"] == true)?;
        current["revision"].as_u64()
    }

    async fn current(&self) -> u64 {
        self.newer_than(0).await
    }

    async fn image(&self) -> Value {
        self.get("").await.body["containers"][0]["image"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_goes_to_the_revision_before_or_to_one_by_number_and_says_who_made_each() {
    let undoing = Undoing::start().await;
    let first = undoing.current().await;
    let original = undoing.image().await;
    let second = undoing.set_image("example.com/bad:2").await;

    let undone = undoing.post("/undo", json!({ "reason": "OPS-7" })).await;
    assert_eq!(undone.status, StatusCode::OK, "{undone:?}");
    assert_eq!(undone.body["outcome"], "succeeded");
    assert_eq!(undone.body["to_revision"], json!(first));
    assert_eq!(undone.body.get("unchanged"), None);
    assert_eq!(undoing.image().await, original);
    let third = undoing.newer_than(second).await;

    let revisions = undoing.get("/revisions").await;
    let items = revisions.body["items"].as_array().expect("items");
    assert_eq!(items[0]["revision"], json!(third));
    assert_eq!(items[0]["user"], "admin");
    assert_eq!(items[0]["operation_id"], undone.body["operation_id"]);
    assert_eq!(items[1]["user"], "admin");
    let image = &items[1]["images"][0]["image"];
    assert_eq!(image, "example.com/bad:2");

    let again = undoing.post("/undo", json!({ "to_revision": third })).await;
    assert_eq!(again.body["unchanged"], true, "{again:?}");
    let forth = undoing
        .post("/undo", json!({ "to_revision": second }))
        .await;
    assert_eq!(forth.status, StatusCode::OK, "{forth:?}");
    assert_eq!(undoing.image().await, "example.com/bad:2");
    let audit = undoing
        .stack
        .service
        .get("/audit?verb=undo", &undoing.token);
    let audit = audit.await;
    assert_eq!(audit.body["items"].as_array().map(Vec::len), Some(3));
    assert_eq!(audit.body["items"][2]["reason"], "OPS-7");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_is_none_is_refused_with_its_field_and_the_rule() {
    let undoing = Undoing::start().await;
    let unprocessable = (StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
    for (parameters, (status, code), rule) in [
        (json!({ "to_revision": 0 }), unprocessable, "from 1"),
        (json!({ "to_revision": -1 }), unprocessable, "to_revision"),
        (json!({ "to_revision": 1.5 }), unprocessable, "to_revision"),
        (json!({ "to_revision": "3" }), unprocessable, "to_revision"),
        (json!({ "to_revision": null }), unprocessable, "to_revision"),
        (
            json!({ "to_revision": 4711 }),
            (StatusCode::NOT_FOUND, "not_found"),
            "there is no revision 4711; the cluster has",
        ),
    ] {
        let refused = undoing.post("/undo", parameters.clone()).await;
        assert_eq!(
            (refused.status, refused.code()),
            (status, code),
            "{parameters}"
        );
        assert_eq!(refused.body["field"], "to_revision", "{parameters}");
        let detail = refused.body["detail"].as_str().expect("a detail");
        assert!(detail.contains(rule), "{parameters}: {detail}");
    }
    for (query, field) in [
        ("from=0&to=1", "from"),
        ("to=x", "to"),
        ("from=4711&to=1", "from"),
    ] {
        let refused = undoing.get(&format!("/revisions/diff?{query}")).await;
        assert!(refused.status.is_client_error(), "{query}: {refused:?}");
        assert_eq!(refused.body["field"], field, "{query}");
    }
    let viewer = undoing.stack.service.token("viewer").await;
    let (namespace, name) = &undoing.workload;
    let body = json!({ "cluster": "cluster-a", "namespace": namespace, "deployment_name": name });
    let refused = undoing.stack.service.post("/undo", &viewer, &body).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_revision_has_none_before_it() {
    let undoing = Undoing::start().await;
    let revisions = undoing.get("/revisions").await;
    let items = revisions.body["items"].as_array().expect("items");
    assert_eq!(items.len(), 1, "it has not been updated yet");
    let refused = undoing.post("/undo", json!({})).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::NOT_FOUND, "not_found")
    );
    assert_eq!(refused.body["field"], "to_revision");
    let audit = undoing
        .stack
        .service
        .get("/audit?verb=undo", &undoing.token);
    assert_eq!(audit.await.body["items"], json!([]), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_difference_of_two_revisions_is_shown_without_secrets() {
    let undoing = Undoing::start().await;
    let original = undoing.image().await;
    let (first, second) = (
        undoing.current().await,
        undoing.set_image("example.com/bad:2").await,
    );
    for query in [format!("?from={first}&to={second}"), String::new()] {
        let diff = undoing.get(&format!("/revisions/diff{query}")).await;
        assert_eq!(diff.status, StatusCode::OK, "{diff:?}");
        assert_eq!(
            (&diff.body["from"], &diff.body["to"]),
            (&json!(first), &json!(second))
        );
        let text = diff.body["diff"].as_str().expect("a text");
        let changed: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with(['+', '-']))
            .map(|line| line.trim_start_matches(['+', '-', ' ']))
            .collect();
        let expected = [
            format!("revision {first}"),
            format!("revision {second}"),
            format!("image: {}", original.as_str().expect("an image")),
            "image: example.com/bad:2".to_owned(),
        ];
        assert_eq!(changed, expected, "{text}");
    }
    let path = format!("/revisions/diff?from={first}&to={first}");
    assert_eq!(undoing.get(&path).await.body["diff"], "");
}
