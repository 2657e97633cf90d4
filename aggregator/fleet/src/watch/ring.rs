//! A ring buffer of the last events, as many as fit.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Event;
use registry::CHANGES_LIMIT;

/// The size of all buffered events together.
pub const BYTES: usize = 32 * 1024 * 1024;

// A single cluster cannot evict all events of the others.
const _: () = assert!(CHANGES_LIMIT.most * 4 <= BYTES);

/// Events, numbered from 0 since the start. A position is between two events: it is the number of the event after it.
#[derive(Debug, Default)]
pub struct Ring {
    events: VecDeque<Arc<Event>>,
    begin: u64,
    bytes: usize,
}

impl Ring {
    /// Adds an event, and drops the oldest ones to make it fit.
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

    /// The position after the newest event.
    pub fn end(&self) -> u64 {
        self.begin + self.events.len() as u64
    }

    /// The event after a position, which must not be before the beginning; `None` at the end.
    pub fn get(&self, position: u64) -> Option<Arc<Event>> {
        let index = usize::try_from(position.checked_sub(self.begin)?).ok()?;
        self.events.get(index).cloned()
    }
}
