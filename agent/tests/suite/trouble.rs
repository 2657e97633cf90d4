//! The reasons, from their pods, why deployments are not healthy.

use std::time::Duration;

use bus_schema::Health;
use bus_schema::verb::{ListWorkloads, RolloutState, WorkloadSummary};
use k8s_openapi::api::core::v1::Namespace;
use k8s_sim::{Fault, Kind, Verb};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use xtask::condition;

use crate::changes::Listener;
use crate::deployment::Target;
use crate::stage::{PATIENCE, Stage};

async fn line(stage: &Stage, target: &Target) -> Option<WorkloadSummary> {
    let list = ListWorkloads {
        namespace: Some(target.namespace.clone()),
        ..ListWorkloads::default()
    };
    let page = stage.ask(&list).await.expect("a page");
    let mut items = page.items.into_iter();
    items.find(|item| item.name == target.name)
}

/// Waits until a deployment has this health with a reason that contains this text.
async fn reaches(stage: &Stage, target: &Target, health: Health, words: &str) -> String {
    let what = format!("{}: {health:?}, {words}", target.name);
    let met = condition::met(&what, PATIENCE, async || {
        let line = line(stage, target)
            .await
            .filter(|line| line.health == health);
        let reason = line.and_then(|line| line.reason);
        Ok(reason.filter(|reason| reason.contains(words)))
    });
    met.await.expect("the reason")
}

fn image(image: &str) -> Value {
    let containers = json!([{ "name": "web", "image": image }]);
    json!({ "spec": { "template": { "spec": { "containers": containers } } } })
}

pub async fn a_crash_loop_is_reported_with_its_exit_code_until_it_is_fixed(stage: &Stage) {
    let mut listener = Listener::new(stage).await;
    let target = Target::create(stage, "crashing", "out-of-memory:1").await;
    let crashes = |line: Option<&WorkloadSummary>| {
        line.is_some_and(|line| {
            let reason = line.reason.as_deref().unwrap_or_default();
            line.health == Health::Degraded
                && reason.starts_with("CrashLoopBackOff, exit 137 (OOMKilled), ")
        })
    };
    listener.until(stage, "my.app", crashes).await;
    // It runs between two crashes.
    let is_reported = |message: &str| message.starts_with("exit 137 (OOMKilled), ");
    condition::met("the problem of the rollout", PATIENCE, async || {
        let rollout = stage.ask(&target.rollout()).await?;
        let mut problems = rollout.problems.iter();
        Ok(problems
            .any(|problem| is_reported(&problem.message))
            .then_some(()))
    })
    .await
    .expect("a problem");

    target.patch(image("web:2")).await;
    let mended = |line: Option<&WorkloadSummary>| {
        line.is_some_and(|line| line.health == Health::Healthy && line.reason.is_none())
    };
    listener.until(stage, "my.app", mended).await;
    target.delete().await;
}

pub async fn an_image_that_cannot_be_pulled_is_no_progress(stage: &Stage) {
    let target = Target::rolled_out(stage, "pulling").await;
    target.patch(image("does-not-exist:1")).await;
    let reason = reaches(stage, &target, Health::Degraded, "ImagePull").await;
    // The controller's message about the rollout is not lost.
    assert!(reason.contains("replicas are"), "{reason}");
    target.delete().await;
}

pub async fn pods_that_are_never_ready_are_the_reason_of_a_rollout_that_has_failed(stage: &Stage) {
    let target = Target::create(stage, "unready", "never-ready:1").await;
    target
        .patch(json!({ "spec": { "progressDeadlineSeconds": 5 } }))
        .await;
    let words = "pods are not ready: containers with unready status: [web]";
    let reason = reaches(stage, &target, Health::Failed, words).await;
    assert!(
        reason.contains("the progress deadline was exceeded"),
        "{reason}"
    );
    target.delete().await;
}

pub async fn a_start_that_goes_well_is_never_degraded(stage: &Stage) {
    let target = Target::create(stage, "starting", "web:1").await;
    let healthy = condition::met("a healthy deployment", PATIENCE, async || {
        let line = line(stage, &target).await;
        let health = line.map(|line| line.health);
        assert_ne!(health, Some(Health::Degraded));
        Ok(health.filter(|health| *health == Health::Healthy))
    });
    healthy.await.expect("healthy");
    target.delete().await;
}

/// Only on a real API server: the simulated one refuses no pods.
pub async fn what_refuses_the_pods_is_the_reason_before_the_deadline_and_after_it(stage: &Stage) {
    let target = Target::rolled_out(stage, "refusing").await;
    let namespaces: Api<Namespace> = Api::all(stage.admin.clone());
    let label =
        json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "restricted" } } });
    let patched = namespaces
        .patch("refusing", &PatchParams::default(), &Patch::Merge(label))
        .await;
    patched.expect("a stricter namespace");
    target
        .patch(json!({ "spec": { "progressDeadlineSeconds": 5 } }))
        .await;
    target.patch(image("web:2")).await;
    reaches(stage, &target, Health::Degraded, "violates PodSecurity").await;
    reaches(stage, &target, Health::Failed, "violates PodSecurity").await;
    let rollout = target.reaches(stage, RolloutState::Failed).await;
    assert!(
        rollout.message.contains("violates PodSecurity"),
        "{rollout:?}"
    );
    target.delete().await;
}

#[tokio::test]
async fn without_the_right_to_list_pods_there_is_no_reason_and_all_else_goes_on() {
    let (sim, stage, agent) = Stage::simulated().await;
    let faults = sim.clusters()[0].faults();
    faults.set(Fault::forbid(Verb::List, Kind::Pod));
    let target = Target::create(&stage, "forbidden", "crash:1").await;
    let begun = Instant::now();
    let mut seen = None;
    while begun.elapsed() < Duration::from_secs(6) {
        seen = line(&stage, &target).await;
        let health = seen.as_ref().map(|line| line.health);
        assert!(
            health.is_none_or(|it| it == Health::Progressing),
            "{seen:?}"
        );
        sleep(Duration::from_millis(100)).await;
    }
    let reason = seen.and_then(|line| line.reason).expect("a reason");
    assert!(reason.contains("replicas are available"), "{reason}");
    agent.left().await;
}
