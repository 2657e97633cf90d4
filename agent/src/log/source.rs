//! The containers of a deployment that have logs, and their status. Pure.

use bus_schema::verb::ReadLog;
use bus_schema::{ContainerName, Fault, FaultCode, LogContainer, PodName};

use crate::kubernetes::{ContainerStatus, Pod, name_of};

/// The maximum length of a container's problem, in bytes.
const PROBLEM: usize = 512;

/// One container of one pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogSource {
    /// The pod.
    pub pod: PodName,
    /// The container.
    pub container: ContainerName,
}

/// A run of a container that has a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The container's restart count at its start.
    pub number: i32,
    /// The run has ended; its log is complete.
    pub has_ended: bool,
}

/// The containers of a pod that a request selects: init containers first, ephemeral containers last.
pub fn of_pod(pod: &Pod, request: &ReadLog) -> Vec<LogSource> {
    let Ok(name) = name_of(&pod.metadata).parse::<PodName>() else {
        return Vec::new();
    };
    if request.pod.as_ref().is_some_and(|only| *only != name) {
        return Vec::new();
    }
    let only = request.container.as_ref().map(ContainerName::as_str);
    let spec = &pod.spec;
    let containers = spec.init_containers.iter().chain(&spec.containers);
    let containers = containers.chain(&spec.ephemeral_containers);
    containers
        .filter(|container| only.is_none_or(|only| container.name == only))
        .filter_map(|container| {
            Some(LogSource {
                pod: name.clone(),
                container: container.name.parse().ok()?,
            })
        })
        .collect()
}

/// The containers that a request selects, and their status. A pod or container that does not exist is a fault; a deployment without
/// pods has none.
pub fn sources(request: &ReadLog, pods: &[Pod]) -> Result<Vec<(LogSource, LogContainer)>, Fault> {
    let all = pods.iter().flat_map(|pod| {
        let sources = of_pod(pod, request).into_iter();
        sources.map(|source| {
            let state = state(pod, &source);
            (source, state)
        })
    });
    let sources: Vec<_> = all.collect();
    let what = match (&request.pod, &request.container) {
        (Some(pod), Some(container)) => format!("pod {pod} with a container {container}"),
        (Some(pod), None) => format!("pod {pod}"),
        (None, Some(container)) => format!("pod with a container {container}"),
        (None, None) => return Ok(sources),
    };
    if sources.is_empty() && (request.pod.is_some() || !pods.is_empty()) {
        let message = format!("the deployment has no {what}");
        return Err(Fault::new(FaultCode::NotFound, message));
    }
    Ok(sources)
}

/// The status of a container whose log is read.
pub fn state(pod: &Pod, source: &LogSource) -> LogContainer {
    let status = status(pod, source.container.as_str());
    // The lines of a readable run show what is wrong.
    let without_run = status.filter(|status| run(status).is_none());
    let waiting = without_run.and_then(|status| status.state.waiting.as_ref());
    let words = waiting.map(|waiting| waiting.message.as_str());
    let restarts = status.map_or(0, |status| status.restart_count);
    LogContainer {
        pod: source.pod.clone(),
        container: source.container.clone(),
        status: status.map_or("Waiting", status_text).to_owned(),
        restarts: u32::try_from(restarts).unwrap_or_default(),
        problem: words.filter(|words| !words.is_empty()).map(shortened),
        gone: false,
    }
}

/// A message of the API server or of a node, cut to a few lines.
pub fn shortened(words: &str) -> String {
    if words.len() <= PROBLEM {
        return words.to_owned();
    }
    let head = &words[..words.floor_char_boundary(PROBLEM)];
    format!("{head}…")
}

fn status_text(status: &ContainerStatus) -> &str {
    let state = &status.state;
    if state.running.is_some() {
        return "Running";
    }
    match (&state.terminated, &state.waiting) {
        (Some(ended), _) if !ended.reason.is_empty() => &ended.reason,
        (Some(ended), _) if ended.exit_code == 0 => "Completed",
        (Some(_), _) => "Error",
        (None, Some(waiting)) if !waiting.reason.is_empty() => &waiting.reason,
        (None, _) => "Waiting",
    }
}

/// The run whose log the API server returns: the current one, or the last one of a container that waits for its restart, which has the
/// same number until then.
pub fn run(status: &ContainerStatus) -> Option<Run> {
    let (state, number) = (&status.state, status.restart_count);
    let has_ended = state.running.is_none();
    let has_begun =
        !has_ended || state.terminated.is_some() || status.last_state.terminated.is_some();
    has_begun.then_some(Run { number, has_ended })
}

/// The status of a container by its name.
pub fn status<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let all = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses)
        .chain(&status.ephemeral_container_statuses);
    all.into_iter().find(|status| status.name == container)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(state: &Value, last: &Value) -> Pod {
        let pod = json!({
            "metadata": { "name": "web-1" },
            "spec": {
                "initContainers": [{ "name": "init" }],
                "containers": [{ "name": "web" }],
                "ephemeralContainers": [{ "name": "debugger" }],
            },
            "status": { "containerStatuses": [
                { "name": "web", "restartCount": 7, "state": state, "lastState": last },
            ] },
        });
        serde_json::from_value(pod).expect("a pod")
    }

    fn names(pod_name: Option<&str>, container: Option<&str>) -> Result<Vec<String>, String> {
        let json = json!({
            "namespace": "shop", "deployment_name": "web", "pod": pod_name, "container": container,
        });
        let request: ReadLog = serde_json::from_value(json).expect("a request");
        let pods = [pod(&json!({}), &json!({}))];
        let sources = sources(&request, &pods).map_err(|fault| fault.message)?;
        let name = |(source, _): &(LogSource, _)| source.container.to_string();
        Ok(sources.iter().map(name).collect())
    }

    #[test]
    fn every_container_has_a_log_including_ephemeral_ones() {
        let all = names(None, None).unwrap();
        assert_eq!(all, ["init", "web", "debugger"]);
        let one = names(Some("web-1"), Some("debugger")).unwrap();
        assert_eq!(one, ["debugger"]);
    }

    #[test]
    fn missing_pods_and_containers_are_named() {
        for (pod, container, named) in [
            (Some("web-2"), None, "no pod web-2"),
            (None, Some("db"), "no pod with a container db"),
            (
                Some("web-1"),
                Some("db"),
                "no pod web-1 with a container db",
            ),
        ] {
            let message = names(pod, container).unwrap_err();
            assert!(message.contains(named), "{message}");
        }
    }

    #[test]
    fn a_container_that_waits_says_why_unless_its_last_run_can_be_read() {
        let ended = json!({ "terminated": { "exitCode": 1, "reason": "Error" } });
        let well = json!({ "terminated": { "exitCode": 0 } });
        let backs_off =
            json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 5m0s" } });
        let pulls =
            json!({ "waiting": { "reason": "ImagePullBackOff", "message": "no such image" } });
        let (runs, none) = (json!({ "running": {} }), json!({}));
        let no_image = Some("no such image");
        for (now, last, word, problem, has_ended) in [
            (&runs, &ended, "Running", None, Some(false)),
            (&ended, &none, "Error", None, Some(true)),
            (&well, &none, "Completed", None, Some(true)),
            (&backs_off, &ended, "CrashLoopBackOff", None, Some(true)),
            (&pulls, &none, "ImagePullBackOff", no_image, None),
            (&none, &none, "Waiting", None, None),
        ] {
            let pod = pod(now, last);
            let source = LogSource {
                pod: "web-1".parse().unwrap(),
                container: "web".parse().unwrap(),
            };
            let state = state(&pod, &source);
            assert_eq!((&*state.status, state.problem.as_deref()), (word, problem));
            assert_eq!(state.restarts, 7);
            let run = status(&pod, "web").and_then(run);
            assert_eq!(run.map(|run| run.has_ended), has_ended, "{word}");
        }
    }

    #[test]
    fn long_messages_are_cut_at_a_character_boundary() {
        let words = shortened(&"é".repeat(1_000));
        assert!(words.len() <= PROBLEM + 3 && words.ends_with('…'));
    }
}
