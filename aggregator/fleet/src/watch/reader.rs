//! A reader of the event stream.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::watch;

use super::{Hub, SelectedClusters, View};

/// Reads events from a position onwards.
#[derive(Debug)]
pub struct Reader {
    pub(super) hub: Arc<Hub>,
    pub(super) newest: watch::Receiver<u64>,
    pub(super) view: View,
    pub(super) epoch: String,
    pub(super) position: u64,
    /// How the stream begins, until that has been sent.
    pub(super) start: Option<Start>,
}

/// How a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Resumed just after the last event that the reader knows.
    Resumed,
    /// Started again, for this reason.
    Reset(&'static str),
}

/// An event as delivered to a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The event's name.
    pub name: &'static str,
    /// Its id.
    pub id: String,
    /// Its data: JSON on one line.
    pub data: Arc<str>,
}

impl Reader {
    /// The next event that the reader may see.
    pub async fn next(&mut self) -> Delivered {
        match self.start.take() {
            Some(Start::Resumed) => return self.event("resumed", "{}".into()),
            Some(Start::Reset(reason)) => {
                let data = json!({ "reason": reason }).to_string();
                return self.event("reset", data.into());
            }
            None => {}
        }
        loop {
            if self
                .view
                .selected
                .as_mut()
                .is_some_and(SelectedClusters::renew)
            {
                return self.event("gap", "{}".into());
            }
            // Events after this check wake it up again.
            self.newest.mark_unchanged();
            let (begin, end, event) = {
                let ring = self.hub.ring();
                (ring.begin(), ring.end(), ring.get(self.position))
            };
            if self.position < begin {
                self.position = end;
                return self.event("gap", "{}".into());
            }
            if let Some(event) = event {
                self.position += 1;
                if let Some(data) = self.view.of(&event) {
                    return self.event(event.name, Arc::clone(data));
                }
            } else {
                let relabelled = async {
                    match &mut self.view.selected {
                        Some(selected) => selected.changed().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    // The sender belongs to the hub, which this reader holds.
                    _ = self.newest.changed() => {}
                    () = relabelled => {}
                }
            }
        }
    }

    fn event(&self, name: &'static str, data: Arc<str>) -> Delivered {
        let id = self.hub.ids.id(&self.epoch, self.position);
        Delivered { name, id, data }
    }
}
