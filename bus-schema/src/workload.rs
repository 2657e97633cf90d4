//! References to workloads.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Namespace, WorkloadName};

/// A workload of one cluster. In JSON `{"namespace", "kind", "name"}`, or `{"namespace", "deployment_name"}`, which means kind
/// `Deployment` and is how one is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct WorkloadRef {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: WorkloadName,
}

/// The kinds of workloads, by Kubernetes' names.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WorkloadKind {
    /// `apps/v1` `Deployment`.
    #[default]
    Deployment,
    /// `apps/v1` `StatefulSet`.
    StatefulSet,
    /// `apps/v1` `DaemonSet`.
    DaemonSet,
}

/// The text is not a kind of workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of workloads: use Deployment, StatefulSet or DaemonSet")]
pub struct WorkloadKindError;

impl WorkloadKind {
    /// All kinds, in their order.
    pub const ALL: [Self; 3] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet];

    /// Its name in Kubernetes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    /// The name of its objects in Kubernetes' API.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
        }
    }

    /// Whether it is the kind that a request means which names none.
    #[must_use]
    #[allow(clippy::trivially_copy_pass_by_ref)] // Serde hands over a reference.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for WorkloadKind {
    type Err = WorkloadKindError;

    fn from_str(text: &str) -> Result<Self, WorkloadKindError> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.as_str() == text)
            .ok_or(WorkloadKindError)
    }
}

/// The fields do not name one workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadRefError {
    /// Neither form is complete.
    #[error("missing field `deployment_name` (or `kind` and `name`)")]
    Unnamed,
    /// Both forms at once.
    #[error(
        "`deployment_name` means kind Deployment: leave out `kind` and `name`, or name the workload with these two alone"
    )]
    NamedTwice,
}

impl WorkloadRef {
    /// A deployment.
    #[must_use]
    pub fn deployment(namespace: Namespace, name: WorkloadName) -> Self {
        Self {
            namespace,
            kind: WorkloadKind::Deployment,
            name,
        }
    }

    /// From either form of its fields.
    ///
    /// # Errors
    /// If neither form is complete, or if both are given.
    pub fn from_fields(
        namespace: Namespace,
        deployment_name: Option<WorkloadName>,
        kind: Option<WorkloadKind>,
        name: Option<WorkloadName>,
    ) -> Result<Self, WorkloadRefError> {
        match (deployment_name, kind, name) {
            (Some(name), None, None) => Ok(Self::deployment(namespace, name)),
            (None, Some(kind), Some(name)) => Ok(Self {
                namespace,
                kind,
                name,
            }),
            (Some(_), _, _) => Err(WorkloadRefError::NamedTwice),
            (None, _, _) => Err(WorkloadRefError::Unnamed),
        }
    }
}

impl fmt::Display for WorkloadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            namespace,
            kind,
            name,
        } = self;
        match kind {
            WorkloadKind::Deployment => write!(f, "{namespace}/{name}"),
            kind => write!(f, "{namespace}/{kind}/{name}"),
        }
    }
}

/// A [`WorkloadRef`] in JSON.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = WorkloadRef))]
struct Fields {
    /// The workload's namespace.
    namespace: Namespace,
    /// The deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deployment_name: Option<WorkloadName>,
    /// The workload's kind, if it is not a deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<WorkloadKind>,
    /// The workload's name, if it is not a deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<WorkloadName>,
}

impl TryFrom<Fields> for WorkloadRef {
    type Error = WorkloadRefError;

    fn try_from(fields: Fields) -> Result<Self, WorkloadRefError> {
        let Fields {
            namespace,
            deployment_name,
            kind,
            name,
        } = fields;
        Self::from_fields(namespace, deployment_name, kind, name)
    }
}

impl From<WorkloadRef> for Fields {
    fn from(workload: WorkloadRef) -> Self {
        let (deployment_name, kind, name) = match workload.kind {
            WorkloadKind::Deployment => (Some(workload.name), None, None),
            kind => (None, Some(kind), Some(workload.name)),
        };
        Self {
            namespace: workload.namespace,
            deployment_name,
            kind,
            name,
        }
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for WorkloadRef {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        Fields::schema()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for WorkloadRef {
    fn schemas(
        schemas: &mut Vec<(
            String,
            utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>,
        )>,
    ) {
        Fields::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(fields: Value) -> Result<WorkloadRef, String> {
        serde_json::from_value(fields).map_err(|error| error.to_string())
    }

    #[test]
    fn other_kinds_than_deployments_are_named_with_their_kind() {
        let fields = json!({ "namespace": "shop", "kind": "StatefulSet", "name": "db" });
        let db = read(fields.clone()).unwrap();
        assert_eq!(db.to_string(), "shop/StatefulSet/db");
        assert_eq!(serde_json::to_value(&db).unwrap(), fields);
        for kind in WorkloadKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(
            "statefulset".parse::<WorkloadKind>(),
            Err(WorkloadKindError)
        );
    }

    #[test]
    fn either_form_names_a_deployment_and_both_at_once_are_refused() {
        let short = json!({ "namespace": "shop", "deployment_name": "cart" });
        let long = json!({ "namespace": "shop", "kind": "Deployment", "name": "cart" });
        let cart = read(short.clone()).unwrap();
        assert_eq!(cart, read(long).unwrap());
        assert_eq!(serde_json::to_value(&cart).unwrap(), short);
        for (fields, expected) in [
            (json!({ "namespace": "shop" }), "`deployment_name`"),
            (
                json!({ "namespace": "shop", "name": "cart" }),
                "`kind` and `name`",
            ),
            (
                json!({ "namespace": "shop", "deployment_name": "cart", "name": "cart" }),
                "leave out `kind` and `name`",
            ),
            (
                json!({ "namespace": "shop", "kind": "CronJob", "name": "cart" }),
                "expected one of `Deployment`, `StatefulSet`, `DaemonSet`",
            ),
        ] {
            let error = read(fields).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
