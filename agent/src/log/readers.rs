//! Limits how many logs are read at the same time for all requests together: each takes at most a page of memory.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::agent::Requester;

const ALL: usize = 16;

/// Permits for reading the end of a container's log. Persons hold at most half of them.
#[derive(Debug)]
pub struct Readers {
    all: Semaphore,
    persons: Semaphore,
}

/// Held while a log is read.
#[derive(Debug)]
pub struct ReaderPermit<'a> {
    _permit: SemaphorePermit<'a>,
    _share: Option<SemaphorePermit<'a>>,
}

impl Default for Readers {
    fn default() -> Self {
        Self {
            all: Semaphore::new(ALL),
            persons: Semaphore::new(ALL / 2),
        }
    }
}

impl Readers {
    /// Waits for a permit.
    pub async fn acquire(&self, requester: Requester) -> ReaderPermit<'_> {
        const OPEN: &str = "the semaphore is never closed";
        // The permit of the persons' share first: waiting for it does not block the aggregator.
        let share = match requester {
            Requester::Aggregator => None,
            Requester::Person => Some(self.persons.acquire().await.expect(OPEN)),
        };
        ReaderPermit {
            _permit: self.all.acquire().await.expect(OPEN),
            _share: share,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn persons_read_half_as_many_logs_and_the_aggregator_is_not_behind_them() {
        let readers = Readers::default();
        let mut held = Vec::new();
        let mut waiting = Vec::new();
        for _ in 0..ALL {
            let mut permit = Box::pin(readers.acquire(Requester::Person));
            match (&mut permit).now_or_never() {
                Some(permit) => held.push(permit),
                None => waiting.push(permit),
            }
        }
        assert_eq!((held.len(), waiting.len()), (ALL / 2, ALL / 2));
        for _ in 0..ALL / 2 {
            let permit = readers.acquire(Requester::Aggregator).now_or_never();
            held.push(permit.expect("the rest is the aggregator's"));
        }
        assert!(
            readers
                .acquire(Requester::Aggregator)
                .now_or_never()
                .is_none()
        );
    }
}
