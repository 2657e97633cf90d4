//! The policy of the agent's allowed verbs, as the API server understands it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use xtask::condition;
use xtask::control_plane::ControlPlane;

const NAME: &str = "multi-cluster-aggregator-agent-allowed-verbs";

/// Fields of metadata that a patch cannot change: the API server sets them, or refuses another value.
const NOT_BY_A_PATCH: [&str; 10] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
];

pub async fn has_no_warnings_and_names_every_field(plane: &ControlPlane, patience: Duration) {
    let get = ["get", "validatingadmissionpolicy", NAME, "--output=json"];
    let policy: Value = condition::met("a checked policy", patience, async || {
        let policy: Value = serde_json::from_str(&plane.kubectl(get).await?)?;
        Ok(policy["status"]["typeChecking"]
            .is_object()
            .then_some(policy))
    })
    .await
    .unwrap();
    let warnings = &policy["status"]["typeChecking"]["expressionWarnings"];
    assert!(warnings.is_null(), "{warnings:#}");

    let text = policy["spec"]["validations"].to_string();
    let raw = ["get", "--raw", "/openapi/v3/apis/apps/v1"];
    let document: Value = serde_json::from_str(&plane.kubectl(raw).await.unwrap()).unwrap();
    let properties = |schema: &str| {
        let schema = &document["components"]["schemas"][schema]["properties"];
        let names: BTreeSet<_> = schema.as_object().unwrap().keys().cloned().collect();
        assert!(!names.is_empty());
        names
    };
    let compared = |names: BTreeSet<String>, at: &str| {
        for name in names {
            let both = format!("object.{at}.?{name} == oldObject.{at}.?{name}");
            assert!(text.contains(&both), "{both} is missing in the policy");
        }
    };
    let mut template = properties("io.k8s.api.core.v1.PodTemplateSpec");
    assert!(template.remove("metadata"));
    compared(template, "spec.template");
    let metadata = properties("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    let changeable = metadata
        .iter()
        .filter(|name| !NOT_BY_A_PATCH.contains(&name.as_str()));
    let mut changeable: BTreeSet<_> = changeable.cloned().collect();
    // Compared key by key, in both.
    assert!(changeable.remove("annotations"));
    compared(changeable.clone(), "metadata");
    compared(changeable, "spec.template.?metadata");
}
