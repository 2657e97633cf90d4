//! The output of `aggregator enroll`, applied unchanged to a real API server.

use std::io::Write as _;
use std::time::Duration;

use tempfile::NamedTempFile;
use xtask::control_plane::ControlPlane;
use xtask::{condition, required};

use crate::party::server;
use crate::program::{aggregator, said};

const NAMESPACE: &str = "--namespace=multi-cluster-aggregator";

async fn enrolled(image: &str) -> NamedTempFile {
    let (server, _dir) = server().await;
    let keys = server.keys().aggregator_dir();
    let keys = keys.to_str().expect("a path");
    let link = ["--nats-url", &server.url(), "--bus-keys", keys];
    let how = [
        "--agent-nats-url",
        "tls://bus.example:4333",
        "--agent-image",
        image,
    ];
    let arguments = [&["enroll", "cluster-a"], &how[..], &link[..]].concat();
    let output = aggregator(&arguments).await;
    assert!(output.status.success(), "{}", said(&output));
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(&output.stdout).expect("written");
    file
}

#[tokio::test]
async fn the_manifest_of_a_cluster_is_taken_by_a_real_api_server_and_makes_two_pods() {
    let Some(plane) = required::or_skip(ControlPlane::start().await.unwrap(), "control plane")
    else {
        return;
    };
    let file = enrolled("registry.example:5000/mca/agent@sha256:0000").await;
    let file = file.path().to_str().unwrap();

    // The objects that differ between clusters can be applied alone, once the namespace exists.
    plane
        .kubectl(["create", "namespace", "multi-cluster-aggregator"])
        .await
        .unwrap();
    let own = "--selector=multi-cluster-aggregator/made-by=enroll";
    let applied = plane
        .kubectl(["apply", own, "--output=name", "--filename", file])
        .await
        .unwrap();
    let mut names: Vec<_> = applied.lines().collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "configmap/agent-settings",
            "networkpolicy.networking.k8s.io/agent-bus",
            "secret/agent-nats-creds"
        ]
    );

    // As an administrator who wants no surprises: unknown fields are errors.
    let apply = [
        "apply",
        "--validate=strict",
        "--output=name",
        "--filename",
        file,
    ];
    let applied = plane.kubectl(apply).await.unwrap();
    assert_eq!(applied.lines().count(), 14, "{applied}");
    let images = "--output=jsonpath={range .items[*]}{.spec.containers[*].image}{\"\\n\"}{end}";
    let made = condition::met("two pods", Duration::from_secs(60), async || {
        let images = plane.kubectl(["get", "pods", NAMESPACE, images]).await?;
        Ok((images.lines().count() == 2).then_some(images))
    });
    for image in made.await.unwrap().lines() {
        assert_eq!(image, "registry.example:5000/mca/agent@sha256:0000");
    }
    let settings = [
        "get",
        "configmap",
        "agent-settings",
        NAMESPACE,
        "--output=jsonpath={.data}",
    ];
    let settings = plane.kubectl(settings).await.unwrap();
    let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
    assert_eq!(
        settings,
        serde_json::json!({
            "MCA_CLUSTER_NAME": "cluster-a",
            "MCA_NATS_URL": "tls://bus.example:4333",
            "MCA_VERBS": "restart",
            "MCA_NATS_CREDS": "/etc/agent/agent.creds",
        })
    );
}
