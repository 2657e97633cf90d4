//! What the broker itself allows and refuses, on a real nats-server with the shipped configuration: each credential in both
//! directions, and how one is revoked.

mod agent;
mod deputy;
mod limits;
mod manifest;
mod party;
mod people;
mod program;
mod renewal;
mod revocation;
mod waiting;
