//! Which containers of a deployment have logs. Pure.

use bus_schema::verb::{LogSource, ReadLog};
use bus_schema::{Fault, FaultCode};

use crate::kubernetes::{Pod, name_of};

/// The containers of a pod, those that prepare it first; `only` narrows to one.
pub fn of_pod(pod: &Pod, only: Option<&str>) -> Vec<LogSource> {
    let containers = pod.spec.init_containers.iter().chain(&pod.spec.containers);
    containers
        .filter(|container| only.is_none_or(|only| container.name == only))
        .filter_map(|container| {
            Some(LogSource {
                pod: name_of(&pod.metadata).parse().ok()?,
                container: container.name.parse().ok()?,
            })
        })
        .collect()
}

/// The containers that a request asks for. One that no pod has is a fault; a deployment without pods has none at all.
pub fn sources(request: &ReadLog, pods: &[Pod]) -> Result<Vec<LogSource>, Fault> {
    let only = request.container.as_ref().map(|name| name.as_str());
    let sources: Vec<_> = pods.iter().flat_map(|pod| of_pod(pod, only)).collect();
    match only {
        Some(only) if sources.is_empty() && !pods.is_empty() => {
            let message = format!("no pod of the deployment has a container {only}");
            Err(Fault::new(FaultCode::NotFound, message))
        }
        _ => Ok(sources),
    }
}
