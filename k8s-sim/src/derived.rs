//! What is derived from an object alone: a deployment's ReplicaSet, the revisions of other workloads, their pods, the names of nodes.
//! Nothing here reads or changes a cluster.

pub mod daemon;
pub mod history;
pub mod ordinal;
mod pod;
pub mod revision;
pub mod rolling;
pub mod workload;

pub use pod::pod_of;
pub use revision::{HASH, REVISION, new_replica_set};

pub const NODES: usize = 3;

pub fn node_name(number: usize) -> String {
    format!("node-{}", number + 1)
}
