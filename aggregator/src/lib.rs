//! The command line, and the wiring of the crates below: who may know what is in ARCHITECTURE.md.

pub mod args;
pub mod audit_admin;
pub mod bus_admin;
pub mod cluster_admin;
pub mod healthcheck;
pub mod notifications_admin;
pub mod records;
pub mod records_admin;
pub mod run;
