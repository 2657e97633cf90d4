//! What demo and tests stand on: real peers (nats-server, a Kubernetes control plane, the nats CLI), found or
//! installed, started on free ports and ended with the value that holds them. Knows nothing of our own messages.

pub mod authority;
pub mod condition;
pub mod control_plane;
pub mod go_tools;
pub mod nats_cli;
pub mod nats_cluster;
pub mod nats_server;
pub mod process;
pub mod proxy;
pub mod required;
pub mod workspace;
