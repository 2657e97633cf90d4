//! One cluster's agent: it dials out to the bus and answers the cluster's subjects with the Kubernetes API. What it
//! needs to remember is in Kubernetes; it holds a watch cache and nothing else.

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
mod run;
pub mod shutdown;
mod token_store;
mod verb;

pub use args::{Args, Cli, Command};
pub use keygen::keygen;
pub use kubernetes::Access;
pub use run::{Config, RenewedToken, Running, run};
pub use token_store::{TokenStore, TokenStoreError};
