//! The registry of clusters, shared by all tasks of the process: each change publishes its events to subscribers.

use std::sync::Arc;

use bus_schema::ClusterName;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch::{Receiver, Sender};

use crate::watch::{Event, Hub, Reader, View};
use diagnostics::{Problem, ProblemCode};
use identity::Principal;
use labels::FleetLabels;
use registry::{ClusterView, ConnectionEvent, Moment, Presence, Registry};

/// The registry, its labels, and the events of both.
#[derive(Debug, Default)]
pub struct SharedRegistry {
    registry: RwLock<Registry>,
    /// The same labels as in the registry, for callers that must not wait for its lock.
    labels: Sender<Arc<FleetLabels>>,
    hub: Arc<Hub>,
}

impl SharedRegistry {
    /// Every cluster that the principal may see, by name.
    #[must_use]
    pub fn clusters(&self, principal: &Principal) -> Vec<ClusterView> {
        let (registry, now) = (self.read(), Moment::now());
        registry
            .names()
            .filter(|name| principal.grants.sees(name))
            .filter_map(|name| {
                let view = registry.view(name, now)?;
                let whole = principal.grants.sees_all_of(name);
                Some(if whole { view } else { view.of_part() })
            })
            .collect()
    }

    /// Subscribes to events from now on, or after the event with this id.
    #[must_use]
    pub fn watch(&self, view: View, last_id: Option<&[u8]>) -> Reader {
        self.hub.read(view, last_id)
    }

    /// The number of clusters by presence.
    #[must_use]
    pub fn count_by_presence(&self) -> [(&'static str, i64); 3] {
        let mut counts = [Presence::Online, Presence::Stale, Presence::Offline].map(|p| (p, 0));
        let (registry, now) = (self.read(), Moment::now());
        for presence in registry
            .names()
            .filter_map(|name| registry.presence(name, now))
        {
            for (of, count) in &mut counts {
                *count += i64::from(*of == presence);
            }
        }
        counts.map(|(presence, count)| (presence.as_str(), count))
    }

    /// The presence of a cluster; `None` if it is unknown.
    #[must_use]
    pub fn presence(&self, cluster: &ClusterName) -> Option<Presence> {
        self.read().presence(cluster, Moment::now())
    }

    /// Records that an agent has connected or disconnected; returns whether it is gone.
    pub fn take_connection_event(&self, connects: bool, event: &ConnectionEvent) -> bool {
        self.change(&event.cluster, |registry, now| {
            if connects {
                registry.connected(event);
            }
            !connects && registry.disconnected(event, now)
        })
    }

    /// The labels of all clusters, with a notification of each change.
    #[must_use]
    pub fn labels(&self) -> Receiver<Arc<FleetLabels>> {
        self.labels.subscribe()
    }

    /// The current labels of all clusters.
    #[must_use]
    pub fn current_labels(&self) -> Arc<FleetLabels> {
        Arc::clone(&self.labels.borrow())
    }

    /// Sets the labels of all clusters, and publishes the changes.
    pub fn learn_labels(&self, labels: FleetLabels) {
        let labels = Arc::new(labels);
        let (mut registry, now) = (self.write(), Moment::now());
        let changed = labels.changed_since(&self.labels.borrow());
        registry.label(Arc::clone(&labels));
        for cluster in &changed {
            registry.publish_changes(cluster, now, |event| self.publish(Event::of(event)));
        }
        self.labels.send_replace(labels);
    }

    /// Records the protocol violation that an agent of this cluster `what`.
    pub fn protocol_violation(
        &self,
        cluster: &ClusterName,
        what: &str,
        error: Option<&dyn std::error::Error>,
    ) -> Problem {
        let is_new = self.change(cluster, |registry, now| {
            registry.protocol_violation(cluster, what, now)
        });
        if is_new {
            let error = error.map(tracing::field::display);
            tracing::warn!(%cluster, error, "an agent {what}");
        }
        let detail = format!("an agent of {cluster} {what}");
        Problem::new(ProblemCode::AgentMisbehaves, detail)
    }

    /// Changes the state of a cluster, and publishes the change.
    pub fn change<T>(
        &self,
        cluster: &ClusterName,
        change: impl FnOnce(&mut Registry, Moment) -> T,
    ) -> T {
        let (mut registry, now) = (self.write(), Moment::now());
        let changed = change(&mut registry, now);
        registry.publish_changes(cluster, now, |event| self.publish(Event::of(event)));
        changed
    }

    /// Forgets a cluster, and publishes that.
    pub fn forget(&self, cluster: &ClusterName) {
        let mut registry = self.write();
        if registry.forget(cluster, Moment::now()) {
            self.publish(Event::forgotten(cluster.clone()));
        }
    }

    /// Publishes changes by time alone.
    pub(super) fn publish_due(&self) {
        let mut registry = self.write();
        let now = Moment::now();
        registry.tick(now);
        registry.publish_all_changes(now, |event| self.publish(Event::of(event)));
    }

    /// Publishes an event to subscribers.
    pub(super) fn publish(&self, event: Event) {
        self.hub.publish(event);
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Registry> {
        self.registry.read()
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Registry> {
        self.registry.write()
    }
}
