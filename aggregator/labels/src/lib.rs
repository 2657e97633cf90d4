//! Labels of clusters, such as `env=prod`: by them queries choose clusters, and grants may. Agents know nothing of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use bus_keys::streams::{BucketSpec, LABELS};
use bus_schema::{ClusterName, LabelKey, LabelValue, Selector, SelectorError};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use diagnostics::{Problem, ProblemCode};
use storage::{BucketError, Entry, Record, Snapshot};

/// The most labels of one cluster.
pub const LABELS_PER_CLUSTER: usize = 32;

/// The labels of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = BTreeMap<LabelKey, LabelValue>, example = json!({"env": "prod", "region": "eu"}))]
pub struct Labels(BTreeMap<LabelKey, LabelValue>);

/// What is to change: by key a new value, or `null` for a label that is to go (RFC 7396).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = BTreeMap<LabelKey, NewLabelValue>, example = json!({"env": "prod", "old": null}))]
pub struct LabelPatch(BTreeMap<LabelKey, Option<LabelValue>>);

/// A new value, or `null` for a label that is to go.
// The macro takes no `Option` of another schema as the value of a map.
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

/// A bucket of its own, for two reasons. The record in `clusters` is written whole, from its own memory, by whichever replica hears a
/// heartbeat, and would take labels back that another one has just set; and labels are there before a cluster is first heard, so that it
/// is never without them. The record in `credentials` is there as early, but guards keys, and is not to be risked for anything else.
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
        // Compared as text: a key that is no label key has no value.
        let found = self.0.iter().find(|(known, _)| known.as_str() == key);
        found.map(|(_, value)| value.as_str())
    }

    /// The same after a change.
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
    /// Whether nothing is to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Adds these, and leaves the others as they are.
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

/// As the audit has it: `env=prod, old removed`.
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

/// A selector of clusters, with its text: it is shown, compared and written by that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSelector {
    text: String,
    selector: Selector,
}

impl ClusterSelector {
    /// Whether a cluster with these labels is selected, by the rules of Kubernetes: `env!=prod` selects one without labels too.
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

/// The labels of all clusters that have some, at one moment.
#[derive(Debug, Clone, Default)]
pub struct FleetLabels {
    clusters: BTreeMap<ClusterName, Labels>,
    /// Of the bucket.
    revision: u64,
}

static NONE: Labels = Labels(BTreeMap::new());

impl FleetLabels {
    /// A cluster's labels.
    #[must_use]
    pub fn of(&self, cluster: &ClusterName) -> &Labels {
        self.clusters.get(cluster).unwrap_or(&NONE)
    }

    /// The clusters that have some.
    pub fn names(&self) -> impl Iterator<Item = &ClusterName> {
        self.clusters.keys()
    }

    /// Whether the change of this revision of the bucket is in it.
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

    /// Takes in what stands in the bucket; whether it was not known before. A record that cannot be read is as good as none, but for its
    /// revision: the next one takes its place.
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

    /// Forgets what is not in the bucket any more.
    pub fn retain(&mut self, snapshot: &Snapshot<ClusterName>) {
        // Labels are learnt from the bucket alone, so none is newer than the snapshot.
        self.clusters.retain(|cluster, _| snapshot.has(cluster, 0));
    }

    /// The bucket is another one, and counts from the beginning.
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
