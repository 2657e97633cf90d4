//! Removal of runs.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{RunStore, WRITES_AT_ONCE};
use crate::key::{Notifications, RunKey};
use crate::record::{PART_TARGETS, Run};
use storage::{BucketError, RecordKey as _};

impl RunStore {
    /// Removes runs with all of their records. The run itself goes last, so that an interrupted removal is made up for.
    pub(crate) async fn remove(&self, runs: Vec<Arc<Run>>) {
        for run in runs {
            if let Err(error) = self.remove_one(&run).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(run = %run.id, error, "an old run was not removed");
            }
        }
    }

    async fn remove_one(&self, run: &Run) -> Result<(), BucketError> {
        let targets = 0..run.targets;
        let removed = stream::iter(targets)
            .map(|number| async move { self.targets.purge(&RunKey::new(&run.id, number)).await });
        let removed = removed.buffer_unordered(WRITES_AT_ONCE);
        removed.try_for_each(|_| async { Ok(()) }).await?;
        let parts = run
            .targets
            .div_ceil(u32::try_from(PART_TARGETS).unwrap_or(u32::MAX));
        for number in 0..parts {
            self.parts.purge(&RunKey::new(&run.id, number)).await?;
        }
        self.leases.purge(&RunKey::new(&run.id, 0)).await?;
        self.headers.purge(&RunKey::new(&run.id, 0)).await?;
        // After the run, which would be notified again without it.
        let notified = RunKey::<Notifications>::new(&run.id, 0);
        self.headers.purge_key(notified.as_str()).await?;
        Ok(())
    }
}
