//! The Node object: the kubelet's address, and its heartbeats.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

pub const NAME: &str = "node-1";
/// The controller manager considers a node lost after 40 seconds without a heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(10);

pub async fn register(client: &Client, port: u16) -> Result<(), kube::Error> {
    let api: Api<Node> = Api::all(client.clone());
    let mut node = Node::default();
    node.metadata.name = Some(NAME.to_owned());
    match api.create(&PostParams::default(), &node).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        created => drop(created?),
    }
    let status = json!({ "status": {
        "addresses": [{ "type": "InternalIP", "address": "127.0.0.1" }],
        "daemonEndpoints": { "kubeletEndpoint": { "Port": port } },
        "capacity": { "pods": "1000" },
        "allocatable": { "pods": "1000" },
        "conditions": [ready()],
    }});
    patch_status(&api, &status).await
}

pub async fn keep_ready(client: Client) {
    let api: Api<Node> = Api::all(client);
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let status = json!({ "status": { "conditions": [ready()] } });
        if let Err(error) = patch_status(&api, &status).await {
            tracing::warn!(%error, "the node's heartbeat failed");
        }
    }
}

async fn patch_status(api: &Api<Node>, status: &Value) -> Result<(), kube::Error> {
    let patch = Patch::Strategic(status);
    api.patch_status(NAME, &PatchParams::default(), &patch)
        .await
        .map(drop)
}

fn ready() -> Value {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "type": "Ready", "status": "True", "reason": "KubeletReady",
        "message": "simulated", "lastHeartbeatTime": now, "lastTransitionTime": now,
    })
}
