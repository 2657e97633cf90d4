use bus_schema::timing::lost_after;
use bus_schema::{AgentState, ConditionType, InstanceId};
use jiff::SignedDuration;

use super::cluster_entry::INSTANCES;
use super::*;

mod conditions;
mod persisted;
mod presence;
mod watched;

fn heartbeat(instance: &str, uid: &str, sent_at: Timestamp) -> Heartbeat {
    Heartbeat {
        instance: instance
            .to_owned()
            .try_into()
            .expect("a well-formed instance"),
        state: AgentState::Up,
        sequence: 1,
        sent_at,
        started_at: sent_at,
        agent_version: "0.1.0".to_owned(),
        verbs: vec![],
        allowed_verbs: None,
        cluster_uid: Some(uid.to_owned()),
        kubernetes_version: None,
        counts: None,
        conditions: vec![],
        every_seconds: None,
        round_trip_milliseconds: None,
        changes: None,
    }
}

fn cluster() -> ClusterName {
    "cluster-a".parse().expect("a well-formed name")
}

fn later(moment: Moment, by: Duration) -> Moment {
    Moment {
        instant: moment.instant + by,
        wall: moment.wall + by,
    }
}

fn kinds(registry: &Registry, now: Moment) -> Vec<ConditionType> {
    let view = registry
        .view(&cluster(), now)
        .expect("the cluster is known");
    view.conditions
        .iter()
        .map(|condition| condition.kind)
        .collect()
}
