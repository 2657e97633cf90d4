//! The values that the API server fills in where a client left them out.

use k8s_openapi::api::apps::v1::{
    ControllerRevision, Deployment, ReplicaSet, RollingUpdateDeployment,
};
use k8s_openapi::api::autoscaling::v2::{
    HorizontalPodAutoscaler, MetricSpec, MetricTarget, ResourceMetricSource,
};
use k8s_openapi::api::core::v1::{Container, Event, Namespace, NamespaceSpec, Node, Pod, PodSpec};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Admit, validation};
use crate::status::Cause;

impl Admit for Deployment {
    fn fill_defaults(&mut self) {
        let Some(spec) = &mut self.spec else { return };
        spec.replicas.get_or_insert(1);
        spec.revision_history_limit.get_or_insert(10);
        spec.progress_deadline_seconds.get_or_insert(600);
        let strategy = spec.strategy.get_or_insert_default();
        let type_ = strategy
            .type_
            .get_or_insert_with(|| "RollingUpdate".to_owned());
        if type_ == "RollingUpdate" {
            let quarter = || IntOrString::String("25%".to_owned());
            let rolling: &mut RollingUpdateDeployment =
                strategy.rolling_update.get_or_insert_default();
            rolling.max_surge.get_or_insert_with(quarter);
            rolling.max_unavailable.get_or_insert_with(quarter);
        }
        // As in a real cluster, zero and false are left out.
        spec.min_ready_seconds = spec.min_ready_seconds.filter(|seconds| *seconds != 0);
        spec.paused = spec.paused.filter(|paused| *paused);
        fill_pod(spec.template.spec.get_or_insert_default());
        self.status.get_or_insert_default();
    }

    fn validate(&self, old: Option<&Self>) -> Vec<Cause> {
        validation::deployment(self, old)
    }
}

impl Admit for ReplicaSet {
    fn fill_defaults(&mut self) {
        let Some(spec) = &mut self.spec else { return };
        spec.replicas.get_or_insert(1);
        spec.min_ready_seconds = spec.min_ready_seconds.filter(|seconds| *seconds != 0);
        let template = spec.template.get_or_insert_default();
        fill_pod(template.spec.get_or_insert_default());
        self.status.get_or_insert_default();
    }

    fn validate(&self, _old: Option<&Self>) -> Vec<Cause> {
        validation::replica_set(self)
    }
}

impl Admit for Pod {
    fn fill_defaults(&mut self) {
        fill_pod(self.spec.get_or_insert_default());
        let status = self.status.get_or_insert_default();
        status.phase.get_or_insert_with(|| "Pending".to_owned());
        status
            .qos_class
            .get_or_insert_with(|| "BestEffort".to_owned());
    }

    fn validate(&self, _old: Option<&Self>) -> Vec<Cause> {
        let spec = self.spec.as_ref();
        spec.map_or_else(Vec::new, |spec| validation::pod_spec("spec", spec))
    }
}

impl Admit for Namespace {
    fn fill_defaults(&mut self) {
        self.spec.get_or_insert_with(|| NamespaceSpec {
            finalizers: Some(vec!["kubernetes".to_owned()]),
        });
        let status = self.status.get_or_insert_default();
        status.phase.get_or_insert_with(|| "Active".to_owned());
        if let Some(name) = self.metadata.name.clone() {
            let labels = self.metadata.labels.get_or_insert_default();
            labels.insert("kubernetes.io/metadata.name".to_owned(), name);
        }
    }
}

impl Admit for Node {
    fn fill_defaults(&mut self) {
        self.spec.get_or_insert_default();
        self.status.get_or_insert_default();
    }
}

impl Admit for Event {}

impl Admit for ControllerRevision {}

impl Admit for HorizontalPodAutoscaler {
    fn fill_defaults(&mut self) {
        let spec = &mut self.spec;
        spec.min_replicas.get_or_insert(1);
        spec.metrics.get_or_insert_with(|| {
            vec![MetricSpec {
                type_: "Resource".to_owned(),
                resource: Some(ResourceMetricSource {
                    name: "cpu".to_owned(),
                    target: MetricTarget {
                        type_: "Utilization".to_owned(),
                        average_utilization: Some(80),
                        ..MetricTarget::default()
                    },
                }),
                ..MetricSpec::default()
            }]
        });
        self.status.get_or_insert_default();
    }
}

impl Admit for PodDisruptionBudget {
    fn fill_defaults(&mut self) {
        self.status.get_or_insert_default();
    }
}

pub(super) fn fill_pod(spec: &mut PodSpec) {
    spec.restart_policy
        .get_or_insert_with(|| "Always".to_owned());
    spec.termination_grace_period_seconds.get_or_insert(30);
    spec.dns_policy
        .get_or_insert_with(|| "ClusterFirst".to_owned());
    spec.security_context.get_or_insert_default();
    spec.scheduler_name
        .get_or_insert_with(|| "default-scheduler".to_owned());
    let init = spec.init_containers.iter_mut().flatten();
    for container in spec.containers.iter_mut().chain(init) {
        fill_container(container);
    }
}

fn fill_container(container: &mut Container) {
    let image = container.image.as_deref().unwrap_or_default();
    let policy = if has_fixed_tag(image) {
        "IfNotPresent"
    } else {
        "Always"
    };
    container
        .image_pull_policy
        .get_or_insert_with(|| policy.to_owned());
    container.resources.get_or_insert_default();
    container
        .termination_message_path
        .get_or_insert_with(|| "/dev/termination-log".to_owned());
    container
        .termination_message_policy
        .get_or_insert_with(|| "File".to_owned());
    for port in container.ports.iter_mut().flatten() {
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
    }
    let probes = [
        &mut container.readiness_probe,
        &mut container.liveness_probe,
    ];
    for probe in probes.into_iter().flatten() {
        probe.timeout_seconds.get_or_insert(1);
        probe.period_seconds.get_or_insert(10);
        probe.success_threshold.get_or_insert(1);
        probe.failure_threshold.get_or_insert(3);
    }
}

fn has_fixed_tag(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or_default();
    let tag = last.split_once(':').map(|(_, tag)| tag);
    image.contains('@') || tag.is_some_and(|tag| tag != "latest")
}
