//! Who comes and goes, told by the nats-server: a killed agent is known to be gone in milliseconds. Heartbeats decide all the same:
//! what the server has told while nobody listened is not missed for longer than they take.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::select;
use tracing::{info, warn};

use super::Fleet;
use crate::enrolment::{Coming, Gate};

const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Listens for ever.
pub async fn watch_presence(fleet: Arc<Fleet>, gate: Gate) {
    loop {
        if let Some((comings, goings)) = gate.system().comings_and_goings().await {
            let comings = comings.map(|message| (true, message));
            let mut events = select(comings, goings.map(|message| (false, message)));
            while let Some((comes, message)) = events.next().await {
                let Some(coming) = Coming::read(&message, gate.identity()) else {
                    continue;
                };
                let gone = fleet.change(&coming.cluster, |registry, _| {
                    if comes {
                        registry.connected(&coming);
                    }
                    !comes && registry.disconnected(&coming)
                });
                if gone {
                    info!(cluster = %coming.cluster, instance = %coming.instance, "gone");
                }
            }
        }
        warn!("the nats-server does not tell who comes and goes; trying again");
        tokio::time::sleep(TRY_AGAIN_AFTER).await;
    }
}
