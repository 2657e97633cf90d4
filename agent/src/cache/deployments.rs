//! What is kept of a deployment: its line in a list as JSON, written once when it changes and copied into each reply,
//! and what the filters look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use bus_schema::verb::DeploymentSummary;
use bus_schema::{DeploymentName, Health, Listed, Namespace};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::Index;
use crate::health::health;
use crate::kubernetes::{Deployment, DeploymentStatus, Revision, created_at, name_of};
use crate::rollout::wanted;

/// A deployment.
#[derive(Debug)]
pub struct Entry {
    /// How it is.
    pub health: Health,
    /// Its images.
    pub images: Box<[Box<str>]>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it was last restarted.
    pub restarted_at: Option<Timestamp>,
    labels: Box<[(Box<str>, Box<str>)]>,
    json: Box<RawValue>,
}

/// What else is kept of it stands in its line, too.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.json.get() == other.json.get()
    }
}

impl<'a> Listed<'a> for &'a Entry {
    fn health(self) -> Health {
        self.health
    }

    fn images(self) -> impl Iterator<Item = &'a str> {
        self.images.iter().map(|image| &**image)
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

/// An entry in a reply; reads as a [`DeploymentSummary`] on the other side.
#[derive(Debug)]
pub struct Item(pub Arc<Entry>);

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.json.serialize(serializer)
    }
}

/// The key of a deployment. The byte between namespace and name sorts before all others, so that keys sort by namespace
/// first.
pub fn key(namespace: &str, name: &str) -> Box<str> {
    format!("{namespace}\0{name}").into()
}

/// The namespace and the name of a key.
pub fn split(key: &str) -> (&str, &str) {
    key.split_once('\0').unwrap_or((key, ""))
}

/// What the keys of all deployments of a namespace begin with.
pub fn prefix(namespace: &Namespace) -> String {
    format!("{namespace}\0")
}

/// How many deployments are how.
pub fn by_health(deployments: &Index<Entry>) -> BTreeMap<Health, u64> {
    deployments.walk(None, |entries| {
        let mut counts = BTreeMap::new();
        for (_, entry) in entries {
            *counts.entry(entry.health).or_default() += 1;
        }
        counts
    })
}

pub fn to_entry(deployment: &Deployment) -> Option<(Box<str>, Entry)> {
    let summary = to_summary(deployment)?;
    let key = key(summary.namespace.as_str(), summary.deployment_name.as_str());
    let json = to_raw_value(&summary).ok()?;
    let images = summary.images.into_iter().map(Into::into).collect();
    let labels = summary
        .labels
        .into_iter()
        .map(|(k, v)| (k.into(), v.into()));
    let entry = Entry {
        health: summary.health,
        images,
        created_at: summary.created_at,
        restarted_at: summary.restarted_at,
        labels: labels.collect(),
        json,
    };
    Some((key, entry))
}

/// Its line in a list; `None` for names that the API server would not have let in.
fn to_summary(deployment: &Deployment) -> Option<DeploymentSummary> {
    let metadata = &deployment.metadata;
    let namespace: Namespace = metadata.namespace.clone()?.try_into().ok()?;
    let deployment_name: DeploymentName = name_of(metadata).parse().ok()?;
    let none = DeploymentStatus::default();
    let status = deployment.status.as_ref().unwrap_or(&none);
    let (health, reason) = health(deployment);
    let containers = &deployment.spec.template.spec.containers;
    Some(DeploymentSummary {
        namespace,
        deployment_name,
        paused: deployment.spec.paused,
        replicas: count(wanted(deployment)),
        ready: count(status.ready_replicas),
        updated: count(status.updated_replicas),
        available: count(status.available_replicas),
        images: containers.iter().map(|c| c.image.clone()).collect(),
        health,
        reason,
        restarted_at: deployment.restarted_at(),
        created_at: created_at(metadata),
        labels: metadata.labels.clone().unwrap_or_default(),
    })
}

/// Kubernetes counts with a sign and never uses it.
pub fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
