//! The bus: the connection, the service that answers requests, and the heartbeats. Knows NATS and nothing of
//! Kubernetes.

mod connection;
mod heartbeat;
mod reply;
mod service;

pub use connection::{Bus, Connected, connect};
pub use heartbeat::Heart;
pub use service::Desk;
