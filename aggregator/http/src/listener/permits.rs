//! Permits for connections. A permit is acquired before the first byte, and is given to another connection when its holder is idle.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::activity::Activity;
use super::{Limits, Settings};
use limits::network;

/// How often refusals are logged, however many there are.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// The use of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// For all calls.
    Ordinary,
    /// For probes, while all others have a request in flight.
    Reserved,
}

/// All permits of a listener.
#[derive(Debug, Clone)]
pub(super) struct Permits(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    limits: Limits,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    next_id: u64,
    holders: HashMap<u64, Holder>,
    by_kind: [usize; 2],
    by_network: HashMap<IpNet, usize>,
    warned: Option<Instant>,
}

#[derive(Debug)]
struct Holder {
    kind: Kind,
    network: IpNet,
    activity: Arc<Activity>,
    evicted: CancellationToken,
}

impl Permits {
    pub(super) fn new(settings: Settings, limits: Limits) -> Self {
        let held = Mutex::default();
        Self(Arc::new(Shared {
            settings,
            limits,
            held,
        }))
    }

    /// A permit for a connection from this address; `None` if it has too many, or all are in use.
    pub(super) fn acquire(&self, address: IpAddr) -> Option<Permit> {
        let Shared {
            settings, limits, ..
        } = &*self.0;
        let network = network(address, 32, 64);
        let mut held = self.0.held();
        let of_network = held.by_network.get(&network).copied().unwrap_or(0);
        if of_network >= settings.per_address && !settings.trusted_proxies.trusts(address) {
            settings.counts.refused("address");
            held.warn_of(network, settings.per_address);
            return None;
        }
        let kind = if self
            .0
            .has_room(&mut held, Kind::Ordinary, limits.connections)
        {
            Kind::Ordinary
        } else if self.0.has_room(&mut held, Kind::Reserved, limits.reserve) {
            Kind::Reserved
        } else {
            settings.counts.refused("full");
            return None;
        };
        let permit = Permit {
            shared: Arc::clone(&self.0),
            id: held.next_id,
            kind,
            activity: Arc::new(Activity::new()),
            evicted: CancellationToken::new(),
        };
        held.insert(&permit, network);
        settings.counts.open.inc();
        Some(permit)
    }

    /// Closes the connection that has been idle for the longest time.
    pub(super) fn evict_longest_idle(&self) {
        self.0.evict(&mut self.0.held(), Kind::Ordinary);
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock()
    }

    fn has_room(&self, held: &mut Held, kind: Kind, most: usize) -> bool {
        held.by_kind[kind as usize] < most || self.evict(held, kind)
    }

    fn evict(&self, held: &mut Held, kind: Kind) -> bool {
        let of_kind = held.holders.iter().filter(|(_, of)| of.kind == kind);
        let idle = of_kind.filter_map(|(id, holder)| Some((holder.activity.idle_since()?, *id)));
        let Some((_, id)) = idle.min() else {
            return false;
        };
        if let Some(holder) = held.remove(id) {
            holder.evicted.cancel();
            self.settings.counts.evicted.inc();
            self.settings.counts.open.dec();
        }
        true
    }
}

impl Held {
    fn insert(&mut self, permit: &Permit, network: IpNet) {
        let holder = Holder {
            kind: permit.kind,
            network,
            activity: Arc::clone(&permit.activity),
            evicted: permit.evicted.clone(),
        };
        self.next_id += 1;
        self.by_kind[permit.kind as usize] += 1;
        self.holders.insert(permit.id, holder);
        *self.by_network.entry(network).or_default() += 1;
    }

    fn remove(&mut self, id: u64) -> Option<Holder> {
        let holder = self.holders.remove(&id)?;
        self.by_kind[holder.kind as usize] -= 1;
        if let Some(count) = self.by_network.get_mut(&holder.network) {
            *count -= 1;
            if *count == 0 {
                self.by_network.remove(&holder.network);
            }
        }
        Some(holder)
    }

    fn warn_of(&mut self, network: IpNet, per_address: usize) {
        let now = Instant::now();
        if self.warned.is_some_and(|last| now < last + WARN_EVERY) {
            return;
        }
        self.warned = Some(now);
        warn!(
            %network,
            per_address,
            "too many connections from this address: further ones are closed; if it is a proxy, add it to --trusted-proxies, or raise \
             --connections-per-address"
        );
    }
}

/// The permit for one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    shared: Arc<Shared>,
    id: u64,
    kind: Kind,
    activity: Arc<Activity>,
    evicted: CancellationToken,
}

impl Permit {
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn limits(&self) -> Limits {
        self.shared.limits
    }

    pub(super) fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.activity)
    }

    /// Resolves when the permit was given to another connection.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// Resolves when the connection has been idle for too long, or its reserved time is over.
    pub(super) async fn expired(&self) {
        let limits = self.limits();
        if self.kind == Kind::Reserved {
            return tokio::time::sleep(limits.headers_within).await;
        }
        loop {
            let deadline = self.activity.deadline(limits);
            if deadline <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(deadline).await;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.shared.held().remove(self.id).is_some() {
            self.shared.settings.counts.open.dec();
        }
    }
}
