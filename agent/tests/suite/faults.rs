//! An API server that is slow, busy, broken, forbids, or is gone.

use std::time::{Duration, Instant};

use bus_schema::FaultCode;
use bus_schema::verb::{ListWorkloads, RolloutState};
use jiff::{SignedDuration, Timestamp};
use k8s_sim::{Fault, Kind, Verb};
use xtask::condition;

use crate::deployment::Target;
use crate::stage::{PATIENCE, Stage};

pub fn of_deployments(fault: Fault, verb: Verb) -> Fault {
    fault.for_verb(verb).for_resource(Kind::Deployment)
}

#[tokio::test]
async fn throttled_calls_are_retried_after_the_requested_pause_if_there_is_time() {
    let (sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "busy").await;
    let faults = sim.clusters()[0].faults();

    faults.set(of_deployments(
        Fault::too_many_requests(1).times(1),
        Verb::Get,
    ));
    faults.set(of_deployments(
        Fault::too_many_requests(1).times(1),
        Verb::Patch,
    ));
    let begun = Instant::now();
    stage.ask(&target.restart(1)).await.unwrap();
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );

    // Longer than the remaining time: the fault is returned without waiting. A pause of the machine must not count.
    faults.set(of_deployments(Fault::too_many_requests(30), Verb::Get));
    let fault = condition::met("an answer at once", PATIENCE, async || {
        let begun = Instant::now();
        let fault = stage.ask(&target.rollout()).await.unwrap_err();
        Ok((begun.elapsed() < Duration::from_secs(2)).then_some(fault))
    });
    assert_eq!(fault.await.unwrap().code, FaultCode::RateLimited);
    agent.left().await;
}

#[tokio::test]
async fn an_error_of_the_api_server_has_its_code_and_leaves_the_lists_alone() {
    let (sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "errors").await;
    let faults = sim.clusters()[0].faults();
    for (status, code) in [
        (401, FaultCode::Unauthorized),
        (403, FaultCode::Forbidden),
        (500, FaultCode::KubernetesUnavailable),
        (503, FaultCode::KubernetesUnavailable),
        (504, FaultCode::KubernetesTimeout),
    ] {
        faults.set(of_deployments(Fault::status(status), Verb::Get));
        let fault = stage.ask(&target.rollout()).await.unwrap_err();
        assert_eq!(fault.code, code, "{status}: {fault}");
        // Nothing was written, so the outcome is certain.
        let fault = stage.ask(&target.restart(1)).await.unwrap_err();
        assert_eq!(fault.code, code, "{status}: {fault}");
        faults.clear();
    }
    stage.ask(&ListWorkloads::default()).await.unwrap();
    agent.left().await;
}

#[tokio::test]
async fn a_patch_without_a_clear_answer_leaves_the_outcome_unknown() {
    let (sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "unclear").await;
    let faults = sim.clusters()[0].faults();
    faults.set(of_deployments(Fault::status(500), Verb::Patch));
    let fault = stage.ask(&target.restart(1)).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::OutcomeUnknown);
    faults.clear();

    faults.set(of_deployments(Fault::hang(), Verb::Patch));
    let mut request = target.restart(1);
    // On a busy machine the deadline may pass before the patch is sent, or the response may be late.
    let fault = condition::met("an answer at the deadline", PATIENCE, async || {
        request.guard.deadline = Some(Timestamp::now() + SignedDuration::from_secs(1));
        let begun = Instant::now();
        let fault = stage.ask(&request).await.unwrap_err();
        let in_time = begun.elapsed() < Duration::from_secs(3);
        Ok((in_time && fault.code != FaultCode::Expired).then_some(fault))
    });
    assert_eq!(fault.await.unwrap().code, FaultCode::OutcomeUnknown);
    faults.clear();

    faults.set(of_deployments(Fault::status(403), Verb::Patch));
    let fault = stage.ask(&target.restart(1)).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::Forbidden);
    agent.left().await;
}

#[tokio::test]
async fn a_deployment_that_changes_meanwhile_is_read_again_until_the_deadline() {
    let (sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "changing").await;
    let faults = sim.clusters()[0].faults();
    faults.set(of_deployments(Fault::status(409).times(8), Verb::Patch));
    stage.ask(&target.restart(1)).await.unwrap();
    faults.set(of_deployments(Fault::status(409), Verb::Patch));
    let mut request = target.restart(2);
    request.guard.deadline = Some(Timestamp::now() + SignedDuration::from_secs(1));
    let fault = stage.ask(&request).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::Conflict, "{fault}");
    agent.left().await;
}

/// The id in the object shows whether the lost patch was carried out, so it may be sent again.
#[tokio::test]
async fn a_patch_whose_response_was_lost_is_retried_within_the_deadline() {
    let (sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "made-good").await;
    let faults = sim.clusters()[0].faults();
    faults.set(of_deployments(Fault::status(504).times(2), Verb::Patch));
    stage.ask(&target.restart(1)).await.unwrap();
    // Without an id nothing would show it.
    faults.set(of_deployments(Fault::status(504).times(1), Verb::Patch));
    let mut by_hand = target.restart(2);
    by_hand.guard.operation_id = None;
    let fault = stage.ask(&by_hand).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::OutcomeUnknown);
    agent.left().await;
}

/// The older one was decided before the newer one was written, and is written after it.
#[tokio::test]
async fn an_older_restart_never_overwrites_a_newer_one() {
    let (sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "overtaken").await;
    let late = Fault::latency(Duration::from_secs(1)).times(1);
    sim.clusters()[0]
        .faults()
        .set(of_deployments(late, Verb::Patch));
    let (older, newer) = (target.restart(1), target.restart(2));
    let (older, newer) = tokio::join!(stage.ask(&older), stage.ask(&newer));
    let restarted_at = newer.unwrap().restarted_at;
    if let Err(fault) = older {
        assert_eq!(fault.code, FaultCode::Superseded);
    }
    let rollout = stage.ask(&target.rollout()).await.unwrap();
    assert_eq!(rollout.restarted_at, restarted_at);
    agent.left().await;
}

#[tokio::test]
async fn time_that_runs_out_before_the_patch_is_an_expired_restart() {
    let (sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "too-slow").await;
    let before = target.read().await.metadata.generation;
    sim.clusters()[0]
        .faults()
        .set(of_deployments(Fault::hang(), Verb::Get));
    let mut request = target.restart(1);
    request.guard.deadline = Some(Timestamp::now() + SignedDuration::from_secs(1));
    let fault = stage.ask(&request).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::Expired);

    let fault = stage.ask(&target.rollout()).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::KubernetesTimeout);
    sim.clusters()[0].faults().clear();
    assert_eq!(target.read().await.metadata.generation, before);
    agent.left().await;
}

#[tokio::test]
async fn a_slow_api_server_delays_only_the_verbs_that_need_it() {
    let (sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "slow").await;
    sim.clusters()[0]
        .faults()
        .set(of_deployments(Fault::hang(), Verb::Get));
    let rollout = target.rollout();
    // More than the agent processes at once: the rest get `busy`, and every requester gets a reply.
    let sent = futures::future::join_all((0..100).map(|_| stage.ask(&rollout)));
    let listed = async {
        for _ in 0..20 {
            stage.ask(&ListWorkloads::default()).await.unwrap();
        }
        Instant::now()
    };
    let answered = async { (sent.await, Instant::now()) };
    let ((answers, answered), listed) = tokio::join!(answered, listed);
    assert!(listed < answered, "lists waited for those that hang");
    let codes: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.unwrap_err().code)
        .collect();
    let count = |code| codes.iter().filter(|c| **c == code).count();
    let (busy, late) = (count(FaultCode::Busy), count(FaultCode::KubernetesTimeout));
    assert_eq!(
        (busy > 0, late > 0, busy + late),
        (true, true, 100),
        "{codes:?}"
    );
    agent.left().await;
}

#[tokio::test]
async fn a_deployment_or_namespace_that_is_being_deleted_does_not_progress_forever() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "going").await;
    target.delete().await;
    let fault = condition::met("an end", PATIENCE, async || {
        match stage.ask(&target.rollout()).await {
            Ok(rollout) if rollout.state == RolloutState::Terminating => Ok(None),
            Ok(rollout) => anyhow::bail!("{rollout:?}"),
            Err(fault) => Ok(Some(fault)),
        }
    });
    assert_eq!(fault.await.unwrap().code, FaultCode::NotFound);
    agent.left().await;
}
