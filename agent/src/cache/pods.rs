//! Finds out from their pods why workloads are not healthy. Pods are not watched, which would take a hundred megabytes in a large
//! cluster: the agent periodically lists a few pods of each workload that is not healthy.

mod schedule;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bus_schema::Namespace;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::workloads::{Version, split};
use super::{Caches, Entry, Index};
use crate::kubernetes::{CallError, Kubernetes, newest_pods};
use crate::pod_trouble::{Trouble, trouble};
use schedule::{Outcome, Schedule};

/// Workloads whose pods are inspected at the same time.
const AT_ONCE: usize = 4;
/// The interval at which due workloads are taken, and how many each time: at most ten inspections a second, of two lists each.
const EVERY: Duration = Duration::from_millis(500);
const EACH_TIME: usize = 5;
/// Pods that are read of one workload: what is wrong with the fiftieth is also wrong with others.
const PODS: u32 = 50;
const WITHIN: Duration = Duration::from_secs(5);

/// The state that all inspections share.
#[derive(Default)]
pub struct PodInspector {
    changed: Notify,
    /// A refusal is logged once, and again after listing was allowed.
    is_refused: AtomicBool,
}

/// A finished inspection of a workload, by its key.
type Inspection = (Arc<str>, Version, Outcome);

impl PodInspector {
    /// Something has changed that may require an inspection.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Inspects pods forever.
    pub(super) async fn run(caches: Arc<Caches>, kubernetes: Kubernetes) {
        let (mut schedule, mut inspections) = (Schedule::default(), JoinSet::<Inspection>::new());
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut planned = None;
        loop {
            while let Some(inspection) = inspections.try_join_next() {
                note(&mut schedule, inspection);
            }
            // In this order: the index now holds this version or an older one.
            let filled = caches.are_workloads_filled();
            let version = caches.workloads.version();
            if planned != Some(version) {
                planned = Some(version);
                plan(&mut schedule, &caches.workloads);
            }
            let free = EACH_TIME.min(AT_ONCE.saturating_sub(inspections.len()));
            for (key, version) in schedule.take(free, Instant::now()) {
                inspections.spawn(inspect(caches.clone(), kubernetes.clone(), key, version));
            }
            if filled && schedule.is_empty() && inspections.is_empty() {
                caches.pod_inspector.changed.notified().await;
            }
            ticks.tick().await;
        }
    }

    /// Whether it is the first refusal since listing was last allowed.
    fn was_refused(&self) -> bool {
        !self.is_refused.swap(true, Ordering::Relaxed)
    }
}

fn plan(schedule: &mut Schedule, workloads: &Index<Entry>) {
    workloads.walk(None, |entries| {
        let unsettled = entries.filter_map(|(key, entry)| Some((key, entry.unsettled()?)));
        schedule.replace(unsettled, Instant::now());
    });
}

fn note(schedule: &mut Schedule, inspection: Result<Inspection, tokio::task::JoinError>) {
    match inspection {
        Ok((key, version, outcome)) => {
            schedule.record(&key, &version, outcome, Instant::now());
        }
        Err(error) => tracing::error!(%error, "listing pods panicked"),
    }
}

async fn inspect(
    caches: Arc<Caches>,
    kubernetes: Kubernetes,
    key: Arc<str>,
    version: Version,
) -> Inspection {
    let outcome = match read(&kubernetes, &key, &version).await {
        Ok(trouble) => {
            caches
                .pod_inspector
                .is_refused
                .store(false, Ordering::Relaxed);
            caches.learn(&key, &version, trouble.as_ref())
        }
        Err(error) if error.code() == Some(403) => {
            if caches.pod_inspector.was_refused() {
                tracing::warn!(%error, "the agent may not list pods: workloads that are not healthy are shown without the reason");
            }
            Outcome::Refused
        }
        Err(error) => {
            tracing::debug!(%error, ?key, "cannot read the pods of a workload");
            Outcome::Same
        }
    };
    (key, version, outcome)
}

async fn read(
    kubernetes: &Kubernetes,
    key: &str,
    version: &Version,
) -> Result<Option<Trouble>, CallError> {
    let until = Instant::now() + WITHIN;
    let Ok(namespace) = split(key).0.parse::<Namespace>() else {
        return Ok(None);
    };
    let pods = newest_pods(kubernetes, &namespace, &version.owner, PODS, until).await?;
    Ok(trouble(&pods, Timestamp::now()))
}

impl Caches {
    /// Adds the trouble of a workload's pods to its line.
    fn learn(&self, key: &str, version: &Version, trouble: Option<&Trouble>) -> Outcome {
        let with = |entry: &Entry| entry.with_trouble(version, trouble);
        if self.workloads.change(key, with) {
            self.changes.note(key.into());
            return Outcome::Changed;
        }
        Outcome::Same
    }
}
