//! Questions to all clusters at once: published on `fleet.<verb>` without a reply subject, and answered by each cluster on
//! `agent.<name>.answer.<asker>.<question>`, so that the broker vouches for who answers.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::verb::DeploymentSummary;
use crate::{
    ClusterName, Health, HealthFilter, Namespace, Pattern, Place, Right, Sort, StreamId,
    WorkloadName,
};

/// Where the answers to one question go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AnswerId {
    /// The aggregator that asks: a new id at each start.
    pub asker: StreamId,
    /// The question.
    pub question: StreamId,
}

/// Clusters, and the namespaces of them that may be shown to the requester.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The clusters.
    pub clusters: Vec<Pattern>,
    /// Their namespaces.
    pub namespaces: Vec<Pattern>,
}

/// `fleet.deployments`: asks each cluster for its share of a page of deployments, and for its totals. Agents that are not meant,
/// or may show nothing, are silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetQueryRequest {
    /// Where the answers go.
    pub answer: AnswerId,
    /// What may be shown: all that is in any of these.
    pub scopes: Vec<Scope>,
    /// Only these clusters are meant; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<Pattern>,
    /// Which deployments.
    #[serde(default)]
    pub filter: DeploymentFilter,
    /// In which order.
    #[serde(default)]
    pub sort: Sort,
    /// At most this many items in the answer.
    pub limit: u32,
    /// The items end before they take more bytes of JSON than this, but for the first one.
    pub bytes: u32,
    /// Only items behind this place in the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Place>,
    /// Whether images are to be counted, which is much of an agent's work and of its answer.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub count_images: bool,
    /// Whether deployments are to be counted by their names: see [`Totals::names`].
    #[serde(default, skip_serializing_if = "is_no")]
    pub count_names: bool,
}

/// What asks without the field expects the counts.
fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref)] // Serde hands over a reference.
fn is_yes(asked: &bool) -> bool {
    *asked
}

#[allow(clippy::trivially_copy_pass_by_ref)] // Serde hands over a reference.
fn is_no(asked: &bool) -> bool {
    !*asked
}

#[allow(clippy::trivially_copy_pass_by_ref)] // Serde hands over a reference.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl FleetQueryRequest {
    /// How agents name it among the verbs that they answer; also its subject.
    pub const VERB: &'static str = crate::subject::FLEET_QUERY;

    /// How those say among their verbs that they know [`DeploymentFilter::name`] and count names. Others would pass over both, and answer
    /// with what was not asked for.
    pub const BY_NAME: &'static str = "fleet.deployments.by-name";

    /// What an agent must have among its verbs to be asked this.
    #[must_use]
    pub fn verb(filter: &DeploymentFilter, count_names: bool) -> &'static str {
        if count_names || filter.name.is_some() {
            Self::BY_NAME
        } else {
            Self::VERB
        }
    }

    /// What a person must be granted to have it asked.
    pub const RIGHT: Right = Right::Read;

    /// Whether a cluster is meant.
    #[must_use]
    pub fn means(&self, cluster: &ClusterName) -> bool {
        Pattern::any_or_all(&self.clusters, cluster.as_str())
    }

    /// The namespaces of a cluster that may be shown, as patterns.
    pub fn shown<'a>(&'a self, cluster: &'a ClusterName) -> impl Iterator<Item = &'a Pattern> {
        self.scopes
            .iter()
            .filter(|scope| Pattern::any(&scope.clusters, cluster.as_str()))
            .flat_map(|scope| &scope.namespaces)
    }
}

/// Which deployments; all that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeploymentFilter {
    /// Only those of these namespaces; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Pattern>,
    /// Only those whose labels match this Kubernetes label selector, equality or set based.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<String>,
    /// Only those of exactly this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<WorkloadName>,
    /// Only those whose name contains this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Only those with an image of which this is a whole part: see [`crate::ImagePattern`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Only those that are one of these; all if empty.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub health: HealthFilter,
}

impl DeploymentFilter {
    /// Whether those of a namespace are meant.
    #[must_use]
    pub fn means(&self, namespace: &Namespace) -> bool {
        Pattern::any_or_all(&self.namespaces, namespace.as_str())
    }
}

/// A cluster's answer to [`FleetQueryRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetQueryResponse<T = DeploymentSummary, I = String> {
    /// Its first items behind the place that was asked for, in the order that was asked for.
    pub items: Vec<T>,
    /// Whether there are more behind them.
    #[serde(default)]
    pub more: bool,
    /// What all deployments amount to that the filter holds for, on whichever page they are.
    pub totals: Totals<I>,
    /// Present when the agent is cut off from its API server: for how many seconds all this may be out of date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_seconds: Option<u64>,
}

/// What deployments amount to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals<I = String> {
    /// How many there are.
    pub deployments: u64,
    /// How many are how; a health that none has is left out.
    #[serde(default)]
    pub health: BTreeMap<Health, u64>,
    /// How many have this image, as it stands in the pod template, in one of their containers: the most used ones, at most
    /// [`Totals::IMAGES`]. Empty, as are the others, if they were not to be counted.
    // By its path: the other form would ask for images that have a default.
    #[serde(default = "ImageCounts::default")]
    pub images: ImageCounts<I>,
    /// Uses of images that are not among those.
    #[serde(default)]
    pub other_images: u64,
    /// How many have which name, images and health, worst health first, as many as there was room for. Empty if they were not to be
    /// counted.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<NameCount<I>>,
    /// Deployments that are not counted among those.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other_names: u64,
}

/// How many deployments of a cluster have the same name, the same images and the same health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameCount<I = String> {
    /// The name.
    pub deployment_name: I,
    /// The images of their containers, in the order of the pod template.
    pub images: Vec<I>,
    /// How they are.
    pub health: Health,
    /// How many there are.
    pub deployments: u64,
}

impl NameCount<&str> {
    /// The same, with texts of its own.
    fn owned(self) -> NameCount {
        NameCount {
            deployment_name: self.deployment_name.to_owned(),
            images: self.images.into_iter().map(str::to_owned).collect(),
            health: self.health,
            deployments: self.deployments,
        }
    }
}

impl Totals {
    /// The most images that are counted by name.
    pub const IMAGES: usize = 100;

    /// The longest name by which an image is counted, in bytes.
    pub const IMAGE_BYTES: usize = 512;
}

impl Totals<&str> {
    /// The same, with images of its own.
    #[must_use]
    pub fn owned(self) -> Totals {
        let images = self.images.0.into_iter();
        Totals {
            deployments: self.deployments,
            health: self.health,
            images: ImageCounts(
                images
                    .map(|(image, uses)| (image.to_owned(), uses))
                    .collect(),
            ),
            other_images: self.other_images,
            names: self.names.into_iter().map(NameCount::owned).collect(),
            other_names: self.other_names,
        }
    }
}

/// How many deployments use an image, in no particular order; in JSON an object. A map would be sorted or hashed, which nobody needs
/// who only reads it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageCounts<I = String>(pub Vec<(I, u64)>);

impl<I> Default for ImageCounts<I> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<I: Serialize> Serialize for ImageCounts<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(image, uses)| (image, uses)))
    }
}

impl<'de, I: Deserialize<'de>> Deserialize<'de> for ImageCounts<I> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counts<I>(PhantomData<I>);

        impl<'de, I: Deserialize<'de>> Visitor<'de> for Counts<I> {
            type Value = ImageCounts<I>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of images with numbers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut counts = Vec::new();
                while let Some(count) = map.next_entry()? {
                    counts.push(count);
                }
                Ok(ImageCounts(counts))
            }
        }
        deserializer.deserialize_map(Counts(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts
            .iter()
            .map(|t| t.parse().expect("a pattern"))
            .collect()
    }

    #[test]
    fn a_cluster_shows_what_any_scope_of_it_allows_and_nothing_of_the_others() {
        let id = |text: &str| text.parse().expect("an id");
        let (asker, question) = (id("a"), id("q"));
        let scope = |clusters, namespaces| Scope {
            clusters: patterns(clusters),
            namespaces: patterns(namespaces),
        };
        let request = FleetQueryRequest {
            answer: AnswerId { asker, question },
            scopes: vec![
                scope(&["prod-*"], &["pay"]),
                scope(&["prod-b", "dev"], &["shop-*", "x"]),
            ],
            clusters: patterns(&["prod-*"]),
            filter: DeploymentFilter::default(),
            sort: Sort::default(),
            limit: 1,
            bytes: 1,
            after: None,
            count_images: true,
            count_names: false,
        };
        let shown = |cluster: &str| -> Vec<String> {
            let cluster = cluster.parse().expect("a name");
            request
                .shown(&cluster)
                .map(|p| p.as_str().to_owned())
                .collect()
        };
        assert_eq!(shown("prod-a"), ["pay"]);
        assert_eq!(shown("prod-b"), ["pay", "shop-*", "x"]);
        assert_eq!(shown("test"), Vec::<String>::new());
        assert!(request.means(&"prod-a".parse().expect("a name")));
        assert!(!request.means(&"dev".parse().expect("a name")));
    }

    #[test]
    fn images_are_counted_for_whoever_does_not_say_otherwise() {
        let written = serde_json::json!({
            "answer": {"asker": "a", "question": "q"}, "scopes": [], "filter": {}, "sort": "name", "limit": 1, "bytes": 1
        });
        let request: FleetQueryRequest =
            serde_json::from_value(written.clone()).expect("a request");
        assert!(request.count_images);
        let again = serde_json::to_value(&request).expect("JSON");
        assert_eq!(again, written);
    }
}
