//! What a run does next. Pure: a function of the run, the states of its targets, the time and the presence of clusters.

use std::collections::BTreeMap;

use bus_schema::ClusterName;
use jiff::Timestamp;

use crate::record::{PlannedTarget, Run};
use crate::spec::{OfflinePolicy, OnMaxFailures};
use crate::state::{Desired, RunState, TargetState};
use registry::Presence;

/// What is known at one moment.
pub struct Situation<'a> {
    pub run: &'a Run,
    pub plan: &'a [PlannedTarget],
    /// By the number of the target.
    pub states: &'a [TargetState],
    pub now: Timestamp,
    pub presence: &'a dyn Fn(&ClusterName) -> Option<Presence>,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// The state of the run from now on.
    pub state: RunState,
    /// The reason for the state.
    pub detail: Option<String>,
    /// What is wanted of the run from now on.
    pub desired: Desired,
    /// The current wave.
    pub wave: u32,
    /// Targets to begin.
    pub start: Vec<u32>,
    /// Targets that get another state without being begun, and why.
    pub set: Vec<(u32, TargetState, &'static str)>,
}

impl Situation<'_> {
    /// What to do next. It is to be called again after the states of targets have changed.
    #[must_use]
    pub fn step(&self) -> Step {
        let run = self.run;
        let mut step = Step {
            state: RunState::Running,
            detail: None,
            desired: run.desired,
            wave: run.wave,
            start: Vec::new(),
            set: Vec::new(),
        };
        if !self.has_open() {
            self.end(&mut step);
        } else if self.is_over_budget() && run.desired != Desired::Abort {
            self.stop(&mut step);
        } else {
            match run.desired {
                Desired::Abort => self.cancel(&mut step, "the run was aborted"),
                _ if run.expires_at <= self.now => self.cancel(&mut step, "the run expired"),
                Desired::Pause => {
                    step.state = self.one_of(RunState::Pausing, RunState::Paused);
                    step.detail.clone_from(&run.detail);
                }
                Desired::Run => self.go_on(&mut step),
            }
        }
        step
    }

    fn has_open(&self) -> bool {
        self.states
            .iter()
            .any(|state| state.is_open() || state.is_begun())
    }

    fn is_active(&self) -> bool {
        self.states.iter().any(|state| state.is_begun())
    }

    fn one_of(&self, while_active: RunState, afterwards: RunState) -> RunState {
        if self.is_active() {
            while_active
        } else {
            afterwards
        }
    }

    fn count(&self, is: impl Fn(TargetState) -> bool) -> u32 {
        let count = self.states.iter().filter(|state| is(**state)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn failures(&self) -> u32 {
        self.count(TargetState::is_failure)
    }

    fn max_failures(&self) -> u32 {
        self.run
            .spec
            .strategy
            .max_failures
            .of_rounded_down(self.run.targets)
    }

    fn is_over_budget(&self) -> bool {
        self.failures() > self.run.accepted_failures + self.max_failures()
    }

    fn failed_detail(&self) -> String {
        let (failures, targets) = (self.failures(), self.run.targets);
        format!(
            "{failures} of {targets} targets have failed, and at most {} may",
            self.max_failures()
        )
    }

    fn end(&self, step: &mut Step) {
        let cancelled = self.count(|state| state == TargetState::Cancelled);
        step.state = match (cancelled, self.run.desired) {
            (1.., Desired::Abort) if !self.is_over_budget() => RunState::Aborted,
            (1.., Desired::Run | Desired::Pause) => RunState::Expired,
            _ if self.failures() > self.max_failures() => RunState::Failed,
            _ => RunState::Succeeded,
        };
        step.detail = match step.state {
            RunState::Failed => Some(self.failed_detail()),
            RunState::Succeeded => None,
            _ => Some(format!("{cancelled} targets were not begun")),
        };
    }

    /// Too many targets have failed.
    fn stop(&self, step: &mut Step) {
        match self.run.spec.strategy.on_max_failures {
            OnMaxFailures::Pause => {
                step.desired = Desired::Pause;
                step.state = self.one_of(RunState::Pausing, RunState::Paused);
            }
            OnMaxFailures::Abort => {
                step.desired = Desired::Abort;
                self.cancel(step, "too many targets have failed");
            }
        }
        step.detail = Some(self.failed_detail());
    }

    fn cancel(&self, step: &mut Step, why: &'static str) {
        let open = (0..).zip(self.states).filter(|(_, state)| state.is_open());
        step.set
            .extend(open.map(|(number, _)| (number, TargetState::Cancelled, why)));
        step.state = match step.desired {
            Desired::Abort => RunState::Aborting,
            _ => RunState::Running,
        };
        step.detail = Some(why.to_owned());
    }

    fn go_on(&self, step: &mut Step) {
        let run = self.run;
        if run
            .spec
            .not_before
            .is_some_and(|not_before| self.now < not_before)
        {
            step.state = RunState::Scheduled;
            return;
        }
        let unfinished = |(_, state): &(&PlannedTarget, &TargetState)| {
            **state == TargetState::Pending || state.is_begun()
        };
        let current = self.plan.iter().zip(self.states).find(unfinished);
        if let Some((target, _)) = current {
            step.wave = target.wave;
            if let Some(stage) = self.unapproved(target.wave) {
                step.state = RunState::PendingApproval;
                step.detail = Some(format!("the stage \"{stage}\" waits for an approval"));
            } else {
                self.begin_wave(step);
            }
        }
        self.begin_waiting(step);
    }

    /// The stage of a wave, if it needs an approval that it does not have.
    fn unapproved(&self, wave: u32) -> Option<&str> {
        let stage = self
            .run
            .stages
            .iter()
            .rfind(|stage| stage.first_wave <= wave)?;
        let approved = self
            .run
            .approvals
            .iter()
            .any(|approval| approval.stage == stage.name);
        (stage.approval && !approved).then_some(&stage.name)
    }

    fn begin_wave(&self, step: &mut Step) {
        for (number, (target, state)) in (0..).zip(self.plan.iter().zip(self.states)) {
            if target.wave != step.wave || *state != TargetState::Pending {
                continue;
            }
            match (self.presence)(&target.cluster) {
                Some(Presence::Online) => {
                    step.start.push(number);
                    continue;
                }
                // Its heartbeat is overdue: soon it is either here or offline.
                Some(Presence::Stale) => continue,
                Some(Presence::Offline) | None => {}
            }
            let why = "its cluster was offline when its turn came";
            let state = match self.run.spec.strategy.offline {
                OfflinePolicy::Skip => TargetState::Skipped,
                OfflinePolicy::Wait => TargetState::Waiting,
                OfflinePolicy::Fail => TargetState::Failed,
            };
            step.set.push((number, state, why));
        }
    }

    /// Begins targets whose cluster is back, within the limits of a wave.
    fn begin_waiting(&self, step: &mut Step) {
        let strategy = &self.run.spec.strategy;
        let mut left = strategy
            .max_concurrency
            .of_rounded_up(self.run.targets)
            .max(1);
        let mut by_cluster = BTreeMap::<&ClusterName, u32>::new();
        for (number, (target, state)) in (0..).zip(self.plan.iter().zip(self.states)) {
            if state.is_begun() || step.start.contains(&number) {
                left = left.saturating_sub(1);
                *by_cluster.entry(&target.cluster).or_default() += 1;
            }
        }
        for (number, (target, state)) in (0..).zip(self.plan.iter().zip(self.states)) {
            let of_cluster = by_cluster.entry(&target.cluster).or_default();
            if *state == TargetState::Waiting
                && left > 0
                && *of_cluster < strategy.max_concurrency_per_cluster
                && (self.presence)(&target.cluster) == Some(Presence::Online)
            {
                left -= 1;
                *of_cluster += 1;
                step.start.push(number);
            }
        }
    }
}

#[cfg(test)]
pub mod tests;
