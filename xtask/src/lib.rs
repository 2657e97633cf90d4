//! The foundation of demo, tests and bench: real peers (nats-server, a Kubernetes control plane, the nats CLI), found or installed,
//! started on free ports and stopped when dropped; builds of our own programs; and a session with the aggregator.

pub mod account;
pub mod authority;
pub mod cargo;
pub mod condition;
pub mod control_plane;
pub mod data_dir;
pub mod go_tools;
pub mod http;
pub mod kubeconfig;
pub mod nats_cli;
pub mod nats_cluster;
pub mod nats_server;
pub mod nginx;
pub mod pip;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod required;
pub mod schemathesis;
pub mod session;
pub mod workspace;
