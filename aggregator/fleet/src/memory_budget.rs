//! The memory budget of the responses to all fleet queries together, however many are in flight: backpressure on queries.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limit of all responses to one query.
pub(super) const ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// The limit of the responses to all queries in flight.
pub(super) const ALL_ANSWERS_BYTES: usize = 4 * ANSWER_BYTES;

/// Counted in pieces of this many bytes.
const PIECE: usize = 1024;

/// Memory for responses as received from the bus.
#[derive(Debug, Clone)]
pub struct MemoryBudget(Arc<Semaphore>);

/// A part of it, released when this is dropped.
#[derive(Debug)]
pub struct MemoryPermit {
    _pieces: OwnedSemaphorePermit,
}

impl MemoryBudget {
    /// A budget of this many bytes.
    pub fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / PIECE)))
    }

    /// Acquires the memory for a response; `None` if not enough is left.
    pub fn acquire(&self, bytes: usize) -> Option<MemoryPermit> {
        let pieces = u32::try_from(bytes.div_ceil(PIECE)).ok()?;
        let acquired = self.0.clone().try_acquire_many_owned(pieces).ok()?;
        Some(MemoryPermit { _pieces: acquired })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_whole_again_when_the_permits_are_dropped() {
        let budget = MemoryBudget::of(4 * PIECE);
        let first = budget.acquire(2 * PIECE + 1).unwrap();
        assert!(budget.acquire(PIECE + 1).is_none());
        let second = budget.acquire(1).unwrap();
        assert!(budget.acquire(1).is_none());
        drop((first, second));
        assert!(budget.acquire(4 * PIECE).is_some());
        assert!(budget.acquire(usize::MAX).is_none());
    }
}
