//! REST calls on one side, NATS requests on the other: see `fleet` for the only road to a cluster.

pub mod app;
pub mod audit;
pub mod bus;
pub mod extract;
pub mod problem;
pub mod registry;
pub mod store;
