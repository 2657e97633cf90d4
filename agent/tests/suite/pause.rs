//! Pausing a rollout, and resuming it.

use bus_schema::verb::{Pause, Resume, RolloutState};
use bus_schema::{FaultCode, WriteGuard};

use serde_json::json;

use crate::deployment::Target;
use crate::stage::Stage;

fn pause(target: &Target, number: u32) -> Pause {
    Pause {
        target: target.workload(),
        guard: target.guard(number),
    }
}

pub async fn a_pause_is_carried_out_once_and_one_that_is_paused_stays_so(stage: &Stage) {
    let target = Target::rolled_out(stage, "pausing").await;
    let paused = stage.ask(&pause(&target, 1)).await.unwrap();
    assert!(paused.paused);
    let before = target.read().await;
    assert_eq!(before.spec.unwrap().paused, Some(true));
    assert_eq!(stage.ask(&pause(&target, 1)).await.unwrap(), paused);
    let fence = WriteGuard {
        fence: true,
        ..target.guard(1)
    };
    let target_ref = target.workload();
    let fenced = stage
        .ask(&Pause {
            target: target_ref,
            guard: fence,
        })
        .await;
    assert_eq!(fenced.unwrap(), paused);
    let after = target.read().await;
    assert_eq!(after.metadata.generation, before.metadata.generation);

    assert!(stage.ask(&pause(&target, 2)).await.unwrap().paused);
    let restart = stage.ask(&target.restart(3)).await.unwrap_err();
    assert_eq!(restart.code, FaultCode::Paused);
    let late = stage.ask(&pause(&target, 0)).await.unwrap_err();
    assert_eq!(late.code, FaultCode::Superseded);
}

pub async fn what_was_changed_while_paused_rolls_out_when_resumed(stage: &Stage) {
    let target = Target::rolled_out(stage, "resumed").await;
    let resume = |number| Resume {
        target: target.workload(),
        guard: target.guard(number),
    };
    stage.ask(&pause(&target, 1)).await.unwrap();
    let annotations = json!({ "example.com/changed": "yes" });
    let template = json!({ "metadata": { "annotations": annotations } });
    target
        .patch(json!({ "spec": { "template": template } }))
        .await;
    target.reaches(stage, RolloutState::Paused).await;
    assert_eq!(target.replica_sets().await, 1);

    assert!(!stage.ask(&resume(2)).await.unwrap().paused);
    target.reaches(stage, RolloutState::Complete).await;
    assert_eq!(target.replica_sets().await, 2);
    // Already resumed, and resumed again: nothing rolls out.
    assert!(!stage.ask(&resume(2)).await.unwrap().paused);
    assert!(!stage.ask(&resume(3)).await.unwrap().paused);
    target.reaches(stage, RolloutState::Complete).await;
    assert_eq!(target.replica_sets().await, 2);
}

#[tokio::test]
async fn a_verb_that_is_not_enabled_is_refused_and_what_was_begun_can_still_be_fenced() {
    let (_sim, stage, agent) = Stage::simulated().await;
    agent.left().await;
    let restricted = stage.agent_with(agent::Config {
        verbs: "restart".parse().unwrap(),
        ..stage.config()
    });
    stage.ready().await;
    let target = Target::rolled_out(&stage, "restricted").await;
    let refused = stage.ask(&pause(&target, 1)).await.unwrap_err();
    assert_eq!(refused.code, FaultCode::VerbNotEnabled);
    assert!(refused.message.contains("MCA_VERBS"), "{refused}");
    assert_eq!(target.read().await.spec.unwrap().paused, None);
    let mut fence = pause(&target, 1);
    fence.guard.fence = true;
    let fenced = stage.ask(&fence).await.unwrap_err();
    assert_eq!(fenced.code, FaultCode::Expired);
    stage.ask(&target.restart(2)).await.unwrap();
    restricted.left().await;
}

#[tokio::test]
async fn no_more_rollouts_than_allowed_are_under_way_and_one_that_was_begun_is_confirmed_again() {
    let (_sim, stage, agent) = Stage::simulated().await;
    agent.left().await;
    let limited = stage.agent_with(agent::Config {
        max_rollouts: 1,
        ..stage.config()
    });
    stage.ready().await;
    let [first, second] = ["first", "second"].map(|name| Target::rolled_out(&stage, name));
    let (first, second) = (first.await, second.await);
    let before = second.read().await;
    let done = stage.ask(&first.restart(1)).await.unwrap();
    let refused = stage.ask(&second.restart(2)).await.unwrap_err();
    assert_eq!(refused.code, FaultCode::TooManyRollouts);
    assert!(refused.message.contains("MCA_MAX_ROLLOUTS"), "{refused}");
    let after = second.read().await;
    assert_eq!(after.metadata.generation, before.metadata.generation);
    assert_eq!(stage.ask(&first.restart(1)).await.unwrap(), done);
    stage.ask(&first.restart(3)).await.unwrap();
    // It begins no rollout.
    stage.ask(&pause(&second, 4)).await.unwrap();
    limited.left().await;
}
