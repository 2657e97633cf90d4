//! `POST /image`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::stack::Stack;

fn body((namespace, name): &(String, String), images: &Value) -> Value {
    json!({ "cluster": "cluster-a", "namespace": namespace, "deployment_name": name, "images": images })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_changed_and_what_names_no_image_or_container_is_refused_with_its_field() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let workload = stack.healthy("cluster-a").await;
    let path = format!(
        "/workloads/cluster-a/{}/Deployment/{}",
        workload.0, workload.1
    );
    let before = stack.service.get(&path, &token).await.body["containers"].clone();
    let container = before[0]["container"].as_str().expect("a name");
    let image = |image: &str| json!([{ "container": container, "image": image }]);
    let set = async |images: Value| {
        let body = body(&workload, &images);
        stack.service.post("/image", &token, &body).await
    };

    let too_long = "a".repeat(501);
    let names = "visible ASCII characters";
    for (images, field, rule) in [
        (json!(null), "images", "invalid type"),
        (json!([]), "images", "name 1 to 100 containers"),
        (
            json!(vec![json!({ "container": "c", "image": "i" }); 101]),
            "images",
            "name 1 to 100 containers",
        ),
        (
            json!([image("a:1")[0], image("a:2")[0]]),
            "images",
            "is named twice",
        ),
        (image(""), "images[0].image", names),
        (image("a b"), "images[0].image", names),
        (image("a\n"), "images[0].image", names),
        (image("a\u{7f}"), "images[0].image", names),
        (image(&too_long), "images[0].image", names),
        (
            json!([{ "container": "A", "image": "a" }]),
            "images[0].container",
            "not a container name",
        ),
    ] {
        let answer = set(images.clone()).await;
        assert_eq!(
            (answer.status, answer.code(), &answer.body["field"]),
            (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_request",
                &json!(field)
            ),
            "{images}"
        );
        let detail = answer.body["detail"].as_str().expect("a detail");
        assert!(detail.contains(rule), "{images}: {detail}");
    }
    let audit = stack.service.get("/audit?verb=image", &token).await;
    assert_eq!(audit.body["items"], json!([]), "nothing was begun");

    let unknown = json!([image("a:2")[0], { "container": "no-such", "image": "b:1" }]);
    let refused = set(unknown).await;
    assert_eq!(
        (refused.status, refused.code(), &refused.body["field"]),
        (StatusCode::NOT_FOUND, "not_found", &json!("images"))
    );
    let detail = refused.body["detail"].as_str().expect("a detail");
    assert!(
        detail.contains("no container \"no-such\", but") && detail.contains(container),
        "{detail}"
    );
    let unchanged = stack.service.get(&path, &token).await;
    assert_eq!(unchanged.body["containers"], before);

    let done = set(image("registry.example/shop/cart:9.9")).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    assert_eq!(
        done.body["images"][0],
        image("registry.example/shop/cart:9.9")[0]
    );
    let rolled_out = async || {
        let rollout = stack.service.get(&format!("{path}/rollout"), &token).await;
        (rollout.body["state"] == "complete" && rollout.body["revision"] == 2).then_some(())
    };
    stack.service.until("it is rolled out", rolled_out).await;
}
