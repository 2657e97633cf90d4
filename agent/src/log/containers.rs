//! Limits how many containers are followed at the same time: each needs a connection to the API server, with buffers at both ends.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limit of one log.
const OF_A_LOG: usize = 64;

/// The limit of all logs together. Each buffers up to 400 kB.
const OF_ALL: usize = 128;

/// Permits for the containers of one log.
#[derive(Debug, Clone)]
pub struct Containers {
    of_log: Arc<Semaphore>,
    of_all: Arc<Semaphore>,
}

/// Held while a container is followed.
#[derive(Debug)]
pub struct ContainerPermit {
    _of_log: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Containers {
    /// The permits of all logs together.
    pub fn of_all() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(OF_ALL))
    }

    /// The permits of one log.
    pub fn of_log(of_all: Arc<Semaphore>) -> Self {
        Self {
            of_log: Arc::new(Semaphore::new(OF_A_LOG)),
            of_all,
        }
    }

    /// One permit for each container of a pod, or `None`.
    pub fn try_acquire(&self, containers: usize) -> Option<Vec<ContainerPermit>> {
        let number = u32::try_from(containers).ok()?;
        let mut of_log = self.of_log.clone().try_acquire_many_owned(number).ok()?;
        let mut of_all = self.of_all.clone().try_acquire_many_owned(number).ok()?;
        let permits = std::iter::from_fn(|| {
            Some(ContainerPermit {
                _of_log: of_log.split(1)?,
                _of_all: of_all.split(1)?,
            })
        });
        Some(permits.take(containers).collect())
    }
}
