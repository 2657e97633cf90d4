//! One who watches.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Hub, View};
use crate::event_stream::Events;

/// Reads events from a position on.
#[derive(Debug)]
pub struct Reader {
    pub(super) hub: Arc<Hub>,
    pub(super) newest: watch::Receiver<u64>,
    pub(super) view: View,
    pub(super) epoch: String,
    pub(super) position: u64,
    pub(super) start: Start,
    pub(super) _place: OwnedSemaphorePermit,
}

/// How a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Just behind the last event that the reader knows.
    Resumed,
    /// Anew, for this reason.
    Reset(&'static str),
}

impl Reader {
    /// Passes on what the reader may see, for as long as the reader takes it.
    pub async fn run(mut self, events: Events) {
        match self.start {
            Start::Resumed => self.pass_on(&events, "resumed", "{}").await,
            Start::Reset(reason) => {
                let data = json!({ "reason": reason }).to_string();
                self.pass_on(&events, "reset", &data).await;
            }
        }
        loop {
            // Seen before the position is looked at: what comes meanwhile wakes it up again.
            self.newest.mark_unchanged();
            let (begin, event) = {
                let ring = self.hub.ring();
                (ring.begin(), ring.get(self.position))
            };
            if self.position < begin {
                self.position = self.hub.ring().end();
                self.pass_on(&events, "gap", "{}").await;
            } else if let Some(event) = event {
                self.position += 1;
                if let Some(data) = self.view.of(&event) {
                    self.pass_on(&events, event.name, data).await;
                }
            } else if self.newest.changed().await.is_err() {
                return;
            }
        }
    }

    async fn pass_on(&self, events: &Events, name: &'static str, data: &str) {
        let id = self.hub.ids.id(&self.epoch, self.position);
        events.send_text(name, &id, data).await;
    }
}
