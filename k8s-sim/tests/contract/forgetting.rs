//! The response to requests for a compacted resource version. Tested with events, since a real API server does not cache them:
//! compaction takes effect immediately.

use futures::{AsyncBufReadExt as _, StreamExt as _};
use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};

use crate::fixtures::refusal;
use crate::server::Server;

async fn create(events: &Api<Event>, name: &str) {
    let namespace = events.namespace();
    let event = json!({
        "metadata": { "name": name }, "reason": "Test",
        "involvedObject": { "kind": "Pod", "namespace": namespace, "name": name },
    });
    let event: Event = serde_json::from_value(event).unwrap();
    events.create(&PostParams::default(), &event).await.unwrap();
}

pub async fn a_compacted_version_is_gone(server: Server) {
    let events: Api<Event> = Api::namespaced(server.client.clone(), &server.namespace);
    for name in ["a", "b", "c"] {
        create(&events, name).await;
    }
    let one = ListParams::default().limit(1);
    let first = events.list(&one).await.unwrap();
    for name in ["d", "e"] {
        create(&events, name).await;
    }
    server.compact().await;

    let next = one
        .clone()
        .continue_token(&first.metadata.continue_.unwrap());
    let status = refusal(events.list(&next).await);
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
    assert!(
        status
            .message
            .starts_with("The provided continue parameter is too old")
    );
    let go_on = status.metadata.unwrap().continue_.unwrap();
    let rest = ListParams::default().continue_token(&go_on);
    let rest = events.list(&rest).await.unwrap();
    let names: Vec<_> = rest
        .items
        .iter()
        .map(|e| e.metadata.name.as_deref().unwrap())
        .collect();
    assert_eq!(names, ["b", "c", "d", "e"]);

    let then = first.metadata.resource_version.unwrap();
    let path = format!("/api/v1/namespaces/{}/events", server.namespace);
    let exactly = format!("{path}?resourceVersion={then}&resourceVersionMatch=Exact");
    let (code, status) = server.get(&exactly).await;
    assert_eq!(
        (code, &status["reason"]),
        (410, &"Expired".into()),
        "{status}"
    );
    let message = "The resourceVersion for the provided list is too old.";
    assert_eq!(status["message"], message);

    let watch = format!("{path}?watch=true&resourceVersion={then}");
    let request = http::Request::get(watch).body(Vec::new()).unwrap();
    let mut lines = server.client.request_stream(request).await.unwrap().lines();
    let line: Value = serde_json::from_str(&lines.next().await.unwrap().unwrap()).unwrap();
    assert_eq!(
        (&line["type"], &line["object"]["code"]),
        (&"ERROR".into(), &410.into()),
        "{line}"
    );
    assert_eq!(line["object"]["reason"], "Expired");
    assert!(lines.next().await.is_none());
}
