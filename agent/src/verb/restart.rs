//! `restart`: what `kubectl rollout restart` does, once however often it is delivered. All that must be remembered for
//! that stands in the deployment itself, so it holds over restarts of the agent too.

use bus_schema::timing::RESTART_AHEAD;
use bus_schema::verb::{RestartDeployment, Restarted};
use bus_schema::{Fault, FaultCode, whole_seconds};
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::core::ObjectMeta;
use serde_json::{Value, json};

use crate::agent::Cx;
use crate::guard::Order;
use crate::kubernetes::{CallError, Deployment, FIELD_MANAGER, RESTARTED_AT, Revision, ask};

/// Tries before giving up on a deployment that keeps changing while it is written.
const TRIES: usize = 3;

pub async fn restart(cx: Cx, request: RestartDeployment) -> Result<Restarted, Fault> {
    let order = Order::check(&cx, &request.guard)?;
    let now = cx.agent.now();
    let time = whole_seconds(request.restarted_at.unwrap_or(now));
    check(time, now)?;
    for _ in 0..TRIES {
        let deployment = read(&cx, &request, &order).await?;
        if decide(&deployment, time, now)? == Decision::AlreadyDone {
            return Ok(restarted(request, time));
        }
        match write(&cx, &request, &order, &patch(&deployment.metadata, time)).await {
            Ok(_) => return Ok(restarted(request, time)),
            Err(error) if error.code() == Some(409) => {}
            Err(error) => return Err(order.failed(error)),
        }
    }
    let message = format!("the deployment changed {TRIES} times while it was to be restarted");
    Err(Fault::new(FaultCode::Conflict, message))
}

/// Written into the cluster, such a time would make every restart that follows an earlier one.
fn check(time: Timestamp, now: Timestamp) -> Result<(), Fault> {
    if !RestartDeployment::is_too_far_ahead(time, now) {
        return Ok(());
    }
    let why = format!(
        "{time} is more than {} minutes ahead of {now}; leave it out to restart now",
        RESTART_AHEAD.as_secs() / 60
    );
    Err(Fault::in_field("restarted_at", why))
}

async fn read(cx: &Cx, request: &RestartDeployment, order: &Order) -> Result<Deployment, Fault> {
    let api = cx.agent.kubernetes.deployments(&request.namespace);
    let name = request.deployment_name.as_str();
    let read = ask(order.until, || api.get(name)).await;
    let deployment = read.map_err(|error| order.not_begun(error))?;
    order.still_open()?;
    Ok(deployment)
}

async fn write(
    cx: &Cx,
    request: &RestartDeployment,
    order: &Order,
    patch: &Value,
) -> Result<Deployment, CallError> {
    let api = cx.agent.kubernetes.deployments(&request.namespace);
    let name = request.deployment_name.as_str();
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patch = Patch::Strategic(patch);
    ask(order.until, || api.patch(name, &params, &patch)).await
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Restart,
    AlreadyDone,
}

/// Times are compared as times: kubectl writes them with the offset of wherever it runs. One that lies too far ahead is no restart's
/// and is overwritten, like what is not a time at all.
fn decide(deployment: &Deployment, time: Timestamp, now: Timestamp) -> Result<Decision, Fault> {
    let last = deployment.restarted_at().map(whole_seconds);
    match last.filter(|last| !RestartDeployment::is_too_far_ahead(*last, now)) {
        Some(last) if last == time => return Ok(Decision::AlreadyDone),
        Some(last) if last > time => {
            let message = format!("it was restarted at {last}, which is later than {time}");
            return Err(Fault::new(FaultCode::Superseded, message));
        }
        _ => {}
    }
    if deployment.spec.paused {
        let message = "the deployment is paused and would not restart; resume it first \
                       (kubectl rollout resume)";
        return Err(Fault::new(FaultCode::Paused, message));
    }
    Ok(Decision::Restart)
}

/// The resource version makes the API server refuse it with a 409 when the deployment changed since it was read.
fn patch(read: &ObjectMeta, time: Timestamp) -> Value {
    json!({
        "metadata": { "resourceVersion": read.resource_version },
        "spec": { "template": { "metadata": { "annotations": { RESTARTED_AT: time.to_string() } } } },
    })
}

fn restarted(request: RestartDeployment, restarted_at: Timestamp) -> Restarted {
    Restarted {
        namespace: request.namespace,
        deployment_name: request.deployment_name,
        restarted_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn decided(annotation: Option<&str>, paused: bool) -> Result<Decision, FaultCode> {
        let deployment = serde_json::from_value(json!({
            "metadata": { "name": "web" },
            "spec": { "paused": paused, "template": { "metadata": {
                "annotations": annotation.map(|text| json!({ RESTARTED_AT: text })),
            } } },
        }));
        let time: Timestamp = "2026-03-01T10:00:00Z".parse().expect("a time");
        let now = time + SignedDuration::from_secs(2);
        decide(&deployment.expect("a deployment"), time, now).map_err(|fault| fault.code)
    }

    #[test]
    fn the_annotation_decides_before_the_pause_does() {
        for (annotation, paused, expected) in [
            (None, false, Ok(Decision::Restart)),
            (None, true, Err(FaultCode::Paused)),
            (Some("2026-03-01T09:59:59Z"), false, Ok(Decision::Restart)),
            (
                Some("2026-03-01T10:00:00Z"),
                false,
                Ok(Decision::AlreadyDone),
            ),
            (
                Some("2026-03-01T10:00:00Z"),
                true,
                Ok(Decision::AlreadyDone),
            ),
            (
                Some("2026-03-01T10:00:01Z"),
                false,
                Err(FaultCode::Superseded),
            ),
            (
                Some("2026-03-01T12:00:00+02:00"),
                false,
                Ok(Decision::AlreadyDone),
            ),
            (
                Some("2026-03-01T11:30:00+02:00"),
                false,
                Ok(Decision::Restart),
            ),
            (
                Some("2026-03-01T05:00:01-05:00"),
                false,
                Err(FaultCode::Superseded),
            ),
            (Some("yesterday"), false, Ok(Decision::Restart)),
            // Five minutes ahead of the clock, which stands at 10:00:02, and a second more.
            (
                Some("2026-03-01T10:05:02Z"),
                false,
                Err(FaultCode::Superseded),
            ),
            (Some("2026-03-01T10:05:03Z"), false, Ok(Decision::Restart)),
            (Some("9999-12-01T00:00:00Z"), false, Ok(Decision::Restart)),
            (Some("9999-12-01T00:00:00Z"), true, Err(FaultCode::Paused)),
        ] {
            assert_eq!(
                decided(annotation, paused),
                expected,
                "{annotation:?} {paused}"
            );
        }
    }

    #[test]
    fn the_patch_names_kubectls_annotation_and_what_it_was_decided_on() {
        let read = ObjectMeta {
            resource_version: Some("41".to_owned()),
            ..ObjectMeta::default()
        };
        let patch = patch(&read, "2026-03-01T10:00:00Z".parse().unwrap());
        assert_eq!(patch["metadata"]["resourceVersion"], "41");
        let annotations = &patch["spec"]["template"]["metadata"]["annotations"];
        assert_eq!(
            annotations["kubectl.kubernetes.io/restartedAt"],
            "2026-03-01T10:00:00Z"
        );
    }
}
