//! The event stream of one run: the run and each of its targets whenever they change, in the order of the bucket's revisions.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::DeliverPolicy;
use serde::Serialize;
use tokio::time::sleep;

use crate::Runs;
use crate::record::{PlannedTarget, RunId};
use crate::store::RunStore;
use crate::view::{RunView, TargetView};
use diagnostics::Problem;
use fleet::watch::Delivered;
use identity::Principal;
use storage::{Replay, ReplayError};

const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// An event of a run.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum RunEvent {
    /// The run has changed.
    Run(Box<RunView>),
    /// A target has changed.
    Target(Box<TargetView>),
}

/// Reads the events of one run.
pub struct RunEvents {
    store: RunStore,
    id: RunId,
    plan: Vec<PlannedTarget>,
    replay: Option<Replay>,
    /// The revision of the last event.
    last: u64,
}

impl Runs {
    /// The events of a run: its state and that of each target that was begun, then each change. After the event with the revision `last`,
    /// if given.
    ///
    /// # Errors
    /// [`diagnostics::ProblemCode::NotFound`], or the bucket does not answer.
    pub async fn events(
        &self,
        principal: &Principal,
        id: &RunId,
        last: u64,
    ) -> Result<RunEvents, Problem> {
        let run = self.find(principal, id)?;
        Ok(RunEvents {
            store: self.store.clone(),
            id: id.clone(),
            plan: self.store.plan(&run).await?,
            replay: None,
            last,
        })
    }
}

impl RunEvents {
    /// The next event, and whether it says that the run has ended; `None` if the run is gone.
    pub async fn next(&mut self) -> Option<(Delivered, bool)> {
        loop {
            match self.try_next().await {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(run = %self.id, %error, "the events of a run are read again");
                    self.replay = None;
                    self.store.find(&self.id)?;
                    sleep(TRY_AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn try_next(&mut self) -> Result<Option<(Delivered, bool)>, ReplayError> {
        let replay = match &mut self.replay {
            Some(replay) => replay,
            none => {
                let policy = match self.last {
                    0 => DeliverPolicy::LastPerSubject,
                    last => DeliverPolicy::ByStartSequence {
                        start_sequence: last + 1,
                    },
                };
                let keys = RunStore::all_of(&self.id);
                none.insert(Box::pin(self.store.headers.replay_from(&keys, policy)).await?)
            }
        };
        let (message, revision) = replay.next().await?;
        self.last = revision;
        let (name, event, has_ended) = match self.event(&message, revision) {
            Some(event @ RunEvent::Target(_)) => ("target", event, false),
            Some(event @ RunEvent::Run(_)) => {
                let has_ended = matches!(&event, RunEvent::Run(run) if run.state.is_ended());
                ("run", event, has_ended)
            }
            None => return Ok(None),
        };
        let data = serde_json::to_string(&event)?.into();
        let id = revision.to_string();
        Ok(Some((Delivered { name, id, data }, has_ended)))
    }

    /// The event in a message; `None` if it is of the plan or the lease, or cannot be read.
    fn event(&self, message: &Message, revision: u64) -> Option<RunEvent> {
        if let Some((_, entry)) = self.store.headers.entry(message, revision) {
            let run = entry.record.ok()??;
            return Some(RunEvent::Run(Box::new(RunView::from(&run))));
        }
        let (key, entry) = self.store.targets.entry(message, revision)?;
        let target = self.plan.get(usize::try_from(key.number).ok()?)?.clone();
        let view = TargetView::new(key.number, target, entry.record.ok()??);
        Some(RunEvent::Target(Box::new(view)))
    }
}
