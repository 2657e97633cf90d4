//! The DaemonSet controller: one pod on each suitable node.

mod status;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetSpec, RollingUpdateDaemonSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::history::History;
use super::pods;
use crate::derived::daemon::{daemon_pod, node_of};
use crate::derived::history::{hash_of, hash_of_pod};
use crate::derived::rolling::part;
use crate::kind::Kind;
use crate::queue::Work;
use crate::state::State;
use crate::store::Key;

pub fn reconcile(state: &mut State, key: &Key, now: Timestamp) {
    state.wake(Kind::DaemonSet, key);
    let Some(set) = state.store.read::<DaemonSet>(key) else {
        return;
    };
    let history = History::sync(state, &set, now);
    let round = Round::read(state, set, history);
    if round.set.metadata.deletion_timestamp.is_none() {
        let rolling = round.rolling();
        let surge = rolling.as_ref().and_then(|own| own.max_surge.as_ref());
        let surge = round.share(surge);
        round.place(state, surge > 0, now);
        match rolling {
            Some(_) if surge > 0 => round.surge(state, surge, now),
            Some(rolling) => {
                let max_unavailable = round.share(rolling.max_unavailable.as_ref());
                round.replace(state, max_unavailable, now);
            }
            None => {}
        }
    }
    status::update(state, round, now);
}

pub fn follow_nodes(state: &mut State, now: Timestamp) {
    let sets = state.store.list(Kind::DaemonSet, None);
    let keys: Vec<Key> = sets.map(|set| set.key.clone()).collect();
    for key in keys {
        state.queue.push(now, Work::Reconcile(Kind::DaemonSet, key));
    }
}

/// A DaemonSet with its revisions and pods, as one step of the controller sees them.
struct Round {
    set: DaemonSet,
    history: History,
    /// The nodes that should have a pod.
    nodes: BTreeSet<String>,
    /// By node, oldest first.
    pods: BTreeMap<String, Vec<Pod>>,
}

impl Round {
    fn read(state: &State, set: DaemonSet, history: History) -> Self {
        let mut pods: BTreeMap<String, Vec<Pod>> = BTreeMap::new();
        for pod in pods::owned(state, &set) {
            let node = node_of(&pod).unwrap_or_default().to_owned();
            pods.entry(node).or_default().push(pod);
        }
        for on_node in pods.values_mut() {
            on_node.sort_by_key(|pod| {
                let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
                (created, pod.metadata.name.clone())
            });
        }
        Self {
            nodes: suitable_nodes(state, &set),
            history,
            pods,
            set,
        }
    }

    fn spec(&self) -> &DaemonSetSpec {
        let spec = self.set.spec.as_ref();
        spec.expect("a stored DaemonSet has a spec")
    }

    /// `None` where pods are replaced only after somebody has deleted them.
    fn rolling(&self) -> Option<RollingUpdateDaemonSet> {
        let strategy = self.spec().update_strategy.clone().unwrap_or_default();
        match strategy.type_.as_deref() {
            Some("OnDelete") => None,
            _ => Some(strategy.rolling_update.unwrap_or_default()),
        }
    }

    fn on(&self, node: &str) -> &[Pod] {
        self.pods.get(node).map_or(&[], Vec::as_slice)
    }

    fn create(&self, state: &mut State, node: &str, now: Timestamp) {
        let set_name = self.set.metadata.name.as_deref().unwrap_or_default();
        let name = format!("{set_name}-{}", state.ids.suffix());
        let pod = daemon_pod(&self.set, &self.history.update, node, name);
        pods::create(state, &self.set, pod, now);
    }

    /// Creates the missing pods, and deletes those that are too many or on the wrong node.
    fn place(&self, state: &mut State, surges: bool, now: Timestamp) {
        for node in self.nodes.iter().filter(|node| self.on(node).is_empty()) {
            self.create(state, node, now);
        }
        for (node, on_node) in &self.pods {
            let allowed = usize::from(self.nodes.contains(node));
            // Where a set surges, a node has the new pod beside the old one for a while.
            let (new, old): (Vec<&Pod>, Vec<&Pod>) = on_node
                .iter()
                .filter(|pod| pods::is_active(pod))
                .partition(|pod| surges && self.is_updated(pod));
            let over = on_node
                .iter()
                .filter(|pod| pods::is_over(pod) && !pods::is_terminating(pod));
            let surplus = new.into_iter().skip(allowed);
            for pod in surplus.chain(old.into_iter().skip(allowed)).chain(over) {
                pods::end(state, &self.set, pod, now);
            }
        }
    }

    /// Creates new pods beside old ones, as many as may be too many, and deletes an old one when the new one serves.
    fn surge(&self, state: &mut State, surge: i32, now: Timestamp) {
        let mut may_come = surge;
        let mut without_new = Vec::new();
        for node in &self.nodes {
            let active = || self.on(node).iter().filter(|pod| pods::is_active(pod));
            let Some(old) = active().find(|pod| !self.is_updated(pod)) else {
                continue;
            };
            match active().find(|pod| self.is_updated(pod)) {
                Some(new) if pods::is_available(state, &self.set, new, now) => {
                    pods::end(state, &self.set, old, now);
                }
                Some(_) => may_come -= 1,
                None => without_new.push(node),
            }
        }
        let may_come = usize::try_from(may_come).unwrap_or(0);
        for node in without_new.into_iter().take(may_come) {
            self.create(state, node, now);
        }
    }

    /// Deletes pods with an earlier template, as many as may be unavailable; broken ones are not counted.
    fn replace(&self, state: &mut State, max_unavailable: i32, now: Timestamp) {
        let (mut broken, mut serving) = (Vec::new(), Vec::new());
        let mut unavailable = 0;
        for node in &self.nodes {
            let pod = self.on(node).iter().find(|pod| pods::is_active(pod));
            let serves = pod.is_some_and(|pod| pods::is_available(state, &self.set, pod, now));
            unavailable += i32::from(!serves);
            match pod.filter(|pod| !self.is_updated(pod)) {
                Some(pod) if serves => serving.push(pod),
                Some(pod) => broken.push(pod),
                None => {}
            }
        }
        let may_go = (max_unavailable - unavailable).max(0);
        let may_go = usize::try_from(may_go).unwrap_or(0);
        for pod in broken.into_iter().chain(serving.into_iter().take(may_go)) {
            pods::end(state, &self.set, pod, now);
        }
    }

    /// A number or share of the nodes, rounded up.
    fn share(&self, amount: Option<&IntOrString>) -> i32 {
        let desired = pods::count(self.nodes.len());
        amount.map_or(0, |amount| part(Some(amount), desired, f64::ceil))
    }

    fn is_updated(&self, pod: &Pod) -> bool {
        hash_of_pod(pod) == hash_of::<DaemonSet>(&self.history.update)
    }
}

/// The nodes that have the labels of `spec.template.spec.nodeSelector`.
fn suitable_nodes(state: &State, set: &DaemonSet) -> BTreeSet<String> {
    let spec = set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.spec.as_ref());
    let wanted = spec.and_then(|spec| spec.node_selector.clone());
    let wanted = wanted.unwrap_or_default();
    let nodes = state.store.list(Kind::Node, None).filter(|node| {
        let mut labels = wanted.iter();
        labels.all(|(key, value)| node.label(key) == Some(value))
    });
    nodes.map(|node| node.key.name.to_string()).collect()
}
