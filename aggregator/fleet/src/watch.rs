//! The event stream of the fleet: recent events are buffered once for all readers, and each reader has its own position. A slow reader
//! falls behind the buffer and gets a gap; readers never block the hub or each other. Knows nothing of the bus.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

mod event;
mod id;
mod reader;
mod ring;
mod selected;
mod view;

pub use event::Event;
pub use reader::{Delivered, Reader};
pub use selected::SelectedClusters;
pub use view::View;

use id::Ids;
use reader::Start;
use ring::Ring;

/// The hub that publishes events to all readers.
#[derive(Debug, Default)]
pub struct Hub {
    ring: Mutex<Ring>,
    /// The position after the last event.
    newest: watch::Sender<u64>,
    ids: Ids,
}

impl Hub {
    /// Publishes an event to all readers who may see it.
    pub fn publish(&self, event: Event) {
        let mut ring = self.ring();
        ring.push(event);
        // Under the lock, so that it only increases.
        self.newest.send_replace(ring.end());
    }

    /// Creates a reader that resumes after the event with this id, or starts now if that is not possible.
    #[must_use]
    pub fn read(self: &Arc<Self>, view: View, last_id: Option<&[u8]>) -> Reader {
        let epoch = self.ids.epoch(&view);
        let ring = self.ring();
        let (position, start) = match last_id {
            None => (ring.end(), Start::Reset("started")),
            Some(id) => match self.ids.position(&epoch, id).filter(|at| *at <= ring.end()) {
                None => (ring.end(), Start::Reset("unknown_id")),
                Some(at) if at < ring.begin() => (ring.end(), Start::Reset("too_old")),
                Some(at) => (at, Start::Resumed),
            },
        };
        Reader {
            hub: Arc::clone(self),
            newest: self.newest.subscribe(),
            view,
            epoch,
            position,
            start: Some(start),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock()
    }
}

#[cfg(test)]
mod tests;
