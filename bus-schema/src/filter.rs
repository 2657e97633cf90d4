//! Filters of workloads for lists and fleet queries: the same code filters an agent's cache and the aggregator's stored inventory.

use jiff::Timestamp;

use crate::{
    Fault, Health, HealthFilter, ImagePattern, Pattern, Selector, WorkloadFilter, WorkloadKind,
    WorkloadName,
};

/// The maximum length of a search text: a longer one with many stars would take long to match.
const TEXT_CHARACTERS: usize = 512;

/// The properties of a workload that filters, sort orders and totals need, independent of how it is stored.
pub trait WorkloadView<'a>: Copy {
    /// Its health.
    fn health(self) -> Health;

    /// The images of its containers.
    fn images(self) -> impl Iterator<Item = &'a str>;

    /// Its kind.
    fn kind(self) -> WorkloadKind;

    /// When it was created.
    fn created_at(self) -> Option<Timestamp>;

    /// When it was last restarted.
    fn restarted_at(self) -> Option<Timestamp>;

    /// The value of a label.
    fn label(self, key: &str) -> Option<&'a str>;

    /// Its size in a list, in bytes of JSON.
    fn bytes(self) -> usize;
}

/// A [`WorkloadFilter`], parsed once to be matched against many workloads.
#[derive(Debug)]
pub struct Filter {
    kinds: Vec<WorkloadKind>,
    namespaces: Vec<Pattern>,
    selector: Selector,
    name: Option<WorkloadName>,
    q: Option<String>,
    image: Option<ImagePattern>,
    health: HealthFilter,
}

impl Filter {
    /// Parses the filter.
    ///
    /// # Errors
    /// [`crate::FaultCode::InvalidRequest`], with the field that is wrong.
    pub fn new(wanted: WorkloadFilter) -> Result<Self, Fault> {
        let WorkloadFilter {
            kinds,
            namespaces,
            label_selector,
            name,
            q,
            image,
            health,
        } = wanted;
        for (field, text) in [("q", &q), ("image", &image)] {
            let characters = text.as_ref().map_or(0, |text| text.chars().count());
            if characters > TEXT_CHARACTERS {
                let why = format!("longer than {TEXT_CHARACTERS} characters");
                return Err(Fault::in_field(field, why));
            }
        }
        let selector = Selector::parse(label_selector.as_deref().unwrap_or_default())
            .map_err(|error| Fault::in_field("label_selector", error))?;
        Ok(Self {
            kinds,
            namespaces,
            selector,
            name,
            q,
            image: image.as_deref().map(ImagePattern::new),
            health,
        })
    }

    /// Whether workloads of this namespace can match.
    #[must_use]
    pub fn matches_namespace(&self, namespace: &str) -> bool {
        Pattern::any_or_all(&self.namespaces, namespace)
    }

    /// Whether a workload matches; its namespace is not checked here.
    #[must_use]
    pub fn matches<'a>(&self, name: &str, workload: impl WorkloadView<'a>) -> bool {
        let image = |pattern: &ImagePattern| workload.images().any(|image| pattern.finds(image));
        (self.kinds.is_empty() || self.kinds.contains(&workload.kind()))
            && (self.health.is_empty() || self.health.contains(&workload.health()))
            && self.name.as_ref().is_none_or(|n| n.as_str() == name)
            && self.q.as_ref().is_none_or(|q| name.contains(q.as_str()))
            && self.image.as_ref().is_none_or(image)
            && self.selector.matches(|key| workload.label(key))
    }
}
