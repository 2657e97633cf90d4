//! The bus: the connection, the service that answers requests, and the heartbeats. Knows NATS and nothing of
//! Kubernetes.

mod changes;
mod connection;
mod credential;
mod discovery;
mod endpoint;
mod heartbeat_interval;
mod heartbeat;
pub mod publisher;
mod permits;
mod renewal;
mod reply;
mod reply_subject;
mod service;
mod fleet_query;

pub use changes::Feed;
pub use connection::{Bus, Connected, Purpose, connect};
pub use credential::Credential;
pub use heartbeat_interval::HeartbeatInterval;
pub use heartbeat::Heart;
pub use renewal::Renewal;
pub use service::Desk;
pub use fleet_query::FleetQueries;
