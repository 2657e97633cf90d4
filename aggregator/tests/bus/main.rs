//! What the broker itself allows and refuses, on a real nats-server with the shipped configuration: publish and subscribe for each
//! credential, and revocation.

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
