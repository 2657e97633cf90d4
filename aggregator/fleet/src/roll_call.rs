//! The roll call, by which an aggregator that has just started learns of all clusters.

use bus_schema::{RollCall, subject};
use tracing::debug;

use super::{SharedRegistry, json};
use storage::bus::Bus;

/// The rate of answers to a roll call.
const ANSWERS_A_SECOND: u64 = 2000;

/// Requests a heartbeat from all agents, so that they are known soon and not only after their next regular heartbeat. Sent on the
/// connection that has subscribed to heartbeats, so that the broker processes the subscription first.
pub(super) async fn call_the_roll(bus: &Bus, registry: &SharedRegistry) {
    let clusters = registry.read().names().count() as u64;
    let call = json(&RollCall {
        spread_milliseconds: clusters * 1000 / ANSWERS_A_SECOND,
    });
    let published = bus.publish(subject::ROLL_CALL.to_owned(), call.into());
    if !published.await {
        debug!("cannot publish a roll call; waiting for heartbeats");
    }
}
