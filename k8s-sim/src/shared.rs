//! The state that the API and the controllers of one cluster share.

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::fault::Faults;
use crate::state::State;

/// The state that requests and the controllers' task share.
pub struct Shared {
    state: Mutex<State>,
    pub clock: Clock,
    pub faults: Faults,
    /// Incremented each time all open watches are ended.
    pub breaks: watch::Sender<u64>,
    pub shutdown: CancellationToken,
    /// Wakes the controllers' task.
    pub work: Notify,
}

impl Shared {
    pub fn new(state: State, shutdown: CancellationToken) -> Self {
        Self {
            clock: state.clock.clone(),
            state: Mutex::new(state),
            faults: Faults::default(),
            breaks: watch::Sender::new(0),
            shutdown,
            work: Notify::new(),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Notifies the controllers of a write.
    pub fn nudge(&self) {
        self.state().notice(self.clock.now());
        self.work.notify_one();
    }
}
