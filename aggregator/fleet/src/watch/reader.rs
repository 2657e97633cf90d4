//! One who watches.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::watch;

use super::{Hub, SelectedClusters, View};

/// Reads events from a position on.
#[derive(Debug)]
pub struct Reader {
    pub(super) hub: Arc<Hub>,
    pub(super) newest: watch::Receiver<u64>,
    pub(super) view: View,
    pub(super) epoch: String,
    pub(super) position: u64,
    /// How the stream begins, until that is told.
    pub(super) start: Option<Start>,
}

/// How a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Just behind the last event that the reader knows.
    Resumed,
    /// Anew, for this reason.
    Reset(&'static str),
}

/// An event as a reader gets it.
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
    /// What comes next that the reader may see.
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
            // What comes after this look wakes it up again.
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
                    // The sender is the hub's, which is held here.
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
