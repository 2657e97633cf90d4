//! The last events, as many as fit.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Event;
use registry::CHANGES_LIMIT;

/// What all events that are kept take together.
pub const BYTES: usize = 32 * 1024 * 1024;

// One cluster alone does not push out what the others have told in the meantime.
const _: () = assert!(CHANGES_LIMIT.most * 4 <= BYTES);

/// Events, counted from 0 over all times. A position is between two of them: it is the number of the one behind it.
#[derive(Debug, Default)]
pub struct Ring {
    events: VecDeque<Arc<Event>>,
    begin: u64,
    bytes: usize,
}

impl Ring {
    /// Takes in an event, and lets go of the oldest ones where there is no room for it.
    pub fn push(&mut self, event: Event) {
        self.bytes += event.bytes();
        self.events.push_back(Arc::new(event));
        while self.bytes > BYTES
            && let Some(oldest) = self.events.pop_front()
        {
            self.bytes -= oldest.bytes();
            self.begin += 1;
        }
    }

    /// The position before the oldest event.
    pub fn begin(&self) -> u64 {
        self.begin
    }

    /// The position behind the newest event.
    pub fn end(&self) -> u64 {
        self.begin + self.events.len() as u64
    }

    /// The event behind a position that is not before the beginning; `None` at the end.
    pub fn get(&self, position: u64) -> Option<Arc<Event>> {
        let index = usize::try_from(position.checked_sub(self.begin)?).ok()?;
        self.events.get(index).cloned()
    }
}
