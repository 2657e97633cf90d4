//! A simulated Kubernetes API server with its controllers and nodes: many clusters in one process, for the demo, for tests and for
//! load. Every difference from a real API server's responses is a bug here.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use k8s_sim::{Fault, Simulation};
//!
//! let sim = Simulation::builder().clusters(2).deployments(20).speed(20.0).start().await?;
//! let cluster = sim.cluster("cluster-a");
//! let client: kube::Client = cluster.client();
//! cluster.faults().set(Fault::too_many_requests(3));
//! # Ok(()) }
//! ```

mod admission;
mod api;
mod clock;
mod cluster;
mod controller;
mod derived;
mod dormant;
mod fault;
mod identity;
mod kind;
mod kubeconfig;
pub mod kubelet;
mod listener;
mod log;
mod patch;
mod pod;
mod queue;
mod seed;
mod selector;
mod shared;
mod simulation;
mod state;
mod status;
mod store;
mod verb;

pub use clock::Clock;
pub use cluster::Cluster;
pub use fault::{Effect, Fault, Faults, InvalidFault};
pub use kind::Kind;
pub use log::RATE_ANNOTATION as LOG_RATE_ANNOTATION;
pub use seed::Profile;
pub use simulation::{Builder, ListenFailed, Simulation};
pub use verb::Verb;
