//! Which deployments a list or a survey shows. Pure.

use bus_schema::{DeploymentFilter, Fault, FaultCode, Health, ImagePattern, Pattern, Selector};

use crate::cache::Entry;

/// What is looked for has no more bytes than this: with many stars in it, a longer one would take long.
const TEXT_BYTES: usize = 512;

/// What must hold, made ready to be tried on many.
pub struct Filter {
    namespaces: Vec<Pattern>,
    selector: Selector,
    q: Option<String>,
    image: Option<ImagePattern>,
    health: Vec<Health>,
}

impl Filter {
    /// A fault names the field that is wrong.
    pub fn new(wanted: DeploymentFilter) -> Result<Self, Fault> {
        let DeploymentFilter {
            namespaces,
            label_selector,
            q,
            image,
            health,
        } = wanted;
        for (field, text) in [("q", &q), ("image", &image)] {
            if text.as_ref().is_some_and(|text| text.len() > TEXT_BYTES) {
                return Err(invalid(format!("{field}: longer than {TEXT_BYTES} bytes")));
            }
        }
        let selector = Selector::parse(label_selector.as_deref().unwrap_or_default())
            .map_err(|error| invalid(format!("label_selector: {error}")))?;
        Ok(Self {
            namespaces,
            selector,
            q,
            image: image.as_deref().map(ImagePattern::new),
            health,
        })
    }

    /// Whether anything of this namespace is looked for.
    pub fn means(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.iter().any(|p| p.matches(namespace))
    }

    /// Whether a deployment is, as far as it is not about its namespace.
    pub fn holds(&self, name: &str, entry: &Entry) -> bool {
        let image = |pattern: &ImagePattern| entry.images.iter().any(|image| pattern.finds(image));
        (self.health.is_empty() || self.health.contains(&entry.health))
            && self.q.as_ref().is_none_or(|q| name.contains(q.as_str()))
            && self.image.as_ref().is_none_or(image)
            && self.selector.matches(|key| entry.label(key))
    }
}

fn invalid(message: String) -> Fault {
    Fault::new(FaultCode::InvalidRequest, message)
}
