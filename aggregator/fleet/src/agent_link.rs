//! The link to the agents: a connection for requests, and one for what agents send without being asked.

use std::sync::atomic::{AtomicBool, Ordering};

use storage::bus::Bus;

/// Both connections, and whether the nats-server answers on them.
#[derive(Debug)]
pub struct AgentLink {
    pub(super) bus: Bus,
    /// For what agents send without being asked. A flood of it may make the broker cut this connection, and holds up no request.
    pub(super) unasked: Bus,
    /// Whether the server answers requests.
    is_answered: AtomicBool,
}

impl AgentLink {
    /// Over a connection for requests and one for what is sent unasked.
    pub(super) fn new((bus, unasked): (Bus, Bus)) -> Self {
        Self {
            bus,
            unasked,
            is_answered: AtomicBool::new(true),
        }
    }

    /// Whether agents are out of reach: the connection is down, or nothing comes back on it.
    pub(super) fn is_cut_off(&self) -> bool {
        !self.bus.is_up() || !self.is_answered.load(Ordering::Relaxed)
    }

    pub(super) fn set_answered(&self, is_answered: bool) {
        self.is_answered.store(is_answered, Ordering::Relaxed);
    }
}
