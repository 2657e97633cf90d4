//! The manifests under `k8s/`: kustomize and Helm say the same, and a real API server takes what they say.
#![expect(
    clippy::unwrap_used,
    reason = "all of this is tests; what they share is just not marked as such"
)]

mod allowed_verbs;
mod applied;
mod policy;
mod released;
mod rendered;
mod same;
mod values;
