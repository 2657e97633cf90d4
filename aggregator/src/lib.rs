//! REST calls on one side, NATS requests on the other: see `fleet` for the only road to a cluster.

pub mod app;
pub mod args;
pub mod audit_admin;
pub mod authentication;
pub mod bus_admin;
pub mod caller;
pub mod client_address;
pub mod cluster_admin;
pub mod device;
pub mod event_stream;
pub mod extract;
pub mod healthcheck;
pub mod listener;
pub mod openapi;
pub mod origin;
pub mod problem_response;
pub mod public_url;
pub mod records;
mod records_admin;
pub mod routes;
pub mod run;
pub mod session_cookie;
pub mod sign_in;
pub mod trusted_proxies;
mod ui;
