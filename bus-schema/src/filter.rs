//! Filters of deployments for lists and fleet queries: the same code filters an agent's cache and the aggregator's stored inventory.

use jiff::Timestamp;

use crate::{
    DeploymentFilter, Fault, Health, HealthFilter, ImagePattern, Pattern, Selector, WorkloadName,
};

/// The maximum length of a search text: a longer one with many stars would take long to match.
const TEXT_CHARACTERS: usize = 512;

/// The properties of a deployment that filters, sort orders and totals need, independent of how it is stored.
pub trait WorkloadView<'a>: Copy {
    /// Its health.
    fn health(self) -> Health;

    /// The images of its containers.
    fn images(self) -> impl Iterator<Item = &'a str>;

    /// When it was created.
    fn created_at(self) -> Option<Timestamp>;

    /// When it was last restarted.
    fn restarted_at(self) -> Option<Timestamp>;

    /// The value of a label.
    fn label(self, key: &str) -> Option<&'a str>;

    /// Its size in a list, in bytes of JSON.
    fn bytes(self) -> usize;
}

/// A [`DeploymentFilter`], parsed once to be matched against many deployments.
#[derive(Debug)]
pub struct Filter {
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
    pub fn new(wanted: DeploymentFilter) -> Result<Self, Fault> {
        let DeploymentFilter {
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
            namespaces,
            selector,
            name,
            q,
            image: image.as_deref().map(ImagePattern::new),
            health,
        })
    }

    /// Whether deployments of this namespace can match.
    #[must_use]
    pub fn matches_namespace(&self, namespace: &str) -> bool {
        Pattern::any_or_all(&self.namespaces, namespace)
    }

    /// Whether a deployment matches; its namespace is not checked here.
    #[must_use]
    pub fn matches<'a>(&self, name: &str, deployment: impl WorkloadView<'a>) -> bool {
        let image = |pattern: &ImagePattern| deployment.images().any(|image| pattern.finds(image));
        (self.health.is_empty() || self.health.contains(&deployment.health()))
            && self.name.as_ref().is_none_or(|n| n.as_str() == name)
            && self.q.as_ref().is_none_or(|q| name.contains(q.as_str()))
            && self.image.as_ref().is_none_or(image)
            && self.selector.matches(|key| deployment.label(key))
    }
}
