//! The validation rules of StatefulSets and DaemonSets that return 422.

use k8s_openapi::api::apps::v1::{
    DaemonSet, DaemonSetSpec, StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use crate::admission::validation::{not_negative, pod_spec, selector};
use crate::status::Cause;

const STATEFUL_UPDATES: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

pub fn stateful_set(set: &StatefulSet, old: Option<&StatefulSet>) -> Vec<Cause> {
    let Some(spec) = &set.spec else {
        return vec![Cause::required("spec.selector", "")];
    };
    let mut causes = Vec::new();
    causes.extend(spec.update_strategy.as_ref().and_then(stateful_strategy));
    causes.extend(not_negative("spec.replicas", spec.replicas));
    causes.extend(not_negative("spec.minReadySeconds", spec.min_ready_seconds));
    let start = spec.ordinals.as_ref().and_then(|own| own.start);
    causes.extend(not_negative("spec.ordinals.start", start));
    let labels = spec.template.metadata.as_ref();
    let labels = labels.and_then(|meta| meta.labels.as_ref());
    causes.extend(selector(&spec.selector, labels));
    causes.extend(template(&spec.template));
    let before = old.and_then(|old| old.spec.as_ref());
    if before.is_some_and(|before| with_what_may_change(before, spec) != *spec) {
        causes.push(Cause::forbidden("spec", STATEFUL_UPDATES));
    }
    causes
}

/// The old spec with all fields of the new one that an update may change.
fn with_what_may_change(old: &StatefulSetSpec, new: &StatefulSetSpec) -> StatefulSetSpec {
    let new = new.clone();
    StatefulSetSpec {
        replicas: new.replicas,
        ordinals: new.ordinals,
        template: new.template,
        update_strategy: new.update_strategy,
        revision_history_limit: new.revision_history_limit,
        persistent_volume_claim_retention_policy: new.persistent_volume_claim_retention_policy,
        min_ready_seconds: new.min_ready_seconds,
        ..old.clone()
    }
}

fn stateful_strategy(strategy: &StatefulSetUpdateStrategy) -> Option<Cause> {
    let rolling = strategy.rolling_update.as_ref();
    let shown = rolling.map(|rolling| {
        let partition = rolling.partition.unwrap_or(0);
        format!(r#"{{"Partition":{partition},"MaxUnavailable":null}}"#)
    });
    let field = "spec.updateStrategy";
    match strategy.type_.as_deref() {
        Some("RollingUpdate") => {
            let partition = rolling.and_then(|rolling| rolling.partition);
            not_negative(&format!("{field}.rollingUpdate.partition"), partition)
        }
        Some("OnDelete") => shown.map(|shown| {
            let rule = "only allowed for updateStrategy 'RollingUpdate'";
            Cause::invalid_text(format!("{field}.rollingUpdate"), &shown, rule)
        }),
        other => {
            let rule = "must be 'RollingUpdate' or 'OnDelete'";
            Some(Cause::invalid_text(
                field,
                &shown_strategy(other, shown),
                rule,
            ))
        }
    }
}

pub fn daemon_set(set: &DaemonSet, old: Option<&DaemonSet>) -> Vec<Cause> {
    let Some(spec) = &set.spec else {
        return vec![Cause::required("spec.selector", "")];
    };
    let mut causes = Vec::new();
    let before = old.and_then(|old| old.spec.as_ref());
    if before.is_some_and(|before| before.selector != spec.selector) {
        let value = json!(spec.selector);
        let rule = "field is immutable";
        causes.push(Cause::invalid("spec.selector", &value, rule));
    }
    let labels = spec.template.metadata.as_ref();
    let labels = labels.and_then(|meta| meta.labels.as_ref());
    causes.extend(selector(&spec.selector, labels));
    causes.extend(template(&spec.template));
    causes.extend(not_negative("spec.minReadySeconds", spec.min_ready_seconds));
    causes.extend(daemon_strategy(spec));
    let limit = spec.revision_history_limit;
    causes.extend(not_negative("spec.revisionHistoryLimit", limit));
    causes
}

fn daemon_strategy(spec: &DaemonSetSpec) -> Option<Cause> {
    let strategy = spec.update_strategy.as_ref()?;
    let rolling = strategy.rolling_update.as_ref();
    let unavailable = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
    let surge = rolling.and_then(|rolling| rolling.max_surge.as_ref());
    let field = "spec.updateStrategy.rollingUpdate";
    match strategy.type_.as_deref() {
        Some("RollingUpdate") => {
            let field_of = |name: &str| format!("{field}.{name}");
            let wrong = amount(&field_of("maxUnavailable"), unavailable)
                .or_else(|| amount(&field_of("maxSurge"), surge));
            wrong.or_else(|| match (is_zero(unavailable), is_zero(surge)) {
                (true, true) => {
                    let rule = "cannot be 0 when maxSurge is 0";
                    Some(Cause::required(field_of("maxUnavailable"), rule))
                }
                (false, false) => {
                    let rule = "may not be set when maxUnavailable is non-zero";
                    Some(Cause::invalid(field_of("maxSurge"), &json!(surge), rule))
                }
                _ => None,
            })
        }
        Some("OnDelete") => None,
        other => {
            let (unavailable, surge) = (json!(unavailable), json!(surge));
            let shown = rolling
                .map(|_| format!(r#"{{"MaxUnavailable":{unavailable},"MaxSurge":{surge}}}"#));
            let value = shown_strategy(other, shown);
            let supported = ["RollingUpdate", "OnDelete"];
            let field = "spec.updateStrategy";
            Some(Cause::unsupported_text(field, &value, &supported))
        }
    }
}

/// A strategy as the API server shows it in messages: with the names and the order of its internal type.
fn shown_strategy(type_: Option<&str>, rolling: Option<String>) -> String {
    let type_ = type_.unwrap_or_default();
    let rolling = rolling.unwrap_or_else(|| "null".to_owned());
    format!(r#"{{"Type":"{type_}","RollingUpdate":{rolling}}}"#)
}

fn amount(field: &str, amount: Option<&IntOrString>) -> Option<Cause> {
    match amount? {
        IntOrString::Int(count) => not_negative(field, Some(*count)),
        IntOrString::String(text) => {
            let percent: Option<u32> = text.strip_suffix('%').and_then(|of| of.parse().ok());
            let rule = match percent {
                Some(0..=100) => return None,
                Some(_) => "must not be greater than 100%",
                None => {
                    "must be an integer or percentage (e.g '5%%'): a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
                }
            };
            Some(Cause::invalid(field, &Value::from(text.as_str()), rule))
        }
    }
}

fn is_zero(amount: Option<&IntOrString>) -> bool {
    match amount {
        Some(IntOrString::Int(count)) => *count == 0,
        Some(IntOrString::String(text)) => text.trim_end_matches('%') == "0",
        None => true,
    }
}

fn template(template: &PodTemplateSpec) -> Vec<Cause> {
    let Some(pod) = &template.spec else {
        return Vec::new();
    };
    let mut causes = pod_spec("spec.template.spec", pod);
    let policy = pod.restart_policy.as_deref().unwrap_or("Always");
    if policy != "Always" {
        let field = "spec.template.spec.restartPolicy";
        causes.push(Cause::unsupported(field, policy, "Always"));
    }
    causes
}
