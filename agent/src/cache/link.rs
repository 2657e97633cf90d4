//! Whether the API server answers at all. A watch over a dead connection looks just like an idle one, so the API server is probed every
//! few seconds, with a request that it must serve from its store.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::Freshness;
use crate::jitter;
use crate::kubernetes::{CallError, IDENTITY_NAMESPACE, Kubernetes, ask, condition_of};

const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBE_WITHIN: Duration = Duration::from_secs(3);

/// The link to the API server.
#[derive(Default)]
pub struct Link {
    pub freshness: Freshness,
    version: Mutex<Option<String>>,
}

impl Link {
    /// The last version that the API server reported.
    pub fn version(&self) -> Option<String> {
        self.version.lock().clone()
    }

    /// Probes forever.
    pub async fn probe(&self, kubernetes: &Kubernetes, heartbeat_due: &Notify) {
        let mut answered = Instant::now();
        loop {
            let sent_at = Instant::now();
            let changed = match self.ask_once(kubernetes).await {
                Err(error) if condition_of(&error).is_some() => self.broke(answered, &error),
                // An error response, such as throttling, is an answer too.
                Ok(()) | Err(_) => {
                    answered = sent_at;
                    self.freshness.flows()
                }
            };
            if changed {
                heartbeat_due.notify_one();
            }
            sleep(jitter::around(PROBE_EVERY)).await;
        }
    }

    /// The version is read again after an interruption, which may have been an upgrade.
    async fn ask_once(&self, kubernetes: &Kubernetes) -> Result<(), CallError> {
        let until = Instant::now() + PROBE_WITHIN;
        let namespaces = kubernetes.namespaces();
        ask(until, || namespaces.get(IDENTITY_NAMESPACE)).await?;
        if self.version().is_none() || self.freshness.stale_since().is_some() {
            let info = ask(until, || kubernetes.client().apiserver_version()).await?;
            let mut version = self.version.lock();
            *version = Some(info.git_version);
        }
        Ok(())
    }

    fn broke(&self, answered: Instant, error: &CallError) -> bool {
        let Some((kind, message)) = condition_of(error) else {
            return false;
        };
        let changed = self.freshness.broke(answered, kind, message.clone());
        if changed {
            tracing::warn!(reason = message, "unexpected response of the API server");
        }
        changed
    }
}
