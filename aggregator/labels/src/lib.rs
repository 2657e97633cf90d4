//! Labels of clusters, such as `env=prod`: queries and grants can select clusters by them. Agents know nothing of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use bus_keys::streams::{BucketSpec, LABELS};
use bus_schema::{ClusterName, LabelKey, LabelValue, Selector, SelectorError};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

use diagnostics::{Problem, ProblemCode};
use storage::{BucketError, Entry, Record, Snapshot};

/// Most labels of one cluster.
pub const LABELS_PER_CLUSTER: usize = 32;

/// The labels of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = BTreeMap<LabelKey, LabelValue>, example = json!({"env": "prod", "region": "eu"}))]
pub struct Labels(BTreeMap<LabelKey, LabelValue>);

/// Changes to labels: for each key a new value, or `null` to remove the label (RFC 7396).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = BTreeMap<LabelKey, NewLabelValue>, example = json!({"env": "prod", "old": null}))]
pub struct LabelPatch(BTreeMap<LabelKey, Option<LabelValue>>);

/// A new value, or `null` to remove the label.
// A type of its own, since utoipa's macro does not accept an `Option` of another schema as the value of a map.
#[derive(ToSchema)]
#[schema(value_type = Option<String>, pattern = "^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$", max_length = 63)]
#[expect(dead_code, reason = "its schema is used, not its value")]
struct NewLabelValue(Option<LabelValue>);

/// Why labels were not changed.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// There would be too many.
    #[error("a cluster has at most {LABELS_PER_CLUSTER} labels, and it would have {0}")]
    TooMany(usize),
    /// They cannot be written.
    #[error(transparent)]
    NotWritten(#[from] BucketError),
}

/// Labels have a bucket of their own, for two reasons. Any replica that receives a heartbeat writes the whole record in `clusters` from its
/// memory, which could undo labels that another replica has just set. And labels exist before the first heartbeat of a cluster, so that it is
/// never without them. The record in `credentials` exists as early, but protects keys and must not be put at risk for anything else.
impl Record for Labels {
    const BUCKET: BucketSpec = LABELS;
    type Key = ClusterName;
    const KEY: &'static str = "a cluster's name";
}

impl From<LabelError> for Problem {
    fn from(error: LabelError) -> Self {
        match &error {
            LabelError::TooMany(_) => {
                Self::new(ProblemCode::InvalidValue, error.to_string()).field("labels")
            }
            LabelError::NotWritten(_) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "labels");
                Self::new(ProblemCode::BusUnavailable, error.to_string())
            }
        }
    }
}

impl Labels {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        // Compared as text: an invalid label key has no value.
        let found = self.0.iter().find(|(known, _)| known.as_str() == key);
        found.map(|(_, value)| value.as_str())
    }

    /// The labels after a change.
    ///
    /// # Errors
    /// [`LabelError::TooMany`]
    pub fn patched(mut self, patch: &LabelPatch) -> Result<Self, LabelError> {
        for (key, value) in &patch.0 {
            match value {
                Some(value) => drop(self.0.insert(key.clone(), value.clone())),
                None => drop(self.0.remove(key)),
            }
        }
        match self.0.len() {
            LABELS_PER_CLUSTER.. if self.0.len() > LABELS_PER_CLUSTER => {
                Err(LabelError::TooMany(self.0.len()))
            }
            _ => Ok(self),
        }
    }
}

impl LabelPatch {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Adds these labels and leaves others unchanged.
impl From<Labels> for LabelPatch {
    fn from(labels: Labels) -> Self {
        let labels = labels.0.into_iter();
        Self(labels.map(|(key, value)| (key, Some(value))).collect())
    }
}

impl FromIterator<(LabelKey, LabelValue)> for Labels {
    fn from_iter<T: IntoIterator<Item = (LabelKey, LabelValue)>>(labels: T) -> Self {
        Self(labels.into_iter().collect())
    }
}

/// The text for the audit: `env=prod, old removed`.
impl fmt::Display for LabelPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (key, value)) in self.0.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            match value {
                Some(value) => write!(f, "{comma}{key}={value}")?,
                None => write!(f, "{comma}{key} removed")?,
            }
        }
        Ok(())
    }
}

/// A label on a command line: `env=prod`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_label(text: &str) -> Result<(LabelKey, LabelValue), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("write KEY=VALUE, such as env=prod")?;
    let key = key
        .parse()
        .map_err(|error: bus_schema::NameError| error.to_string())?;
    let value = value
        .parse()
        .map_err(|error: bus_schema::NameError| error.to_string())?;
    Ok((key, value))
}

/// A selector of clusters, with its text, by which it is shown, compared and serialized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSelector {
    text: String,
    selector: Selector,
}

impl ClusterSelector {
    /// Whether a cluster with these labels is selected, by the rules of Kubernetes: `env!=prod` also selects one without the label.
    #[must_use]
    pub fn selects(&self, labels: &Labels) -> bool {
        self.selector.matches(|key| labels.get(key))
    }
}

impl FromStr for ClusterSelector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Ok(Self {
            selector: Selector::parse(text)?,
            text: text.to_owned(),
        })
    }
}

impl Hash for ClusterSelector {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Serialize for ClusterSelector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for ClusterSelector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The labels of all clusters that have some, at one moment.
#[derive(Debug, Clone, Default)]
pub struct FleetLabels {
    clusters: BTreeMap<ClusterName, Labels>,
    /// The revision of the bucket.
    revision: u64,
}

static NONE: Labels = Labels(BTreeMap::new());

impl FleetLabels {
    /// A cluster's labels.
    #[must_use]
    pub fn of(&self, cluster: &ClusterName) -> &Labels {
        self.clusters.get(cluster).unwrap_or(&NONE)
    }

    /// The clusters that have labels.
    pub fn names(&self) -> impl Iterator<Item = &ClusterName> {
        self.clusters.keys()
    }

    /// Whether it includes this revision of the bucket.
    #[must_use]
    pub fn has(&self, revision: u64) -> bool {
        self.revision >= revision
    }

    /// The clusters whose labels differ.
    #[must_use]
    pub fn changed_since(&self, before: &Self) -> BTreeSet<ClusterName> {
        let names = self.clusters.keys().chain(before.clusters.keys());
        let changed = names.filter(|cluster| self.of(cluster) != before.of(cluster));
        changed.cloned().collect()
    }

    /// Applies an entry of the bucket; returns whether it is new. An unreadable record counts as a cluster without labels, but its revision
    /// is stored, so that only a newer record replaces it.
    pub fn put(&mut self, cluster: ClusterName, entry: Entry<Labels>) -> bool {
        let revision = entry.revision;
        let labels = entry.record_or_default();
        let is_new = !self.has(revision) || *self.of(&cluster) != labels;
        self.revision = self.revision.max(revision);
        match labels.is_empty() {
            true => drop(self.clusters.remove(&cluster)),
            false => drop(self.clusters.insert(cluster, labels)),
        }
        is_new
    }

    /// Removes clusters that are no longer in the bucket.
    pub fn retain(&mut self, snapshot: &Snapshot<ClusterName>) {
        // Labels come only from the bucket, so none can be newer than the snapshot.
        self.clusters.retain(|cluster, _| snapshot.has(cluster, 0));
    }

    /// The bucket was created again: its revisions start from the beginning.
    pub fn forget_revision(&mut self) {
        self.revision = 0;
    }
}

impl FromIterator<(ClusterName, Labels)> for FleetLabels {
    fn from_iter<I: IntoIterator<Item = (ClusterName, Labels)>>(clusters: I) -> Self {
        Self {
            clusters: clusters.into_iter().collect(),
            revision: 0,
        }
    }
}

#[cfg(test)]
mod tests;
