//! Reconciles operations whose outcome was lost, because of a timeout or because the replica that began them has ended: it queries the
//! cluster for their outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bus_schema::ClusterName;
use bus_schema::timing::REPLY_MARGIN;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::SignedDuration;
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use super::{Begun, Journal, Operation};
use audit::{Entry, Outcome};

/// How often open operations are checked.
const INTERVAL: Duration = Duration::from_secs(2);

/// After its deadline an operation may still be in its agent's last call to the API server for this long.
const GRACE: SignedDuration = SignedDuration::from_secs(2 * REPLY_MARGIN.as_secs().cast_signed());

/// Clusters that are queried at the same time.
const CLUSTERS_AT_ONCE: usize = 16;

/// After this time a cluster that cannot be queried, or has left the fleet, is given up.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The final result of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its outcome; [`Outcome::Unknown`] if it can no longer be found out.
    pub outcome: Outcome,
    /// The evidence, for people.
    pub detail: String,
}

/// The result of one attempt to find out the outcome of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// The outcome is known.
    Verdict(Verdict),
    /// Nothing yet; try again.
    Pending,
    /// Nothing, since the cluster did not respond: it would not respond for other operations either.
    Unanswered,
}

/// Finds out the outcome of an operation.
pub trait Observe: Send + Sync {
    /// Whether nothing can be found out now.
    fn is_cut_off(&self) -> bool;

    /// Queries the cluster.
    fn observe(&self, operation: &Operation) -> impl Future<Output = Observation> + Send;
}

/// Whether to continue with the cluster's other operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    Yes,
    No,
}

/// Reconciles open operations until the program ends. All replicas do this: the audit log accepts one outcome for each operation.
/// Clusters are queried concurrently, so that one that does not respond delays no other.
pub async fn reconcile(journal: Journal, observer: impl Observe) {
    let (permits, mut busy) = (Semaphore::new(CLUSTERS_AT_ONCE), BTreeSet::new());
    let mut asking = FuturesUnordered::new();
    let mut looks = tokio::time::interval(INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(cluster) = asking.next() => {
                busy.remove(&cluster);
            }
            _ = looks.tick() => {
                if observer.is_cut_off() {
                    continue;
                }
                for (cluster, operations) in journal.open_operations().await {
                    if !busy.insert(cluster.clone()) {
                        continue;
                    }
                    let (journal, observer, permits) = (&journal, &observer, &permits);
                    asking.push(async move {
                        let _permit = permits.acquire().await;
                        journal.reconcile_cluster(operations, observer).await;
                        cluster
                    });
                }
            }
        }
    }
}

type ByCluster = BTreeMap<Option<ClusterName>, Vec<Operation>>;

impl Journal {
    async fn open_operations(&self) -> ByCluster {
        self.fail_unacknowledged().await;
        let mut by_cluster = ByCluster::new();
        match self.0.operations.list().await {
            Ok(open) => {
                // A record that cannot be read is skipped, see `records`.
                let open = open.into_iter().filter_map(|(_, entry)| entry.record.ok());
                for operation in open.flatten() {
                    let of_cluster = by_cluster.entry(operation.cluster().cloned());
                    of_cluster.or_default().push(operation);
                }
            }
            Err(error) => warn!(%error, "open operations cannot be read"),
        }
        by_cluster
    }

    async fn reconcile_cluster(&self, operations: Vec<Operation>, observer: &impl Observe) {
        for operation in operations {
            // The others would time out too: try them at the next check.
            if self.reconcile_one(operation, observer).await == Answered::No {
                return;
            }
        }
    }

    async fn reconcile_one(&self, operation: Operation, observer: &impl Observe) -> Answered {
        // Before that, the caller that began it is still waiting.
        let overdue = self.now().duration_since(operation.deadline);
        if overdue < GRACE {
            return Answered::Yes;
        }
        let last = match self.0.audit.newest(&operation.id).await {
            Ok(Some((last, entry))) if is_open(entry.as_ref()) => last,
            // Its outcome has been written, or its intent never was, and so nothing was sent.
            Ok(_) => {
                self.close(&operation.id).await;
                return Answered::Yes;
            }
            Err(_) => return Answered::No,
        };
        let Verdict { outcome, detail } = match observer.observe(&operation).await {
            Observation::Verdict(verdict) => verdict,
            _ if overdue > GIVEN_UP_AFTER => given_up(),
            Observation::Pending => return Answered::Yes,
            Observation::Unanswered => return Answered::No,
        };
        info!(operation = %operation.id, ?outcome, detail, "reconciled");
        let begun = Begun { operation, last };
        if self.append(&begun, outcome, Some(detail)).await {
            self.close(&begun.operation.id).await;
        }
        Answered::Yes
    }
}

fn given_up() -> Verdict {
    let hours = GIVEN_UP_AFTER.as_hours();
    Verdict {
        outcome: Outcome::Unknown,
        detail: format!(
            "whether it was carried out is not known: the cluster could not be queried for {hours} h"
        ),
    }
}

/// An unreadable line does not count as an outcome.
pub(super) fn is_open(newest: Option<&Entry>) -> bool {
    newest.is_none_or(|entry| !entry.outcome.is_settled())
}
