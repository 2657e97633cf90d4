//! REST calls on one side, NATS requests on the other: see `fleet` for the only road to a cluster.

pub mod actor;
pub mod app;
pub mod args;
pub mod attempts;
pub mod audit;
pub mod bus;
pub mod bus_admin;
pub mod client_address;
pub mod event_stream;
pub mod extract;
pub mod fleet;
pub mod grants;
pub mod listener;
pub mod openapi;
pub mod operations;
pub mod origin;
pub mod password;
pub mod problem;
pub mod registry;
pub mod routes;
pub mod run;
pub mod sessions;
pub mod sign_in;
pub mod store;
pub mod users;
