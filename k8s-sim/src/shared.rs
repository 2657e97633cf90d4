//! What the API and the controllers of one cluster share.

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::fault::Faults;
use crate::state::State;

/// What requests and the controllers' task share.
pub struct Shared {
    state: Mutex<State>,
    pub clock: Clock,
    pub faults: Faults,
    /// Counts the times when all open watches were cut.
    pub breaks: watch::Sender<u64>,
    pub shutdown: CancellationToken,
    /// Tells the controllers' task that something is to be done.
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

    /// Tells the controllers that something was written.
    pub fn nudge(&self) {
        self.state().notice(self.clock.now());
        self.work.notify_one();
    }
}
