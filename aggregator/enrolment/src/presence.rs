//! Follows the nats-server's connection events, so that a killed agent is known to be gone within milliseconds. Heartbeats still decide:
//! an event that was missed is made up for by the next heartbeats.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::select;
use tracing::{info, warn};

use super::{BusAccount, read_connection_event};
use fleet::SharedRegistry;

const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Follows the events forever.
pub async fn watch_presence(registry: Arc<SharedRegistry>, account: BusAccount) {
    loop {
        if let Some((connects, disconnects)) = account.system().connection_events().await {
            let connects = connects.map(|message| (true, message));
            let disconnects = disconnects.map(|message| (false, message));
            let mut events = select(connects, disconnects);
            while let Some((connects, message)) = events.next().await {
                let Some(event) = read_connection_event(&message, account.identity()) else {
                    continue;
                };
                let gone = registry.take_connection_event(connects, &event);
                if gone {
                    info!(cluster = %event.cluster, instance = %event.instance, "an agent has disconnected");
                }
            }
        }
        warn!("cannot subscribe to the nats-server's connection events; retrying");
        tokio::time::sleep(TRY_AGAIN_AFTER).await;
    }
}
