//! Publishes the states and counts of runs on the bus, for programs of others. Nobody's delivery is guaranteed: the run's record has all
//! of it, and its transitions.

use async_nats::connection::State;
use bus_schema::{RunUpdate, subject};
use jiff::Timestamp;
use tracing::warn;

use crate::record::Run;
use crate::store::RunStore;
use crate::transition::Transition;

impl Run {
    /// What programs of others get of this run and one of its transitions. The counts are the latest.
    #[must_use]
    pub fn update(&self, transition: &Transition, time: Timestamp) -> RunUpdate {
        RunUpdate {
            run_id: self.id.clone(),
            transition: transition.number,
            state: transition.state,
            detail: transition.detail.clone(),
            changed_by: transition.user.clone(),
            action: self.spec.action.clone(),
            user: self.user.clone(),
            reason: self.spec.reason.clone(),
            counts: self.counts.clone(),
            targets: self.targets,
            wave: self.wave,
            waves: self.waves,
            time,
        }
    }
}

impl RunStore {
    /// Publishes a run that was just written. The client library would deliver it after a reconnect, when it may not be true any more:
    /// without a connection it is not published.
    pub(crate) async fn publish(&self, run: &Run, now: Timestamp) {
        let Some(last) = run.transitions.last() else {
            return;
        };
        if self.client.connection_state() != State::Connected {
            return;
        }
        let update = run.update(last, now);
        let json = serde_json::to_vec(&update).expect("it has only text as keys");
        let subject = subject::run_event(&run.id);
        if let Err(error) = self.client.publish(subject, json.into()).await {
            let error = &error as &dyn std::error::Error;
            warn!(run = %run.id, error, "the state of a run was not published");
        }
    }
}
