//! The StatefulSet controller: numbered pods, created from the lowest number up and replaced from the highest down.

mod status;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::Pod;

use super::history::History;
use super::pods;
use crate::derived::history::{hash_of_pod, name_of};
use crate::derived::ordinal::{numbered_pod, ordinal_of};
use crate::kind::Kind;
use crate::state::State;
use crate::store::Key;

pub fn reconcile(state: &mut State, key: &Key, now: Timestamp) {
    state.wake(Kind::StatefulSet, key);
    let Some(set) = state.store.read::<StatefulSet>(key) else {
        return;
    };
    let history = History::sync(state, &set, now);
    let round = Round::read(state, set, history);
    if round.set.metadata.deletion_timestamp.is_none() {
        // Each phase waits for the one before it where pods are managed in order.
        let _ = round.step(state, now);
    }
    status::update(state, round, now);
}

/// A StatefulSet with its revisions and pods, as one step of the controller sees them.
struct Round {
    set: StatefulSet,
    history: History,
    /// The revision of the pods below the partition.
    current: ControllerRevision,
    /// By number.
    pods: BTreeMap<i32, Pod>,
}

impl Round {
    fn read(state: &State, set: StatefulSet, history: History) -> Self {
        let status = set.status.as_ref();
        let current = status.and_then(|status| status.current_revision.as_deref());
        let current = current.and_then(|name| history.named(name));
        let pods = pods::owned(state, &set).into_iter();
        Self {
            current: current.unwrap_or(&history.update).clone(),
            pods: pods
                .filter_map(|pod| Some((ordinal_of(&set, &pod)?, pod)))
                .collect(),
            history,
            set,
        }
    }

    fn spec(&self) -> &StatefulSetSpec {
        let spec = self.set.spec.as_ref();
        spec.expect("a stored StatefulSet has a spec")
    }

    fn replicas(&self) -> i32 {
        self.spec().replicas.unwrap_or(1)
    }

    /// The numbers of the desired pods.
    fn ordinals(&self) -> std::ops::Range<i32> {
        let start = self.spec().ordinals.as_ref().and_then(|own| own.start);
        let start = start.unwrap_or(0);
        start..start + self.replicas()
    }

    fn is_rolling(&self) -> bool {
        let strategy = self.spec().update_strategy.as_ref();
        strategy.and_then(|strategy| strategy.type_.as_deref()) != Some("OnDelete")
    }

    /// The lowest number whose pod gets the new template.
    fn partition(&self) -> i32 {
        let strategy = self.spec().update_strategy.as_ref();
        let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
        let partition = rolling.and_then(|rolling| rolling.partition);
        self.ordinals().start + partition.unwrap_or(0)
    }

    /// Where pods are managed in order, one that is not available delays everything after it.
    fn wait(&self) -> ControlFlow<()> {
        match self.spec().pod_management_policy.as_deref() {
            Some("Parallel") => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }

    fn step(&self, state: &mut State, now: Timestamp) -> ControlFlow<()> {
        self.fill(state, now)?;
        self.shrink(state, now)?;
        if self.is_rolling() {
            self.replace(state, now);
        }
        ControlFlow::Continue(())
    }

    /// Creates the missing pods, lowest number first.
    fn fill(&self, state: &mut State, now: Timestamp) -> ControlFlow<()> {
        for ordinal in self.ordinals() {
            match self.pods.get(&ordinal) {
                None => {
                    let pod = numbered_pod(&self.set, self.revision_for(ordinal), ordinal);
                    pods::create(state, &self.set, pod, now);
                    self.wait()?;
                }
                Some(pod) if pods::is_over(pod) && !pods::is_terminating(pod) => {
                    pods::end(state, &self.set, pod, now);
                    self.wait()?;
                }
                Some(pod) if !self.serves(state, pod, now) => self.wait()?,
                Some(_) => {}
            }
        }
        ControlFlow::Continue(())
    }

    /// Deletes the pods beyond the desired number, highest first.
    fn shrink(&self, state: &mut State, now: Timestamp) -> ControlFlow<()> {
        let desired = self.ordinals();
        for (ordinal, pod) in self.pods.iter().rev() {
            if desired.contains(ordinal) {
                continue;
            }
            if !pods::is_terminating(pod) {
                pods::end(state, &self.set, pod, now);
            }
            self.wait()?;
        }
        ControlFlow::Continue(())
    }

    /// Deletes the highest pod with an earlier template, once those above it serve; it is created again from the new one.
    fn replace(&self, state: &mut State, now: Timestamp) {
        for ordinal in (self.partition()..self.ordinals().end).rev() {
            let Some(pod) = self.pods.get(&ordinal) else {
                return;
            };
            if !pods::is_terminating(pod) && !has_revision(pod, &self.history.update) {
                return pods::end(state, &self.set, pod, now);
            }
            if !self.serves(state, pod, now) {
                return;
            }
        }
    }

    fn revision_for(&self, ordinal: i32) -> &ControllerRevision {
        if self.is_rolling() && ordinal < self.partition() {
            &self.current
        } else {
            &self.history.update
        }
    }

    fn serves(&self, state: &State, pod: &Pod, now: Timestamp) -> bool {
        pods::is_active(pod) && pods::is_available(state, &self.set, pod, now)
    }
}

fn has_revision(pod: &Pod, revision: &ControllerRevision) -> bool {
    hash_of_pod(pod) == name_of(revision)
}
