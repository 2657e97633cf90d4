//! The records of a run's targets.

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{RunStore, WRITES_AT_ONCE, unavailable};
use crate::key::{RunKey, Target};
use crate::record::{Run, RunId, TargetRecord};
use crate::state::TargetState;
use diagnostics::Problem;
use storage::BucketError;

impl RunStore {
    /// The record of each target of a run with its revision; a target that was not begun has revision 0. A damaged record counts as
    /// unknown: it does not show whether something was changed.
    pub(crate) async fn target_records(
        &self,
        run: &Run,
    ) -> Result<Vec<(TargetRecord, u64)>, Problem> {
        let count = usize::try_from(run.targets).unwrap_or(usize::MAX);
        let mut records = vec![(TargetRecord::PENDING, 0); count];
        let keys = RunKey::<Target>::all_of(&run.id);
        let stored = self
            .targets
            .list_matching(&keys)
            .await
            .map_err(unavailable)?;
        for (key, entry) in stored {
            let number = usize::try_from(key.number).unwrap_or(usize::MAX);
            let Some(record) = records.get_mut(number) else {
                continue;
            };
            *record = match entry.record {
                Ok(Some(stored)) => (stored, entry.revision),
                Ok(None) => (TargetRecord::PENDING, entry.revision),
                Err(_) => (damaged(), entry.revision),
            };
        }
        Ok(records)
    }

    /// Writes several records of targets, each over the revision that is known; returns the new revisions.
    pub(crate) async fn write_targets(
        &self,
        run: &RunId,
        records: Vec<(u32, TargetRecord, u64)>,
    ) -> Result<Vec<(u32, TargetRecord, u64)>, BucketError> {
        let writes = stream::iter(records).map(|(number, record, revision)| async move {
            let revision = self.write_target(run, number, &record, revision).await?;
            Ok((number, record, revision))
        });
        writes.buffered(WRITES_AT_ONCE).try_collect().await
    }

    /// Writes the record of a target over the revision that is known; returns the new one.
    pub(crate) async fn write_target(
        &self,
        run: &RunId,
        number: u32,
        record: &TargetRecord,
        revision: u64,
    ) -> Result<u64, BucketError> {
        let key = RunKey::<Target>::new(run, number);
        match self.targets.update(&key, record, revision).await {
            Ok(revision) => Ok(revision),
            Err(error) => {
                // The write may have been made although its acknowledgement was lost.
                let last = self.targets.get_latest(&key).await?;
                match last.record {
                    Ok(Some(stored)) if stored == *record => Ok(last.revision),
                    _ => Err(error),
                }
            }
        }
    }
}

fn damaged() -> TargetRecord {
    TargetRecord {
        state: TargetState::Unknown,
        reason: Some("its record is damaged".to_owned()),
        ..TargetRecord::PENDING
    }
}
