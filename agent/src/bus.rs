//! The bus: the connection, the service that answers requests, and the heartbeats. Knows NATS and nothing of
//! Kubernetes.

mod changes;
mod connection;
mod credential;
mod discovery;
mod endpoint;
mod fleet_query;
mod heartbeat;
mod heartbeat_interval;
mod permits;
pub mod publisher;
mod renewal;
mod reply;
mod reply_subject;
mod service;

pub use changes::Feed;
pub use connection::{Bus, Connected, Purpose, connect};
pub use credential::Credential;
pub use fleet_query::FleetQueries;
pub use heartbeat::HeartbeatSender;
pub use heartbeat_interval::HeartbeatInterval;
pub use renewal::Renewal;
pub use service::RequestServer;
