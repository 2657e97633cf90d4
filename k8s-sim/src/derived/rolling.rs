//! The surge and unavailability limits of a rolling update.

use k8s_openapi::api::apps::v1::{Deployment, RollingUpdateDeployment};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

pub fn max_surge(deployment: &Deployment) -> i32 {
    let rolling = rolling_parameters(deployment);
    rolling.map_or(0, |rolling| {
        part(rolling.max_surge.as_ref(), size(deployment), f64::ceil)
    })
}

pub fn max_unavailable(deployment: &Deployment) -> i32 {
    let replicas = size(deployment);
    let Some(rolling) = rolling_parameters(deployment) else {
        return 0;
    };
    let unavailable = part(rolling.max_unavailable.as_ref(), replicas, f64::floor);
    // With neither surge nor unavailable pods allowed, the rollout could never progress.
    let unavailable = match (unavailable, max_surge(deployment)) {
        (0, 0) => 1,
        (unavailable, _) => unavailable,
    };
    unavailable.min(replicas)
}

fn size(deployment: &Deployment) -> i32 {
    deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1)
}

pub fn rolling_parameters(deployment: &Deployment) -> Option<RollingUpdateDeployment> {
    let strategy = deployment
        .spec
        .as_ref()?
        .strategy
        .clone()
        .unwrap_or_default();
    match strategy.type_.as_deref() {
        Some("Recreate") => None,
        _ => Some(strategy.rolling_update.unwrap_or_default()),
    }
}

pub fn part(amount: Option<&IntOrString>, of: i32, round: fn(f64) -> f64) -> i32 {
    match amount {
        Some(IntOrString::Int(count)) => *count,
        Some(IntOrString::String(text)) => {
            let percent: f64 = text.trim_end_matches('%').parse().unwrap_or(25.0);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "replica counts are far below 2^31"
            )]
            let count = round(f64::from(of) * percent / 100.0) as i32;
            count
        }
        None => part(Some(&IntOrString::String("25%".to_owned())), of, round),
    }
}
