//! Queries to all clusters at once: published on `fleet.<verb>` without a reply subject, and answered by each cluster on
//! `agent.<name>.answer.<requester>.<question>`, so that the broker authenticates the responder.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::verb::WorkloadSummary;
use crate::{
    ClusterName, Health, HealthFilter, Namespace, Pattern, Right, Sort, SortKey, StreamId,
    WorkloadKind, WorkloadName,
};

/// Identifies the reply subjects of one fleet query.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AnswerId {
    /// The requesting aggregator: a new id at each start.
    #[serde(rename = "asker")]
    pub requester: StreamId,
    /// The query.
    pub question: StreamId,
}

/// Clusters, and their namespaces that the requester may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The clusters.
    pub clusters: Vec<Pattern>,
    /// Their namespaces.
    pub namespaces: Vec<Pattern>,
}

/// `fleet.workloads`: requests each cluster's part of a page of workloads, and its totals. Agents whose cluster is not selected or
/// not visible to the requester do not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetQueryRequest {
    /// Identifies the reply subjects.
    pub answer: AnswerId,
    /// What the requester may see: the union of these scopes.
    pub scopes: Vec<Scope>,
    /// Only these clusters; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<Pattern>,
    /// The filter.
    #[serde(default)]
    pub filter: WorkloadFilter,
    /// The sort order.
    #[serde(default)]
    pub sort: Sort,
    /// At most this many items in the response.
    pub limit: u32,
    /// The maximum size of the items in bytes of JSON; the first item is always included.
    pub bytes: u32,
    /// Only items after this position in the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<SortKey>,
    /// Whether to count images, which is a large part of an agent's work and of its response.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub count_images: bool,
    /// Whether to count workloads by name: see [`Totals::names`].
    #[serde(default, skip_serializing_if = "is_no")]
    pub count_names: bool,
}

/// A requester that does not know the field expects the counts.
fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref)] // Serde hands over a reference.
fn is_yes(flag: &bool) -> bool {
    *flag
}

#[allow(clippy::trivially_copy_pass_by_ref)] // Serde hands over a reference.
fn is_no(flag: &bool) -> bool {
    !*flag
}

#[allow(clippy::trivially_copy_pass_by_ref)] // Serde hands over a reference.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl FleetQueryRequest {
    /// Agents that support fleet queries list this among their verbs; it is also the subject.
    pub const VERB: &'static str = crate::subject::FLEET_QUERY;

    /// The right that a person needs for it.
    pub const RIGHT: Right = Right::Read;

    /// Whether the query selects a cluster.
    #[must_use]
    pub fn selects(&self, cluster: &ClusterName) -> bool {
        Pattern::any_or_all(&self.clusters, cluster.as_str())
    }

    /// The namespaces of a cluster that the requester may see, as patterns.
    pub fn shown<'a>(&'a self, cluster: &'a ClusterName) -> impl Iterator<Item = &'a Pattern> {
        self.scopes
            .iter()
            .filter(|scope| Pattern::any(&scope.clusters, cluster.as_str()))
            .flat_map(|scope| &scope.namespaces)
    }
}

/// A filter of workloads; all given fields must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkloadFilter {
    /// Only those of these kinds; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<WorkloadKind>,
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
    /// Only those with an image that contains this as a whole part: see [`crate::ImagePattern`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Only those with one of these healths; all if empty.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub health: HealthFilter,
}

impl WorkloadFilter {
    /// Whether the filter selects a namespace.
    #[must_use]
    pub fn matches_namespace(&self, namespace: &Namespace) -> bool {
        Pattern::any_or_all(&self.namespaces, namespace.as_str())
    }
}

/// A cluster's response to a [`FleetQueryRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetQueryResponse<T = WorkloadSummary, I = String> {
    /// Its first items after the requested position, in the requested order.
    pub items: Vec<T>,
    /// Whether more items follow.
    #[serde(default)]
    pub more: bool,
    /// The totals of all workloads that match the filter, on every page.
    pub totals: Totals<I>,
    /// Present if the agent has lost its API server: for how many seconds all this may have been out of date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_seconds: Option<u64>,
}

/// Totals of workloads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals<I = String> {
    /// The number of workloads.
    pub workloads: u64,
    /// The number of workloads by health; healths without any workload are left out.
    #[serde(default)]
    pub health: BTreeMap<Health, u64>,
    /// The number of workloads by image, as written in the pod template of any of their containers: the most used images, at most
    /// [`Totals::IMAGES`]. Empty, like the other counts, if counting was not requested.
    // Named by path: plain `default` would require `I: Default`.
    #[serde(default = "ImageCounts::default")]
    pub images: ImageCounts<I>,
    /// Uses of images that are not listed in `images`.
    #[serde(default)]
    pub other_images: u64,
    /// The number of workloads by name, images and health, worst health first, as many as fit. Empty if counting was not requested.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<NameCount<I>>,
    /// Deployments that are not listed in `names`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other_names: u64,
}

/// How many workloads of a cluster have the same kind, the same name, the same images and the same health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameCount<I = String> {
    /// Their kind.
    #[serde(default, skip_serializing_if = "WorkloadKind::is_default")]
    pub kind: WorkloadKind,
    /// Their name.
    pub name: I,
    /// The images of their containers, in the order of the pod template.
    pub images: Vec<I>,
    /// Their health.
    pub health: Health,
    /// The number of workloads.
    pub workloads: u64,
}

impl NameCount<&str> {
    /// The same, with owned texts.
    fn owned(self) -> NameCount {
        NameCount {
            kind: self.kind,
            name: self.name.to_owned(),
            images: self.images.into_iter().map(str::to_owned).collect(),
            health: self.health,
            workloads: self.workloads,
        }
    }
}

impl Totals {
    /// The maximum number of images that are listed.
    pub const IMAGES: usize = 100;

    /// The longest image name that is listed, in bytes.
    pub const IMAGE_BYTES: usize = 512;
}

impl Totals<&str> {
    /// The same, with owned images.
    #[must_use]
    pub fn owned(self) -> Totals {
        let images = self.images.0.into_iter();
        Totals {
            workloads: self.workloads,
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

/// The number of workloads by image, in no particular order; in JSON an object. A map would be sorted or hashed, which is wasted work
/// for a value that is read only once.
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
        let (requester, question) = (id("a"), id("q"));
        let scope = |clusters, namespaces| Scope {
            clusters: patterns(clusters),
            namespaces: patterns(namespaces),
        };
        let request = FleetQueryRequest {
            answer: AnswerId {
                requester,
                question,
            },
            scopes: vec![
                scope(&["prod-*"], &["pay"]),
                scope(&["prod-b", "dev"], &["shop-*", "x"]),
            ],
            clusters: patterns(&["prod-*"]),
            filter: WorkloadFilter::default(),
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
        assert!(request.selects(&"prod-a".parse().expect("a name")));
        assert!(!request.selects(&"dev".parse().expect("a name")));
    }

    #[test]
    fn images_are_counted_unless_the_request_says_otherwise() {
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
