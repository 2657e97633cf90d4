//! Pausing a rollout.

use bus_schema::verb::Pause;
use bus_schema::{FaultCode, WriteGuard};

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
