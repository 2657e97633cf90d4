//! Defaults of StatefulSets and DaemonSets.

mod rules;

use k8s_openapi::api::apps::v1::{
    DaemonSet, StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Admit;
use super::defaults::fill_pod;
use crate::status::Cause;

/// An annotation of a DaemonSet that the API server writes: how many templates it has had.
pub const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";
const ROLLING: &str = "RollingUpdate";

impl Admit for StatefulSet {
    fn fill_defaults(&mut self) {
        let Some(spec) = &mut self.spec else { return };
        spec.replicas.get_or_insert(1);
        spec.revision_history_limit.get_or_insert(10);
        spec.pod_management_policy
            .get_or_insert_with(|| "OrderedReady".to_owned());
        spec.persistent_volume_claim_retention_policy
            .get_or_insert_with(|| StatefulSetPersistentVolumeClaimRetentionPolicy {
                when_deleted: Some("Retain".to_owned()),
                when_scaled: Some("Retain".to_owned()),
            });
        let strategy = spec.update_strategy.get_or_insert_default();
        let type_ = strategy.type_.get_or_insert_with(|| ROLLING.to_owned());
        if type_ == ROLLING {
            let rolling = strategy.rolling_update.get_or_insert_default();
            rolling.partition.get_or_insert(0);
            // Behind a feature gate that is off by default.
            rolling.max_unavailable = None;
        }
        spec.min_ready_seconds = spec.min_ready_seconds.filter(|seconds| *seconds != 0);
        fill_pod(spec.template.spec.get_or_insert_default());
        let status = self.status.get_or_insert_default();
        status.available_replicas.get_or_insert(0);
    }

    fn validate(&self, old: Option<&Self>) -> Vec<Cause> {
        rules::stateful_set(self, old)
    }
}

impl Admit for DaemonSet {
    fn fill_defaults(&mut self) {
        let Some(spec) = &mut self.spec else { return };
        spec.revision_history_limit.get_or_insert(10);
        let strategy = spec.update_strategy.get_or_insert_default();
        let type_ = strategy.type_.get_or_insert_with(|| ROLLING.to_owned());
        if type_ == ROLLING {
            let rolling = strategy.rolling_update.get_or_insert_default();
            rolling.max_unavailable.get_or_insert(IntOrString::Int(1));
            rolling.max_surge.get_or_insert(IntOrString::Int(0));
        }
        spec.min_ready_seconds = spec.min_ready_seconds.filter(|seconds| *seconds != 0);
        fill_pod(spec.template.spec.get_or_insert_default());
        self.status.get_or_insert_default();
    }
    fn prepare(&mut self, old: Option<&Self>) {
        let template = |set: &Self| set.spec.as_ref().map(|spec| spec.template.clone());
        let before = old.map_or(0, template_generation);
        let is_new = old.is_none_or(|old| template(old) != template(self));
        let generation = (before + i64::from(is_new)).to_string();
        let annotations = self.metadata.annotations.get_or_insert_default();
        annotations.insert(TEMPLATE_GENERATION.to_owned(), generation);
    }

    fn validate(&self, old: Option<&Self>) -> Vec<Cause> {
        rules::daemon_set(self, old)
    }
}

fn template_generation(set: &DaemonSet) -> i64 {
    let annotations = set.metadata.annotations.as_ref();
    let generation = annotations.and_then(|own| own.get(TEMPLATE_GENERATION));
    generation.and_then(|text| text.parse().ok()).unwrap_or(0)
}
