//! Signing in, staying signed in and signing out, over the whole REST API on a real nats-server. The numbers are those of the
//! attacks in RELIABILITY.md.

mod attacks;
mod audit_export;
mod bounds;
mod conditions;
mod first_start;
mod installations;
mod nginx;
mod proxies;
mod records;
mod refused;
mod service;
mod sessions;
mod streams;
mod text;
