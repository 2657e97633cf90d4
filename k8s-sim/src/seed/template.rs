//! A seeded deployment as its owner would have applied it.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, PodSpec, PodTemplateSpec, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::derived::REVISION;
use crate::identity::choose;

const TEAMS: [&str; 4] = ["checkout", "platform", "growth", "backoffice"];

pub fn deployment(namespace: &str, name: &str) -> Deployment {
    let id = (namespace, name);
    let version = format!(
        "1.{}.{}",
        choose(&(id, "minor"), 9),
        choose(&(id, "patch"), 20)
    );
    let selector: BTreeMap<_, _> = [("app".to_owned(), name.to_owned())].into();
    let mut labels = selector.clone();
    labels.insert(
        "team".to_owned(),
        TEAMS[choose(&(id, "team"), TEAMS.len())].to_owned(),
    );
    labels.insert(
        "tier".to_owned(),
        ["frontend", "backend"][choose(&(id, "tier"), 2)].to_owned(),
    );
    let mut containers = vec![application(namespace, name, &version)];
    if choose(&(id, "sidecar"), 5) == 0 {
        containers.push(sidecar());
    }
    let replicas = 1 + choose(&(id, "replicas"), 5);
    Deployment {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels.clone()),
            annotations: Some([(REVISION.to_owned(), "1".to_owned())].into()),
            ..ObjectMeta::default()
        },
        spec: Some(DeploymentSpec {
            replicas: i32::try_from(replicas).ok(),
            selector: LabelSelector {
                match_labels: Some(selector),
                match_expressions: None,
            },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    ..ObjectMeta::default()
                }),
                spec: Some(PodSpec {
                    containers,
                    ..PodSpec::default()
                }),
            },
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

fn application(namespace: &str, name: &str, version: &str) -> Container {
    Container {
        name: "app".to_owned(),
        image: Some(format!("registry.example.com/{namespace}/{name}:{version}")),
        ports: Some(vec![ContainerPort {
            name: Some("http".to_owned()),
            container_port: 8080,
            ..ContainerPort::default()
        }]),
        env: Some(vec![EnvVar {
            name: "LOG_LEVEL".to_owned(),
            value: Some("info".to_owned()),
            ..EnvVar::default()
        }]),
        resources: Some(ResourceRequirements {
            requests: Some(amounts(&[("cpu", "100m"), ("memory", "128Mi")])),
            limits: Some(amounts(&[("memory", "256Mi")])),
            ..ResourceRequirements::default()
        }),
        ..Container::default()
    }
}

fn amounts(all: &[(&str, &str)]) -> BTreeMap<String, Quantity> {
    let amount = |(resource, amount): &(&str, &str)| {
        let quantity = Quantity((*amount).to_owned());
        ((*resource).to_owned(), quantity)
    };
    all.iter().map(amount).collect()
}

fn sidecar() -> Container {
    Container {
        name: "proxy".to_owned(),
        image: Some("registry.example.com/mesh/proxy:2.4.1".to_owned()),
        ..Container::default()
    }
}
