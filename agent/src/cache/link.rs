//! Whether the API server answers at all. A watch over a dead connection looks just like one with nothing to say, so it
//! is asked for its version every few seconds.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::Freshness;
use crate::jitter;
use crate::kubernetes::{ask, condition_of};

const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBE_WITHIN: Duration = Duration::from_secs(3);

/// The link to the API server.
#[derive(Default)]
pub struct Link {
    pub freshness: Freshness,
    version: Mutex<Option<String>>,
}

impl Link {
    /// The version that the API server reported last.
    pub fn version(&self) -> Option<String> {
        let version = self.version.lock();
        version.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks, for ever.
    pub async fn probe(&self, client: &Client, news: &Notify) {
        let mut answered = Instant::now();
        loop {
            let asked = Instant::now();
            if self.ask_once(client, answered).await {
                news.notify_one();
            }
            if self.freshness.stale_since().is_none() {
                answered = asked;
            }
            sleep(jitter::around(PROBE_EVERY)).await;
        }
    }

    async fn ask_once(&self, client: &Client, answered: Instant) -> bool {
        match ask(Instant::now() + PROBE_WITHIN, || client.apiserver_version()).await {
            Ok(info) => {
                let mut version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
                *version = Some(info.git_version);
                self.freshness.flows()
            }
            Err(error) => match condition_of(&error) {
                Some((kind, message)) => self.freshness.broke(answered, kind, message),
                // Slowed down, say: it answers.
                None => self.freshness.flows(),
            },
        }
    }
}
