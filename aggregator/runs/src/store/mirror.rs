//! All runs in memory, as the bucket's watch reports them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::key::{Header, RunKey};
use crate::record::{Run, RunId};
use storage::WatchEvent;

/// The runs, and those whose records cannot be read.
#[derive(Debug, Default)]
pub struct Mirror {
    runs: Mutex<Runs>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Runs {
    /// Each with its revision in the bucket.
    readable: BTreeMap<RunId, (u64, Arc<Run>)>,
    damaged: BTreeSet<RunId>,
}

impl Mirror {
    /// All that can be read, newest first.
    pub fn all(&self) -> Vec<Arc<Run>> {
        let runs = self.runs.lock();
        let newest_first = runs.readable.values().rev();
        newest_first.map(|(_, run)| Arc::clone(run)).collect()
    }

    /// A run that can be read.
    pub fn find(&self, id: &RunId) -> Option<Arc<Run>> {
        let runs = self.runs.lock();
        runs.readable.get(id).map(|(_, run)| Arc::clone(run))
    }

    /// Those that cannot be read.
    pub fn damaged(&self) -> Vec<RunId> {
        self.runs.lock().damaged.iter().cloned().collect()
    }

    /// Notifies of each change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Takes an event of the watch.
    pub fn take(&self, event: WatchEvent<Run>) {
        match event {
            WatchEvent::Replaced => *self.runs.lock() = Runs::default(),
            WatchEvent::Changed(key, entry) => match entry.record {
                Ok(Some(run)) => drop(self.put(run, entry.revision)),
                Ok(None) => self.remove(&key.run, false),
                Err(_) => self.remove(&key.run, true),
            },
            WatchEvent::Synced(snapshot) => {
                let key = |id: &RunId| RunKey::<Header>::new(id, 0);
                let mut runs = self.runs.lock();
                let is_there = |id: &RunId, revision: u64| snapshot.has(&key(id), revision);
                runs.readable
                    .retain(|id, (revision, _)| is_there(id, *revision));
            }
        }
        self.changed.send_modify(|count| *count += 1);
    }

    /// Takes a run that was just written, unless a newer revision is known.
    pub fn put(&self, run: Run, revision: u64) -> Arc<Run> {
        let run = Arc::new(run);
        let mut runs = self.runs.lock();
        runs.damaged.remove(&run.id);
        let newest = runs
            .readable
            .entry(run.id.clone())
            .or_insert_with(|| (revision, Arc::clone(&run)));
        if newest.0 < revision {
            *newest = (revision, Arc::clone(&run));
        }
        drop(runs);
        self.changed.send_modify(|count| *count += 1);
        run
    }

    fn remove(&self, id: &RunId, is_damaged: bool) {
        let mut runs = self.runs.lock();
        runs.readable.remove(id);
        match is_damaged {
            true => drop(runs.damaged.insert(id.clone())),
            false => drop(runs.damaged.remove(id)),
        }
    }
}
