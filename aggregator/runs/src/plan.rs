//! The plan of a run: which workloads, in which waves. Pure: the same workloads and the same strategy give the same plan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bus_schema::verb::WorkloadSummary;
use bus_schema::{ClusterName, Health, Pattern, WorkloadRef};

use crate::record::{PlannedStage, PlannedTarget};
use crate::spec::{Stage, Strategy, wrong};
use diagnostics::Problem;
use labels::FleetLabels;

mod skipped;
mod warnings;

pub use skipped::{SkippedReason, SkippedTarget, reasons};
pub use warnings::{PlanWarning, WarningKind, warnings};

/// A workload that the selector of a run selects.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The cluster.
    pub cluster: ClusterName,
    /// The workload.
    pub workload: WorkloadRef,
    /// Its desired replicas.
    pub replicas: u32,
    /// Whether its rollout is paused.
    pub paused: bool,
    /// Whether a rollout stops all old pods before new ones start.
    pub recreate: bool,
    /// Whether pods run a new template only after someone deletes them.
    pub on_delete: bool,
    /// Its health; unknown if its cluster is offline.
    pub health: Health,
}

impl Candidate {
    /// A workload as its cluster reports it.
    #[must_use]
    pub fn new(cluster: ClusterName, workload: &WorkloadSummary) -> Self {
        let WorkloadSummary {
            replicas,
            paused,
            recreate,
            on_delete,
            health,
            ..
        } = *workload;
        Self {
            cluster,
            workload: workload.target(),
            on_delete,
            replicas,
            paused,
            recreate,
            health,
        }
    }

    /// Why this change makes no sense for it.
    #[must_use]
    pub fn obstacle(&self, action: &str) -> Option<&'static str> {
        match action {
            "restart" | "image" | "undo" if self.on_delete => {
                Some("its update strategy is OnDelete: only deleting its pods replaces them")
            }
            "restart" if self.paused => Some("it is paused and would not restart"),
            "undo" if self.paused => Some("it is paused and would not roll back"),
            "pause" if self.paused => Some("it is paused already"),
            "resume" if !self.paused => Some("it is not paused"),
            _ => None,
        }
    }
}

/// The targets of a run in the order in which they are begun, and its stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The targets.
    pub targets: Vec<PlannedTarget>,
    /// The stages.
    pub stages: Vec<PlannedStage>,
}

impl Plan {
    /// Distributes workloads over waves.
    ///
    /// # Errors
    /// If a workload belongs to no stage, or a stage has none.
    pub fn new(
        candidates: &[Candidate],
        strategy: &Strategy,
        labels: &FleetLabels,
    ) -> Result<Self, Problem> {
        let total = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
        let limits = Limits {
            wave: strategy.max_concurrency.of_rounded_up(total).max(1),
            cluster: strategy.max_concurrency_per_cluster,
        };
        let mut queues = by_stage(candidates, &strategy.stages, labels)?.into_iter();
        let mut plan = Self {
            targets: Vec::new(),
            stages: Vec::new(),
        };
        let mut approval_next = false;
        if let Some(canary) = strategy.canary
            && let Some((_, _, first)) = queues.as_mut_slice().first_mut()
            && first.len() > usize::try_from(canary.count).unwrap_or(usize::MAX)
        {
            let wave = first.take_wave(Limits {
                wave: canary.count,
                ..limits
            });
            plan.push_stage("canary", false, vec![wave]);
            approval_next = canary.approval;
        }
        for (name, approval, mut queue) in queues {
            let mut waves = Vec::new();
            while queue.len() > 0 {
                waves.push(queue.take_wave(limits));
            }
            if !waves.is_empty() {
                plan.push_stage(&name, approval || approval_next, waves);
                approval_next = false;
            }
        }
        Ok(plan)
    }

    /// The number of waves.
    #[must_use]
    pub fn waves(&self) -> u32 {
        self.targets.last().map_or(0, |target| target.wave + 1)
    }

    /// The clusters of its targets, by name.
    #[must_use]
    pub fn clusters(&self) -> BTreeSet<ClusterName> {
        self.targets
            .iter()
            .map(|target| target.cluster.clone())
            .collect()
    }

    fn push_stage(&mut self, name: &str, approval: bool, waves: Vec<Vec<&Candidate>>) {
        let first_wave = self.waves();
        let size = |wave: &Vec<_>| u32::try_from(wave.len()).unwrap_or(u32::MAX);
        self.stages.push(PlannedStage {
            name: name.to_owned(),
            first_wave,
            wave_sizes: waves.iter().map(size).collect(),
            approval,
        });
        for (wave, candidates) in (first_wave..).zip(waves) {
            let planned = |candidate: &Candidate| PlannedTarget {
                cluster: candidate.cluster.clone(),
                workload: candidate.workload.clone(),
                wave,
            };
            self.targets.extend(candidates.into_iter().map(planned));
        }
    }
}

/// How large a wave may be.
#[derive(Debug, Clone, Copy)]
struct Limits {
    wave: u32,
    cluster: u32,
}

/// Workloads by cluster. A wave takes one of each cluster in turn, beginning with the clusters that have most left: so it is spread over
/// clusters, and they all end at about the same time.
#[derive(Debug, Default)]
struct Queue<'a>(BTreeMap<&'a ClusterName, VecDeque<&'a Candidate>>);

impl<'a> Queue<'a> {
    fn len(&self) -> usize {
        self.0.values().map(VecDeque::len).sum()
    }

    fn take_wave(&mut self, limits: Limits) -> Vec<&'a Candidate> {
        let mut wave = Vec::new();
        let size = usize::try_from(limits.wave).unwrap_or(usize::MAX);
        let mut queues: Vec<_> = self.0.values_mut().collect();
        // A stable sort: clusters with as many left stay in the order of their names.
        queues.sort_by_key(|queue| Reverse(queue.len()));
        for _ in 0..limits.cluster {
            let before = wave.len();
            for queue in &mut queues {
                if wave.len() < size {
                    wave.extend(queue.pop_front());
                }
            }
            if wave.len() == before {
                break;
            }
        }
        self.0.retain(|_, queue| !queue.is_empty());
        wave
    }
}

type StageQueue<'a> = (String, bool, Queue<'a>);

fn by_stage<'a>(
    candidates: &'a [Candidate],
    stages: &[Stage],
    labels: &FleetLabels,
) -> Result<Vec<StageQueue<'a>>, Problem> {
    let mut queues: Vec<StageQueue> = match stages {
        [] => vec![("rest".to_owned(), false, Queue::default())],
        stages => stages
            .iter()
            .map(|stage| (stage.name.clone(), stage.approval, Queue::default()))
            .collect(),
    };
    for candidate in candidates {
        let selects = |stage: &Stage| {
            let selector = stage.cluster_label_selector.as_ref();
            Pattern::any_or_all(&stage.clusters, candidate.cluster.as_str())
                && selector.is_none_or(|selector| selector.selects(labels.of(&candidate.cluster)))
        };
        let number = match stages {
            [] => Some(0),
            stages => stages.iter().position(selects),
        };
        let Some(number) = number else {
            let cluster = &candidate.cluster;
            let why = format!(
                "no stage selects {cluster}; add a last stage without `clusters` for the rest"
            );
            return Err(wrong("strategy.stages", why));
        };
        let Queue(clusters) = &mut queues[number].2;
        clusters
            .entry(&candidate.cluster)
            .or_default()
            .push_back(candidate);
    }
    let empty = queues.iter().position(|(_, _, queue)| queue.len() == 0);
    match empty {
        Some(number) if !stages.is_empty() => {
            let field = format!("strategy.stages[{number}]");
            Err(wrong(&field, "it selects none of the targets"))
        }
        _ => Ok(queues),
    }
}

#[cfg(test)]
mod tests;
