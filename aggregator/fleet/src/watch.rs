//! Those who watch the fleet, and what they are told: the last events are kept once for all of them, and each reads on from where it
//! is. Who is slow falls behind what is kept, and misses something; nobody waits for anybody. Knows no bus.

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

/// What has happened, for those who watch.
#[derive(Debug, Default)]
pub struct Hub {
    ring: Mutex<Ring>,
    /// The position behind the last event.
    newest: watch::Sender<u64>,
    ids: Ids,
}

impl Hub {
    /// Tells all who may see it.
    pub fn publish(&self, event: Event) {
        let mut ring = self.ring();
        ring.push(event);
        // Under the lock, so that it only rises.
        self.newest.send_replace(ring.end());
    }

    /// Reads on behind the event of this id, or from now on where that cannot be.
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
