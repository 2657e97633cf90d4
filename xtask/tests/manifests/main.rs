//! The manifests under `k8s/`: kustomize and Helm say the same, and a real API server takes what they say.

mod applied;
mod policy;
mod rendered;
mod same;
