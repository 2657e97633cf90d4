//! What the API server does to an object between the request and the store: decode, fill in defaults, validate, and preserve what the
//! client may not change.

mod defaults;
mod sets;
mod validation;

use serde_json::Value;

use crate::kind::{Kind, Resource};
use crate::status::{Cause, Result, Status};
pub use sets::TEMPLATE_GENERATION;

pub trait Admit: Resource {
    fn fill_defaults(&mut self) {}

    /// Writes what the API server itself records of the change from `old`, or of the creation.
    fn prepare(&mut self, _old: Option<&Self>) {}

    /// What is wrong with the object, and with the change if `old` is given.
    fn validate(&self, _old: Option<&Self>) -> Vec<Cause> {
        Vec::new()
    }
}

/// Decodes a client's body, which drops unknown fields and rejects wrong types, and fills in the defaults.
pub fn decode<T: Admit>(body: Value) -> std::result::Result<T, String> {
    let mut object: T = serde_json::from_value(body).map_err(|error| error.to_string())?;
    object.fill_defaults();
    Ok(object)
}

pub fn validate<T: Admit>(object: &T, old: Option<&T>) -> Result<()> {
    let name = object.metadata().name.as_deref().unwrap_or_default();
    let mut causes = validation::metadata(object);
    causes.extend(object.validate(old));
    if causes.is_empty() {
        Ok(())
    } else {
        Err(Status::invalid(T::TYPE, name, causes))
    }
}

/// The error for a body that is not an object of this kind.
pub fn undecodable(kind: Kind, error: &str) -> Status {
    let (name, version) = (kind.name(), kind.version());
    let message = format!("{name} in version \"{version}\" cannot be handled as a {name}: {error}");
    Status::bad_request(message)
}

/// Runs `$body` with `$T` being the Rust type of `$kind`.
macro_rules! for_kind {
    ($kind:expr, $T:ident => $body:expr) => {{
        use k8s_openapi::api::{
            apps::v1 as apps, autoscaling::v2 as autoscaling, core::v1 as core,
            policy::v1 as policy,
        };
        match $kind {
            $crate::kind::Kind::Namespace => {
                type $T = core::Namespace;
                $body
            }
            $crate::kind::Kind::Node => {
                type $T = core::Node;
                $body
            }
            $crate::kind::Kind::Pod => {
                type $T = core::Pod;
                $body
            }
            $crate::kind::Kind::Event => {
                type $T = core::Event;
                $body
            }
            $crate::kind::Kind::Deployment => {
                type $T = apps::Deployment;
                $body
            }
            $crate::kind::Kind::ReplicaSet => {
                type $T = apps::ReplicaSet;
                $body
            }
            $crate::kind::Kind::StatefulSet => {
                type $T = apps::StatefulSet;
                $body
            }
            $crate::kind::Kind::DaemonSet => {
                type $T = apps::DaemonSet;
                $body
            }
            $crate::kind::Kind::ControllerRevision => {
                type $T = apps::ControllerRevision;
                $body
            }
            $crate::kind::Kind::HorizontalPodAutoscaler => {
                type $T = autoscaling::HorizontalPodAutoscaler;
                $body
            }
            $crate::kind::Kind::PodDisruptionBudget => {
                type $T = policy::PodDisruptionBudget;
                $body
            }
        }
    }};
}
pub(crate) use for_kind;
