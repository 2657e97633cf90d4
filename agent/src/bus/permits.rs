//! Permits for requests. The request's subject proves whether the requester is the aggregator; other requesters name a reply subject
//! that need not be their own. All persons together hold at most half of the permits and each name at most a quarter; the rest is
//! reserved for the aggregator.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of permits.
#[derive(Debug, Clone)]
pub struct Permits {
    all: Arc<Semaphore>,
    most: usize,
    persons: Arc<Persons>,
}

/// Held while a request is processed.
#[derive(Debug)]
pub struct Permit {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// The permits that persons hold, by name. There are at most as many names as permits.
#[derive(Debug, Default)]
struct Persons(Mutex<HashMap<String, usize>>);

/// A permit from a person's share.
#[derive(Debug)]
struct Share {
    persons: Arc<Persons>,
    name: String,
}

impl Permits {
    /// Creates `most` permits.
    pub fn new(most: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(most)),
            most,
            persons: Arc::default(),
        }
    }

    /// Waits for a permit for the aggregator.
    pub async fn acquire(&self) -> Permit {
        let permit = self.all.clone().acquire_owned().await;
        Permit {
            _permit: permit.expect("the semaphore is never closed"),
            _share: None,
        }
    }

    /// A permit for the person of this name; `None` if all permits for persons, or for this one, are in use.
    pub fn try_acquire_for(&self, name: &str) -> Option<Permit> {
        let mut held = self.persons.held();
        let of_name = held.get(name).copied().unwrap_or(0);
        if held.values().sum::<usize>() >= self.most / 2 || of_name >= self.most / 4 {
            return None;
        }
        let permit = self.all.clone().try_acquire_owned().ok()?;
        held.insert(name.to_owned(), of_name + 1);
        drop(held);
        Some(Permit {
            _permit: permit,
            _share: Some(Share {
                persons: Arc::clone(&self.persons),
                name: name.to_owned(),
            }),
        })
    }
}

impl Persons {
    fn held(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.persons.held();
        match held.get_mut(&self.name) {
            Some(of_name) if *of_name > 1 => *of_name -= 1,
            _ => drop(held.remove(&self.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn one_name_holds_a_quarter_and_all_names_half_of_them_and_the_rest_is_the_aggregators() {
        let permits = Permits::new(8);
        let take = |name: &str| -> Vec<Permit> {
            std::iter::from_fn(|| permits.try_acquire_for(name)).collect()
        };
        let (ana, bob, carl) = (take("ana"), take("bob"), take("carl"));
        assert_eq!((ana.len(), bob.len(), carl.len()), (2, 2, 0));
        let aggregators: Vec<_> = (0..4)
            .filter_map(|_| permits.acquire().now_or_never())
            .collect();
        assert_eq!(aggregators.len(), 4);
        assert!(permits.acquire().now_or_never().is_none());
        drop((ana, aggregators));
        assert_eq!(take("carl").len(), 2);
        drop(bob);
        assert!(permits.persons.held().is_empty());
    }
}
