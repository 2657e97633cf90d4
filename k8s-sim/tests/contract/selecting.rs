use kube::api::ListParams;
use serde_json::json;

use crate::fixtures::refusal;
use crate::server::Server;

async fn names(server: &Server, params: ListParams) -> Vec<String> {
    let list = server.deployments().list(&params).await.unwrap();
    list.items
        .into_iter()
        .map(|d| d.metadata.name.unwrap())
        .collect()
}

pub async fn labels_are_selected_by_equality_and_by_set(server: Server) {
    for (name, tier) in [("a", Some("front")), ("b", Some("back")), ("c", None)] {
        let labels = tier.map_or(json!({}), |tier| json!({ "tier": tier }));
        server
            .deploy(name, 0, |body| body["metadata"]["labels"] = labels)
            .await;
    }
    for (selector, expected) in [
        ("tier=front", &["a"][..]),
        ("tier==front", &["a"]),
        ("tier!=front", &["b", "c"]),
        ("tier", &["a", "b"]),
        ("!tier", &["c"]),
        ("tier in (front,back)", &["a", "b"]),
        ("tier in (front, back),tier!=back", &["a"]),
        ("tier notin (front)", &["b", "c"]),
        ("tier=", &[]),
    ] {
        let found = names(&server, ListParams::default().labels(selector)).await;
        assert_eq!(found, expected, "{selector}");
    }
}

pub async fn fields_are_selected(server: Server) {
    for name in ["a", "b"] {
        server.deploy(name, 0, |_| {}).await;
    }
    let by = |selector: &str| ListParams::default().fields(selector);
    assert_eq!(names(&server, by("metadata.name=a")).await, ["a"]);
    assert_eq!(names(&server, by("metadata.name!=a")).await, ["b"]);
    let both = format!("metadata.name=b,metadata.namespace={}", server.namespace);
    assert_eq!(names(&server, by(&both)).await, ["b"]);
    assert_eq!(
        names(&server, by("metadata.namespace=elsewhere")).await,
        [""; 0]
    );
}

pub async fn an_invalid_selector_is_refused(server: Server) {
    for labels in ["tier in front", "=x", "tier=a b", "a,,b=(", "tier in (a"] {
        let wrong = ListParams::default().labels(labels);
        let status = refusal(server.deployments().list(&wrong).await);
        assert_eq!(
            (status.code, status.reason.as_str()),
            (400, "BadRequest"),
            "{labels}"
        );
    }
    for fields in ["spec.replicas=1", "metadata.name"] {
        let wrong = ListParams::default().fields(fields);
        let status = refusal(server.deployments().list(&wrong).await);
        assert_eq!(
            (status.code, status.reason.as_str()),
            (400, "BadRequest"),
            "{fields}"
        );
    }
}
