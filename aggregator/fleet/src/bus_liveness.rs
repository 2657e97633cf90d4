//! Liveness of the bus. While it does not respond, missing heartbeats say nothing about the clusters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::SharedRegistry;
use super::agent_link::AgentLink;
use super::roll_call::call_the_roll;
use registry::Moment;

/// The probe interval while the bus responds.
const EVERY: Duration = Duration::from_secs(2);

/// The probe interval while it does not.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// The timeout of a probe. With [`EVERY`], an unresponsive bus is detected after six seconds at most.
const WITHIN: Duration = Duration::from_secs(4);

/// Probes the bus until the program ends.
pub async fn watch_link(link: Arc<AgentLink>, registry: Arc<SharedRegistry>) {
    let mut answered = Instant::now();
    loop {
        let connected = registry.read().is_connected();
        let (answers, receives) =
            tokio::join!(link.bus.answers(WITHIN), link.unasked.answers(WITHIN));
        link.set_answered(answers);
        if answers && receives {
            answered = Instant::now();
            if !connected {
                info!("the bus answers again");
                registry.write().reconnected(Moment::now());
                call_the_roll(&link.unasked, &registry).await;
            }
            tokio::time::sleep(EVERY).await;
        } else {
            if connected {
                warn!("the bus does not answer; no cluster is marked offline until it does");
            }
            registry.write().partitioned_since(answered);
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}
