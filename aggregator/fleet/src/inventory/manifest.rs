//! What is stored of a cluster, and where. Pure.

use std::time::Duration;

use bus_keys::streams::{BucketSpec, INVENTORY};
use bus_schema::{ClusterName, StreamId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use registry::LastChanges;
use storage::{Lease, Leased, Record};

/// The places of a cluster's lists.
const SLOTS: usize = 2;

/// More parts than a list has.
const PARTS: usize = 64;

/// What stands under a cluster's name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The list that counts.
    #[serde(rename = "kept", default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Generation>,
    /// Held by the replica that reads and writes the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// How many parts each place has had at most.
    #[serde(default)]
    slots: [usize; SLOTS],
}

/// One list of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Each of its parts has it, too.
    pub id: StreamId,
    /// In which place it is.
    pub slot: usize,
    /// How many parts it has.
    pub parts: usize,
    /// The uid of the Kubernetes cluster.
    pub cluster_uid: String,
    /// When the cluster said this.
    pub as_of: Timestamp,
    /// How many deployments it has.
    pub deployments: u64,
    /// Whether the cluster has more, for which there was no room.
    #[serde(default)]
    pub truncated: bool,
    /// How far the cluster had told its changes before.
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
    /// Where the next list may be written without harm to the one that counts.
    #[must_use]
    pub fn free_slot(&self) -> usize {
        self.stored
            .as_ref()
            .map_or(0, |stored| (stored.slot + 1) % SLOTS)
    }

    /// Lets another list of so many parts count.
    pub fn replace(&mut self, next: Generation, parts: usize) -> &Generation {
        if let Some(most) = self.slots.get_mut(next.slot) {
            *most = parts.max(*most);
        }
        self.stored.insert(Generation { parts, ..next })
    }

    /// Each part that there may be: its place and its number.
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
            deployments: 0,
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
