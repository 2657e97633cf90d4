//! Writes whose outcome was lost, by a time-out or by the end of the replica that began them: settled by reading the cluster back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bus_schema::timing::REPLY_MARGIN;
use bus_schema::verb::{GetRollout, RestartDeployment, Rollout};
use bus_schema::{ClusterName, FaultCode, Request};
use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::Fleet;
use super::ask::SendError;
use crate::audit::{Entry, Outcome};
use crate::bus::BusError;
use crate::operations::{Operation, Order};
use crate::registry::Moment;

/// How often open operations are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// After its deadline an operation may still be in its agent's last call to the API server for this long.
const GRACE: SignedDuration = SignedDuration::from_secs(2 * REPLY_MARGIN.as_secs().cast_signed());

/// Clusters that are read at the same time.
const CLUSTERS_AT_ONCE: usize = 16;

/// What a look at an open operation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    /// It is settled, or cannot be settled yet.
    Done,
    /// Cluster or audit do not answer.
    NotRead,
}

/// Settles what is open, for ever. All replicas do this: the audit takes one outcome for each operation.
pub async fn settle(fleet: Arc<Fleet>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if fleet.is_cut_off() {
            continue;
        }
        fleet.settle_unbegun().await;
        match fleet.operations.list().await {
            Ok(open) => {
                // A record that cannot be read is skipped, see `records`.
                let open = open.into_iter().filter_map(|(_, entry)| entry.record.ok());
                fleet.settle_all(open.flatten()).await;
            }
            Err(error) => warn!(%error, "open operations cannot be read"),
        }
    }
}

impl Fleet {
    /// By cluster, side by side: one that does not answer holds up no other.
    async fn settle_all(self: &Arc<Self>, open: impl Iterator<Item = Operation>) {
        let mut by_cluster: BTreeMap<ClusterName, Vec<Operation>> = BTreeMap::new();
        for operation in open {
            let of_cluster = by_cluster.entry(operation.cluster.clone()).or_default();
            of_cluster.push(operation);
        }
        stream::iter(by_cluster.into_values())
            .for_each_concurrent(CLUSTERS_AT_ONCE, |operations| {
                self.settle_cluster(operations)
            })
            .await;
    }

    async fn settle_cluster(self: &Arc<Self>, operations: Vec<Operation>) {
        for operation in operations {
            // The others would wait for the same answer: at the next look.
            if self.settle_one(operation).await == Settled::NotRead {
                return;
            }
        }
    }

    async fn settle_one(self: &Arc<Self>, operation: Operation) -> Settled {
        // Before that, whoever began it is still waiting.
        let overdue = Timestamp::now().duration_since(operation.deadline);
        if overdue < GRACE || !self.is_certainly(&operation) {
            return Settled::Done;
        }
        let last = match self.audit.newest(&operation.id).await {
            Ok(Some((last, entry))) if is_open(entry.as_ref()) => last,
            // Its outcome is written down, or its intent never was, and so nothing was sent.
            Ok(_) => {
                self.close(&operation).await;
                return Settled::Done;
            }
            Err(_) => return Settled::NotRead,
        };
        let verdict = match &operation.order {
            Order::Restart(restart) => self.read_back(&operation, restart).await,
        };
        let Some((outcome, detail)) = verdict else {
            return Settled::NotRead;
        };
        info!(operation = %operation.id, ?outcome, "settled by reading back");
        self.conclude(operation, last, outcome, detail).await;
        Settled::Done
    }

    /// What the cluster shows of a restart; `None` while it cannot be read, or another cluster has its name.
    async fn read_back(
        &self,
        operation: &Operation,
        restart: &RestartDeployment,
    ) -> Option<(Outcome, String)> {
        let look = GetRollout {
            namespace: restart.namespace.clone(),
            deployment_name: restart.deployment_name.clone(),
        };
        let seen = self.send(&operation.cluster, &look, GetRollout::TIMEOUT);
        let seen = seen.await;
        // A second cluster of that name may have come, and have answered.
        if !self.is_certainly(operation) {
            return None;
        }
        match seen {
            Ok(rollout) => Some(of_rollout(&rollout, restart, Timestamp::now())),
            Err(SendError::Bus(BusError::Fault(fault))) if fault.code == FaultCode::NotFound => {
                Some((Outcome::Failed, "the deployment is gone".to_owned()))
            }
            Err(_) => None,
        }
    }

    /// Whether the cluster's name is still that of the Kubernetes cluster that was meant, and no other claims it.
    fn is_certainly(&self, operation: &Operation) -> bool {
        let Order::Restart(restart) = &operation.order;
        let (registry, now) = (self.registry(), Moment::now());
        registry.uid(&operation.cluster) == restart.guard.cluster_uid.as_deref()
            && !registry.is_contested(&operation.cluster, now)
    }
}

/// A line that cannot be read settles nothing.
pub(super) fn is_open(newest: Option<&Entry>) -> bool {
    newest.is_none_or(|entry| !entry.outcome.is_settled())
}

/// What the agents take for no restart is none here either.
fn of_rollout(rollout: &Rollout, restart: &RestartDeployment, now: Timestamp) -> (Outcome, String) {
    let seen = rollout.restarted_at;
    let seen = seen.filter(|seen| !RestartDeployment::is_too_far_ahead(*seen, now));
    match seen.cmp(&restart.restarted_at) {
        std::cmp::Ordering::Equal => (
            Outcome::Succeeded,
            "seen in the cluster afterwards".to_owned(),
        ),
        std::cmp::Ordering::Greater => (
            Outcome::Superseded,
            "a newer restart was seen in the cluster".to_owned(),
        ),
        std::cmp::Ordering::Less => (
            Outcome::Expired,
            "not carried out before its deadline".to_owned(),
        ),
    }
}
