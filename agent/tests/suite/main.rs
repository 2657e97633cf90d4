//! The agent against a real nats-server, and against two Kubernetes APIs: the simulated one for every test, and a real
//! kube-apiserver with the project's own RBAC for those in [`on_both`].
#![expect(
    clippy::unwrap_used,
    reason = "all of this is tests; those that run on both kinds of cluster are just not marked as such"
)]

mod bad_input;
mod changes;
mod command_line;
mod deployment;
mod drain;
mod faults;
mod fleet_query;
mod followed;
mod heartbeat;
mod image;
mod kinds;
mod logs;
mod many;
mod on_both;
mod pause;
mod proxy;
mod reads;
mod refused;
mod restart;
mod rights;
mod scale;
mod share;
mod stage;
mod tls;
mod trouble;
mod undo;
mod watches;
