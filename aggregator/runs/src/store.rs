//! The bucket `runs`, and a mirror of the runs in it.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::Context;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::key::{Header, Part, RunKey};
use crate::record::{PART_TARGETS, PlanPart, PlannedTarget, Run, RunId, RunLease, TargetRecord};
use diagnostics::{Problem, ProblemCode};
use storage::{Bucket, BucketError, HeldLease, Leased, Record, StoreError};

mod mirror;
mod removal;
mod targets;

use mirror::Mirror;

/// Records that are written at the same time.
const WRITES_AT_ONCE: usize = 16;

const CREATION_LOOK_EVERY: Duration = Duration::from_millis(100);

/// The runs in JetStream. Clones share them.
#[derive(Debug, Clone)]
pub struct RunStore {
    pub(crate) headers: Bucket<Run>,
    pub(crate) parts: Bucket<PlanPart>,
    pub(crate) targets: Bucket<TargetRecord>,
    pub(crate) leases: Bucket<RunLease>,
    pub(crate) client: Client,
    mirror: Arc<Mirror>,
}

impl RunStore {
    /// Opens the bucket, creating it if it is missing.
    ///
    /// # Errors
    /// When JetStream is unavailable, or the bucket exists with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        let headers = Bucket::<Run>::open(jetstream, replicas).await?;
        Ok(Self {
            parts: headers.with_records(),
            targets: headers.with_records(),
            leases: headers.with_records(),
            headers,
            client: jetstream.client(),
            mirror: Arc::default(),
        })
    }

    /// Records of another type beside the runs.
    #[must_use]
    pub fn records<T: Record>(&self) -> Bucket<T> {
        self.headers.with_records()
    }

    /// Mirrors the runs in memory until the program ends.
    pub async fn follow(self) {
        let mirror = Arc::clone(&self.mirror);
        let watch = self.headers.watch();
        watch.run(None, move |event| mirror.take(event)).await;
    }

    /// All runs, newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Run>> {
        self.mirror.all()
    }

    /// A run, as last mirrored.
    #[must_use]
    pub fn find(&self, id: &RunId) -> Option<Arc<Run>> {
        self.mirror.find(id)
    }

    /// The runs whose records cannot be read.
    #[must_use]
    pub fn damaged(&self) -> Vec<RunId> {
        self.mirror.damaged()
    }

    /// Notifies whenever a run has changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.mirror.changes()
    }

    /// Writes a new run: its plan before the run itself, which makes the plan count.
    pub(crate) async fn create(
        &self,
        run: Run,
        targets: &[PlannedTarget],
    ) -> Result<Arc<Run>, BucketError> {
        for (number, targets) in (0..).zip(targets.chunks(PART_TARGETS)) {
            let part = PlanPart {
                targets: targets.to_vec(),
            };
            self.parts.put(&RunKey::new(&run.id, number), &part).await?;
        }
        let revision = self.headers.create(&RunKey::new(&run.id, 0), &run).await?;
        Ok(self.mirror.put(run, revision))
    }

    /// The right to create a run, which one replica has at a time.
    ///
    /// # Errors
    /// If the bucket does not answer.
    pub(crate) async fn creating(&self) -> Result<HeldLease<RunLease>, Problem> {
        // No run has this id: it would have been created in 1970.
        let key = RunKey::new(&RunId::at(Timestamp::UNIX_EPOCH, 0), 0);
        let acquired = self
            .leases
            .wait_for_lease(&key, CREATION_LOOK_EVERY, || true);
        // Longer than the term of a replica that was killed.
        let acquired = timeout(RunLease::TERM * 2, acquired).await;
        acquired.ok().flatten().ok_or_else(|| {
            let detail = "the runs cannot be written now";
            Problem::new(ProblemCode::BusUnavailable, detail)
        })
    }

    /// All runs as the bucket has them now; the mirror may lag behind.
    ///
    /// # Errors
    /// If the bucket does not answer.
    pub(crate) async fn latest(&self) -> Result<Vec<Arc<Run>>, Problem> {
        let stored = self.headers.list().await.map_err(unavailable)?;
        let runs = stored
            .into_iter()
            .filter_map(|(_, entry)| entry.record.ok()?);
        Ok(runs.map(Arc::new).collect())
    }

    /// Changes a run, as [`Bucket::modify`] does.
    pub(crate) async fn modify<R>(
        &self,
        id: &RunId,
        mut change: impl FnMut(&mut Run) -> Result<R, Problem>,
    ) -> Result<(R, Arc<Run>), Problem> {
        let key = RunKey::<Header>::new(id, 0);
        let mut written = None;
        let modified = self.headers.modify(&key, |entry| {
            let mut run = match entry.record {
                Ok(Some(run)) => run,
                _ => return Err(ModifyError::Problem(unknown(id))),
            };
            let result = change(&mut run).map_err(ModifyError::Problem)?;
            written = Some(run.clone());
            Ok((run, result))
        });
        let (result, revision) = modified.await?;
        let run = written.ok_or_else(|| unknown(id))?;
        Ok((result, self.mirror.put(run, revision)))
    }

    /// All records of a run, as a pattern of keys.
    pub(crate) fn all_of(id: &RunId) -> String {
        format!("{id}.>")
    }

    /// The plan of a run.
    ///
    /// # Errors
    /// If it cannot be read, or a part of it is missing or damaged.
    pub(crate) async fn plan(&self, run: &Run) -> Result<Vec<PlannedTarget>, Problem> {
        let keys = RunKey::<Part>::all_of(&run.id);
        let mut parts = self.parts.list_matching(&keys).await.map_err(unavailable)?;
        parts.sort_by_key(|(key, _)| key.number);
        let mut targets = Vec::new();
        for (_, part) in parts {
            if let Ok(Some(part)) = part.record {
                targets.extend(part.targets);
            }
        }
        if u32::try_from(targets.len()).ok() == Some(run.targets) {
            return Ok(targets);
        }
        let detail = format!("the plan of the run {} is damaged", run.id);
        Err(Problem::new(ProblemCode::Internal, detail))
    }
}

/// Why a run was not changed.
enum ModifyError {
    Bucket(BucketError),
    Problem(Problem),
}

impl From<BucketError> for ModifyError {
    fn from(error: BucketError) -> Self {
        Self::Bucket(error)
    }
}

impl From<ModifyError> for Problem {
    fn from(error: ModifyError) -> Self {
        match error {
            ModifyError::Bucket(error) => unavailable(error),
            ModifyError::Problem(problem) => problem,
        }
    }
}

/// The problem of a run that does not exist, or may not be seen.
pub fn unknown(id: &RunId) -> Problem {
    let detail = format!("there is no run {id} that you may see; GET /runs lists them");
    Problem::new(ProblemCode::NotFound, detail)
}

/// The problem of a bucket that does not answer.
pub fn unavailable(error: BucketError) -> Problem {
    tracing::warn!(
        error = &error as &dyn std::error::Error,
        "runs cannot be read or written"
    );
    Problem::new(
        ProblemCode::BusUnavailable,
        "the runs cannot be read or written now",
    )
}
