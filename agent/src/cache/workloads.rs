//! The cached part of a workload: its line in a list as JSON, serialized once when it changes and copied into each reply, and what
//! filters need.

use std::collections::BTreeMap;
use std::sync::Arc;

use bus_schema::verb::WorkloadSummary;
use bus_schema::{Health, Namespace, WorkloadKind, WorkloadName, WorkloadRef, WorkloadView};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::Index;
use super::index::Inherit;
use crate::health::{health, with_pods};
use crate::kubernetes::{Owner, WorkloadObject, WorkloadStatus, created_at, name_of};
use crate::pod_trouble::Trouble;
use crate::rollout::{is_observed, wanted};

/// A workload.
#[derive(Debug)]
pub struct Entry {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its health.
    pub health: Health,
    /// Its images.
    pub images: Box<[Box<str>]>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it was last restarted.
    pub restarted_at: Option<Timestamp>,
    labels: Box<[(Box<str>, Box<str>)]>,
    json: Box<RawValue>,
    unsettled: Option<Box<Unsettled>>,
}

/// What is also cached of a workload that is not healthy, or not yet: its health by its own status, and what its pods add to that.
#[derive(Debug)]
struct Unsettled {
    of: Version,
    health: Health,
    reason: Option<Box<str>>,
    trouble: Option<Trouble>,
}

/// A version of a workload's spec, and how its pods are selected. What was observed of the pods is not valid for any other version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Of its pods.
    pub owner: Owner,
    generation: i64,
}

/// All other cached fields are derived from the line.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.json.get() == other.json.get()
    }
}

#[cfg(test)]
impl Version {
    pub fn of_generation(generation: i64) -> Self {
        Self {
            owner: Owner::default(),
            generation,
        }
    }
}

impl Inherit for Entry {
    fn inherit(&mut self, older: &Self) {
        let Some(known) = &older.unsettled else {
            return;
        };
        if let Some(new) = self.with_trouble(&known.of, known.trouble.as_ref()) {
            *self = new;
        }
    }
}

impl Entry {
    /// The version whose pods should be inspected; `None` while the workload is healthy or nothing is known yet.
    pub fn unsettled(&self) -> Option<&Version> {
        Some(&self.unsettled.as_ref()?.of)
    }

    /// The same entry with the trouble of this version's pods; `None` if nothing changes, or if it is for another version.
    pub fn with_trouble(&self, of: &Version, trouble: Option<&Trouble>) -> Option<Self> {
        let unsettled = self.unsettled.as_ref()?;
        if unsettled.of != *of || unsettled.trouble.as_ref() == trouble {
            return None;
        }
        let base = unsettled.reason.as_deref();
        let (health, reason) = with_pods(unsettled.health, base, trouble);
        let mut summary: WorkloadSummary = serde_json::from_str(self.json.get()).ok()?;
        (summary.health, summary.reason) = (health, reason);
        Some(Self {
            kind: self.kind,
            health,
            images: self.images.clone(),
            created_at: self.created_at,
            restarted_at: self.restarted_at,
            labels: self.labels.clone(),
            json: to_raw_value(&summary).ok()?,
            unsettled: Some(Box::new(Unsettled {
                of: unsettled.of.clone(),
                health: unsettled.health,
                reason: unsettled.reason.clone(),
                trouble: trouble.cloned(),
            })),
        })
    }
}

impl<'a> WorkloadView<'a> for &'a Entry {
    fn health(self) -> Health {
        self.health
    }

    fn images(self) -> impl Iterator<Item = &'a str> {
        self.images.iter().map(|image| &**image)
    }

    fn kind(self) -> WorkloadKind {
        self.kind
    }

    fn created_at(self) -> Option<Timestamp> {
        self.created_at
    }

    fn restarted_at(self) -> Option<Timestamp> {
        self.restarted_at
    }

    fn label(self, key: &str) -> Option<&'a str> {
        let found = self.labels.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&self.labels[found].1)
    }

    fn bytes(self) -> usize {
        self.json.get().len()
    }
}

/// An entry in a reply; the receiver parses it as a [`WorkloadSummary`].
#[derive(Debug)]
pub struct Item(pub Arc<Entry>);

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.json.serialize(serializer)
    }
}

/// The kinds in keys, in the order of the kinds.
const KINDS: [&str; WorkloadKind::ALL.len()] = ["a", "b", "c"];

/// The key of a workload. The byte between namespace, name and kind sorts before all others, so that keys sort by them in this order.
pub fn key(workload: &WorkloadRef) -> Box<str> {
    let WorkloadRef {
        namespace,
        kind,
        name,
    } = workload;
    format!("{namespace}\0{name}\0{}", KINDS[*kind as usize]).into()
}

/// The namespace, the name and the kind of a key.
pub fn split(key: &str) -> (&str, &str, WorkloadKind) {
    let (namespace, rest) = key.split_once('\0').unwrap_or((key, ""));
    let (name, kind) = rest.split_once('\0').unwrap_or((rest, ""));
    let kind = KINDS.iter().position(|it| *it == kind);
    let kind = kind.map(|position| WorkloadKind::ALL[position]);
    (namespace, name, kind.unwrap_or_default())
}

/// The prefix of the keys of all workloads of a namespace.
pub fn prefix(namespace: &Namespace) -> String {
    format!("{namespace}\0")
}

/// The number of workloads of each kind, and of all by health.
pub fn counts(workloads: &Index<Entry>) -> ([u64; WorkloadKind::ALL.len()], BTreeMap<Health, u64>) {
    workloads.walk(None, |entries| {
        let (mut kinds, mut healths) = ([0; WorkloadKind::ALL.len()], BTreeMap::new());
        for (_, entry) in entries {
            kinds[entry.kind as usize] += 1;
            *healths.entry(entry.health).or_default() += 1;
        }
        (kinds, healths)
    })
}

pub fn to_entry(workload: &WorkloadObject) -> Option<(Box<str>, Entry)> {
    let summary = to_summary(workload)?;
    let key = key(&summary.target());
    let json = to_raw_value(&summary).ok()?;
    let unsettled = unsettled(workload, &summary);
    let images = summary.images.into_iter().map(Into::into).collect();
    let labels = summary
        .labels
        .into_iter()
        .map(|(k, v)| (k.into(), v.into()));
    let entry = Entry {
        kind: summary.kind,
        health: summary.health,
        images,
        created_at: summary.created_at,
        restarted_at: summary.restarted_at,
        labels: labels.collect(),
        json,
        unsettled,
    };
    Some((key, entry))
}

/// Before the controller has seen the newest version, the pods are those of an older one.
fn unsettled(workload: &WorkloadObject, summary: &WorkloadSummary) -> Option<Box<Unsettled>> {
    let is_unsettled = match summary.health {
        Health::Failed | Health::Degraded | Health::Progressing => {
            is_observed(workload) && workload.metadata.deletion_timestamp.is_none()
        }
        Health::Healthy | Health::Paused | Health::Unknown => false,
    };
    is_unsettled.then(|| {
        let of = Version {
            owner: Owner::of(workload),
            generation: workload.metadata.generation.unwrap_or(0),
        };
        Box::new(Unsettled {
            of,
            health: summary.health,
            reason: summary.reason.as_deref().map(Into::into),
            trouble: None,
        })
    })
}

/// Its line in a list; `None` for names that the API server would not have accepted.
fn to_summary(workload: &WorkloadObject) -> Option<WorkloadSummary> {
    let metadata = &workload.metadata;
    let namespace: Namespace = metadata.namespace.clone()?.try_into().ok()?;
    let (kind, name): (_, WorkloadName) = (workload.kind, name_of(metadata).parse().ok()?);
    let none = WorkloadStatus::default();
    let status = workload.status.as_ref().unwrap_or(&none);
    let (health, reason) = health(workload);
    let containers = &workload.spec.template.spec.containers;
    Some(WorkloadSummary {
        namespace,
        kind,
        deployment_name: kind.is_default().then(|| name.clone()),
        name,
        paused: workload.spec.paused,
        recreate: workload.spec.strategy.kind == "Recreate",
        on_delete: workload.is_on_delete(),
        replicas: count(wanted(workload)),
        ready: count(status.ready_replicas),
        updated: count(status.updated_replicas),
        available: count(status.available_replicas),
        images: containers.iter().map(|c| c.image.clone()).collect(),
        health,
        reason,
        restarted_at: workload.restarted_at(),
        created_at: created_at(metadata),
        labels: metadata.labels.clone().unwrap_or_default(),
    })
}

/// Kubernetes' counts are signed but never negative.
pub fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
