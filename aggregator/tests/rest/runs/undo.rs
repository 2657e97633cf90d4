//! A run of undos: each workload goes back to its own previous revision.

use serde_json::{Value, json};

use super::{quick, restart, revisions, run_in, start, targets};
use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_undos_takes_each_workload_back_to_its_own_previous_revision() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let workload = stack.healthy("cluster-a").await;
    // One workload has a revision more than the others.
    let (namespace, name) = &workload;
    let one = json!({ "cluster": "cluster-a", "namespace": namespace, "deployment_name": name });
    let all = revisions(service, &token).await.len();
    let restarted = service.post("/restart", &token, &one).await;
    assert!(restarted.status.is_success(), "{restarted:?}");
    let rollout = format!("/workloads/cluster-a/{namespace}/Deployment/{name}/rollout");
    service
        .until("it is rolled out and healthy again", async || {
            let rollout = service.get(&rollout, &token).await;
            let is_complete = rollout.body["state"] == "complete";
            let are_healthy = revisions(service, &token).await.len() == all;
            (is_complete && are_healthy).then_some(())
        })
        .await;
    let path = start(service, &token, &restart()).await;
    run_in(service, &token, &path, "succeeded").await;
    let before = revisions(service, &token).await;
    let restarted_at = async |key: &str| {
        let [cluster, namespace, name] = key.split('/').collect::<Vec<_>>()[..] else {
            panic!("a path of three names: {key}");
        };
        let path = format!("/workloads/{cluster}/{namespace}/Deployment/{name}");
        service.get(&path, &token).await.body["restarted_at"].clone()
    };

    let undo =
        json!({ "action": "undo", "targets": { "health": ["healthy"] }, "strategy": quick() });
    let path = start(service, &token, &undo).await;
    let run = run_in(service, &token, &path, "succeeded").await;
    assert_eq!(run["counts"]["succeeded"], run["targets"]);
    let after = revisions(service, &token).await;
    for (key, revision) in &before {
        assert_eq!(after[key], revision + 1, "{key}");
        let is_one = *key == format!("cluster-a/{namespace}/{name}");
        assert_eq!(restarted_at(key).await != Value::Null, is_one, "{key}");
    }
    assert_eq!(targets(service, &token, &path).await.len(), before.len());
}
