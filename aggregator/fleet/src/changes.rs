//! Passes on to subscribers the changes of workloads that agents publish, and changes of clusters that happen by time alone.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use bus_schema::verb::WorkloadSummary;
use bus_schema::{ClusterName, WorkloadChanges, subject};
use tracing::warn;

use super::agent_link::AgentLink;
use super::agent_messages::{AgentMessages, Kind};
use super::{SharedRegistry, rate_limit};
use crate::watch::Event;
use diagnostics::Metrics;
use registry::{CHANGE_BYTES, ChangeRange, Moment, Verdict};

type Changes = WorkloadChanges<WorkloadSummary>;

/// How often to check for changes by time alone: overdue heartbeats and announced changes that have not arrived.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

const NO_CHANGES: &str = "sent a change message that is malformed or too large";

/// Receives changes forever.
pub async fn receive_changes(
    link: Arc<AgentLink>,
    registry: Arc<SharedRegistry>,
    metrics: Metrics,
) {
    loop {
        let kind = Kind {
            bus: link.unasked.clone(),
            name: "changes of workloads",
            pattern: subject::WORKLOAD_CHANGES.to_owned(),
            queue: None,
            limit: rate_limit::CHANGES,
        };
        if let Some(mut changes) = AgentMessages::open(&registry, &metrics, kind).await {
            while let Some((from, message)) = changes.next().await {
                receive_change(&registry, from.cluster(), &message);
            }
        }
        warn!("cannot subscribe to workload changes; retrying");
        tokio::time::sleep(TRY_AGAIN_AFTER).await;
    }
}

/// Checks all clusters periodically, forever.
pub async fn watch_time(registry: Arc<SharedRegistry>) {
    let mut interval = tokio::time::interval(LOOK_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        registry.publish_due();
    }
}

fn receive_change(registry: &SharedRegistry, cluster: &ClusterName, message: &Message) {
    let bytes = message.payload.len();
    // Before it is parsed, so that a cluster that publishes too much costs no more than this.
    let may = registry.write().may_publish(cluster, bytes, Moment::now());
    if !may {
        return;
    }
    if bytes > Changes::BYTES {
        registry.protocol_violation(cluster, NO_CHANGES, None);
        return;
    }
    let verdict = match serde_json::from_slice::<Changes>(&message.payload) {
        Ok(changes) => take_changes(registry, cluster, changes),
        Err(error) => {
            registry.protocol_violation(cluster, NO_CHANGES, Some(&error));
            return;
        }
    };
    if verdict == Verdict::Miscounted {
        let what = "sent changes with wrong sequence numbers";
        registry.protocol_violation(cluster, what, None);
    }
}

fn take_changes(shared: &SharedRegistry, cluster: &ClusterName, changes: Changes) -> Verdict {
    let Some(after) = changes.after() else {
        return Verdict::Miscounted;
    };
    let range = ChangeRange {
        instance: &changes.instance,
        after,
        last: changes.sequence,
    };
    let bytes = CHANGE_BYTES * (changes.changed.len() + changes.gone.len());
    // Published under the lock, so that nothing is published about a cluster after it was forgotten.
    let mut registry = shared.write();
    if !registry.may_publish(cluster, bytes, Moment::now()) {
        return Verdict::Ignore;
    }
    let verdict = registry.record_changes(cluster, range);
    let Verdict::Publish { missed } = verdict else {
        return verdict;
    };
    if missed > 0 {
        shared.publish(Event::gap(cluster.clone(), Some(missed)));
    }
    for workload in changes.changed {
        shared.publish(Event::changed(cluster, workload));
    }
    for gone in changes.gone {
        shared.publish(Event::gone(cluster, gone));
    }
    verdict
}
