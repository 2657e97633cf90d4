//! Restarts, once each.

use std::collections::HashSet;

use bus_schema::FaultCode;
use bus_schema::verb::{RestartDeployment, RolloutState};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use xtask::condition;

use crate::deployment::Target;
use crate::stage::{PATIENCE, Stage};

const TIME: &str = "2026-03-01T10:00:00Z";
const LATER: &str = "2026-03-01T10:00:01Z";

pub async fn a_restart_replaces_every_pod(stage: &Stage) {
    let target = Target::rolled_out(stage, "replaced").await;
    let before: HashSet<String> = target.pods().await.into_iter().collect();
    // As a person types it at the nats CLI.
    let payload = r#"{"namespace":"replaced","deployment_name":"my.app"}"#;
    let done = stage.ask_text::<RestartDeployment>(payload).await.unwrap();
    assert_eq!(done.restarted_at.subsec_nanosecond(), 0);

    target.reaches(stage, RolloutState::Complete).await;
    condition::met("pods that are all new", PATIENCE, async || {
        let after: HashSet<String> = target.pods().await.into_iter().collect();
        Ok((after.len() == 2 && after.is_disjoint(&before)).then_some(()))
    })
    .await
    .unwrap();
    let template = target.read().await.spec.unwrap().template.metadata.unwrap();
    let annotation = &template.annotations.unwrap()["kubectl.kubernetes.io/restartedAt"];
    assert_eq!(annotation, &done.restarted_at.to_string());
    let rollout = stage.ask(&target.rollout()).await.unwrap();
    assert_eq!(rollout.restarted_at, Some(done.restarted_at));
    assert_eq!(rollout.revision, Some(2));
}

pub async fn a_paused_deployment_is_not_restarted(stage: &Stage) {
    let target = Target::rolled_out(stage, "paused").await;
    target.patch(json!({ "spec": { "paused": true } })).await;
    let before = target.read().await.metadata.generation;
    let fault = stage.ask(&target.restart(TIME)).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::Paused);
    assert_eq!(target.read().await.metadata.generation, before);
    // And a rollout that is in the middle says so.
    let image = json!({ "spec": { "template": { "metadata": { "annotations": { "x": "y" } } } } });
    target.patch(image).await;
    target.reaches(stage, RolloutState::Paused).await;
}

pub async fn one_restart_delivered_five_times_is_one_rollout_and_after_a_newer_one_none(
    stage: &Stage,
) {
    let target = Target::rolled_out(stage, "duplicates").await;
    let first = stage.ask(&target.restart(TIME)).await.unwrap();
    for _ in 0..4 {
        assert_eq!(stage.ask(&target.restart(TIME)).await.unwrap(), first);
    }
    target.reaches(stage, RolloutState::Complete).await;
    assert_eq!(target.replica_sets().await, 2);

    stage.ask(&target.restart(LATER)).await.unwrap();
    let late = stage.ask(&target.restart(TIME)).await.unwrap_err();
    assert_eq!(late.code, FaultCode::Superseded);
    target.reaches(stage, RolloutState::Complete).await;
    assert_eq!(target.replica_sets().await, 3);
}

pub async fn a_restart_far_ahead_is_refused_and_such_an_annotation_does_not_stop_the_next(
    stage: &Stage,
) {
    let target = Target::rolled_out(stage, "far-ahead").await;
    let before = target.read().await.metadata.generation;
    let far = Timestamp::now() + SignedDuration::from_mins(6);
    for time in ["9999-12-01T00:00:00Z", &far.to_string()] {
        let fault = stage.ask(&target.restart(time)).await.unwrap_err();
        assert_eq!(fault.code, FaultCode::InvalidRequest);
        assert!(fault.message.starts_with("restarted_at: "), "{fault}");
    }
    assert_eq!(target.read().await.metadata.generation, before);
    // As somebody with kubectl may have written it.
    let annotations = json!({ "kubectl.kubernetes.io/restartedAt": "9999-12-01T00:00:00Z" });
    let template = json!({ "metadata": { "annotations": annotations } });
    target
        .patch(json!({ "spec": { "template": template } }))
        .await;
    target.reaches(stage, RolloutState::Complete).await;
    let now = Timestamp::now().to_string();
    let done = stage.ask(&target.restart(&now)).await.unwrap();
    assert_eq!(stage.ask(&target.restart(&now)).await.unwrap(), done);
    let rollout = target.reaches(stage, RolloutState::Complete).await;
    assert_eq!(rollout.restarted_at, Some(done.restarted_at));
    assert_eq!(target.replica_sets().await, 3, "one for each change");
}

pub async fn a_restart_after_its_deadline_patches_nothing(stage: &Stage) {
    let target = Target::rolled_out(stage, "expired").await;
    let before = target.read().await.metadata.generation;
    let mut request = target.restart(TIME);
    request.guard.deadline = Some(Timestamp::now() - SignedDuration::from_secs(1));
    let fault = stage.ask(&request).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::Expired);
    assert_eq!(target.read().await.metadata.generation, before);
    request.guard.deadline = Some(Timestamp::now() + SignedDuration::from_secs(8));
    stage.ask(&request).await.unwrap();
}

pub async fn a_restart_meant_for_another_cluster_patches_nothing(stage: &Stage) {
    let target = Target::rolled_out(stage, "identity").await;
    let before = target.read().await.metadata.generation;
    let mut request = target.restart(TIME);
    request.guard.cluster_uid = Some("00000000-0000-4000-8000-000000000000".to_owned());
    let fault = stage.ask(&request).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::IdentityConflict);
    assert_eq!(target.read().await.metadata.generation, before);
    request.guard.cluster_uid = stage.ready().await.cluster_uid;
    assert!(request.guard.cluster_uid.is_some());
    stage.ask(&request).await.unwrap();
}

/// All read the same resource version; one writes, and the others find out by its precondition.
pub async fn restarts_at_once_are_one_rollout(stage: &Stage) {
    let target = Target::rolled_out(stage, "at-once").await;
    let request = target.restart(TIME);
    let answers = futures::future::join_all((0..8).map(|_| stage.ask(&request))).await;
    for answer in answers {
        assert_eq!(answer.unwrap().restarted_at.to_string(), TIME);
    }
    target.reaches(stage, RolloutState::Complete).await;
    assert_eq!(target.replica_sets().await, 2);
}
