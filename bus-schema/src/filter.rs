//! Which deployments a list or a fleet query shows: the same in an agent's cache and in what is kept of a cluster.

use jiff::Timestamp;

use crate::{
    DeploymentFilter, Fault, Health, HealthFilter, ImagePattern, Pattern, Selector, WorkloadName,
};

/// What is looked for has no more characters than this: with many stars in it, a longer one would take long.
const TEXT_CHARACTERS: usize = 512;

/// A deployment as far as filters, orders and totals look at it, wherever it is kept.
pub trait Listed<'a>: Copy {
    /// How it is.
    fn health(self) -> Health;

    /// The images of its containers.
    fn images(self) -> impl Iterator<Item = &'a str>;

    /// When it was created.
    fn created_at(self) -> Option<Timestamp>;

    /// When it was last restarted.
    fn restarted_at(self) -> Option<Timestamp>;

    /// The value of a label.
    fn label(self, key: &str) -> Option<&'a str>;

    /// The bytes of JSON that it takes in a list.
    fn bytes(self) -> usize;
}

/// A [`DeploymentFilter`], made ready to be tried on many.
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
    /// Reads what is to be read in it.
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

    /// Whether anything of this namespace is looked for.
    #[must_use]
    pub fn means(&self, namespace: &str) -> bool {
        Pattern::any_or_all(&self.namespaces, namespace)
    }

    /// Whether a deployment is, as far as it is not about its namespace.
    #[must_use]
    pub fn holds<'a>(&self, name: &str, deployment: impl Listed<'a>) -> bool {
        let image = |pattern: &ImagePattern| deployment.images().any(|image| pattern.finds(image));
        (self.health.is_empty() || self.health.contains(&deployment.health()))
            && self.name.as_ref().is_none_or(|n| n.as_str() == name)
            && self.q.as_ref().is_none_or(|q| name.contains(q.as_str()))
            && self.image.as_ref().is_none_or(image)
            && self.selector.matches(|key| deployment.label(key))
    }
}
