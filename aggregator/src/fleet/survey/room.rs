//! The memory that answers to all surveys together may take, however many are under way.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counted in pieces of this many bytes.
const PIECE: usize = 1024;

/// Memory for answers, as they come over the bus.
#[derive(Debug, Clone)]
pub struct Room(Arc<Semaphore>);

/// A part of it, which is free again when this is dropped.
#[derive(Debug)]
pub struct Taken {
    _pieces: OwnedSemaphorePermit,
}

impl Room {
    /// So many bytes.
    pub fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / PIECE)))
    }

    /// Takes as much as an answer needs; `None` where there is not as much left.
    pub fn take(&self, bytes: usize) -> Option<Taken> {
        let pieces = u32::try_from(bytes.div_ceil(PIECE)).ok()?;
        let taken = self.0.clone().try_acquire_many_owned(pieces).ok()?;
        Some(Taken { _pieces: taken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_as_much_room_as_there_was_when_what_was_taken_is_dropped() {
        let room = Room::of(4 * PIECE);
        let first = room.take(2 * PIECE + 1).unwrap();
        assert!(room.take(PIECE + 1).is_none());
        let second = room.take(1).unwrap();
        assert!(room.take(1).is_none());
        drop((first, second));
        assert!(room.take(4 * PIECE).is_some());
        assert!(room.take(usize::MAX).is_none());
    }
}
