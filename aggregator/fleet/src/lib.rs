//! The only way to a cluster. Who asks here is authorised first; what changes anything goes through the journal: audited, with a
//! deadline, and reconciled if its outcome is lost. A handler cannot skip any of it.

use std::sync::Arc;

use bus_schema::ClusterName;

use diagnostics::Metrics;
use inventory::Inventory;
use journal::Journal;
use limits::Attempts;
use storage::BucketError;
use storage::bus::Bus;

mod agent_link;
mod agent_messages;
mod ask;
mod bus_liveness;
mod change_limit;
mod changes;
mod clusters;
mod exclusions;
mod fleet_deployment;
mod follow;
mod forgotten;
mod heartbeats;
pub mod inventory;
pub mod journal;
mod json;
mod keep;
mod label;
mod memory_budget;
mod mutate;
mod query;
mod rate_limit;
mod record;
mod relay;
mod renewals;
mod response_receiver;
mod responses;
mod roll_call;
mod shared_registry;
mod text;
pub mod watch;

pub use agent_messages::AgentMessages;
pub use ask::lacks_right;
pub use bus_liveness::watch_link;
pub use changes::{hear_changes, watch_time};
pub use clusters::Clusters;
pub use fleet_deployment::FleetDeployment;
pub use follow::FollowedLog;
pub use forgotten::follow_forgotten;
pub use heartbeats::Heartbeats;
pub use keep::keep_inventory;
pub use label::{follow_labels, may_label, may_set_labels};
pub use mutate::Done;
pub use query::{
    AnswerCounts, AnswerState, ClusterAnswer, DeploymentGroup, DeploymentVersion, FleetGroups,
    FleetImage, FleetPage, FleetQuery, FleetTotals,
};
pub use relay::Relayed;
pub use response_receiver::receive_responses;
pub use shared_registry::SharedRegistry;

use agent_link::AgentLink;
use json::json;
use memory_budget::MemoryBudget;
use responses::Responses;

/// The clusters, and the one way to reach them.
#[derive(Debug)]
pub struct Fleet {
    link: Arc<AgentLink>,
    journal: Journal,
    inventory: Inventory,
    clusters: Clusters,
    metrics: Metrics,
    registry: Arc<SharedRegistry>,
    /// How much each user has changed.
    changes: Attempts,
    responses: Responses,
    answer_memory: MemoryBudget,
}

impl Fleet {
    /// A fleet of which nothing has been heard yet, over a connection for requests and one for what is sent unasked.
    #[must_use]
    pub fn new(
        connections: (Bus, Bus),
        journal: Journal,
        inventory: Inventory,
        clusters: Clusters,
        metrics: Metrics,
    ) -> Self {
        Self {
            link: Arc::new(AgentLink::new(connections)),
            journal,
            inventory,
            clusters,
            metrics,
            registry: Arc::default(),
            changes: Attempts::default(),
            responses: Responses::new(),
            answer_memory: MemoryBudget::of(memory_budget::ALL_ANSWERS_BYTES),
        }
    }

    /// The link to the agents.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.link.bus
    }

    /// What is known of clusters.
    #[must_use]
    pub fn registry(&self) -> &Arc<SharedRegistry> {
        &self.registry
    }

    /// The journal of changes.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Whether agents are out of reach: the link to the bus is down, or nothing comes back on it.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.link.is_cut_off()
    }

    /// Waits until the writes that are under way have their outcome.
    pub async fn finish_writes(&self) {
        self.journal.finish().await;
    }

    /// Forgets a cluster here and, with its labels, for all replicas.
    ///
    /// # Errors
    /// When a bucket does not answer: it can be done again.
    pub async fn forget_for_good(&self, cluster: &ClusterName) -> Result<(), BucketError> {
        self.clusters.forget(cluster).await?;
        self.registry.forget(cluster);
        Ok(())
    }
}
