//! All communication with clusters. Three clients share one [`AgentLink`]: [`Fleet`] for requests to one cluster, [`FleetQueries`] for
//! queries to all clusters at once, [`LogStreams`] for followed logs. Each authorises first.

mod agent_link;
mod agent_messages;
mod bus_liveness;
mod change_limit;
mod changes;
mod client;
mod cluster_labels;
mod clusters;
mod exclusions;
mod fleet_workload;
mod forgotten;
mod heartbeats;
pub mod inventory;
mod inventory_sync;
pub mod journal;
mod json;
mod log_streams;
mod memory_budget;
mod mutate;
mod protection;
mod query;
mod rate_limit;
mod refusals;
mod relay;
mod renewals;
mod roll_call;
mod shared_registry;
mod text;
pub mod watch;

pub use agent_link::AgentLink;
pub use agent_messages::AgentMessages;
pub use bus_liveness::watch_link;
pub use change_limit::ChangeLimit;
pub use changes::{receive_changes, watch_time};
pub use client::Fleet;
pub use cluster_labels::{ClusterLabels, follow_labels, may_label, may_set_labels};
pub use clusters::Clusters;
pub use fleet_workload::FleetWorkload;
pub use forgotten::follow_forgotten;
pub use heartbeats::Heartbeats;
pub use inventory_sync::InventorySync;
pub use log_streams::{FollowedLog, LogStreams};
pub use mutate::Done;
pub use protection::{Protection, check_confirmation};
pub use query::{
    AnswerCounts, AnswerState, ClusterAnswer, FleetGroups, FleetImage, FleetPage, FleetQueries,
    FleetQuery, FleetTotals, WorkloadGroup, WorkloadVersion, receive_responses,
};
pub use refusals::lacks_right;
pub use relay::Relayed;
pub use renewals::RenewalRequests;
pub use shared_registry::SharedRegistry;

use json::json;
