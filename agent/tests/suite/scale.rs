//! Changing the number of replicas.

use bus_schema::verb::{RolloutState, Scale, Scaled};
use bus_schema::{Fault, FaultCode};
use serde_json::json;
use xtask::condition;

use crate::deployment::Target;
use crate::stage::{PATIENCE, Stage};

fn scale(target: &Target, number: u32, replicas: u32, current: Option<u32>) -> Scale {
    Scale {
        target: target.workload(),
        replicas,
        current_replicas: current,
        guard: target.guard(number),
    }
}

async fn replicas(scaled: Result<Scaled, Fault>) -> u32 {
    scaled.expect("scaled").replicas
}

/// Waits until the deployment has this many pods and its rollout is complete.
async fn has_pods(stage: &Stage, target: &Target, count: u32) {
    target.reaches(stage, RolloutState::Complete).await;
    condition::met("the pods", PATIENCE, async || {
        let pods = stage.ask(&target.list_pods()).await?.items.len();
        Ok((pods == usize::try_from(count)?).then_some(()))
    })
    .await
    .expect("as many pods");
}

pub async fn a_scale_is_carried_out_once_and_its_pods_follow(stage: &Stage) {
    let target = Target::rolled_out(stage, "scaled").await;
    let scaled = stage.ask(&scale(&target, 1, 4, Some(2))).await;
    assert_eq!(replicas(scaled).await, 4);
    has_pods(stage, &target, 4).await;

    // Delivered again after somebody else's change: nothing is done, although `current_replicas` no longer fits.
    target.patch(json!({ "spec": { "replicas": 1 } })).await;
    let again = stage.ask(&scale(&target, 1, 4, Some(2))).await;
    assert_eq!(replicas(again).await, 1);
    let mut fence = scale(&target, 1, 4, Some(2));
    fence.guard.fence = true;
    assert_eq!(replicas(stage.ask(&fence).await).await, 1);
    has_pods(stage, &target, 1).await;

    // To none, and to as many as there are.
    let scaled = stage.ask(&scale(&target, 2, 0, None)).await;
    assert_eq!(replicas(scaled).await, 0);
    has_pods(stage, &target, 0).await;
    let same = stage.ask(&scale(&target, 3, 0, Some(0))).await;
    assert_eq!(replicas(same).await, 0);
    assert_eq!(target.replica_sets().await, 1, "the template is the same");
    let late = stage.ask(&scale(&target, 2, 3, None)).await;
    assert_eq!(replicas(late).await, 0, "a duplicate");
    let older = stage.ask(&scale(&target, 0, 3, None)).await.unwrap_err();
    assert_eq!(older.code, FaultCode::Superseded);
}

pub async fn a_scale_that_expects_other_replicas_changes_nothing(stage: &Stage) {
    let target = Target::rolled_out(stage, "unexpected").await;
    let before = target.read().await;
    for (expected, there) in [(1, "are 2"), (0, "are 2"), (3, "are 2")] {
        let refused = stage
            .ask(&scale(&target, 1, 5, Some(expected)))
            .await
            .unwrap_err();
        assert_eq!(refused.code, FaultCode::ReplicasChanged);
        assert_eq!(refused.field.as_deref(), Some("current_replicas"));
        let rule = format!("expected {expected} replicas, but there {there}");
        assert!(refused.message.contains(&rule), "{refused}");
    }
    let after = target.read().await;
    assert_eq!(
        after.metadata.resource_version,
        before.metadata.resource_version
    );
    let scaled = stage.ask(&scale(&target, 1, 5, Some(2))).await;
    assert_eq!(replicas(scaled).await, 5, "nothing had been done");
}

pub async fn a_paused_deployment_is_scaled(stage: &Stage) {
    let target = Target::rolled_out(stage, "scaled-paused").await;
    target.patch(json!({ "spec": { "paused": true } })).await;
    let scaled = stage.ask(&scale(&target, 1, 3, Some(2))).await;
    assert_eq!(replicas(scaled).await, 3);
    has_pods(stage, &target, 3).await;
}
