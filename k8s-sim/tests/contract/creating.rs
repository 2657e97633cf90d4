use k8s_openapi::api::apps::v1::Deployment;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::fixtures::{deployment, refusal};
use crate::server::Server;

const JSON: &str = "application/json";

fn typed(body: Value) -> Deployment {
    serde_json::from_value(body).unwrap()
}

pub async fn a_name_is_taken_once(server: Server) {
    server.deploy("web", 0, |_| {}).await;
    let again = typed(deployment("web", 0));
    let status = refusal(
        server
            .deployments()
            .create(&PostParams::default(), &again)
            .await,
    );
    assert_eq!(
        (status.code, status.reason.as_str()),
        (409, "AlreadyExists")
    );
    assert_eq!(status.message, "deployments.apps \"web\" already exists");
}

pub async fn names_can_be_generated(server: Server) {
    let generated = |body: &mut Value| {
        body["metadata"]["name"] = Value::Null;
        body["metadata"]["generateName"] = "web-".into();
    };
    let one = server
        .deploy("web", 0, generated)
        .await
        .metadata
        .name
        .unwrap();
    let other = server
        .deploy("web", 0, generated)
        .await
        .metadata
        .name
        .unwrap();
    assert_ne!(one, other);
    assert!(
        one.starts_with("web-") && one.len() == "web-".len() + 5,
        "{one}"
    );

    let nameless = json!({ "metadata": {} }).to_string();
    let (code, status) = server.send("POST", &server.path(""), JSON, &nameless).await;
    assert_eq!(
        (code, &status["reason"]),
        (422, &"Invalid".into()),
        "{status}"
    );
}

pub async fn a_bad_name_is_refused(server: Server) {
    for name in ["Web", "web_1", "-web", "web.", &"w".repeat(254)] {
        let bad = typed(deployment(name, 0));
        let status = refusal(
            server
                .deployments()
                .create(&PostParams::default(), &bad)
                .await,
        );
        assert_eq!(
            (status.code, status.reason.as_str()),
            (422, "Invalid"),
            "{name}"
        );
        assert!(
            status
                .message
                .starts_with(&format!("Deployment.apps \"{name}\" is invalid: ")),
            "{}",
            status.message
        );
        assert!(
            status
                .details
                .unwrap()
                .causes
                .iter()
                .any(|cause| cause.field == "metadata.name")
        );
    }
    server
        .deploy("my.app", 0, |body| {
            body["metadata"]["labels"] = json!({});
        })
        .await;
}

pub async fn a_missing_namespace_is_named(server: Server) {
    let path = "/apis/apps/v1/namespaces/absent/deployments";
    let body = deployment("web", 0).to_string();
    let (code, status) = server.send("POST", path, JSON, &body).await;
    assert_eq!(
        (code, &status["message"]),
        (404, &"namespaces \"absent\" not found".into())
    );

    let mut elsewhere = deployment("web", 0);
    elsewhere["metadata"]["namespace"] = "elsewhere".into();
    let (code, status) = server
        .send("POST", &server.path(""), JSON, &elsewhere.to_string())
        .await;
    assert_eq!(
        (code, &status["reason"]),
        (400, &"BadRequest".into()),
        "{status}"
    );
    assert_eq!(
        status["message"],
        "the namespace of the provided object does not match the namespace sent on the request"
    );
}

pub async fn defaults_are_filled_in(server: Server) {
    let mut sparse = deployment("web", 0);
    sparse["spec"].as_object_mut().unwrap().remove("replicas");
    sparse["spec"]["paused"] = true.into();
    let (_, created) = server
        .send("POST", &server.path(""), JSON, &sparse.to_string())
        .await;
    let spec = &created["spec"];
    assert_eq!(spec["replicas"], 1);
    assert_eq!(spec["revisionHistoryLimit"], 10);
    assert_eq!(spec["progressDeadlineSeconds"], 600);
    assert_eq!(
        spec["strategy"],
        json!({ "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" } })
    );
    let pod = &spec["template"]["spec"];
    assert_eq!(
        (&pod["restartPolicy"], &pod["terminationGracePeriodSeconds"]),
        (&"Always".into(), &30.into())
    );
    assert_eq!(
        (&pod["dnsPolicy"], &pod["schedulerName"]),
        (&"ClusterFirst".into(), &"default-scheduler".into())
    );
    assert_eq!(pod["securityContext"], json!({}));
    assert_eq!(
        pod["containers"][0],
        json!({
            "name": "app", "image": "registry.example.com/web:1.0", "imagePullPolicy": "IfNotPresent", "resources": {},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        })
    );
    assert_eq!(created["metadata"]["generation"], 1);
    assert_eq!(created["status"], json!({}));
}

pub async fn a_deployment_needs_a_fitting_selector(server: Server) {
    let mut unfit = deployment("web", 0);
    unfit["spec"]["selector"]["matchLabels"]["app"] = "other".into();
    let (code, status) = server
        .send("POST", &server.path(""), JSON, &unfit.to_string())
        .await;
    assert_eq!(code, 422);
    assert_eq!(
        status["message"],
        "Deployment.apps \"web\" is invalid: spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`"
    );
    assert_eq!(
        status["details"]["causes"][0]["field"],
        "spec.template.metadata.labels"
    );

    let mut without = deployment("web", 0);
    without["spec"]["template"]["spec"]["containers"] = json!([]);
    let (code, status) = server
        .send("POST", &server.path(""), JSON, &without.to_string())
        .await;
    assert_eq!(code, 422);
    assert_eq!(
        status["message"],
        "Deployment.apps \"web\" is invalid: spec.template.spec.containers: Required value"
    );
}
