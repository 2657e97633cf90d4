use serde_json::json;

use crate::fixtures::deployment;
use crate::server::Server;

const JSON: &str = "application/json";

pub async fn a_body_that_is_not_json_is_refused(server: Server) {
    let (code, body) = server
        .send("POST", &server.path(""), JSON, "{ nonsense")
        .await;
    assert_eq!(
        (code, &body["reason"]),
        (400, &"BadRequest".into()),
        "{body}"
    );
}

pub async fn a_body_of_another_kind_is_refused(server: Server) {
    let mut pod = deployment("web", 0);
    pod["kind"] = "Pod".into();
    pod["apiVersion"] = "v1".into();
    let (code, body) = server
        .send("POST", &server.path(""), JSON, &pod.to_string())
        .await;
    assert_eq!(
        (code, &body["reason"]),
        (400, &"BadRequest".into()),
        "{body}"
    );
}

pub async fn a_field_of_the_wrong_type_is_refused(server: Server) {
    let mut wrong = deployment("web", 0);
    wrong["spec"]["replicas"] = "many".into();
    let (code, body) = server
        .send("POST", &server.path(""), JSON, &wrong.to_string())
        .await;
    assert_eq!(
        (code, &body["reason"]),
        (400, &"BadRequest".into()),
        "{body}"
    );
    let message = body["message"].as_str().unwrap();
    assert!(
        message.starts_with("Deployment in version \"v1\" cannot be handled as a Deployment: "),
        "{message}"
    );

    server.deploy("web", 0, |_| {}).await;
    let patch = json!({ "spec": { "replicas": "many" } }).to_string();
    for (media_type, expected) in [
        ("application/strategic-merge-patch+json", 422),
        ("application/merge-patch+json", 422),
    ] {
        let (code, body) = server
            .send("PATCH", &server.path("/web"), media_type, &patch)
            .await;
        assert_eq!(code, expected, "{media_type}: {body}");
        let message = body["message"].as_str().unwrap();
        assert!(
            message.starts_with(" \"\" is invalid: patch: Invalid value: "),
            "{message}"
        );
    }
}

pub async fn an_unknown_field_is_dropped(server: Server) {
    let mut body = deployment("web", 0);
    body["spec"]["nonsense"] = 1.into();
    let (code, created) = server
        .send("POST", &server.path(""), JSON, &body.to_string())
        .await;
    assert_eq!((code, created["spec"].get("nonsense")), (201, None));
}

pub async fn another_media_type_is_refused(server: Server) {
    let body = deployment("web", 0).to_string();
    let (code, status) = server
        .send("POST", &server.path(""), "text/plain", &body)
        .await;
    assert_eq!(
        (code, &status["reason"]),
        (415, &"UnsupportedMediaType".into()),
        "{status}"
    );
}
