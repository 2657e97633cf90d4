//! One cluster's agent: it connects out to the bus and serves the cluster's subjects from the Kubernetes API. All persistent state is
//! in Kubernetes; the agent only has a watch cache.

mod agent;
mod args;
mod bus;
mod cache;
mod fleet_query;
mod health;
mod jitter;
mod keygen;
mod kubernetes;
mod log;
mod mutation;
mod page;
mod pod_trouble;
mod rollout;
mod rollout_limit;
mod run;
pub mod shutdown;
mod token_store;
mod verb;

pub use args::{Args, Cli, Command};
pub use keygen::keygen;
pub use kubernetes::Access;
pub use run::{Config, RenewedToken, Running, run};
pub use token_store::{TokenStore, TokenStoreError};
