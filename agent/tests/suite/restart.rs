//! Restarts, once each.

use std::collections::HashSet;
use std::time::Duration;

use bus_schema::verb::{Restart, RolloutState, Scale};
use bus_schema::{FaultCode, OperationId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use xtask::condition;

use crate::deployment::Target;
use crate::stage::{PATIENCE, Stage};

pub async fn a_restart_replaces_every_pod(stage: &Stage) {
    let target = Target::rolled_out(stage, "replaced").await;
    let before: HashSet<String> = target.pods().await.into_iter().collect();
    // As a user types it in the nats CLI.
    let payload = r#"{"namespace":"replaced","deployment_name":"my.app"}"#;
    let done = stage.ask_text::<Restart>(payload).await.unwrap();
    let restarted_at = done.restarted_at.expect("a time");
    assert_eq!(restarted_at.subsec_nanosecond(), 0);

    target.reaches(stage, RolloutState::Complete).await;
    condition::met("pods that are all new", PATIENCE, async || {
        let after: HashSet<String> = target.pods().await.into_iter().collect();
        Ok((after.len() == 2 && after.is_disjoint(&before)).then_some(()))
    })
    .await
    .unwrap();
    let template = target.read().await.spec.unwrap().template.metadata.unwrap();
    let annotation = &template.annotations.unwrap()["kubectl.kubernetes.io/restartedAt"];
    assert_eq!(annotation, &restarted_at.to_string());
    let rollout = stage.ask(&target.rollout()).await.unwrap();
    assert_eq!(rollout.restarted_at, done.restarted_at);
    assert_eq!(rollout.revision, Some(2));
}

/// As `kubectl rollout history` shows it.
pub async fn a_revision_says_why_it_was_made_and_a_scale_leaves_that_as_it_is(stage: &Stage) {
    let target = Target::rolled_out(stage, "cause").await;
    let mut restart = target.restart(1);
    restart.guard.reason = Some("TLS rotation (urgent)".parse().unwrap());
    let id = restart.guard.operation_id.clone().unwrap();
    stage.ask(&restart).await.unwrap();
    target.reaches(stage, RolloutState::Complete).await;
    let scale = Scale {
        target: target.workload(),
        replicas: 3,
        current_replicas: None,
        guard: target.guard(2),
    };
    stage.ask(&scale).await.unwrap();
    target.reaches(stage, RolloutState::Complete).await;
    let expected = format!("restart: TLS rotation (urgent) (operation {id})");
    let expected = [None, Some(expected)];
    let found = condition::met("the causes of both revisions", PATIENCE, async || {
        let causes = target.causes().await;
        Ok((causes == expected).then_some(causes))
    });
    found.await.unwrap();
}

pub async fn a_paused_deployment_is_not_restarted(stage: &Stage) {
    let target = Target::rolled_out(stage, "paused").await;
    target.patch(json!({ "spec": { "paused": true } })).await;
    let before = target.read().await.metadata.generation;
    let fault = stage.ask(&target.restart(1)).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::Paused);
    assert_eq!(target.read().await.metadata.generation, before);
    // And a rollout in progress reports it.
    let image = json!({ "spec": { "template": { "metadata": { "annotations": { "x": "y" } } } } });
    target.patch(image).await;
    target.reaches(stage, RolloutState::Paused).await;
}

pub async fn one_restart_delivered_five_times_is_one_rollout_and_after_a_newer_one_none(
    stage: &Stage,
) {
    let target = Target::rolled_out(stage, "duplicates").await;
    let first = stage.ask(&target.restart(1)).await.unwrap();
    for _ in 0..4 {
        assert_eq!(stage.ask(&target.restart(1)).await.unwrap(), first);
    }
    target.reaches(stage, RolloutState::Complete).await;
    assert_eq!(target.replica_sets().await, 2);

    stage.ask(&target.restart(3)).await.unwrap();
    let late = stage.ask(&target.restart(2)).await.unwrap_err();
    assert_eq!(late.code, FaultCode::Superseded);
    stage.ask(&target.restart(1)).await.unwrap();
    target.reaches(stage, RolloutState::Complete).await;
    assert_eq!(target.replica_sets().await, 3);
}

/// As someone with kubectl may have written it; kubectl's own restart works too.
pub async fn a_restart_time_in_the_future_stops_no_restart(stage: &Stage) {
    let target = Target::rolled_out(stage, "far-ahead").await;
    for (number, ahead) in [(1, 30), (2, 30), (3, 3_600)] {
        let time = Timestamp::now() + SignedDuration::from_secs(ahead);
        let annotations = json!({ "kubectl.kubernetes.io/restartedAt": time.to_string() });
        let template = json!({ "metadata": { "annotations": annotations } });
        target
            .patch(json!({ "spec": { "template": template } }))
            .await;
        let before = target.read().await.metadata.generation;
        stage.ask(&target.restart(number)).await.unwrap();
        let after = target.read().await.metadata.generation;
        assert_eq!(after, before.map(|before| before + 1), "{ahead} s ahead");
    }
}

pub async fn restarts_in_a_row_are_each_carried_out(stage: &Stage) {
    let target = Target::rolled_out(stage, "in-a-row").await;
    let before = target.read().await.metadata.generation.unwrap();
    for number in 1..=10 {
        stage.ask(&target.restart(number)).await.unwrap();
    }
    let after = target.read().await.metadata.generation.unwrap();
    assert_eq!(after, before + 10, "each changes the template");
}

/// Its reply was lost, and a newer restart has been carried out since.
pub async fn an_earlier_restart_is_found_behind_newer_ones(stage: &Stage) {
    let target = Target::rolled_out(stage, "earlier").await;
    for number in 1..=7 {
        stage.ask(&target.restart(number)).await.unwrap();
    }
    let before = target.read().await.spec;
    stage.ask(&fence(target.restart(1))).await.unwrap();
    let missing = stage.ask(&fence(target.restart(0))).await.unwrap_err();
    assert_eq!(missing.code, FaultCode::Superseded);
    assert_eq!(target.read().await.spec, before);
    // With an eighth one the oldest may have been dropped: a full list of newer ones does not prove anything about it.
    stage.ask(&target.restart(8)).await.unwrap();
    stage.ask(&fence(target.restart(1))).await.unwrap();
    let dropped = stage.ask(&fence(target.restart(0))).await.unwrap_err();
    assert_eq!(dropped.code, FaultCode::OutcomeUnknown, "{dropped}");
}

/// The patch may still be in flight to the API server: it was sent for the version that the agent read.
pub async fn a_mutation_that_was_not_carried_out_is_fenced_before_that_is_reported(stage: &Stage) {
    let target = Target::rolled_out(stage, "fenced").await;
    let before = target.read().await;
    let outcome = stage.ask(&fence(target.restart(1))).await.unwrap_err();
    assert_eq!(outcome.code, FaultCode::Expired, "{outcome}");
    let on_its_way = json!({
        "metadata": { "resourceVersion": before.metadata.resource_version },
        "spec": { "template": { "metadata": { "annotations": { "kubectl.kubernetes.io/restartedAt": "2026-03-01T00:00:01Z" } } } },
    });
    let refused = target.try_patch(on_its_way).await.unwrap_err();
    assert!(refused.to_string().contains("Conflict"), "{refused}");
    let late = stage.ask(&target.restart(1)).await.unwrap_err();
    assert_eq!(late.code, FaultCode::Expired, "{late}");
    let again = stage.ask(&fence(target.restart(1))).await.unwrap_err();
    assert_eq!(again, outcome);
    assert_eq!(target.read().await.spec, before.spec);
    stage.ask(&target.restart(2)).await.unwrap();

    let mut nameless = fence(target.restart(3));
    nameless.guard.operation_id = None;
    let refused = stage.ask(&nameless).await.unwrap_err();
    assert!(refused.message.starts_with("operation_id: "), "{refused}");
}

/// The annotations are then those before the restart, as if it had never happened.
pub async fn a_restart_that_was_undone_since_still_counts_as_carried_out(stage: &Stage) {
    let target = Target::rolled_out(stage, "undone").await;
    stage.ask(&target.restart(1)).await.unwrap();
    target.reaches(stage, RolloutState::Complete).await;
    target.undo("1").await;
    target.reaches(stage, RolloutState::Complete).await;
    stage.ask(&fence(target.restart(1))).await.unwrap();
    // Now its ReplicaSet is gone too.
    target.forget_history().await;
    let outcome = stage.ask(&fence(target.restart(1))).await.unwrap_err();
    assert_eq!(outcome.code, FaultCode::OutcomeUnknown, "{outcome}");
}

pub async fn the_outcome_on_a_deleted_or_recreated_deployment_is_unknown(stage: &Stage) {
    let target = Target::rolled_out(stage, "renewed").await;
    let mut restart = fence(target.restart(1));
    let before = "2020-01-01T00:00:00Z".parse().unwrap();
    restart.guard.operation_id = Some(OperationId::at(before, 7));
    let outcome = stage.ask(&restart).await.unwrap_err();
    assert_eq!(outcome.code, FaultCode::OutcomeUnknown, "{outcome}");
    target.delete().await;
    condition::met("its end", PATIENCE, async || {
        let outcome = stage.ask(&fence(target.restart(1))).await.err();
        Ok(outcome.filter(|outcome| outcome.message.contains("gone from the cluster")))
    })
    .await
    .unwrap();
}

/// Something updates it all the time, such as a controller that counts in an annotation.
pub async fn a_deployment_that_is_written_all_the_time_is_restarted(stage: &Stage) {
    let target = Target::rolled_out(stage, "busy-writer").await;
    let writer = async {
        let mut pace = tokio::time::interval(Duration::from_millis(10));
        for count in 0.. {
            pace.tick().await;
            let note = json!({ "metadata": { "annotations": { "example.com/count": count.to_string() } } });
            target.patch(note).await;
        }
    };
    let restarts = async {
        for number in 1..=5 {
            stage.ask(&target.restart(number)).await.unwrap();
        }
    };
    tokio::select! {
        () = writer => unreachable!("it goes on"),
        () = restarts => {}
    }
}

pub async fn a_restart_after_its_deadline_patches_nothing(stage: &Stage) {
    let target = Target::rolled_out(stage, "expired").await;
    let before = target.read().await.metadata.generation;
    let mut request = target.restart(1);
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
    let mut request = target.restart(1);
    request.guard.cluster_uid = Some("00000000-0000-4000-8000-000000000000".to_owned());
    let fault = stage.ask(&request).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::IdentityConflict);
    assert_eq!(target.read().await.metadata.generation, before);
    request.guard.cluster_uid = stage.ready().await.cluster_uid;
    assert!(request.guard.cluster_uid.is_some());
    stage.ask(&request).await.unwrap();
}

/// All read the same resource version; one writes, and the precondition stops the others.
pub async fn restarts_at_once_are_one_rollout(stage: &Stage) {
    let target = Target::rolled_out(stage, "at-once").await;
    let request = target.restart(1);
    let answers = futures::future::join_all((0..8).map(|_| stage.ask(&request))).await;
    let first = answers[0].as_ref().unwrap().clone();
    for answer in answers {
        assert_eq!(answer.unwrap(), first);
    }
    target.reaches(stage, RolloutState::Complete).await;
    assert_eq!(target.replica_sets().await, 2);
}

fn fence(mut restart: Restart) -> Restart {
    restart.guard.fence = true;
    restart
}
