//! The manifest of a cluster's stored lists. Pure.

use std::time::Duration;

use bus_keys::streams::{BucketSpec, INVENTORY};
use bus_schema::{ClusterName, StreamId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use registry::LastChanges;
use storage::{Lease, Leased, Record};

/// The number of slots for a cluster's lists.
const SLOTS: usize = 2;

/// More parts than any list has.
const PARTS: usize = 64;

/// The value of the key that is the cluster's name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The current list.
    #[serde(rename = "kept", default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Generation>,
    /// Held by the replica that reads and writes the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// The maximum number of parts that each slot has had.
    #[serde(default)]
    slots: [usize; SLOTS],
}

/// One list of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// The id, which each of its parts contains too.
    pub id: StreamId,
    /// The slot in which it is stored.
    pub slot: usize,
    /// The number of its parts.
    pub parts: usize,
    /// The uid of the Kubernetes cluster.
    pub cluster_uid: String,
    /// When the cluster reported it.
    pub as_of: Timestamp,
    /// The number of its workloads.
    pub workloads: u64,
    /// Whether the cluster has more workloads, which did not fit.
    #[serde(default)]
    pub truncated: bool,
    /// The last changes that the cluster had published before.
    #[serde(default)]
    pub changes: LastChanges,
}

impl Record for Manifest {
    const BUCKET: BucketSpec = INVENTORY;
    type Key = ClusterName;
    const KEY: &'static str = "a cluster's name";
    // One token: the keys of the parts have more.
    const FILTER: &'static str = "*";
}

impl Leased for Manifest {
    /// Not renewed: reading and writing a list takes less, see `sync`.
    const TERM: Duration = Duration::from_secs(30);

    fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    fn lease_mut(&mut self) -> &mut Option<Lease> {
        &mut self.lease
    }
}

impl Manifest {
    /// The slot for the next list, which is not the current one.
    #[must_use]
    pub fn free_slot(&self) -> usize {
        self.stored
            .as_ref()
            .map_or(0, |stored| (stored.slot + 1) % SLOTS)
    }

    /// Makes another list with this many parts the current one.
    pub fn replace(&mut self, next: Generation, parts: usize) -> &Generation {
        if let Some(most) = self.slots.get_mut(next.slot) {
            *most = parts.max(*most);
        }
        self.stored.insert(Generation { parts, ..next })
    }

    /// Every part that may exist: its slot and its number.
    #[must_use]
    pub fn parts(&self) -> Vec<(usize, usize)> {
        let slots = self.slots.iter().enumerate();
        slots
            .flat_map(|(slot, parts)| (0..PARTS.min(*parts)).map(move |number| (slot, number)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(slot: usize) -> Generation {
        Generation {
            id: "g".parse().unwrap(),
            slot,
            parts: 0,
            cluster_uid: "u".to_owned(),
            as_of: Timestamp::UNIX_EPOCH,
            workloads: 0,
            truncated: false,
            changes: LastChanges::new(),
        }
    }

    #[test]
    fn lists_take_turns_and_every_part_of_both_is_remembered() {
        let mut manifest = Manifest::default();
        manifest.replace(generation(manifest.free_slot()), 3);
        manifest.replace(generation(manifest.free_slot()), 1);
        assert_eq!(manifest.free_slot(), 0);
        manifest.replace(generation(0), 1);
        assert_eq!(manifest.parts(), [(0, 0), (0, 1), (0, 2), (1, 0)]);
        assert_eq!(manifest.stored.unwrap().parts, 1);
    }
}
