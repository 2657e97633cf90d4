//! The agent's caches while the API server cannot be watched, and its conditions.

use bus_schema::verb::{GetInfo, ListNamespaces, ListWorkloads};
use bus_schema::{ConditionType, FaultCode, WorkloadKind};
use k8s_sim::{Fault, Kind, Simulation, Verb};
use xtask::condition;

use crate::deployment::Target;
use crate::faults::of_deployments;
use crate::stage::{PATIENCE, Stage};

#[tokio::test]
async fn broken_watches_and_a_forgotten_history_lose_no_change() {
    let (sim, stage, agent) = Stage::simulated().await;
    let cluster = &sim.clusters()[0];
    for (turn, name) in ["first", "second", "third"].into_iter().enumerate() {
        match turn {
            0 => cluster.break_watches(),
            _ => cluster.compact(),
        }
        if turn == 0 {
            Target::create(&stage, "watched", "web:1").await;
        }
        Target::create_in(&stage, "watched", name, "web:1").await;
        condition::met(name, PATIENCE, async || {
            let page = stage.ask(&ListWorkloads::default()).await?;
            let found = page.items.iter().any(|item| item.name.as_str() == name);
            Ok(found.then_some(()))
        })
        .await
        .unwrap();
    }
    agent.left().await;
}

#[tokio::test]
async fn what_was_deleted_while_the_watch_was_broken_is_gone_afterwards() {
    let (sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "unwatched").await;
    let cluster = &sim.clusters()[0];
    for verb in [Verb::List, Verb::Watch] {
        cluster
            .faults()
            .set(of_deployments(Fault::status(500), verb));
    }
    cluster.break_watches();
    let list = ListWorkloads::default();
    condition::met("a broken watch", PATIENCE, async || {
        Ok(stage.ask(&list).await?.stale_seconds)
    })
    .await
    .unwrap();
    target.delete().await;
    assert_eq!(stage.ask(&list).await.unwrap().items.len(), 1);
    cluster.faults().clear();
    condition::met("an empty list", PATIENCE, async || {
        Ok(stage.ask(&list).await?.items.is_empty().then_some(()))
    })
    .await
    .unwrap();
    agent.left().await;
}

#[tokio::test]
async fn without_the_api_server_the_lists_carry_their_age_and_the_conditions_say_why() {
    let (sim, stage, agent) = Stage::simulated().await;
    let faults = sim.clusters()[0].faults();
    faults.set(Fault::status(401));
    sim.clusters()[0].break_watches();
    let info = condition::met("a condition", PATIENCE, async || {
        let info = stage.ask(&GetInfo {}).await?;
        Ok((!info.conditions.is_empty()).then_some(info))
    });
    let info = info.await.unwrap();
    assert_eq!(info.conditions[0].kind, ConditionType::Unauthorized);
    let page = stage.ask(&ListNamespaces::default()).await.unwrap();
    assert!(page.stale_seconds.is_some());
    assert!(!page.items.is_empty());

    faults.clear();
    condition::met("fresh lists", PATIENCE, async || {
        let stale = stage.ask(&ListNamespaces::default()).await?.stale_seconds;
        let conditions = stage.ask(&GetInfo {}).await?.conditions;
        Ok((stale.is_none() && conditions.is_empty()).then_some(()))
    })
    .await
    .unwrap();
    agent.left().await;
}

/// Its connections stay open but silent, like those of a machine that was unplugged.
#[tokio::test]
async fn an_unresponsive_api_server_is_detected() {
    let (sim, stage, agent) = Stage::simulated().await;
    sim.clusters()[0].faults().set(Fault::hang());
    condition::met("a condition", PATIENCE, async || {
        let info = stage.ask(&GetInfo {}).await?;
        let kinds: Vec<_> = info
            .conditions
            .iter()
            .map(|condition| condition.kind)
            .collect();
        Ok(kinds
            .contains(&ConditionType::KubernetesUnreachable)
            .then_some(()))
    })
    .await
    .unwrap();
    let page = stage.ask(&ListNamespaces::default()).await.unwrap();
    assert!(page.stale_seconds.is_some());
    agent.left().await;
}

#[tokio::test]
async fn before_the_cluster_was_read_the_lists_say_so() {
    let sim = Simulation::builder().deployments(2).start().await.unwrap();
    sim.clusters()[0]
        .faults()
        .set(Fault::forbid(Verb::List, Kind::Deployment));
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = dir.path().join("kubeconfig");
    sim.write_kubeconfig(&kubeconfig).unwrap();
    let stage = Stage::new(sim.clusters()[0].client(), &kubeconfig).await;
    let agent = stage.agent();
    let fault = condition::met("the reason", PATIENCE, async || {
        if stage.try_ask(&GetInfo {}).await.is_none() {
            return Ok(None);
        }
        let fault = stage.ask(&ListWorkloads::default()).await.unwrap_err();
        Ok(fault.message.contains("forbidden").then_some(fault))
    });
    assert_eq!(fault.await.unwrap().code, FaultCode::NotReady);
    let info = stage.ask(&GetInfo {}).await.unwrap();
    assert_eq!(info.counts, None);
    assert_eq!(info.conditions[0].kind, ConditionType::Forbidden);

    sim.clusters()[0].faults().clear();
    stage.ready().await;
    assert_eq!(
        stage
            .ask(&ListWorkloads::default())
            .await
            .unwrap()
            .items
            .len(),
        2
    );
    agent.left().await;
}

/// Such as one whose ClusterRole is of an earlier version.
#[tokio::test]
async fn an_agent_that_may_not_read_a_kind_shows_the_others_and_says_so() {
    let sim = Simulation::builder().deployments(2).stateful_sets(1);
    let sim = sim.daemon_sets(1).start().await.unwrap();
    let faults = sim.clusters()[0].faults();
    faults.set(Fault::forbid(Verb::List, Kind::StatefulSet));
    let (_sim, stage, agent) = Stage::with(sim).await;
    let shown = condition::met("the other kinds", PATIENCE, async || {
        let items = stage.ask(&ListWorkloads::default()).await?.items;
        let kinds: Vec<_> = items.iter().map(|item| item.kind).collect();
        Ok(kinds.contains(&WorkloadKind::DaemonSet).then_some(kinds))
    });
    let shown = shown.await.unwrap();
    assert!(shown.contains(&WorkloadKind::Deployment), "{shown:?}");
    assert!(!shown.contains(&WorkloadKind::StatefulSet), "{shown:?}");
    let said = condition::met("the condition", PATIENCE, async || {
        let conditions = stage.ask(&GetInfo {}).await?.conditions;
        Ok(conditions.into_iter().next())
    });
    let said = said.await.unwrap();
    assert_eq!(said.kind, ConditionType::Forbidden);
    assert!(said.message.contains("statefulsets"), "{said:?}");
    agent.left().await;
}
