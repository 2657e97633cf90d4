//! Carries one run out, while this replica holds its lease: starts targets as [`crate::step`] says, and keeps the run's record up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::Runs;
use crate::record::{PlannedTarget, Run, RunId, TargetRecord};
use crate::state::{Desired, TargetState};
use crate::step::{Situation, Step};
use crate::task::{TargetError, TargetTask, Written};
use diagnostics::{Problem, ProblemCode};

/// How often to look at the time and the presence of clusters, and to write new counts.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a run is not carried on by this driver; another one may.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    #[error(transparent)]
    Problem(#[from] Problem),
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// The driver of one run.
pub struct Driver {
    runs: Arc<Runs>,
    id: RunId,
    plan: Vec<PlannedTarget>,
    records: Vec<(TargetRecord, u64)>,
    /// The attempt of the run whose records these are.
    attempt: u32,
    tasks: JoinSet<(u32, Result<(), TargetError>)>,
    busy: BTreeSet<u32>,
    written: (
        mpsc::UnboundedSender<Written>,
        mpsc::UnboundedReceiver<Written>,
    ),
    changes: watch::Receiver<u64>,
    counted_at: Instant,
}

impl Driver {
    /// Reads the plan and the records of a run; `None` if there is no such run, or it has ended.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn load(runs: &Arc<Runs>, id: &RunId) -> Result<Option<Self>, Problem> {
        let changes = runs.store.changes();
        let Some(run) = runs.store.find(id).filter(|run| !run.state.is_ended()) else {
            return Ok(None);
        };
        Ok(Some(Self {
            plan: runs.store.plan(&run).await?,
            records: runs.store.target_records(&run).await?,
            attempt: run.attempt,
            runs: Arc::clone(runs),
            id: id.clone(),
            tasks: JoinSet::new(),
            busy: BTreeSet::new(),
            written: mpsc::unbounded_channel(),
            changes,
            counted_at: Instant::now(),
        }))
    }

    /// Carries the run out until it has ended.
    ///
    /// # Errors
    /// See [`DriveError`].
    pub async fn run(mut self) -> Result<(), DriveError> {
        loop {
            self.changes.mark_unchanged();
            let Some(run) = self
                .runs
                .store
                .find(&self.id)
                .filter(|run| !run.state.is_ended())
            else {
                return Ok(());
            };
            if run.attempt != self.attempt && self.busy.is_empty() {
                self.records = self.runs.store.target_records(&run).await?;
                self.attempt = run.attempt;
            }
            let step = self.step(&run);
            if !step.set.is_empty() {
                self.set(&step).await?;
                continue;
            }
            self.start(&run, &step.start);
            self.write_header(&run, step).await?;
            self.wait().await?;
        }
    }

    fn step(&self, run: &Run) -> Step {
        // One whose task runs is begun, although its record may not say so yet: a paused run has none.
        let state = |(number, (record, _)): (u32, &(TargetRecord, u64))| match record.state {
            state if state.is_open() && self.busy.contains(&number) => TargetState::Starting,
            state => state,
        };
        let states: Vec<TargetState> = (0..).zip(&self.records).map(state).collect();
        let situation = Situation {
            run,
            plan: &self.plan,
            states: &states,
            now: self.runs.journal.now(),
            presence: &|cluster| self.runs.registry.presence(cluster),
        };
        situation.step()
    }

    /// Writes the records of targets that get a state without being begun.
    async fn set(&mut self, step: &Step) -> Result<(), DriveError> {
        let now = self.runs.journal.now();
        let record = |(number, state, why): &(u32, TargetState, &str)| {
            let (last, revision) = &self.records[index(*number)];
            let record = TargetRecord {
                state: *state,
                ended_at: state.is_ended().then_some(now),
                reason: Some((*why).to_owned()),
                ..last.clone()
            };
            (*number, record, *revision)
        };
        let records = step.set.iter().map(record).collect();
        let written = self.runs.store.write_targets(&self.id, records).await;
        let written = written.map_err(TargetError::Store)?;
        written.into_iter().for_each(|written| self.take(written));
        Ok(())
    }

    /// Starts the tasks of these targets, and of those that an earlier runner has begun.
    fn start(&mut self, run: &Arc<Run>, numbers: &[u32]) {
        let begun = (0..)
            .zip(&self.records)
            .filter(|(_, (record, _))| record.state.is_begun());
        let begun = begun.map(|(number, _)| number);
        let all: BTreeSet<u32> = begun.chain(numbers.iter().copied()).collect();
        for number in all {
            if !self.busy.insert(number) {
                continue;
            }
            let (record, revision) = self.records[index(number)].clone();
            let task = TargetTask {
                runs: Arc::clone(&self.runs),
                run: Arc::clone(run),
                number,
                target: self.plan[index(number)].clone(),
                record,
                revision,
                written: self.written.0.clone(),
            };
            self.tasks
                .spawn(async move { (number, task.drive().await) });
        }
    }

    /// Writes the state and the counts of the run, if they have changed. Does nothing if somebody has acted on the run meanwhile.
    async fn write_header(&mut self, run: &Arc<Run>, step: Step) -> Result<(), DriveError> {
        let counts = self.counts();
        let started = run.started_at.is_none() && !self.busy.is_empty();
        let is_news = (step.state, step.desired, step.wave) != (run.state, run.desired, run.wave)
            || step.detail != run.detail
            || started;
        let is_due = counts != run.counts && self.counted_at.elapsed() >= LOOK_EVERY;
        if !is_news && !is_due {
            return Ok(());
        }
        let now = self.runs.journal.now();
        let written = self.runs.store.modify(&self.id, |fresh| {
            if fresh.revision != run.revision {
                return Err(Problem::new(
                    ProblemCode::RevisionStale,
                    "somebody has acted on it",
                ));
            }
            if (step.state, step.desired) != (fresh.state, fresh.desired) {
                fresh.revision += 1;
            }
            if step.desired != fresh.desired {
                (fresh.desired, fresh.desired_by) = (step.desired, None);
            }
            fresh.enter(step.state, step.detail.clone(), None, now);
            fresh.wave = step.wave;
            fresh.counts.clone_from(&counts);
            fresh.started_at = fresh.started_at.or(started.then_some(now));
            fresh.ended_at = step.state.is_ended().then_some(now);
            Ok(())
        });
        match written.await {
            Ok(((), written)) => self.runs.store.publish(&written, now).await,
            Err(problem) if problem.code == ProblemCode::RevisionStale => return Ok(()),
            Err(problem) => return Err(problem.into()),
        }
        self.counted_at = Instant::now();
        if step.state != run.state {
            info!(run = %self.id, state = ?step.state, detail = step.detail, "a run has a new state");
        }
        Ok(())
    }

    fn counts(&self) -> BTreeMap<TargetState, u32> {
        let mut counts = BTreeMap::new();
        for (record, _) in &self.records {
            *counts.entry(record.state).or_default() += 1;
        }
        counts
    }

    /// Waits until something has happened, and takes note of it.
    async fn wait(&mut self) -> Result<(), DriveError> {
        let happened = async {
            tokio::select! {
                Some(written) = self.written.1.recv() => Happened::Written(written),
                Some(done) = self.tasks.join_next() => Happened::Done(done.ok()),
                _ = self.changes.changed() => Happened::Nothing,
            }
        };
        let happened = timeout(LOOK_EVERY, happened).await;
        match happened.unwrap_or(Happened::Nothing) {
            Happened::Written(written) => self.take(written),
            Happened::Done(Some((number, done))) => {
                // What it has written last counts before it may be started again.
                self.take_all();
                self.busy.remove(&number);
                match done {
                    Ok(()) => {}
                    Err(TargetError::PermissionLost(detail)) => {
                        self.permission_lost(&detail).await?
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Happened::Done(None) => {
                let detail = "the task of a target has panicked";
                return Err(Problem::new(ProblemCode::Internal, detail).into());
            }
            Happened::Nothing => {}
        }
        self.take_all();
        Ok(())
    }

    fn take_all(&mut self) {
        while let Ok(written) = self.written.1.try_recv() {
            self.take(written);
        }
    }

    fn take(&mut self, (number, record, revision): Written) {
        self.records[index(number)] = (record, revision);
    }

    /// Pauses the run, since its requester may not change a target any more.
    async fn permission_lost(&self, detail: &str) -> Result<(), DriveError> {
        warn!(run = %self.id, detail, "a run is paused: its requester has lost a permission");
        let paused = self.runs.store.modify(&self.id, |run| {
            if run.desired == Desired::Run {
                (run.desired, run.desired_by) = (Desired::Pause, None);
                run.revision += 1;
            }
            run.detail = Some(format!("permission_lost: {detail}"));
            Ok(())
        });
        paused.await?;
        Ok(())
    }
}

enum Happened {
    Written(Written),
    Done(Option<(u32, Result<(), TargetError>)>),
    Nothing,
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
